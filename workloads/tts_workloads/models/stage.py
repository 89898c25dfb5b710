"""What the training loop needs of a model, and nothing of how it is met: the stages themselves are in the modules
beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

import torch
from torch import Tensor, nn

from tts_api.resources.training import Augmentation
from tts_workloads.data import Utterance

StageName = Literal["Acoustic", "Vocoder"]


class Batch(Protocol):
    """Clips padded to one length."""

    @property
    def seconds(self) -> float:
        """Seconds of speech in it."""

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""

    def augmented(self, how: Augmentation) -> Self:
        """The batch changed at random. Randomness comes from torch's global generators alone."""


@dataclass(frozen=True)
class Glimpse:
    """What a model makes of one clip, to be looked at and listened to beside the recording. Everything on the CPU."""

    text: str
    """What is said."""
    recorded: Tensor
    """Log-mel frames ``[n_mels, frames]`` float32 of the recording, in nepers."""
    spoken: Tensor
    """Those of the model."""
    recording: Tensor
    """The recording ``[samples]`` float32."""
    sound: Tensor
    """The model's ``[samples]`` float32."""
    symbols: Sequence[str] = ()
    """What the front end made of the text."""
    alignment: Tensor | None = None
    """Which symbol is heard when, ``[frames, symbols]`` float32, where that is what is learned."""


@dataclass(frozen=True)
class Optimisation:
    """The optimizer's part of a recipe: AdamW, warm-up and cosine decay, clipped gradients, averaged weights.

    Parameters that learn apart (discriminators beside their generator) are named in ``parts``. There is still one
    forward, one backward and one step: the stage's forward sees to it that a part's gradients come from its own loss.
    """

    learning_rate: float
    """Peak learning rate."""
    warmup_steps: int
    """Steps over which the learning rate rises to its peak."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    """Norm to which the gradients of the group's parameters together are clipped."""
    average_decay: float | None = None
    """Decay of the moving average of the group's weights that is measured and exported; None takes the weights as they
    are."""
    final_learning_rate: float = 0.05
    """Share of the peak that is left at the last step."""
    parts: Mapping[str, Optimisation] = field(default_factory=dict)
    """Submodules of the stage's model that are optimised by rules of their own, by dotted name; the parameters of all
    others share the rules here. A gradient that is not finite in one group skips the step of all."""


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

    def show(self) -> Glimpse | None:
        """What the model makes of the clip that is shown, with the weights it has."""


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; to a GPU through pinned memory, so that the host does not wait for what is computed
    there."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
