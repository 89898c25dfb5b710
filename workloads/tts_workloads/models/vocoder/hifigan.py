"""``hifigan``: a vocoder that turns mel frames into samples by transposed convolutions (Kong, Kim and Bae 2020,
arXiv:2010.05646), in the three published sizes."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import HifiganParameters
from tts_api.reasons import Reason
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import SILENCE
from tts_workloads.exits import BadInput
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.discriminators import multi_period, multi_scale
from tts_workloads.models.vocoder.losses import VocoderBatch, VocoderTraining
from tts_workloads.models.vocoder.recipe import JUDGED, SegmentsStage, seed_weights

SLOPE = 0.1
"""Slope of the leaky rectifiers."""
OUTER_KERNEL = 7
LARGEST_RATE = 8
"""Largest published factor of upsampling; other hop lengths may need larger ones."""


class Size(NamedTuple):
    """One published configuration (appendix A.1, table 5)."""

    channels: int
    """Number of channels after the first convolution; each upsampling halves it."""
    upsamplings: int
    kernels: tuple[int, ...]
    """Kernels of the residual blocks that run side by side after each upsampling."""
    dilations: tuple[tuple[int, ...], ...]
    """Dilations of the convolutions of each block."""
    paired: bool
    """Whether each dilated convolution is followed by one without dilation (the first type of block)."""


_PAIRED = ((1, 3, 5),) * 3
SIZES = {
    1: Size(512, 4, (3, 7, 11), _PAIRED, paired=True),
    2: Size(128, 4, (3, 7, 11), _PAIRED, paired=True),
    3: Size(256, 3, (3, 5, 7), ((1, 2), (2, 6), (3, 12)), paired=False),
}
"""The sizes by version number."""


def upsampling_rates(hop_length: int, count: int) -> tuple[int, ...]:
    """Whole factors whose product is the hop length, the largest first: (8, 8, 2, 2) for a hop length of 256 and a
    count of 4. Raises ValueError where there are none."""
    for largest in range(LARGEST_RATE, hop_length + 1):
        found = next(_factors(hop_length, count, largest), None)
        if found:
            return found
    raise ValueError(f"{hop_length} is no product of {count} whole numbers above 1")


def _factors(product: int, count: int, largest: int) -> Iterator[tuple[int, ...]]:
    """All ways to write ``product`` as ``count`` factors above 1, none larger than ``largest`` or than the one
    before."""
    if count == 0 and product == 1:
        yield ()
    for factor in range(min(largest, product), 1, -1):
        if count and product % factor == 0:
            for rest in _factors(product // factor, count - 1, factor):
                yield (factor, *rest)


def receptive_field_frames(parameters: HifiganParameters, audio: AudioFeatures) -> int:
    """The number of frames on each side of its own that a sample depends on."""
    size = SIZES[parameters.version]
    reach = OUTER_KERNEL // 2
    """Reach to each side in steps of the present rate."""
    for rate in reversed(upsampling_rates(audio.hop_length, size.upsamplings)):
        reach += max(
            sum((kernel // 2) * (dilation + (1 if size.paired else 0)) for dilation in dilations)
            for kernel, dilations in zip(size.kernels, size.dilations, strict=True)
        )
        # A transposed convolution with a kernel of twice its rate takes each sample from two steps.
        reach = -(-reach // rate) + 1
    return reach + OUTER_KERNEL // 2


class ResidualBlock(nn.Module):
    """Dilated convolutions, each added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], *, paired: bool) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for dilation in dilations:
            layers = [_activated(channels, kernel, dilation)]
            if paired:
                layers.append(_activated(channels, kernel, 1))
            self.steps.append(nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        """Input and output are ``[batch, channels, samples]``."""
        for step in self.steps:
            x = x + step(x)
        return x


def _activated(channels: int, kernel: int, dilation: int) -> nn.Sequential:
    conv = nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=dilation * (kernel // 2))
    return nn.Sequential(nn.LeakyReLU(SLOPE), conv)


class MultiReceptiveField(nn.Module):
    """The mean of residual blocks of several kernels side by side (section 2.2)."""

    def __init__(self, channels: int, size: Size) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
                ResidualBlock(channels, kernel, dilations, paired=size.paired)
                for kernel, dilations in zip(size.kernels, size.dilations, strict=True)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Input and output are ``[batch, channels, samples]``."""
        total = torch.zeros_like(x)
        for block in self.blocks:
            total = total + block(x)
        return total / len(self.blocks)


class Hifigan(nn.Module):
    """The generator."""

    def __init__(self, parameters: HifiganParameters, audio: AudioFeatures) -> None:
        """Raises ValueError where the hop length is no product of as many factors as there are upsamplings."""
        super().__init__()
        size = SIZES[parameters.version]
        channels = size.channels
        self.first = nn.Conv1d(audio.n_mels, channels, OUTER_KERNEL, padding=OUTER_KERNEL // 2)
        layers: list[nn.Module] = []
        for rate in upsampling_rates(audio.hop_length, size.upsamplings):
            # The kernel is twice the rate wide, and padded so that n steps become exactly n * rate.
            up = nn.ConvTranspose1d(
                channels, channels // 2, 2 * rate, rate, padding=(rate + 1) // 2, output_padding=rate % 2
            )
            channels //= 2
            layers += [nn.LeakyReLU(SLOPE), up, MultiReceptiveField(channels, size)]
        self.body = nn.Sequential(*layers)
        self.last = nn.Conv1d(channels, 1, OUTER_KERNEL, padding=OUTER_KERNEL // 2)
        self.hop_length, self.silence = audio.hop_length, SILENCE
        self.reach = receptive_field_frames(parameters, audio)

    def forward(self, mel: Tensor) -> Tensor:
        """Turn log-mel frames ``[batch, n_mels, frames]`` in nepers into a waveform ``[batch, frames * hop_length]``
        float32, -1 to 1. Values not above the floor are silence, and silence lies beyond the ends."""
        reach = self.reach
        waveform = self.generate(F.pad(mel.clamp_min(self.silence), (reach, reach), value=self.silence))
        return waveform[:, reach * self.hop_length : waveform.shape[1] - reach * self.hop_length]

    def generate(self, mel: Tensor) -> Tensor:
        """The same as ``forward``, but with zeros instead of silence beyond the ends."""
        # Mel frames are shifted and scaled, because silence is -11.5 nepers.
        x = self.body(self.first((mel + 5.0) * 0.5))
        waveform: Tensor = torch.tanh(self.last(F.leaky_relu(x)).float()).squeeze(1)
        return waveform


class HifiganTraining(VocoderTraining):
    """The vocoder with its losses."""

    model: Hifigan

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The waveforms, and no losses of its own; see ``VocoderTraining``."""
        return self.model.generate(batch.mel), {}


def hifigan_stage(task: Task, acoustic: AcousticStage) -> SegmentsStage:
    """The training of ``hifigan`` against multi-period and multi-scale discriminators.

    Raises BadInput with InvalidParameters for a hop length that the upsamplings cannot make."""
    seed_weights(task)
    audio, parameters = task.run.dataset.audio, HifiganParameters.model_validate(task.run.model.vocoder.parameters)
    try:
        model = Hifigan(parameters, audio)
    except ValueError as error:
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"dataset.audio.hopLength = {audio.hop_length}: hifigan cannot make so many samples of a frame ({error}); "
            "256 is the published value",
        ) from None
    channels = parameters.discriminator_channels
    judges = [*multi_period(channels), *multi_scale(4 * channels)]
    training = HifiganTraining(model, audio, alone=JUDGED, judged=JUDGED, discriminators=judges)
    return SegmentsStage(task, acoustic, training, receptive_field_frames(parameters, audio))
