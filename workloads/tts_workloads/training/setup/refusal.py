"""What a refused corpus leaves behind: every problem in the run's report and in the log, because the termination
message has room for a few. What is wrong with a corpus is found in ``data``."""

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
    """Leave the problems in ``report/problems.txt`` of the run's folder and in the log. ``root`` is the volume's root.

    Gives the refusal that names the file; the same refusal where it could not be written, which must not hide it.
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
    """Remove what an earlier try left, now that the corpus is accepted."""
    (folder / "report" / PROBLEMS_FILE).unlink(missing_ok=True)
