"""Writes the progress of a training into a file, for a program on the same machine that shows it. What the document
says is decided in ``progress``."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from tts_api.report import TrainingProgress

log = logging.getLogger(__name__)

FILE_VARIABLE = "TTS_PROGRESS_FILE"
"""Environment variable that names the file."""
LEAST_SECONDS = 0.5
"""Least time between two documents that are not urgent."""


class ProgressFile:
    """Replaces the file by each new document, so that a reader finds a whole one at any time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._written = float("-inf")

    @classmethod
    def of_environment(cls) -> ProgressFile | None:
        """Return a sink for the file that the environment names; None where it names none."""
        path = os.environ.get(FILE_VARIABLE)
        return cls(Path(path)) if path else None

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Write a document, if it is urgent or the last one is old enough. A failure is logged, since a training must
        not end because nobody can watch it."""
        if not urgent and self._clock() - self._written < LEAST_SECONDS:
            return
        self._written = self._clock()
        unfinished = self._path.with_name(f".{self._path.name}.tmp")
        try:
            unfinished.write_text(document.model_dump_json(by_alias=True, exclude_none=True))
            unfinished.replace(self._path)
        except OSError as error:
            log.warning("the progress could not be written to %s: %s", self._path, error)

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Do nothing, because nothing is ever pending."""
        return True
