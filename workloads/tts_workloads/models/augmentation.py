"""Random changes of a training batch, on any device. All random numbers come from torch's global generators, which the
training loop seeds at every step, so that a resumed training draws the same."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tts_workloads.audio import NEPERS_PER_DECIBEL, SILENCE

MASKS = 2
"""Number of frequency bands, and of stretches of time, that are hidden in each example (SpecAugment, Park et al. 2019,
arXiv:1904.08779)."""


def draw_gains(count: int, decibels: float, device: torch.device) -> Tensor:
    """Random gains ``[count]`` float32 in nepers, from ``-decibels`` to ``decibels``."""
    return (2 * torch.rand(count, device=device) - 1) * (decibels * NEPERS_PER_DECIBEL)


def louder(mel: Tensor, nepers: Tensor) -> Tensor:
    """The log-mel frames of the sound with these gains in nepers. Silence stays silence. The shapes broadcast."""
    return torch.where(mel > SILENCE, (mel + nepers).clamp_min(SILENCE), mel)


def noisy(mel: Tensor, nepers: float) -> Tensor:
    """The log-mel frames with normal noise of this standard deviation in nepers. Silence stays silence."""
    return torch.where(mel > SILENCE, (mel + nepers * torch.randn_like(mel)).clamp_min(SILENCE), mel)


def stretched_frames(frames: Sequence[int], least: Sequence[int], share: float) -> list[int]:
    """The number of frames of each example of a batch after all were stretched by one random factor between ``1 -
    share`` and ``1 + share``; at least ``least``, which is one frame for each symbol."""
    factor = 1 + share * (2 * float(torch.rand(())) - 1)
    return [max(floor, round(count * factor)) for count, floor in zip(frames, least, strict=True)]


def stretched(values: Tensor, frames: Tensor, new_frames: Tensor, longest: int, *, blend: bool) -> Tensor:
    """Values ``[batch, frames, ...]`` at another tempo, ``[batch, longest, ...]``, with 0 after the end.

    ``frames`` and ``new_frames``, ``[batch]`` int64, are the numbers of frames that each example has and gets. With
    ``blend``, a place between two frames gets a mixture of both, else the nearer one. Pitch needs the latter, because
    it is 0 where unvoiced."""
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
    """Mel frames ``[batch, frames, n_mels]`` with ``MASKS`` bands and stretches of time replaced by the example's mean.
    At most ``share`` of the bands, and of an example's frames, are hidden."""
    batch, longest, bands = mel.shape
    mean = mel.sum((1, 2), keepdim=True) / (frames * bands)[:, None, None]
    hidden = torch.zeros(batch, longest, bands, dtype=torch.bool, device=mel.device)
    for _ in range(MASKS):
        hidden |= _stretch(torch.full_like(frames, bands), bands, share / MASKS)[:, None, :]
        hidden |= _stretch(frames, longest, share / MASKS)[:, :, None]
    return torch.where(hidden, mean, mel)


def _stretch(lengths: Tensor, longest: int, share: float) -> Tensor:
    """A random stretch within each of the ``lengths``, at most ``share`` of it long: ``[batch, longest]`` bool."""
    width = torch.rand(len(lengths), device=lengths.device) * share * lengths
    begin = torch.rand(len(lengths), device=lengths.device) * (lengths - width)
    place = torch.arange(longest, device=lengths.device)[None, :]
    return (place >= begin[:, None]) & (place + 1 <= (begin + width)[:, None])
