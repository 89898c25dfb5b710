"""The training loop: one stage after the other, each from its first step or from the newest checkpoint. The steps of a
stage are in ``trainer``; what a stage is, is in ``models.stage``; how the process exits is in ``processes.worker``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tts_api.reasons import Reason
from tts_api.report import Checkpoint
from tts_api.run import TrainingRun
from tts_workloads.exits import BadInput
from tts_workloads.models.stage import Stage
from tts_workloads.training.budget import Budget
from tts_workloads.training.loop import trial
from tts_workloads.training.loop.checkpoint import Checkpoints
from tts_workloads.training.loop.distributed import World
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.loop.schedule import (
    BudgetSchedule,
    Following,
    Position,
    Schedule,
    StepSchedule,
    too_small,
)
from tts_workloads.training.loop.trainer import Observer, Trainer
from tts_workloads.training.telemetry.progress import Progress

log = logging.getLogger(__name__)


@dataclass
class Loop:
    """A training: its stages, and everything that they share."""

    run: TrainingRun
    stages: Sequence[Stage]
    world: World
    checkpoints: Checkpoints
    progress: Progress
    record: Observer
    stop: Callable[[], bool]
    """Tells whether this process was asked to stop."""
    budget: Budget | None = None
    """The clock of a run with a budget, in the process that leads."""
    clock: Callable[[], float] = time.monotonic
    """Counts the seconds that steps and validations take."""
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Weights of the stages that are finished, by the stage's name."""
    steps: dict[str, int] = field(default_factory=dict)
    """Number of steps that the finished stages did, by the stage's name: fewer than planned after early stopping."""
    best: dict[str, int] = field(default_factory=dict)
    """Steps with the lowest validation loss of their stage, by the stage's name; their checkpoints are kept."""
    current: Trainer | None = None
    """The stage that is being trained."""

    def train(self) -> None:
        """Train every stage to its end, from the newest checkpoint if there is one. Raises Interrupted and BadInput.

        Steps are counted over all stages as planned: those that early stopping left out count as done.
        """
        state = self.resume()
        if self.run.training.budget is None:
            self._try_later_stages()
        elif state is None:
            self._refuse_a_small_budget()
        done = 0
        for stage in self.stages:
            if stage.name not in self.finished:
                self.current = Trainer(stage, self, first_step=done)
                if state is not None and state["stage"] == stage.name:
                    self.current.load_state_dict(state)
                else:
                    self.save(done)
                self.current.train()
                self.finished[stage.name] = self.current.weights()
                self.steps[stage.name] = self.current.place.step
                self.current = None
            stage.training_module.load_state_dict(self.finished[stage.name])
            done += self.steps[stage.name] if stage.steps is None else stage.steps
        if self.budget is not None:
            self.budget.trained()
        if state is None or state["stage"] is not None:
            self.save(done)

    def _try_later_stages(self) -> None:
        """Tell the progress how long a step of each stage after the next one will take."""
        if not self.world.leads:
            return
        for stage in [stage for stage in self.stages if stage.name not in self.finished][1:]:
            if stage.steps is not None and stage.steps >= trial.WORTHWHILE_STEPS:
                self.progress.expect(stage.name, self._tried(stage))

    def _tried(self, stage: Stage) -> float:
        return trial.seconds_per_step(stage, choose(self.run.training.precision, self.world.device), self.clock)

    def _refuse_a_small_budget(self) -> None:
        """Raise BadInput with InvalidParameters, in every process, where the budget has no room for a validation of
        each model. A training that resumes is never refused: it ends with what it has."""
        complaint = ""
        if self.budget is not None:
            step_seconds = [self._tried(stage) for stage in self.stages]
            efforts = [stage.effort for stage in self.stages]
            complaint = too_small(self.budget, self.run.training, step_seconds, efforts)
        if complaint := self.world.from_leader(complaint):
            raise BadInput(Reason.INVALID_PARAMETERS, complaint)

    def schedule(self, stage: Stage, place: Position) -> Schedule:
        """The schedule of a stage from a place on: its steps, or its share of the time that is left."""
        options = self.run.training
        if stage.steps is not None:
            return StepSchedule(stage.steps, options)
        if self.budget is None:
            return Following()
        later = sum(other.effort for other in self.stages[self.stages.index(stage) + 1 :])
        own = stage.effort * (1 - place.done)
        return BudgetSchedule(self.budget, options, place, own / (own + later) if own else 0.0)

    def resume(self) -> dict[str, Any] | None:
        """Restore the finished stages from the newest checkpoint, which the leading process chooses for all processes.

        Returns the state in the checkpoint, None where there is none.
        """
        found = self.checkpoints.newest() if self.world.leads else None
        found = self.world.from_leader(found)
        if found is None:
            self.record.resume(0)
            return None
        state = self.checkpoints.load(found.path)
        self.finished, self.steps, self.best = state["finished"], state["steps"], state["best"]
        log.info("resuming at step %d", found.step, extra={"event": "resumed", "step": found.step})
        if self.world.leads:
            self.progress.stage(state["stage"] or "Exporting", found.step)
            self.progress.saved(self.checkpoints.describe(found))
            self.record.resume(found.step)
        return state

    def save(self, step: int) -> Checkpoint | None:
        """Save a checkpoint, if this process is the one that saves. Raises StorageFull."""
        if not self.world.leads:
            return None
        keep = set(self.best.values())
        state = {"finished": self.finished, "steps": self.steps, "best": self.best, "stage": None}
        if self.current is not None:
            state |= self.current.state_dict()
            keep.add(self.current.first_step + self.current.guard.good)
        checkpoint = self.checkpoints.save(state, step, keep=keep)
        self.progress.saved(checkpoint)
        return checkpoint
