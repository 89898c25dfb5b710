"""How a workload's process exits: errors with a reason, the exit codes that they become, and the termination message.
The meaning of the codes is in ``tts_api.report``."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tts_api.reasons import Reason
from tts_api.report import TERMINATION_MESSAGE_LIMIT_BYTES, TERMINATION_MESSAGE_PATH, ExitCode, TerminationMessage

log = logging.getLogger(__name__)

FAILURE = 1
"""Exit code of a failure that counts against the backoff limit."""
MESSAGE_LIMIT = 1500
"""Largest number of characters of a message."""


class BadInput(Exception):
    """The request or the data is wrong, so that running it again would not help. The message tells the user what is
    wrong, where, and the remedy."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StorageFull(Exception):
    """A file could not be written because the volume is full. What was there before is unchanged."""


@dataclass(frozen=True)
class Exit:
    """How a process exits: its exit code and its termination message."""

    code: int
    message: TerminationMessage


def exit_of(error: BaseException, *, step: int = 0) -> Exit:
    """The exit that an error becomes."""
    if isinstance(error, BadInput):
        return _exit(ExitCode.BAD_INPUT, error.reason, str(error), step)
    if isinstance(error, StorageFull) or (isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}):
        return _exit(FAILURE, Reason.STORAGE_FULL, str(error), step)
    if _is_out_of_memory(error):
        return _exit(FAILURE, Reason.OUT_OF_MEMORY, str(error), step)
    return _exit(FAILURE, Reason.WORKLOAD_FAILED, f"{type(error).__name__}: {error}", step)


def _is_out_of_memory(error: BaseException) -> bool:
    # Compared by name, because torch.OutOfMemoryError exists only once torch is imported.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _exit(code: int, reason: Reason, message: str, step: int) -> Exit:
    return Exit(code, TerminationMessage(reason=reason, message=clipped(message), step=step))


def clipped(message: str) -> str:
    """The message, shortened so that it fits into a termination message and a condition."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def summary(error: BaseException) -> str:
    """The first line of what an error of a library says, of 300 characters at most."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def write_termination_message(message: TerminationMessage) -> None:
    """Write the termination message where Kubernetes reads it. Outside a cluster it is written only if
    ``TTS_TERMINATION_LOG`` names a file."""
    path = os.environ.get("TTS_TERMINATION_LOG") or TERMINATION_MESSAGE_PATH
    if path == TERMINATION_MESSAGE_PATH and not Path(path).exists():
        return
    try:
        Path(path).write_bytes(encoded(message))
    except OSError as error:
        log.warning("the termination message could not be written to %s: %s", path, error)


def encoded(message: TerminationMessage) -> bytes:
    """The message as JSON of at most 4096 bytes. To fit, it loses speakers first, then most of its text, then the
    rest."""
    shortenings: tuple[Callable[[TerminationMessage], TerminationMessage], ...] = (
        lambda whole: whole,
        _without_speakers,
        lambda whole: _without_speakers(whole).model_copy(update={"message": whole.message[:256]}),
    )
    for shorten in shortenings:
        document = shorten(message).model_dump_json(by_alias=True, exclude_none=True).encode()
        if len(document) <= TERMINATION_MESSAGE_LIMIT_BYTES:
            return document
    return TerminationMessage(reason=message.reason, step=message.step).model_dump_json(by_alias=True).encode()


def _without_speakers(message: TerminationMessage) -> TerminationMessage:
    if message.result is None:
        return message
    artifact = message.result.artifact.model_copy(update={"speakers": message.result.artifact.speakers[:8]})
    return message.model_copy(update={"result": message.result.model_copy(update={"artifact": artifact})})
