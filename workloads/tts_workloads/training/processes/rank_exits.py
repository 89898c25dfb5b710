"""How the processes of one pod tell their launcher how they exited, and how the launcher combines their exits into one.
They use a folder of small files, because an exit code has no room for a message."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from tts_api.reasons import Reason
from tts_api.report import ExitCode, TerminationMessage
from tts_workloads.exits import FAILURE, Exit

log = logging.getLogger(__name__)

FOLDER_VARIABLE = "TTS_EXITS"
"""Environment variable that names the folder to the processes that a launcher started."""
STOP_FILE = "stop"
"""Name of the file whose presence asks all processes of the pod to save and stop."""
STARTED_FILE = "started"
"""Name of the file whose presence means that a process runs and will see ``STOP_FILE``."""


def leave(outcome: Exit, rank: int) -> None:
    """Write this process's exit for the launcher, if a launcher started it."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        document = {"code": int(outcome.code), "message": outcome.message.to_json_object()}
        path = Path(folder) / f"{rank}.json"
        path.with_suffix(".tmp").write_text(json.dumps(document))
        path.with_suffix(".tmp").replace(path)


def collect(folder: Path) -> dict[int, Exit]:
    """The exits that the processes wrote, by rank."""
    outcomes = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        outcomes[int(path.stem)] = Exit(document["code"], TerminationMessage.model_validate(document["message"]))
    return outcomes


def combine(left: Mapping[int, Exit], exit_codes: Mapping[int, int]) -> Exit:
    """The exit of the pod, from the exits that its processes wrote and the exit codes of those that failed.

    Bad input comes first, because running again does not help. Then comes a failure, which is the cause of the
    interruptions beside it. A process that a signal killed, or that lost its peer, counts as interrupted.
    """
    outcomes = {rank: left.get(rank) or _unwritten(code) for rank, code in exit_codes.items()}
    if not outcomes:
        return left.get(0) or next(iter(left.values()), _unwritten(ExitCode.FINISHED))
    for matches in (
        lambda outcome: outcome.code == ExitCode.BAD_INPUT,
        lambda outcome: outcome.code not in {ExitCode.INTERRUPTED, ExitCode.FINISHED},
        lambda outcome: outcome.message.checkpoint is not None,
        lambda outcome: outcome.code == ExitCode.INTERRUPTED,
    ):
        for _, outcome in sorted((outcomes | {r: e for r, e in left.items() if r not in outcomes}).items()):
            if matches(outcome):
                return outcome
    return next(iter(outcomes.values()))


def _unwritten(code: int) -> Exit:
    """The exit of a process that wrote none."""
    if code == ExitCode.FINISHED:
        return Exit(code, TerminationMessage(reason=Reason.FINISHED))
    if code < 0:
        name = signal.Signals(-code).name
        return Exit(
            ExitCode.INTERRUPTED,
            TerminationMessage(reason=Reason.INTERRUPTED, message=f"a process was killed by {name}"),
        )
    if code in {ExitCode.BAD_INPUT, ExitCode.INTERRUPTED}:
        reason = Reason.INVALID_RUN if code == ExitCode.BAD_INPUT else Reason.INTERRUPTED
        return Exit(code, TerminationMessage(reason=reason, message=f"a process ended with code {code}"))
    return Exit(
        code or FAILURE,
        TerminationMessage(reason=Reason.WORKLOAD_FAILED, message=f"a process ended with code {code}"),
    )
