"""Lets a process end at once when it is asked to stop before it has begun anything.

The kernel drops a signal to process 1 of a container that has no handler, and PyTorch's import takes seconds. This
module imports the standard library alone, so that a handler is there before that import. What a process does about a
signal once it works is in ``training.processes`` and ``serving.process``, which put their own handlers in its place.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

INTERRUPTED = 75
"""``ExitCode.INTERRUPTED``. Importing that would import pydantic."""
FINISHED = 0
"""``ExitCode.FINISHED``."""
REASONS = {INTERRUPTED: "Interrupted", FINISHED: "Finished"}
"""The reason that stands in the termination message beside each exit code."""
_TERMINATION_LOG = "/dev/termination-log"


def stop_at_once(code: int, message: str) -> None:
    """From now on SIGTERM and SIGINT end the process with ``code`` and the message, until another handler is set."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        print(f"{signal.Signals(number).name}: {message}", file=sys.stderr, flush=True)
        _leave(json.dumps({"schema": 1, "reason": REASONS[code], "message": message}))
        # An exception could be caught by whichever module is being imported.
        os._exit(code)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _leave(document: str) -> None:
    """Write the termination message as ``tts_workloads.exits`` does, which cannot be imported inside a handler."""
    path = Path(os.environ.get("TTS_TERMINATION_LOG") or _TERMINATION_LOG)
    try:
        if path != Path(_TERMINATION_LOG) or path.exists():
            path.write_text(document)
    except OSError as error:
        print(f"the termination message could not be written to {path}: {error}", file=sys.stderr)
