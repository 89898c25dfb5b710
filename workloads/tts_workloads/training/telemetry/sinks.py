"""Where the progress of a training goes: to a terminal or a file, or to the status of its resource and the pod's log.
``tts_workloads.report`` talks to the cluster."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from tts_api.report import TrainingProgress
from tts_api.run import TrainingRun
from tts_workloads.report import TRAINING_PROGRESS, reporter_for
from tts_workloads.training.telemetry.progress_file import ProgressFile

log = logging.getLogger(__name__)

LINE_SECONDS = 60.0
"""Time between two lines of progress in a file or a log."""


class Sink(Protocol):
    """Shows or sends the newest progress. It never blocks."""

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Show or send a document, an urgent one at once."""

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Deliver what is pending. Returns whether that worked."""


def sink_for(run: TrainingRun) -> Sink:
    """The sink of a run: the status of its resource and the log in a cluster, else the file that the environment names,
    else the terminal."""
    reporter = reporter_for(run.resource, TRAINING_PROGRESS)
    return Logged(reporter) if reporter is not None else ProgressFile.of_environment() or Terminal()


class Nowhere:
    """Drops the progress of a process that does not lead."""

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Do nothing."""

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Do nothing."""
        return True


class Logged:
    """Logs a line of progress every minute and at each new stage, and passes every document on."""

    def __init__(self, to: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._to, self._clock = to, clock
        self._logged, self._stage = float("-inf"), ""

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Pass a document on, and log it if a line is due."""
        if document.stage != self._stage or self._clock() - self._logged >= LINE_SECONDS:
            self._logged, self._stage = self._clock(), document.stage
            log.info(line_of(document), extra={"event": "progress", "step": document.step})
        self._to.put(document, urgent=urgent)

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Deliver what is pending. Returns whether that worked."""
        return self._to.close(timeout_seconds)


class Terminal:
    """Prints progress: a bar on a terminal, else a line every few seconds."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream or sys.stdout, clock
        self._printed, self._stage = float("-inf"), ""

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Print a document, if its stage is new or the last line is old enough."""
        bar = self._stream.isatty()
        news = document.stage != self._stage
        self._stage = document.stage
        if not news and self._clock() - self._printed < (0.2 if bar else LINE_SECONDS):
            return
        self._printed = self._clock()
        line = line_of(document)
        if bar:
            done = 30 * int(document.display.percent.rstrip("%") or 0) // 100
            end = "\n" if document.stage == "Finished" else ""
            line = f"\r\x1b[K{'█' * done}{'░' * (30 - done)} {line}{end}"
        else:
            line += "\n"
        self._stream.write(line)
        self._stream.flush()

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Do nothing, because nothing is ever pending."""
        return True


def line_of(document: TrainingProgress) -> str:
    """A progress document as one line of text."""
    shown = document.display
    parts = [f"{document.stage:<9} {shown.percent:>4} step {shown.step}"]
    if shown.loss:
        # Each stage has a loss of its own, so that the line names it.
        stage = f"{document.stage.lower()} " if document.stage in {"Acoustic", "Vocoder"} else ""
        parts.append(f"{stage}loss {shown.loss}")
    if document.validation_loss is not None:
        parts.append(f"validation {document.validation_loss:.4f}")
    if document.gpu is not None:
        parts.append(f"GPU {document.gpu.utilization_percent}%, {document.gpu.memory_used_bytes / 2**30:.1f} GiB")
    if document.audio_seconds_per_second:
        parts.append(f"reads {document.audio_seconds_per_second:.0f} s of speech a second")
    if shown.eta and document.stage != "Finished":
        parts.append(f"ETA {shown.eta}")
    return ", ".join(parts)
