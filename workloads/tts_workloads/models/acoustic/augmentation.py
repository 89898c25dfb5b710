"""Random changes of a batch that is trained on, on whichever device it is. Everything is drawn from torch's global
generators, which the training loop seeds for every step, so that it is the same after a resume."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from tts_workloads.audio import SILENCE

NEPERS_PER_DECIBEL = math.log(10) / 20
MASKS = 2
"""Bands of frequencies, and stretches of time, that are hidden in each example (SpecAugment, Park et al. 2019,
arXiv:1904.08779)."""


def draw_gains(count: int, decibels: float, device: torch.device) -> Tensor:
    """Gains ``[count]`` float32 in nepers, between louder and softer by ``decibels``."""
    return (2 * torch.rand(count, device=device) - 1) * (decibels * NEPERS_PER_DECIBEL)


def louder(mel: Tensor, nepers: Tensor) -> Tensor:
    """Log-mel frames as they would be of the sound with this gain; silence stays silence. Shapes broadcast."""
    return torch.where(mel > SILENCE, (mel + nepers).clamp_min(SILENCE), mel)


def noisy(mel: Tensor, nepers: float) -> Tensor:
    """Log-mel frames with noise of this standard deviation; silence stays silence."""
    return torch.where(mel > SILENCE, (mel + nepers * torch.randn_like(mel)).clamp_min(SILENCE), mel)


def stretched_frames(frames: Sequence[int], least: Sequence[int], share: float) -> list[int]:
    """How many frames each example of a batch has when all are stretched or shortened by one factor that is drawn
    between ``1 - share`` and ``1 + share``; at least ``least``, which is one for each of its symbols."""
    factor = 1 + share * (2 * float(torch.rand(())) - 1)
    return [max(floor, round(count * factor)) for count, floor in zip(frames, least, strict=True)]


def stretched(values: Tensor, frames: Tensor, new_frames: Tensor, longest: int, *, blend: bool) -> Tensor:
    """``[batch, frames, ...]`` read at another tempo, ``[batch, longest, ...]``; 0 behind the end.

    ``frames`` and ``new_frames`` ``[batch]`` int64 are how many each example has and gets. Between two frames there is
    a mixture of both with ``blend``, else the nearer one, as pitch needs it, which is 0 where there is none.
    """
    new = torch.arange(longest, device=values.device)[None, :]
    place = (new + 0.5) * (frames / new_frames)[:, None] - 0.5
    place = place.clamp_min(0).minimum((frames - 1)[:, None].to(place.dtype))
    below = (place if blend else place.round()).floor().long()
    beside = (below + 1).minimum((frames - 1)[:, None])
    share = (place - below)[(...,) + (None,) * (values.dim() - 2)] if blend else 0.0
    row = torch.arange(len(values), device=values.device)[:, None]
    read = values[row, below] * (1 - share) + values[row, beside] * share
    inside = (new < new_frames[:, None])[(...,) + (None,) * (values.dim() - 2)]
    return torch.where(inside, read, torch.zeros_like(read))


def masked(mel: Tensor, frames: Tensor, share: float) -> Tensor:
    """``[batch, frames, n_mels]`` with ``MASKS`` bands and stretches hidden, together at most ``share`` of the bands
    and of an example's frames; what is hidden is the example's mean."""
    batch, longest, bands = mel.shape
    mean = mel.sum((1, 2), keepdim=True) / (frames * bands)[:, None, None]
    hidden = torch.zeros(batch, longest, bands, dtype=torch.bool, device=mel.device)
    for _ in range(MASKS):
        hidden |= _stretch(torch.full_like(frames, bands), bands, share / MASKS)[:, None, :]
        hidden |= _stretch(frames, longest, share / MASKS)[:, :, None]
    return torch.where(hidden, mean, mel)


def _stretch(lengths: Tensor, longest: int, share: float) -> Tensor:
    """A stretch of each length somewhere within it, at most ``share`` of it: ``[batch, longest]`` bool."""
    width = torch.rand(len(lengths), device=lengths.device) * share * lengths
    begin = torch.rand(len(lengths), device=lengths.device) * (lengths - width)
    place = torch.arange(longest, device=lengths.device)[None, :]
    return (place >= begin[:, None]) & (place + 1 <= (begin + width)[:, None])
