"""What the training loop needs of a model: the protocol ``Stage`` and the types in it. The stages of acoustic models
are described in ``acoustic.stage`` and those of vocoders in ``vocoder.stage``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

import torch
from torch import Tensor, nn

from tts_api.resources.training_options import Augmentation
from tts_api.voice import Capability
from tts_workloads.data import Utterance

StageName = Literal["Acoustic", "Vocoder"]


class Batch(Protocol):
    """Training examples that are padded or cut to one length."""

    @property
    def seconds(self) -> float:
        """Seconds of speech in the batch."""

    def to(self, device: torch.device) -> Self:
        """The batch on another device."""

    def augmented(self, how: Augmentation) -> Self:
        """The batch with random changes. All randomness comes from torch's global generators."""


@dataclass(frozen=True)
class Glimpse:
    """What a model makes of one clip, for people to compare with the recording. All tensors are on the CPU."""

    text: str
    """The text of the clip."""
    recorded: Tensor
    """Log-mel frames of the recording, ``[n_mels, frames]`` float32, in nepers."""
    spoken: Tensor
    """Log-mel frames of the model, ``[n_mels, frames]`` float32, in nepers."""
    recording: Tensor
    """The recording, ``[samples]`` float32."""
    sound: Tensor
    """The sound of the model, ``[samples]`` float32."""
    symbols: Sequence[str] = ()
    """The symbols that the front end made of the text."""
    alignment: Tensor | None = None
    """How strongly each frame belongs to each symbol, ``[frames, symbols]`` float32; None where the model learns no
    alignment."""


@dataclass(frozen=True)
class Optimisation:
    """How a model is optimised: AdamW, warm-up and cosine decay, clipped gradients, averaged weights.

    Parameters that learn by rules of their own (discriminators beside their generator) are named in ``parts``. There is
    still one forward, one backward and one step: the forward of the training module makes sure that each part gets its
    gradients from its own loss only.
    """

    learning_rate: float
    """Peak learning rate."""
    warmup_steps: int
    """Steps over which the learning rate rises to its peak."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    """Norm to which the gradients of all parameters of the group together are clipped."""
    average_decay: float | None = None
    """Decay of the moving average of the group's weights. The average is measured and exported; with None, the weights
    themselves are."""
    final_learning_rate: float = 0.05
    """Share of the peak learning rate that is left at the last step."""
    parts: Mapping[str, Optimisation] = field(default_factory=dict)
    """Submodules of the training module with rules of their own, by dotted name. All other parameters follow the rules
    here. If the gradient of one group is not finite, the step is skipped for all groups."""


class Stage(Protocol):
    """The training of one model, step by step.

    The loop calls ``prepare`` with the clips that come next, then ``collate``, ``validation`` or ``show``.
    """

    name: StageName
    steps: int | None
    """Steps to train for; the loop leaves out a stage that has 0. None means as long as the run's budget allows."""
    effort: float
    """Share of a budget that this stage gets, in relation to the efforts of the other stages."""
    optimisation: Optimisation
    training_module: nn.Module
    """The model with its losses and with everything else that exists only in training; checkpoints hold its weights.

    ``training_module(batch, step)`` returns scalar float32 losses by name; ``loss`` is the one that is optimised. All
    trained weights are used in its ``forward``, because DistributedDataParallel hooks into that call.
    """
    supports: Sequence[Capability]
    """What this model makes the voice able to do."""
    measured_on: Sequence[int]
    """Numbers of the clips that ``validation`` and ``show`` need."""

    @property
    def exported(self) -> nn.Module:
        """The part of ``training_module`` that is written into the voice; TorchScript can compile it."""

    def prepare(self, clips: Iterable[int]) -> None:
        """Compute what batches of these clips are made from and what has not been computed yet."""

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The utterances of each batch that one process trains on in an epoch.

        The result depends on the arguments and the seed alone. Every rank gets the same number of batches.
        """

    def collate(self, utterances: Sequence[Utterance]) -> Batch:
        """The batch of these utterances. All randomness comes from torch's global generator."""

    def trial(self) -> Batch:
        """A batch of the usual size to measure the speed of a step with. Nothing that it needs is kept."""

    def validation(self) -> Iterable[Batch]:
        """The held-out clips in batches, the same every time."""

    def show(self) -> Glimpse | None:
        """What the model, with its present weights, makes of the clip that is shown to people; None where there is
        nothing to show."""


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device. Copies to a GPU go through pinned memory, so that the host does not wait for the
    computations there."""
    if device.type == "cuda" and tensor.device.type == "cpu" and tensor.numel():
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
