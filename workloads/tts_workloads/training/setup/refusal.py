"""Writes every problem of a refused corpus to the run's report and to the log, because the termination message has room
for a few only. ``data`` finds the problems."""

from __future__ import annotations

import logging
from pathlib import Path

from tts_workloads.data import InvalidDataset
from tts_workloads.exits import StorageFull
from tts_workloads.files import write_bytes

log = logging.getLogger(__name__)

PROBLEMS_FILE = "problems.txt"
MOST_LOGGED = 1000


def leave(refusal: InvalidDataset, folder: Path, root: Path) -> InvalidDataset:
    """Write the problems to ``report/problems.txt`` in the run's folder and to the log. ``root`` is the volume's root.

    Returns a refusal that names the file. If the file cannot be written, returns the same refusal: a full volume must
    not hide it.
    """
    for problem in refusal.problems[:MOST_LOGGED]:
        log.error("the corpus: %s", problem, extra={"event": "problem"})
    if len(refusal.problems) > MOST_LOGGED:
        log.error("the corpus: %d more problems", len(refusal.problems) - MOST_LOGGED)
    path = folder / "report" / PROBLEMS_FILE
    try:
        write_bytes(path, "".join(f"{problem}\n" for problem in refusal.problems).encode(errors="replace"))
    except (OSError, StorageFull) as error:
        log.warning("%s could not be written: %s", path, error)
        return refusal
    where = f"{path.relative_to(root)} on the checkpoint volume"
    return InvalidDataset(refusal.folder, refusal.problems, refusal.remedy, listed_in=where)


def forget(folder: Path) -> None:
    """Remove the problems that an earlier try wrote, now that the corpus is accepted."""
    (folder / "report" / PROBLEMS_FILE).unlink(missing_ok=True)
