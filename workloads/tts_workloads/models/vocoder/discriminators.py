"""What vocoders are trained against: networks that tell made sound from recorded sound. They exist only in training.
Their losses are in ``adversarial``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from tts_workloads.models.spectral import Resolution

SLOPE = 0.1
PERIODS = (2, 3, 5, 7, 11)
"""Periods in samples of the multi-period discriminator: prime numbers, so that they overlap as little as possible."""
PERIOD_CHANNELS = (1, 4, 16, 32, 32)
"""Channels of its layers, in units of the first layer's; the published unit is 32."""
SPECTRAL_LAYERS = 4
"""Number of convolutions of a resolution's discriminator before the last two."""

Judgement = tuple[Tensor, list[Tensor]]
"""Scores of the parts of a sound, and the activations of every layer before the scores."""


class Discriminator(nn.Module):
    """Convolutions with leaky rectifiers, and a last convolution that returns the scores."""

    def __init__(self, layers: Sequence[nn.Module], last: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([weight_norm(layer) for layer in layers])
        self.last = weight_norm(last)

    def forward(self, waveform: Tensor) -> Judgement:
        """Judge a waveform ``[batch, samples]``. Returns scores of any shape and the activations."""
        x = self.view(waveform)
        activations = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            activations.append(x)
        return self.last(x), activations

    def view(self, waveform: Tensor) -> Tensor:
        """The form of the sound ``[batch, samples]`` that the first convolution gets."""
        raise NotImplementedError


class PeriodDiscriminator(Discriminator):
    """Looks at every n-th sample (Kong, Kim and Bae 2020, section 2.3)."""

    def __init__(self, period: int, channels: int) -> None:
        widths = (1, *(channels * width for width in PERIOD_CHANNELS))
        layers = [
            nn.Conv2d(a, b, (5, 1), (3 if place < len(PERIOD_CHANNELS) - 1 else 1, 1), padding=(2, 0))
            for place, (a, b) in enumerate(pairwise(widths))
        ]
        super().__init__(layers, nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))
        self.period = period

    def view(self, waveform: Tensor) -> Tensor:
        """``[batch, 1, samples / period, period]``."""
        padded = F.pad(waveform, (0, -waveform.shape[1] % self.period), mode="reflect")
        return padded.view(len(waveform), 1, -1, self.period)


class ScaleDiscriminator(Discriminator):
    """Looks at the samples, or at means of some (Kumar et al. 2019, MelGAN, arXiv:1910.06711)."""

    def __init__(self, averaged: int, channels: int) -> None:
        """``channels`` of the first layer; the published number is 128."""
        c = channels
        layers: list[nn.Module] = [nn.Conv1d(1, c, 15, padding=7)]
        for inputs, outputs, stride, groups in (
            (c, c, 2, 4),
            (c, 2 * c, 2, 16),
            (2 * c, 4 * c, 4, 16),
            (4 * c, 8 * c, 4, 16),
            (8 * c, 8 * c, 1, 16),
        ):
            layers.append(nn.Conv1d(inputs, outputs, 41, stride, groups=math.gcd(groups, inputs), padding=20))
        layers.append(nn.Conv1d(8 * c, 8 * c, 5, padding=2))
        super().__init__(layers, nn.Conv1d(8 * c, 1, 3, padding=1))
        self.averaged = averaged

    def view(self, waveform: Tensor) -> Tensor:
        """``[batch, 1, samples / averaged]``."""
        return F.avg_pool1d(waveform.unsqueeze(1), self.averaged) if self.averaged > 1 else waveform.unsqueeze(1)


class SpectralDiscriminator(Discriminator):
    """Looks at the magnitudes of a spectrum (Jang et al. 2021, UnivNet, arXiv:2106.07889)."""

    window: Tensor

    def __init__(self, resolution: Resolution, channels: int) -> None:
        layers = [nn.Conv2d(1, channels, (3, 9), padding=(1, 4))]
        layers += [nn.Conv2d(channels, channels, (3, 9), (1, 2), padding=(1, 4)) for _ in range(SPECTRAL_LAYERS - 1)]
        layers += [nn.Conv2d(channels, channels, 3, padding=1)]
        super().__init__(layers, nn.Conv2d(channels, 1, 3, padding=1))
        self.resolution = resolution
        self.register_buffer("window", torch.hann_window(resolution.n_fft), persistent=False)

    def view(self, waveform: Tensor) -> Tensor:
        """``[batch, 1, frames, bins]``, the cube root of the magnitudes, which brings silence and speech to one
        scale."""
        with torch.autocast(waveform.device.type, enabled=False):
            n_fft, hop = self.resolution
            spectrum = torch.stft(waveform.float(), n_fft, hop, window=self.window, return_complex=True)
            power = spectrum.real.square() + spectrum.imag.square()
            return power.clamp_min(1e-8).pow(1 / 6).transpose(1, 2).unsqueeze(1)


class Discriminators(nn.Module):
    """Several discriminators of the same sound."""

    def __init__(self, parts: Sequence[Discriminator]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """The judgement of each discriminator on a waveform ``[batch, samples]``."""
        return [part(waveform) for part in self.parts]


def multi_period(channels: int = 32) -> list[Discriminator]:
    """Return one discriminator for each period."""
    return [PeriodDiscriminator(period, channels) for period in PERIODS]


def multi_scale(channels: int = 128) -> list[Discriminator]:
    """Return one discriminator for the samples, one for means of two samples, and one for means of four."""
    return [ScaleDiscriminator(averaged, channels) for averaged in (1, 2, 4)]


def multi_resolution(resolutions: Sequence[Resolution], channels: int = 32) -> list[Discriminator]:
    """Return one discriminator for each resolution."""
    return [SpectralDiscriminator(resolution, channels) for resolution in resolutions]
