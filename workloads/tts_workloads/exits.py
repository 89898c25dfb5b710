"""How a workload's process ends: the errors that carry a reason, the exit code they become, and the termination
message. What the codes mean is in ``tts_api.report``."""

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
"""Exit code of a failure that counts."""
MESSAGE_LIMIT = 1500
"""Characters of a message that are kept."""


class BadInput(Exception):
    """The request or the data is wrong; running it again would not help. The message is for the user: what, where,
    remedy."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class StorageFull(Exception):
    """A file could not be written because the volume is full; what was there before is untouched."""


@dataclass(frozen=True)
class Exit:
    """An exit code and the last words."""

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
    # By name: torch.OutOfMemoryError is not known before torch is imported.
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _exit(code: int, reason: Reason, message: str, step: int) -> Exit:
    return Exit(code, TerminationMessage(reason=reason, message=clipped(message), step=step))


def clipped(message: str) -> str:
    """The message, shortened to what a termination message and a condition have room for."""
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"


def write_termination_message(message: TerminationMessage) -> None:
    """Leave the last words where Kubernetes reads them; outside a cluster, only if ``TTS_TERMINATION_LOG`` names a
    file."""
    path = os.environ.get("TTS_TERMINATION_LOG") or TERMINATION_MESSAGE_PATH
    if path == TERMINATION_MESSAGE_PATH and not Path(path).exists():
        return
    try:
        Path(path).write_bytes(encoded(message))
    except OSError as error:
        log.warning("the termination message could not be written to %s: %s", path, error)


def encoded(message: TerminationMessage) -> bytes:
    """The message as JSON of at most 4096 bytes: speakers, languages and words are given up before it is cut."""
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
