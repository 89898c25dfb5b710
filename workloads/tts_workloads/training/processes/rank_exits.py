"""How the processes of one pod tell their launcher how they ended, and how it makes one ending of theirs. A folder of
small files, because an exit code has no room for words."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from tts_api.reasons import Reason
from tts_api.report import ExitCode, TerminationMessage
from tts_workloads.exits import FAILURE, Ending

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "TTS_ENDINGS"
"""Names the folder to the processes that a launcher started."""
STOP_FILE = "stop"
"""Its presence asks all processes of the pod to save and stop."""
STARTED_FILE = "started"
"""Its presence says that a process runs, and will see the other file."""


def leave(ending: Ending, rank: int) -> None:
    """Leave this process's ending for the launcher, if there is one."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        document = {"code": int(ending.code), "message": ending.message.to_json_object()}
        path = Path(folder) / f"{rank}.json"
        path.with_suffix(".tmp").write_text(json.dumps(document))
        path.with_suffix(".tmp").replace(path)


def collect(folder: Path) -> dict[int, Ending]:
    """The endings that the processes left, by rank."""
    endings = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        endings[int(path.stem)] = Ending(document["code"], TerminationMessage.model_validate(document["message"]))
    return endings


def combine(left: Mapping[int, Ending], exit_codes: Mapping[int, int]) -> Ending:
    """One ending for the pod, from what its processes left and the exit codes of those that failed.

    Bad input outweighs all, since no repetition helps; then a failure, which is the cause of the interruptions beside
    it; a process that a signal killed, or that lost its peer, counts as interrupted.
    """
    endings = {rank: left.get(rank) or _without_words(code) for rank, code in exit_codes.items()}
    if not endings:
        return left.get(0) or next(iter(left.values()), _without_words(ExitCode.FINISHED))
    for matches in (
        lambda ending: ending.code == ExitCode.BAD_INPUT,
        lambda ending: ending.code not in {ExitCode.INTERRUPTED, ExitCode.FINISHED},
        lambda ending: ending.message.checkpoint is not None,
        lambda ending: ending.code == ExitCode.INTERRUPTED,
    ):
        for _, ending in sorted((endings | {r: e for r, e in left.items() if r not in endings}).items()):
            if matches(ending):
                return ending
    return next(iter(endings.values()))


def _without_words(code: int) -> Ending:
    """The ending of a process that left none."""
    if code == ExitCode.FINISHED:
        return Ending(code, TerminationMessage(reason=Reason.FINISHED))
    if code < 0:
        name = signal.Signals(-code).name
        return Ending(
            ExitCode.INTERRUPTED,
            TerminationMessage(reason=Reason.INTERRUPTED, message=f"a process was killed by {name}"),
        )
    if code in {ExitCode.BAD_INPUT, ExitCode.INTERRUPTED}:
        reason = Reason.INVALID_RUN if code == ExitCode.BAD_INPUT else Reason.INTERRUPTED
        return Ending(code, TerminationMessage(reason=reason, message=f"a process ended with code {code}"))
    return Ending(
        code or FAILURE,
        TerminationMessage(reason=Reason.WORKLOAD_FAILED, message=f"a process ended with code {code}"),
    )
