"""The training loop: one stage after the other, one step after the other. What is trained is in ``stage``'s terms, who
trains with whom in ``distributed``; how it ends for the pod is the affair of ``worker``."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
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
from tts_workloads.training.loop.guard import Diverged, Guard
from tts_workloads.training.loop.optimise import Optimiser, learning_rate_at
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.loop.readings import Reading
from tts_workloads.training.loop.validation import Best, measure
from tts_workloads.training.processes.distributed import World
from tts_workloads.training.telemetry.progress import Progress

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The training was asked to stop and has saved a checkpoint."""


class Record(Protocol):
    """Keeps what people look at: the loss curve, and what the models make of a clip."""

    def add(self, step: int, stage: str, values: dict[str, float]) -> None:
        """Take one point in."""

    def resume(self, step: int) -> None:
        """Forget what was after a step."""

    def look(self, step: int, stage: str, show: Callable[[], Glimpse | None]) -> None:
        """Keep what ``show`` gives, if it is time to."""


def seed_of(*parts: object) -> int:
    """A seed that depends on all parts and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


@dataclass
class Loop:
    """Everything the steps of a training share."""

    run: TrainingRun
    stages: Sequence[Stage]
    world: World
    checkpoints: Checkpoints
    progress: Progress
    record: Record
    stop: Callable[[], bool]
    """Whether this process was asked to stop."""
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Weights of the stages that are done, by name."""
    steps: dict[str, int] = field(default_factory=dict)
    """Steps that these stages did, by name: fewer than planned where one was stopped early."""
    best: dict[str, int] = field(default_factory=dict)
    """Steps whose checkpoints had the lowest validation loss of their stage, by its name."""
    current: Trainer | None = None
    """The stage that is being trained."""

    def train(self) -> None:
        """Train every stage to its end, from the newest checkpoint if there is one. Raises Interrupted and BadInput.

        Steps are counted over all stages as they were planned: those that early stopping spares count as done.
        """
        state = self.resume()
        done = 0
        for stage in self.stages:
            if stage.name not in self.finished:
                self.current = Trainer(stage, self, first_step=done)
                if state is not None and state["stage"] == stage.name:
                    self.current.load(state)
                else:
                    self.save(done)
                self.current.train()
                self.finished[stage.name] = self.current.weights()
                self.steps[stage.name] = self.current.place.step
                self.current = None
            stage.training_module.load_state_dict(self.finished[stage.name])
            done += stage.steps
        if state is None or state["stage"] is not None:
            self.save(done)

    def resume(self) -> dict[str, Any] | None:
        """The newest checkpoint's state; the leader chooses it for all."""
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
        """Save a checkpoint, if this process is the one that does."""
        if not self.world.leads:
            return None
        keep = set(self.best.values())
        state = {"finished": self.finished, "steps": self.steps, "best": self.best, "stage": None}
        if self.current is not None:
            state |= self.current.state()
            keep.add(self.current.first_step + self.current.guard.good)
        checkpoint = self.checkpoints.save(state, step, keep=keep)
        self.progress.saved(checkpoint)
        return checkpoint


@dataclass
class Place:
    """Where in its stage a training is: all that the order of the batches depends on."""

    step: int = 0
    """Steps done in this stage."""
    epoch: int = 0
    batch: int = 0
    """Batches of this epoch that are done, by each process."""
    validated: int = 0
    """Steps done when the held-out clips were last measured."""
    saved: int = 0
    """Steps done when the last regular checkpoint was saved."""


class Trainer:
    """One stage being trained."""

    def __init__(self, stage: Stage, loop: Loop, first_step: int) -> None:
        self.stage, self.loop, self.first_step = stage, loop, first_step
        self.place, self.guard, self.best = Place(), Guard(), Best()
        self.best_weights: dict[str, Tensor] | None = None
        """Kept where early stopping is asked for, on the host."""
        device = loop.world.device
        self.format = choose(loop.run.training.precision, device)
        stage.training_module.to(device)
        self.parallel = loop.world.parallel(stage.training_module)
        self.optimiser = Optimiser(stage.training_module, stage.optimisation, self.format)
        self._late: Callable[[], None] | None = None

    def train(self) -> None:
        """Do the stage's steps that are left."""
        options, place, world = self.loop.run.training, self.place, self.loop.world
        if world.leads:
            self.loop.progress.stage(self.stage.name, self.step)
        batches = self._batches()
        while True:
            ends = place.step == self.stage.steps
            is_best = False
            if place.validated < place.step and (ends or place.step % options.validation.every_steps == 0):
                is_best = self._validate()
            if ends or self.best.is_final(options.early_stopping):
                break
            if place.saved < place.step and place.step % options.checkpoint_every_steps == 0:
                self._checkpoint()
            elif is_best:
                self._save()
            # All processes learn it at the same step, so that one checkpoint is right for all.
            stop, back_off = world.any(self.loop.stop(), world.leads and self.guard.must_back_off(place.step))
            if stop:
                self._save()
                raise Interrupted(f"asked to stop at step {self.step}")
            if back_off:
                self._back_off()
            if place.batch >= len(batches):
                place.epoch, place.batch = place.epoch + 1, 0
                batches = self._batches()
            self._step(batches[place.batch])

    @property
    def step(self) -> int:
        """Steps done, over all stages."""
        return self.first_step + self.place.step

    def weights(self) -> dict[str, Tensor]:
        """What is exported: the weights of the best validation where early stopping is asked for, else the last."""
        return self.best_weights or self.optimiser.weights()

    def _batches(self) -> Sequence[Sequence[Utterance]]:
        world = self.loop.world
        return self.stage.batches(self.place.epoch, world.rank, world.size)

    def _step(self, utterances: Sequence[Utterance]) -> None:
        """One optimizer step. What it draws at random depends on seed, stage, step and process alone, so that nothing
        of it has to be saved. The host never waits for the device."""
        place, stage, loop = self.place, self.stage, self.loop
        torch.manual_seed(seed_of(loop.run.training.seed, stage.name, place.step, loop.world.rank))
        self.parallel.train()
        rates = [
            learning_rate_at(place.step, stage.steps, group.optimisation) * self.guard.rate
            for group in self.optimiser.groups
        ]
        stage.prepare(clip for utterance in utterances for clip in utterance)
        batch = stage.collate(utterances).to(loop.world.device).augmented(loop.run.training.augmentation)
        with self.format.autocast():
            losses: dict[str, Tensor] = self.parallel(batch, place.step)
        finite = self.optimiser.step(losses["loss"], rates)
        place.step, place.batch = place.step + 1, place.batch + 1
        self._tell()
        if loop.world.leads:
            step, epoch, reading = self.step, place.epoch, Reading({"finite": finite, **losses})
            self._late = lambda: self._told(step, epoch, reading.read(), rates[0], batch.seconds)

    def _tell(self) -> None:
        """Tell the numbers of the step before, which have arrived by now, or are waited for."""
        late, self._late = self._late, None
        if late is not None:
            late()

    def _told(self, step: int, epoch: int, values: dict[str, float], rate: float, seconds: float) -> None:
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
        """Measure the held-out clips: the leader does, and tells the others. Whether that was the best so far."""
        self._tell()
        loop, early = self.loop, self.loop.run.training.early_stopping
        self.place.validated = self.place.step
        losses: dict[str, float] = {}
        if loop.world.leads:
            self.stage.prepare(self.stage.measured_on)
            torch.manual_seed(seed_of(loop.run.training.seed, "validation"))
            # As at the last step, so that losses of different steps compare.
            losses = measure(
                self.stage.training_module,
                self.optimiser.weights(),
                self.stage.validation(),
                self.format,
                self.stage.steps,
            )
            if math.isfinite(losses.get("loss", math.nan)):
                loop.progress.validated(losses["loss"])
                values = {f"validation/{name}": value for name, value in losses.items()}
                loop.record.add(self.step, self.stage.name, values)
            loop.record.look(self.step, self.stage.name, self._shown)
            loop.progress.pause()
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
        """Save a checkpoint, to which the training goes back if it goes wrong after this step."""
        self._tell()
        if not self.loop.world.any(self.guard.bad > 0)[0]:
            self.guard.good = self.place.step
        self.place.saved = self.place.step
        self._save()

    def _save(self) -> None:
        self._tell()
        self.loop.save(self.step)

    def _back_off(self) -> None:
        """Go on from the last good weights with half the learning rate. Raises BadInput when that helped too seldom."""
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
            self.optimiser.load(self.loop.checkpoints.load(found.path))
        log.warning(
            "step %d went wrong: half the learning rate, and the weights of step %d again",
            self.step,
            good,
            extra={"event": "backed off", "step": self.step},
        )

    def state(self) -> dict[str, Any]:
        """Everything that the stage's next step depends on, as tensors and plain values."""
        return {
            "stage": self.stage.name,
            **self.optimiser.state(),
            "place": asdict(self.place),
            "guard": asdict(self.guard),
            "validation": asdict(self.best),
            "best_weights": self.best_weights,
            "world": self.loop.world.size,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.optimiser.load(state)
        self.place, self.guard, self.best = (
            Place(**state["place"]),
            Guard(**state["guard"]),
            Best(**state["validation"]),
        )
        self.best_weights = state["best_weights"]
        # With another number of processes an epoch has another number of batches for each.
        self.place.batch = self.place.batch * int(state["world"]) // self.loop.world.size
