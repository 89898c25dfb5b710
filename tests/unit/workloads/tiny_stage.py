"""The smallest model that the loop can train: a line through noise, in batches that are a function of seed and
epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tts_api.resources.training_options import Augmentation
from tts_api.run import TrainingRun, digest
from tts_api.voice import Capability
from tts_workloads.data import Utterance
from tts_workloads.models.stage import Glimpse, Optimisation, StageName
from tts_workloads.training.budget import Budget
from tts_workloads.training.loop.checkpoint import Checkpoints
from tts_workloads.training.loop.distributed import World
from tts_workloads.training.loop.loop import Loop
from tts_workloads.training.telemetry.progress import Progress

POINTS = 24


@dataclass
class TinyBatch:
    x: Tensor
    y: Tensor
    seconds: float = 1.0

    def to(self, device: torch.device) -> TinyBatch:
        return TinyBatch(self.x.to(device), self.y.to(device), self.seconds)

    def augmented(self, how: Augmentation) -> TinyBatch:
        return TinyBatch(self.x + how.noise * torch.randn_like(self.x), self.y, self.seconds)


class Line(nn.Module):
    """A line, with dropout so that randomness matters."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 1))

    def forward(self, batch: TinyBatch, step: int) -> dict[str, Tensor]:
        error: Tensor = (self.layers(batch.x) - batch.y).pow(2).mean()
        return {"loss": error, "step": torch.tensor(float(step))}


@dataclass
class TinyStage:
    name: StageName = "Acoustic"
    steps: int | None = 20
    optimisation: Optimisation = field(
        default_factory=lambda: Optimisation(learning_rate=0.05, warmup_steps=3, average_decay=0.9)
    )
    training_module: nn.Module = field(default_factory=Line)
    supports: Sequence[Capability] = ()
    measured_on: Sequence[int] = ()
    effort: float = 1.0
    prepared: set[int] = field(default_factory=set)
    """Clips of which batches may be asked for."""
    shown: list[Tensor] = field(default_factory=list)
    """A weight at each time that it was asked what to show."""
    works: Callable[[str], None] = lambda _: None
    """Called with "step" and "validation" when the stage does the work of one."""

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(POINTS, 4, generator=generator)
        self.y = self.x.sum(1, keepdim=True)

    @property
    def exported(self) -> nn.Module:
        return self.training_module

    def prepare(self, clips: Iterable[int]) -> None:
        self.prepared.update(clips)

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(epoch)).tolist()
        size = 4
        return [[(clip,) for clip in order[i : i + size]] for i in range(rank * size, POINTS, size * world)]

    def collate(self, utterances: Sequence[Utterance]) -> TinyBatch:
        clips = [clip for utterance in utterances for clip in utterance]
        self.works("step")
        assert self.prepared.issuperset(clips)
        noise = 0.01 * torch.randn(len(clips), 4)
        return TinyBatch(self.x[clips] + noise, self.y[clips])

    def trial(self) -> TinyBatch:
        self.works("step")
        return TinyBatch(self.x[:4], self.y[:4])

    def validation(self) -> Iterable[TinyBatch]:
        self.works("validation")
        return [TinyBatch(self.x, self.y)]

    def show(self) -> None:
        self.shown.append(self.training_module.state_dict()["layers.0.weight"].clone())


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self.urgent: list[Any] = []

    def put(self, document: Any, *, urgent: bool = False) -> None:
        self.documents.append(document)
        if urgent:
            self.urgent.append(document)

    def close(self, timeout_seconds: float = 30.0) -> bool:
        return True


class Points:
    """A curve in memory."""

    def __init__(self) -> None:
        self.points: list[tuple[int, str, dict[str, float]]] = []

    def add(self, step: int, stage: str, values: dict[str, float]) -> None:
        self.points.append((step, stage, values))

    def resume(self, step: int) -> None:
        self.points = [point for point in self.points if point[0] <= step]

    def look(self, step: int, stage: str, show: Callable[[], Glimpse | None]) -> None:
        show()

    def losses(self) -> dict[tuple[int, str], float]:
        return {
            (step, name): v[name] for step, _, v in self.points for name in ("loss", "validation/loss") if name in v
        }


def tiny_run(**training: Any) -> TrainingRun:
    steps = {"maxSteps": 20, "checkpointEverySteps": 5, "validation": {"everySteps": 7}}
    options = training if "budget" in training else steps | training
    return TrainingRun.model_validate(
        {
            "output": "voice",
            "dataset": {"format": "ljspeech", "language": "en-us", "audio": {}},
            "model": {},
            "training": options,
        }
    )


class Asked:
    """A stop that is asked for after a number of looks."""

    def __init__(self, after: int | None = None) -> None:
        self.looks, self.after = 0, after

    def __call__(self) -> bool:
        self.looks += 1
        return self.after is not None and self.looks > self.after


def tiny_loop(
    root: Path,
    curve: Points,
    stages: Sequence[TinyStage],
    stop: Any = None,
    clocked: Budget | None = None,
    **training: Any,
) -> Loop:
    run = tiny_run(**training)
    checkpoints = Checkpoints(root / "voice", run_sha256=digest(run), keep=run.training.keep_checkpoints, root=root)
    progress = Progress({stage.name: stage.steps or 0 for stage in stages}, Kept(), budget=clocked)
    return Loop(run, stages, World(), checkpoints, progress, curve, stop or Asked(), clocked)
