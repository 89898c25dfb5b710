"""Pulses as the source of vocoders that filter one, and their phase."""

import math

import torch
from torch import Tensor


def turning(hertz: Tensor, sample_rate: int) -> Tensor:
    """The phase ``[batch, samples]`` in radians, from 0 to one turn, of a fundamental of ``hertz`` ``[batch,
    samples]``."""
    # In double precision and folded into one turn: after minutes of turns a float has no digits left for the phase.
    turns = torch.cumsum(hertz.double() / sample_rate, 1)
    return (turns - torch.floor(turns)).float() * (2.0 * math.pi)


def harmonics(phase: Tensor, hertz: Tensor, sample_rate: int) -> Tensor:
    """Pulses ``[batch, samples]`` of unit power with all harmonics of a fundamental, of this phase and frequency, below
    half the sample rate: the sum of their cosines in closed form (Dirichlet's kernel)."""
    count = 0.49 * sample_rate / hertz
    whole = torch.floor(count)
    half = torch.sin(phase / 2)
    near = half.abs() < 1e-3
    kernel = torch.sin((whole + 0.5) * phase) / (2.0 * torch.where(near, torch.ones_like(half), half)) - 0.5
    # The topmost harmonic fades in and out as the pitch moves, and does not click.
    faded = (count - whole) * torch.cos((whole + 1.0) * phase)
    pulses: Tensor = (torch.where(near, whole, kernel) + faded) * torch.sqrt(2.0 / count)
    return pulses
