"""The progress of a training, for people and for the status: moving means, the time left, the text of the columns.
Outside a cluster it is printed here; ``tts_workloads.report`` sends it to a cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from tts_api.report import Checkpoint, GpuUsage, ProgressDisplay, TrainingProgress, TrainingResult
from tts_api.run import TrainingRun
from tts_workloads.report import TRAINING_PROGRESS, now, reporter_for
from tts_workloads.training.telemetry.progress_file import ProgressFile
from tts_workloads.training.telemetry.resource_monitor import ResourceMonitor

SMOOTHING = 0.95
"""Weight of the past in the moving means of loss and speed."""
LINE_SECONDS = 5.0
"""Least time between two lines of progress outside a cluster."""


class Sink(Protocol):
    """Shows or sends the newest progress. It never blocks."""

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Show or send a document, an urgent one at once."""

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Deliver what is pending. Returns whether that worked."""


def sink_for(run: TrainingRun) -> Sink:
    """The sink of a run: the status of its resource in a cluster, else the file that the environment names, else the
    terminal."""
    return reporter_for(run.resource, TRAINING_PROGRESS) or ProgressFile.of_environment() or Terminal()


def display(step: int, total: int, loss: float | None, seconds_left: float | None) -> ProgressDisplay:
    """The text of the columns that kubectl shows."""
    return ProgressDisplay(
        percent=f"{100 * step // total if total else 0}%",
        step=f"{step}/{total}",
        loss="" if loss is None else f"{loss:.4f}",
        eta="" if seconds_left is None else duration(seconds_left),
    )


def duration(seconds: float) -> str:
    """A duration as kubectl writes it, with at most two units: 12s, 4m30s, 3h4m, 2d5h."""
    whole = max(0, round(seconds))
    for unit, size, smaller, smaller_size in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size}{unit}" + (f"{rest}{smaller}" if rest else "")
    return f"{whole}s"


class Mean:
    """An exponential moving mean without a bias towards zero at the start."""

    def __init__(self) -> None:
        self._sum = self._weight = 0.0

    def add(self, value: float) -> None:
        """Add a value."""
        self._sum = SMOOTHING * self._sum + (1 - SMOOTHING) * value
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)

    @property
    def value(self) -> float | None:
        """The mean; None before the first value."""
        return self._sum / self._weight if self._weight else None


class Progress:
    """Collects what the loop reports into one document."""

    def __init__(self, total_steps: int, sink: Sink, clock: Callable[[], float] = time.monotonic) -> None:
        self._sink, self._clock = sink, clock
        self.document = TrainingProgress(total_steps=total_steps, updated_at=now())
        self.monitor: ResourceMonitor | None = None
        """Samples the use of the machine; set once the device is known."""
        self._loss, self._pace, self._audio = Mean(), Mean(), Mean()
        self._last: float | None = None

    def stage(self, name: str, step: int) -> None:
        """Report that a stage begins. The means of the stage before are forgotten."""
        if self.monitor is not None:
            self.monitor.restart()
        self._loss, self._pace, self._audio = Mean(), Mean(), Mean()
        self._last = self._clock()
        started = self.document.started_at or (now() if name in {"Acoustic", "Vocoder"} else None)
        self._put(stage=name, step=step, validation_loss=None, started_at=started, urgent=True)

    def step(self, step: int, *, epoch: int, loss: float | None, learning_rate: float, audio_seconds: float) -> None:
        """Report a step. ``loss`` is None where it was not finite and the step was skipped; ``audio_seconds`` are the
        seconds of speech in its batch, over all processes."""
        moment = self._clock()
        if self._last is not None:
            took = max(moment - self._last, 1e-9)
            self._pace.add(took)
            self._audio.add(audio_seconds / took)
        self._last = moment
        if loss is not None:
            self._loss.add(loss)
        gpu: GpuUsage | None = None
        warnings: tuple[str, ...] = ()
        if self.monitor is not None:
            self.monitor.look(settled=epoch > 0)  # predictions are computed and kept in the first epoch
            gpu, warnings = self.monitor.usage, self.monitor.warnings
        self._put(step=step, epoch=epoch, learning_rate=learning_rate, last_step_at=now(), gpu=gpu, warnings=warnings)

    def pause(self) -> None:
        """Do not count the time until now as a step's: it was spent on a checkpoint or a validation."""
        self._last = self._clock()

    def validated(self, loss: float) -> None:
        """Report the loss of the held-out clips."""
        self.pause()
        self._put(validation_loss=loss)

    def saved(self, checkpoint: Checkpoint) -> None:
        """Report a checkpoint that was saved or found."""
        self.pause()
        self._put(checkpoint=checkpoint, urgent=True)

    def finished(self, result: TrainingResult, steps: int) -> None:
        """Report that the voice is written."""
        self._put(stage="Finished", step=steps, result=result, urgent=True)

    def close(self) -> bool:
        """Deliver what is pending. Returns whether that worked."""
        return self._sink.close()

    def _put(self, *, urgent: bool = False, **changes: object) -> None:
        document = self.document.model_copy(update=changes)
        loss, pace = self._loss.value, self._pace.value
        left = document.total_steps - document.step
        ending = document.stage in {"Exporting", "Finished"}
        self.document = document.model_copy(
            update={
                "updated_at": now(),
                "loss": document.loss if loss is None else loss,
                "audio_seconds_per_second": self._audio.value or document.audio_seconds_per_second,
                "display": display(
                    document.step,
                    document.total_steps,
                    document.loss if loss is None else loss,
                    0.0 if ending else None if pace is None else left * pace,
                ),
            }
        )
        self._sink.put(self.document, urgent=urgent)


class Terminal:
    """Prints progress: a bar on a terminal, else a line every few seconds."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream or sys.stdout, clock
        self._printed = float("-inf")

    def put(self, document: TrainingProgress, *, urgent: bool = False) -> None:
        """Print a document, if it is urgent or the last line is old enough."""
        bar = self._stream.isatty()
        if not urgent and self._clock() - self._printed < (0.2 if bar else LINE_SECONDS):
            return
        self._printed = self._clock()
        line = self.line(document)
        if bar:
            done = 30 * document.step // max(1, document.total_steps)
            end = "\n" if document.stage == "Finished" else ""
            line = f"\r\x1b[K{'█' * done}{'░' * (30 - done)} {line}{end}"
        else:
            line += "\n"
        self._stream.write(line)
        self._stream.flush()

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Do nothing, because nothing is ever pending."""
        return True

    @staticmethod
    def line(document: TrainingProgress) -> str:
        """The text of one line."""
        shown = document.display
        parts = [f"{document.stage:<9} {shown.percent:>4} step {shown.step}"]
        if shown.loss:
            parts.append(f"loss {shown.loss}")
        if document.validation_loss is not None:
            parts.append(f"validation {document.validation_loss:.4f}")
        if document.gpu is not None:
            parts.append(f"GPU {document.gpu.utilization_percent}%, {document.gpu.memory_used_bytes / 2**30:.1f} GiB")
        if document.audio_seconds_per_second:
            parts.append(f"{document.audio_seconds_per_second:.0f} s of speech/s")
        if shown.eta and document.stage != "Finished":
            parts.append(f"ETA {shown.eta}")
        return ", ".join(parts)
