"""How far a stage is, when it ends, and when it is validated and saved: by its number of steps, or by the run's budget.
``trainer`` asks before each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tts_api.base import seconds_of
from tts_api.resources.training_options import TrainingOptions
from tts_workloads.models.stage import Optimisation
from tts_workloads.training.budget import Budget

DEFAULT_EVERY_STEPS = 500
"""Steps between two validations and between two checkpoints, where neither the run nor a budget says."""
VALIDATION_SHARE = 0.1
"""Share of a stage between two validations with a budget, and the most that validations take of a stage's time."""
CHECKPOINT_SHARE, LEAST_CHECKPOINT_SECONDS, MOST_CHECKPOINT_SECONDS = 0.02, 10.0, 600.0
"""Share of the budget between two checkpoints, and its bounds."""
WARMUP_SHARE = 0.1
"""Largest share of a stage over which the learning rate rises."""
LEAST_STEPS = 10
"""Steps that each model does whatever is left of a budget, and that a budget must have room for."""
SAVING_SHARE = 0.05
"""Largest share of the time that regular checkpoints take, with a budget."""


@dataclass
class Position:
    """Where in its stage a training is: everything that the order of the batches depends on."""

    step: int = 0
    """Number of steps done in this stage."""
    epoch: int = 0
    batch: int = 0
    """Number of batches of this epoch that each process has done."""
    validated: int = 0
    """Number of steps done when the held-out clips were last measured."""
    saved: int = 0
    """Number of steps done when the last regular checkpoint was saved."""
    done: float = 0.0
    """Share of the stage that is done, 0 to 1."""
    validated_done: float = 0.0
    """Share of the stage that was done when the held-out clips were last measured."""
    validation_seconds: float = 0.0
    """Seconds that this took."""


@dataclass(frozen=True)
class Due:
    """What is due before the next step of a stage."""

    done: float
    """Share of the stage that is done, 0 to 1; the stage ends at 1."""
    validation: bool
    checkpoint: bool


class Schedule(Protocol):
    """The schedule of one stage. One that does not depend on the clock ignores how long things take."""

    def due(self, place: Position) -> Due:
        """What is due before the next step."""

    def learning_rate(self, place: Position, optimisation: Optimisation) -> float:
        """The learning rate of the next step."""

    def stepped(self, seconds: float) -> None:
        """Learn how long a step took."""
        return

    def saved(self, seconds: float) -> None:
        """Learn that a regular checkpoint was saved, and how long that took."""
        return


def learning_rate(optimisation: Optimisation, warm: float, cooled: float) -> float:
    """Linear warm-up, then a cosine down to a share of the peak. ``warm`` is the share of the warm-up that is done, and
    ``cooled`` that of the decay; both may lie outside 0 to 1."""
    share = optimisation.final_learning_rate
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, cooled))))
    return optimisation.learning_rate * min(1.0, warm) * (share + (1 - share) * cosine)


class StepSchedule(Schedule):
    """A stage of a number of steps. All of it follows from the step alone, so that a resume is exact."""

    def __init__(self, steps: int, options: TrainingOptions) -> None:
        self._steps = steps
        self._validation = options.validation.every_steps or DEFAULT_EVERY_STEPS
        self._checkpoint = options.checkpoint_every_steps or DEFAULT_EVERY_STEPS

    def due(self, place: Position) -> Due:
        """What is due before the next step."""
        step = place.step
        return Due(step / self._steps, step % self._validation == 0, step % self._checkpoint == 0)

    def learning_rate(self, place: Position, optimisation: Optimisation) -> float:
        """The learning rate of the next step."""
        warmup = min(optimisation.warmup_steps, max(1, self._steps // 10))
        warm = (place.step + 1) / warmup if warmup else 1.0
        return learning_rate(optimisation, warm, (place.step - warmup) / max(1, self._steps - warmup))


class Following(Schedule):
    """The schedule of a stage in a process that does not lead, with a budget: the process that leads has the clock, and
    decides what is due."""

    def due(self, place: Position) -> Due:
        """Nothing is due."""
        return Due(0.0, validation=False, checkpoint=False)

    def learning_rate(self, place: Position, optimisation: Optimisation) -> float:
        """The learning rate of the next step: the warm-up ends after its steps or its share, whichever is first."""
        warm = max((place.step + 1) / max(1, optimisation.warmup_steps), place.done / WARMUP_SHARE)
        return learning_rate(optimisation, warm, place.done)


class BudgetSchedule(Following):
    """A stage that lasts as long as its share of what is left of the budget, in the process that leads."""

    def __init__(self, budget: Budget, options: TrainingOptions, place: Position, share: float) -> None:
        """``share`` is the share of the time left to train that belongs to what is left of this stage."""
        self._budget, self._options = budget, options
        self._first_done = place.done
        self._step_seconds = self._saving_seconds = 0.0
        self._began = self._saved = budget.spent
        self._allotted = max(0.0, budget.left_to_train) * share

    def due(self, place: Position) -> Due:
        """What is due before the next step."""
        self._budget.tick()
        done = self._done(place) if place.step >= LEAST_STEPS else self._first_done
        validation, checkpoint = self._options.validation.every_steps, self._options.checkpoint_every_steps
        return Due(
            done,
            place.step % validation == 0
            if validation
            else done - place.validated_done >= self._between_validations(place),
            place.step % checkpoint == 0
            if checkpoint
            else self._budget.spent - self._saved >= self._checkpoint_seconds(),
        )

    def stepped(self, seconds: float) -> None:
        """Learn how long a step took."""
        self._step_seconds = 0.9 * self._step_seconds + 0.1 * seconds if self._step_seconds else seconds

    def saved(self, seconds: float) -> None:
        """Learn that a regular checkpoint was saved, and how long that took."""
        self._saved, self._saving_seconds = self._budget.spent, seconds

    def _done(self, place: Position) -> float:
        """The share of the stage that is done; 1 where one more step would miss the end by more than it misses now.

        One more validation is needed at the end."""
        seconds = self._allotted - place.validation_seconds
        elapsed = self._budget.spent - self._began
        if elapsed + self._step_seconds / 2 >= seconds:
            return 1.0
        return self._first_done + (1 - self._first_done) * elapsed / seconds

    def _between_validations(self, place: Position) -> float:
        """The share of the stage between two validations."""
        if not self._allotted:
            return 1.0
        costly = place.validation_seconds / (VALIDATION_SHARE * self._allotted)
        return max(VALIDATION_SHARE, costly * (1 - self._first_done))

    def _checkpoint_seconds(self) -> float:
        usual = max(LEAST_CHECKPOINT_SECONDS, CHECKPOINT_SHARE * self._budget.seconds)
        return max(min(MOST_CHECKPOINT_SECONDS, usual), self._saving_seconds / SAVING_SHARE)


def too_small(budget: Budget, options: TrainingOptions, step_seconds: Sequence[float], efforts: Sequence[float]) -> str:
    """The complaint about a budget without room for ``LEAST_STEPS`` and a validation of each stage; empty where it has
    room. ``step_seconds`` and ``efforts`` are those of the stages."""
    # A validation has no backward pass, so that the time of this many steps is enough for it.
    steps = LEAST_STEPS + math.ceil(options.validation.clips / 8)
    needed = max(seconds * steps * sum(efforts) / effort for seconds, effort in zip(step_seconds, efforts, strict=True))
    if budget.left_to_train >= needed:
        return ""
    least = written(30 * math.ceil(1.1 * (budget.seconds - budget.left_to_train + needed) / 30))
    return (
        f"training.budget is {options.budget}, but on this machine reading the corpus, {LEAST_STEPS} steps and a "
        f"validation of each model, and writing the voice take about {least}: set it to at least {least}"
    )


def written(seconds: int) -> str:
    """Whole seconds as a budget is written: 90 is 1m30s."""
    parts = ((seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def budget_seconds(options: TrainingOptions) -> int | None:
    """The seconds of a run's budget; None where it has numbers of steps."""
    return seconds_of(options.budget) if options.budget is not None else None
