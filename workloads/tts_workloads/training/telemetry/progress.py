"""The progress of a training, for people and for the status: moving means, the time left, the text of the columns.
Where it goes is in ``sinks``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tts_api.report import (
    Checkpoint,
    GpuUsage,
    ProgressDisplay,
    TrainingProgress,
    TrainingResult,
    TrainingSettings,
)
from tts_workloads.report import now
from tts_workloads.training.budget import Budget
from tts_workloads.training.telemetry.resource_monitor import ResourceMonitor
from tts_workloads.training.telemetry.sinks import Sink

SMOOTHING = 0.95
"""Weight of the past in the moving means of loss and speed."""


def display(document: TrainingProgress, loss: float | None, seconds_left: float | None) -> ProgressDisplay:
    """The text of the columns that kubectl shows."""
    step, total = document.step, document.total_steps
    if document.budget_seconds is None:
        percent = 100 * step // total if total else 0
    else:
        percent = min(99, 100 * (document.spent_seconds or 0) // document.budget_seconds)
    return ProgressDisplay(
        percent=f"{100 if document.stage == 'Finished' else percent}%",
        step=f"{step}/{total}" if total else f"{step}",
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

    def __init__(
        self,
        steps: Mapping[str, int],
        sink: Sink,
        clock: Callable[[], float] = time.monotonic,
        budget: Budget | None = None,
    ) -> None:
        """``steps`` are the steps of each stage by its name, in the order of the stages; none with a ``budget``."""
        self._steps, self._sink, self._clock, self._budget = dict(steps), sink, clock, budget
        self.document = TrainingProgress(total_steps=sum(steps.values()), updated_at=now())
        self.monitor: ResourceMonitor | None = None
        """Samples the use of the machine; set once the device is known."""
        self._loss, self._audio = Mean(), Mean()
        self._paces: dict[str, Mean] = {}
        """Seconds for a step of each stage."""
        self._expected: dict[str, float] = {}
        """Seconds for a step of each stage as they were tried, for as long as none was measured."""
        self._last: float | None = None

    def expect(self, stage: str, seconds: float) -> None:
        """Expect a step of a stage that has not begun to take some seconds."""
        self._expected[stage] = seconds

    def settle(self, settings: TrainingSettings) -> None:
        """Report what the training trains with."""
        self._put(settings=settings, urgent=True)

    def stage(self, name: str, step: int) -> None:
        """Report that a stage begins. The means of the stage before are forgotten."""
        if self.monitor is not None:
            self.monitor.restart()
        self._loss, self._audio = Mean(), Mean()
        self._last = self._clock()
        trains = name in {"Acoustic", "Vocoder"}
        started = self.document.started_at or (now() if trains else None)
        loss = None if trains else self.document.loss  # at the end the loss of the last stage stays
        speed = None if trains else self.document.audio_seconds_per_second
        self._put(
            stage=name,
            step=step,
            loss=loss,
            audio_seconds_per_second=speed,
            validation_loss=None,
            started_at=started,
            urgent=True,
        )

    def step(self, step: int, *, epoch: int, loss: float | None, learning_rate: float, audio_seconds: float) -> None:
        """Report a step. ``loss`` is None where it was not finite and the step was skipped; ``audio_seconds`` are the
        seconds of speech in its batch, over all processes."""
        moment = self._clock()
        if self._last is not None:
            took = max(moment - self._last, 1e-9)
            self._paces.setdefault(self.document.stage, Mean()).add(took)
            self._audio.add(audio_seconds)
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
        if self._budget is not None:
            spent = round(self._budget.spent)
            document = document.model_copy(
                update={"budget_seconds": round(self._budget.seconds), "spent_seconds": max(0, spent)}
            )
        loss = document.loss if self._loss.value is None else self._loss.value
        self.document = document.model_copy(
            update={
                "updated_at": now(),
                "loss": loss,
                "audio_seconds_per_second": self._speed() or document.audio_seconds_per_second,
                "display": display(document, loss, self._seconds_left(document)),
            }
        )
        self._sink.put(self.document, urgent=urgent)

    def _speed(self) -> float | None:
        """Seconds of speech a second. Both means have the same weights: a mean of the quotients would follow the
        shortest times, and a step may be reported right after the one before it."""
        pace = self._paces[self.document.stage].value if self.document.stage in self._paces else None
        return self._audio.value / pace if self._audio.value and pace else None

    def _seconds_left(self, document: TrainingProgress) -> float | None:
        """The time left: of the budget, or of the steps of all stages, each at its own pace. None while a pace is
        unknown."""
        if document.stage == "Finished":
            return 0.0
        if self._budget is not None:
            return max(0.0, self._budget.left)
        left, done = 0.0, document.step
        for stage, steps in self._steps.items():
            done, remaining = max(0, done - steps), max(0, steps - done)
            measured = self._paces[stage].value if stage in self._paces else None
            pace = self._expected.get(stage) if measured is None else measured
            if remaining and pace is None:
                return None
            left += remaining * (pace or 0.0)
        return left
