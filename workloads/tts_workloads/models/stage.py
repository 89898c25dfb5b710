"""What the training loop needs of a model, and nothing of how it is met: the stages themselves are in the modules
beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import torch
from torch import nn

from tts_workloads.data import Utterance

StageName = Literal["Acoustic", "Vocoder"]


class Batch(Protocol):
    """Clips padded to one length."""

    @property
    def seconds(self) -> float:
        """Seconds of speech in it."""

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""


@dataclass(frozen=True)
class Optimisation:
    """The optimizer's part of a recipe: AdamW, warm-up and cosine decay, clipped gradients, averaged weights."""

    learning_rate: float
    """Peak learning rate."""
    warmup_steps: int
    """Steps over which the learning rate rises to its peak."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    """Norm to which the gradients of all parameters together are clipped."""
    average_decay: float | None = None
    """Decay of the moving average of the weights that is measured and exported; None exports the last weights."""
    final_learning_rate: float = 0.05
    """Share of the peak that is left at the last step."""


class Stage(Protocol):
    """One model's training."""

    name: StageName
    steps: int
    optimisation: Optimisation
    model: nn.Module
    """``model(batch, step)`` gives scalar float32 losses by name; ``loss`` is the one that is optimised. Everything
    that is trained goes through ``forward``, where DistributedDataParallel listens."""

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The utterances of each batch of one process in an epoch: a function of the arguments and the seed alone, with
        as many batches for every rank."""

    def collate(self, utterances: Sequence[Utterance]) -> Batch:
        """The batch of these utterances. Randomness comes from torch's global generator alone."""

    def validation(self) -> Iterable[Batch]:
        """The held-out clips in batches, the same every time."""
