"""The training loop: one stage after the other, one step after the other. What is trained is in ``stage``'s terms, who
trains with whom in ``distributed``; how it ends for the pod is the affair of ``worker``."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.func import functional_call

from tts_api.reasons import Reason
from tts_api.report import Checkpoint
from tts_api.run import TrainingRun
from tts_workloads.data import Utterance
from tts_workloads.ending import BadInput
from tts_workloads.models.stage import Stage
from tts_workloads.training.checkpoint import Checkpoints
from tts_workloads.training.distributed import World
from tts_workloads.training.optimise import Optimiser, learning_rate_at
from tts_workloads.training.precision import choose
from tts_workloads.training.progress import Progress

log = logging.getLogger(__name__)

MOST_SKIPPED_IN_A_ROW = 25
"""Steps in a row without a finite gradient after which the training has diverged; fp16 needs up to 16 to find its
scale."""


class Interrupted(Exception):
    """The training was asked to stop and has saved a checkpoint."""


class Curve(Protocol):
    """Keeps the loss curve."""

    def add(self, step: int, stage: str, values: dict[str, float]) -> None:
        """Take one point in."""

    def resume(self, step: int) -> None:
        """Forget the points after a step."""


def seed_of(*parts: object) -> int:
    """A seed that depends on all parts and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


@dataclass
class Place:
    """Where in its stage a training is: all that the order of the batches depends on."""

    step: int = 0
    """Steps done in this stage."""
    epoch: int = 0
    batch: int = 0
    """Batches of this epoch that are done, by each process."""
    skipped: int = 0
    """Steps in a row that were skipped just now."""


@dataclass
class Loop:
    """Everything the steps of a training share."""

    run: TrainingRun
    stages: Sequence[Stage]
    world: World
    checkpoints: Checkpoints
    progress: Progress
    curve: Curve
    stop: Callable[[], bool]
    """Whether this process was asked to stop."""
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Weights of the stages that are done, by name."""
    current: Trainer | None = None
    """The stage that is being trained."""

    def train(self) -> None:
        """Train every stage to its end, from the newest checkpoint if there is one. Raises Interrupted and BadInput."""
        state = self.resume()
        done = 0
        for stage in self.stages:
            if stage.name in self.finished:
                stage.model.load_state_dict(self.finished[stage.name])
            else:
                self.current = Trainer(stage, self, first_step=done)
                if state is not None and state["stage"] == stage.name:
                    self.current.load(state)
                self.current.train()
                self.finished[stage.name] = self.current.optimiser.weights()
                stage.model.load_state_dict(self.finished[stage.name])
                self.current = None
            done += stage.steps
        if state is None or state["stage"] is not None:
            self.save(done)

    def resume(self) -> dict[str, Any] | None:
        """The newest checkpoint's state; the leader chooses it for all."""
        found = self.checkpoints.newest() if self.world.leads else None
        found = self.world.from_leader(found)
        if found is None:
            self.curve.resume(0)
            return None
        state = self.checkpoints.load(found.path)
        self.finished = state["finished"]
        log.info("resuming at step %d", found.step, extra={"event": "resumed", "step": found.step})
        if self.world.leads:
            self.progress.stage(state["stage"] or "Exporting", found.step)
            self.progress.saved(self.checkpoints.describe(found))
            self.curve.resume(found.step)
        return state

    def save(self, step: int) -> Checkpoint | None:
        """Save a checkpoint, if this process is the one that does."""
        if not self.world.leads:
            return None
        state = {"finished": self.finished, "stage": None, **(self.current.state() if self.current else {})}
        checkpoint = self.checkpoints.save(state, step)
        self.progress.saved(checkpoint)
        return checkpoint


class Trainer:
    """One stage being trained."""

    def __init__(self, stage: Stage, loop: Loop, first_step: int) -> None:
        self.stage, self.loop, self.first_step = stage, loop, first_step
        self.place = Place()
        device = loop.world.device
        self.format = choose(loop.run.training.precision, device)
        stage.model.to(device)
        self.parallel = loop.world.parallel(stage.model)
        self.optimiser = Optimiser(stage.model, stage.optimisation, self.format)

    def train(self) -> None:
        """Do the stage's steps that are left."""
        options, place, stage = self.loop.run.training, self.place, self.stage
        if self.loop.world.leads:
            self.loop.progress.stage(stage.name, self.first_step + place.step)
        batches = self._batches()
        while place.step < stage.steps:
            # All processes learn it at the same step, so that one checkpoint is right for all.
            if self.loop.world.any(self.loop.stop()):
                self._save()
                raise Interrupted(f"asked to stop at step {self.first_step + place.step}")
            if place.batch >= len(batches):
                place.epoch, place.batch = place.epoch + 1, 0
                batches = self._batches()
            self._step(batches[place.batch])
            if place.step % options.validation.every_steps == 0 or place.step == stage.steps:
                self._validate()
            if place.step % options.checkpoint_every_steps == 0 and place.step < stage.steps:
                self._save()

    def _batches(self) -> Sequence[Sequence[Utterance]]:
        world = self.loop.world
        return self.stage.batches(self.place.epoch, world.rank, world.size)

    def _step(self, utterances: Sequence[Utterance]) -> None:
        """One optimizer step. What it draws at random depends on seed, stage, step and process alone, so that nothing
        of it has to be saved."""
        place, stage, loop = self.place, self.stage, self.loop
        torch.manual_seed(seed_of(loop.run.training.seed, stage.name, place.step, loop.world.rank))
        self.parallel.train()
        rates = [learning_rate_at(place.step, stage.steps, group.optimisation) for group in self.optimiser.groups]
        batch = stage.collate(utterances).to(loop.world.device)
        with self.format.autocast():
            losses: dict[str, torch.Tensor] = self.parallel(batch, place.step)
        finite = bool(self.optimiser.step(losses["loss"], rates))
        place.step, place.batch = place.step + 1, place.batch + 1
        place.skipped = 0 if finite else place.skipped + 1
        self._tell(losses, rates[0], batch.seconds, finite=finite)
        if place.skipped >= MOST_SKIPPED_IN_A_ROW:
            raise BadInput(
                Reason.DIVERGED,
                f"the {stage.name.lower()} model's loss was not a number {place.skipped} steps in a row, at step "
                f"{self.first_step + place.step}: lower training.learningRate ({stage.optimisation.learning_rate:g}) "
                "or set training.precision to fp32",
            )

    def _tell(self, losses: dict[str, torch.Tensor], rate: float, seconds: float, *, finite: bool) -> None:
        loop, step = self.loop, self.first_step + self.place.step
        if not finite:
            log.warning(
                "step %d was skipped: its gradient is not finite", step, extra={"event": "skipped", "step": step}
            )
        if not loop.world.leads:
            return
        values = {name: float(value.detach()) for name, value in losses.items()}
        loss = values["loss"] if math.isfinite(values["loss"]) else None
        loop.progress.step(
            step, epoch=self.place.epoch, loss=loss, learning_rate=rate, audio_seconds=seconds * loop.world.size
        )
        loop.curve.add(step, self.stage.name, {**values, "learningRate": rate})

    @torch.no_grad()
    def _validate(self) -> None:
        """Measure the held-out clips. The leader does; the others wait for it at the next step."""
        if not self.loop.world.leads:
            return
        model, weights = self.stage.model.eval(), self.optimiser.weights()
        sums: dict[str, float] = {}
        weight = 0.0
        torch.manual_seed(seed_of(self.loop.run.training.seed, "validation"))
        for batch in self.stage.validation():
            with self.format.autocast():
                losses = functional_call(model, weights, (batch.to(self.loop.world.device), self.place.step))
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value) * batch.seconds
            weight += batch.seconds
        means = {f"validation/{name}": value / weight for name, value in sums.items()} if weight else {}
        if math.isfinite(means.get("validation/loss", math.nan)):
            self.loop.progress.validated(means["validation/loss"])
            self.loop.curve.add(self.first_step + self.place.step, self.stage.name, means)

    def _save(self) -> None:
        self.loop.save(self.first_step + self.place.step)

    def state(self) -> dict[str, Any]:
        """Everything that the stage's next step depends on, as tensors and plain values."""
        place = self.place
        return {
            "stage": self.stage.name,
            **self.optimiser.state(),
            "place": {"step": place.step, "epoch": place.epoch, "batch": place.batch, "skipped": place.skipped},
            "world": self.loop.world.size,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.optimiser.load(state)
        self.place = Place(**state["place"])
        # With another number of processes an epoch has another number of batches for each.
        self.place.batch = self.place.batch * int(state["world"]) // self.loop.world.size
