"""What the demo takes, said before it starts. Each number of minutes was measured; without one, none is promised."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.space import Need


@dataclass(frozen=True)
class Minutes:
    """How many minutes a demo took, and on what machine; None where nobody has measured it. ``warm`` is one where
    everything was built before."""

    cold: int | None
    warm: int | None
    machine: str


FULL_BYTES = 2 * 10**8
"""With less than this free, a failure is likely to come of it."""

# Seen were 17 and 10 minutes with a budget of 8 minutes in examples/ttstraining.yaml, which has 10 now.
WITH_CLUSTER = Minutes(cold=19, warm=12, machine="two x86-64 cores (AMD EPYC, AVX2)")
WITHOUT_CLUSTER = Minutes(cold=None, warm=None, machine="two x86-64 cores")


def announcement(needs: Sequence[Need], minutes: Minutes, title: str) -> list[str]:
    """Return the lines that the demo begins with. ``needs`` are what is to be written: the parts that the caches
    lack, and the results."""
    is_cold = len(needs) > 1  # the results of a run are always among them
    measured = minutes.cold if is_cold else minutes.warm
    what = (
        "Some parts are not in the caches yet: they are downloaded and built first."
        if is_cold
        else "Everything is in the caches."
    )
    lines = [title, what]
    if measured is not None:
        lines.append(f"This took {measured} minutes on {minutes.machine}; a slower machine or other work take longer.")
    return lines


def full(folders: Iterable[Path]) -> list[str]:
    """Return a line for each folder whose disk is full: the likely reason of a failure, whatever that said."""
    free = {folder: shutil.disk_usage(folder).free for folder in folders if folder.exists()}
    return [
        f"Only {left / 1e6:.0f} MB are free at {folder}: the disk is full. Make room there."
        for folder, left in free.items()
        if left < FULL_BYTES
    ]
