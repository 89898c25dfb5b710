"""The training of one stage, one optimizer step after the other. The stages' order is in ``loop``; the arithmetic of a
step is in ``optimise``, and the decision to go back to earlier weights in ``guard``."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import torch
from torch import Tensor

from tts_api.reasons import Reason
from tts_api.report import Checkpoint
from tts_api.run import TrainingRun
from tts_workloads.data import Utterance
from tts_workloads.exits import BadInput
from tts_workloads.models.stage import Glimpse, Stage
from tts_workloads.training.loop.checkpoint import Checkpoints
from tts_workloads.training.loop.distributed import World
from tts_workloads.training.loop.guard import Diverged, Guard
from tts_workloads.training.loop.optimise import Optimiser
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.loop.readings import Reading
from tts_workloads.training.loop.schedule import Position, Schedule
from tts_workloads.training.loop.validation import Best, measure
from tts_workloads.training.telemetry.progress import Progress

log = logging.getLogger(__name__)

LAST_STEP = 2**31
"""The step that validations are measured at where nobody knows the last one beforehand."""


class Interrupted(Exception):
    """The training was asked to stop. It has saved a checkpoint where there was something to save."""


class Observer(Protocol):
    """Keeps what people look at: the loss curve, and what the models make of a clip."""

    def add(self, step: int, stage: str, values: dict[str, float]) -> None:
        """Add a point to the curve: the values of a step by name."""

    def resume(self, step: int) -> None:
        """Forget everything after a step."""

    def look(self, step: int, stage: str, show: Callable[[], Glimpse | None]) -> None:
        """Keep what ``show`` returns, if enough time has passed since the last time."""


class Shared(Protocol):
    """What all stages of a training share; ``Loop`` has it."""

    run: TrainingRun
    world: World
    checkpoints: Checkpoints
    progress: Progress
    record: Observer
    best: dict[str, int]

    def schedule(self, stage: Stage, place: Position) -> Schedule:
        """The schedule of a stage from a place on."""

    @property
    def clock(self) -> Callable[[], float]:
        """Counts the seconds that steps and validations take."""

    @property
    def stop(self) -> Callable[[], bool]:
        """Tells whether this process was asked to stop."""

    def save(self, step: int) -> Checkpoint | None:
        """Save a checkpoint, if this process is the one that saves."""


def seed_of(*parts: object) -> int:
    """A seed that depends on all parts and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


class Trainer:
    """Trains one stage."""

    def __init__(self, stage: Stage, loop: Shared, first_step: int) -> None:
        """``first_step`` is the number of steps that the stages before this one count for."""
        self.stage, self.loop, self.first_step = stage, loop, first_step
        self.place, self.guard, self.best = Position(), Guard(), Best()
        self.schedule: Schedule
        """The schedule from the place that the training begins at."""
        self.best_weights: dict[str, Tensor] | None = None
        """The weights of the best validation, on the host; kept only where early stopping is asked for."""
        device = loop.world.device
        self.format = choose(loop.run.training.precision, device)
        stage.training_module.to(device)
        self.parallel = loop.world.parallel(stage.training_module)
        self.optimiser = Optimiser(stage.training_module, stage.optimisation, self.format)
        self._unreported: Callable[[], None] | None = None
        """Reports the last step, whose numbers may still be on the device."""

    def train(self) -> None:
        """Do the steps of the stage that are left. Raises Interrupted, and BadInput with Diverged."""
        options, place, world = self.loop.run.training, self.place, self.loop.world
        self.schedule = self.loop.schedule(self.stage, place)
        if world.leads:
            self.loop.progress.stage(self.stage.name, self.step)
        batches = self._batches()
        while True:
            validation, checkpoint, stop, back_off = self._agree()
            ends = place.done >= 1.0
            is_best = False
            if place.validated < place.step and (ends or validation):
                is_best = self._validate()
            if ends or self.best.is_final(options.early_stopping):
                break
            if place.saved < place.step and checkpoint:
                self._checkpoint()
            elif is_best:
                self._save()
            if stop:
                self._save()
                raise Interrupted(f"asked to stop at step {self.step}")
            if back_off:
                self._back_off()
            if place.batch >= len(batches):
                place.epoch, place.batch = place.epoch + 1, 0
                batches = self._batches()
            self._step(batches[place.batch])

    def _agree(self) -> tuple[bool, bool, bool, bool]:
        """Agree with all processes, at the same step, on how much of the stage is done, and on what comes now: a
        validation, a checkpoint, the end of this process, a step back."""
        place, world = self.place, self.loop.world
        due = self.schedule.due(place)
        back_off = world.leads and self.guard.must_back_off(place.step)
        done, *flags = world.highest(due.done, due.validation, due.checkpoint, self.loop.stop(), back_off)
        place.done = done
        validation, checkpoint, stop, back_off = (flag > 0 for flag in flags)
        return validation, checkpoint, stop, back_off

    @property
    def step(self) -> int:
        """Number of steps done, counted over all stages."""
        return self.first_step + self.place.step

    def weights(self) -> dict[str, Tensor]:
        """The weights to export: those of the best validation where early stopping is asked for, else the last."""
        return self.best_weights or self.optimiser.weights()

    def _batches(self) -> Sequence[Sequence[Utterance]]:
        world = self.loop.world
        return self.stage.batches(self.place.epoch, world.rank, world.size)

    def _step(self, utterances: Sequence[Utterance]) -> None:
        """Do one optimizer step. The host never waits for the device.

        Random numbers depend on the seed, the stage, the step and the process alone, so that no generator is saved."""
        place, stage, loop, began = self.place, self.stage, self.loop, self.loop.clock()
        torch.manual_seed(seed_of(loop.run.training.seed, stage.name, place.step, loop.world.rank))
        self.parallel.train()
        rates = [
            self.schedule.learning_rate(place, group.optimisation) * self.guard.rate for group in self.optimiser.groups
        ]
        stage.prepare(clip for utterance in utterances for clip in utterance)
        batch = stage.collate(utterances).to(loop.world.device).augmented(loop.run.training.augmentation)
        with self.format.autocast():
            losses: dict[str, Tensor] = self.parallel(batch, place.step)
        finite = self.optimiser.step(losses["loss"], rates)
        place.step, place.batch = place.step + 1, place.batch + 1
        self._report_step()
        self.schedule.stepped(self.loop.clock() - began)
        if loop.world.leads:
            step, epoch, reading = self.step, place.epoch, Reading({"finite": finite, **losses})
            self._unreported = lambda: self._report(step, epoch, reading.read(), rates[0], batch.seconds)

    def _report_step(self) -> None:
        """Report the step before this one. Its numbers have arrived from the device by now; else this waits for
        them."""
        report, self._unreported = self._unreported, None
        if report is not None:
            report()

    def _report(self, step: int, epoch: int, values: dict[str, float], rate: float, seconds: float) -> None:
        """Give a step's numbers to the guard, the progress and the record."""
        loop, finite = self.loop, values.pop("finite") > 0
        self.guard.take(step - self.first_step - 1, values["loss"], finite=finite)
        if not finite:
            log.warning(
                "step %d was skipped: its gradient is not finite", step, extra={"event": "skipped", "step": step}
            )
        loss = values["loss"] if math.isfinite(values["loss"]) else None
        loop.progress.step(step, epoch=epoch, loss=loss, learning_rate=rate, audio_seconds=seconds * loop.world.size)
        loop.record.add(step, self.stage.name, {**values, "learningRate": rate})

    def _validate(self) -> bool:
        """Measure the held-out clips in the leading process, which tells the others. Returns whether the loss is the
        best so far."""
        self._report_step()
        loop, early, began = self.loop, self.loop.run.training.early_stopping, self.loop.clock()
        self.place.validated, self.place.validated_done = self.place.step, self.place.done
        losses: dict[str, float] = {}
        if loop.world.leads:
            self.stage.prepare(self.stage.measured_on)
            torch.manual_seed(seed_of(loop.run.training.seed, "validation"))
            # Every validation is measured as at the last step, so that the losses can be compared.
            losses = measure(
                self.stage.training_module,
                self.optimiser.weights(),
                self.stage.validation(),
                self.format,
                self.stage.steps if self.stage.steps is not None else LAST_STEP,
            )
            if math.isfinite(losses.get("loss", math.nan)):
                loop.progress.validated(losses["loss"])
                values = {f"validation/{name}": value for name, value in losses.items()}
                loop.record.add(self.step, self.stage.name, values)
            loop.record.look(self.step, self.stage.name, self._shown)
            loop.progress.pause()
            self.place.validation_seconds = self.loop.clock() - began
        losses = loop.world.from_leader(losses)
        if not losses or not self.best.take(self.step, losses["loss"], early):
            return False
        loop.best[self.stage.name] = self.step
        if early is not None:
            self.best_weights = {name: value.cpu().clone() for name, value in self.optimiser.weights().items()}
        return True

    def _shown(self) -> Glimpse | None:
        with self.optimiser.averaged():
            return self.stage.show()

    def _checkpoint(self) -> None:
        """Save a regular checkpoint. If the training goes wrong later, it goes back to the last good one of these."""
        self._report_step()
        if not self.loop.world.any(self.guard.bad > 0)[0]:
            self.guard.good = self.place.step
        self.place.saved, began = self.place.step, self.loop.clock()
        self._save()
        self.schedule.saved(self.loop.clock() - began)

    def _save(self) -> None:
        self._report_step()
        self.loop.save(self.step)

    def _back_off(self) -> None:
        """Go on from the last good weights with half the learning rate. Raises BadInput with Diverged if this was done
        too often."""
        world, options = self.loop.world, self.loop.run.training
        try:
            self.guard.back_off()
        except Diverged as diverged:
            raise BadInput(
                Reason.DIVERGED,
                f"the {self.stage.name.lower()} model at step {self.step}: {diverged}. Lower training.learningRate "
                f"({options.learning_rate:g}) or set training.precision ({options.precision}) to fp32",
            ) from None
        good = self.first_step + self.guard.good
        found = world.from_leader(self.loop.checkpoints.at(good) if world.leads else None)
        if found is not None:
            self.optimiser.load_state_dict(self.loop.checkpoints.load(found.path))
        log.warning(
            "step %d went wrong: half the learning rate, and the weights of step %d again",
            self.step,
            good,
            extra={"event": "backed off", "step": self.step},
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step of the stage depends on, as tensors and plain values."""
        return {
            "stage": self.stage.name,
            **self.optimiser.state_dict(),
            "place": asdict(self.place),
            "guard": asdict(self.guard),
            "validation": asdict(self.best),
            "best_weights": self.best_weights,
            "world": self.loop.world.size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned."""
        self.optimiser.load_state_dict(state)
        self.place, self.guard, self.best = (
            Position(**state["place"]),
            Guard(**state["guard"]),
            Best(**state["validation"]),
        )
        self.best_weights = state["best_weights"]
        # If the number of processes has changed, so has the number of batches that an epoch has for each of them.
        self.place.batch = self.place.batch * int(state["world"]) // self.loop.world.size
