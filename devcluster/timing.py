"""How long each part took that was downloaded, built or started, in one table over all processes of a run.

A run names the file of the table in the environment, so that `make`, the embedded cluster and the demo add their rows
to the same one. What the parts take on the disk is in `space`.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.cache import say

_FILE = "TTS_TIMES"


@dataclass(frozen=True)
class Part:
    """A part that is done: its name, when it began (seconds since 1970), and how many seconds it took."""

    name: str
    began: float
    seconds: float


@contextlib.contextmanager
def timed(name: str) -> Iterator[None]:
    """Say when the part begins and how long it took; add it to the run's table if there is one and it succeeds."""
    say(f"{name} ...")
    began, start = time.time(), time.monotonic()
    yield
    seconds = time.monotonic() - start
    say(f"{name}: done in {seconds:.0f} s")
    if file := os.environ.get(_FILE):
        # One short write in append mode: rows of several processes never mix.
        with Path(file).open("a", encoding="utf-8") as table:
            table.write(json.dumps(asdict(Part(name, began, round(seconds, 1)))) + "\n")


def parts() -> list[Part]:
    """Return the parts of this run in the order in which they began; none where the environment names no table."""
    file = Path(os.environ.get(_FILE, os.devnull))
    rows = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return sorted((Part(**json.loads(row)) for row in rows), key=lambda part: part.began)
