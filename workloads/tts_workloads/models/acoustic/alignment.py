"""An alignment of symbols and frames that is learned with an acoustic model (Badlani et al. 2021, "One TTS alignment
to rule them all", arXiv:2108.10447). It is never exported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tts_workloads.models.layers import TimeConv

KEY_CHANNELS = 64
DISTANCE_SCALE = 0.005
"""Weight of the squared distance between a frame's query and a symbol's key."""
BLANK_LOG_PROBABILITY = -1.0
"""Score of the blank that the CTC loss asks for, before normalisation (section 2.2.1)."""
IMPOSSIBLE = -1e4
"""Score of a symbol that is padding: finite, so that no gradient becomes NaN."""


class Aligner(nn.Module):
    """Scores how well each frame and each symbol belong together."""

    def __init__(self, channels: int, n_mels: int) -> None:
        super().__init__()
        self.key = nn.Sequential(
            TimeConv(channels, 2 * channels, 3), nn.ReLU(), TimeConv(2 * channels, KEY_CHANNELS, 1)
        )
        self.query = nn.Sequential(
            TimeConv(n_mels, 2 * n_mels, 3),
            nn.ReLU(),
            TimeConv(2 * n_mels, n_mels, 1),
            nn.ReLU(),
            TimeConv(n_mels, KEY_CHANNELS, 1),
        )

    def forward(self, symbols: Tensor, symbol_lengths: Tensor, mel: Tensor, mel_lengths: Tensor) -> Tensor:
        """Log-scores ``[batch, frames, symbols]`` float32, with the prior, of embedded symbols ``[batch, symbols,
        channels]`` and mel frames ``[batch, frames, n_mels]``; both lengths are ``[batch]`` int64."""
        key, query = self.key(symbols), self.query(mel)
        with torch.autocast(mel.device.type, enabled=False):
            key, query = key.float(), query.float()
            distance = query.square().sum(-1)[:, :, None] + key.square().sum(-1)[:, None] - 2 * query @ key.mT
            scores = F.log_softmax(_masked(-DISTANCE_SCALE * distance, symbol_lengths), -1)
            return _masked(scores + prior(mel_lengths, symbol_lengths, mel.shape[1], symbols.shape[1]), symbol_lengths)


def _masked(scores: Tensor, symbol_lengths: Tensor) -> Tensor:
    beyond = torch.arange(scores.shape[-1], device=scores.device)[None] >= symbol_lengths[:, None]
    return scores.masked_fill(beyond[:, None], IMPOSSIBLE)


def prior(mel_lengths: Tensor, symbol_lengths: Tensor, frames: int, symbols: int) -> Tensor:
    """Log of the beta-binomial prior ``[batch, frames, symbols]`` (section 2.3, with scaling 1), in closed form.

    All arguments of the gamma function are whole numbers, so that one table of log-factorials has its logarithms.
    """
    device = mel_lengths.device
    table = torch.arange(frames + symbols + 2, device=device, dtype=torch.float64).clamp_min(1).log().cumsum(0)
    m, n = mel_lengths[:, None, None], (symbol_lengths - 1)[:, None, None]
    # Padding gets the values of the last frame and symbol; any finite values would do.
    a = torch.minimum(torch.arange(1, frames + 1, device=device)[None, :, None], m)
    k = torch.minimum(torch.arange(symbols, device=device)[None, None], n)
    b = m + 1 - a

    def log_beta(x: Tensor, y: Tensor) -> Tensor:
        return table[x - 1] + table[y - 1] - table[x + y - 1]

    choose = table[n] - table[k] - table[n - k]
    return (choose + log_beta(k + a, n - k + b) - log_beta(a, b)).float()


def forward_sum_loss(scores: Tensor, mel_lengths: Sequence[int], symbol_lengths: Sequence[int]) -> Tensor:
    """Negative log-likelihood, per symbol, of all monotonic alignments together, by the CTC loss over symbols 1, 2, ...
    (section 2.2.1). The lengths are numbers on the host, so that nothing waits for the device."""
    with_blank = F.log_softmax(F.pad(scores, (1, 0), value=BLANK_LOG_PROBABILITY), -1)
    targets = torch.arange(1, scores.shape[-1] + 1, device=scores.device).expand(len(scores), -1)
    return F.ctc_loss(
        with_blank.transpose(0, 1),
        targets,
        torch.tensor(mel_lengths),
        torch.tensor(symbol_lengths),
        blank=0,
        reduction="mean",
        zero_infinity=True,
    )


def binarisation_loss(scores: Tensor, durations: Tensor, mel_lengths: Tensor) -> Tensor:
    """The distance of the soft alignment from the hard one: the mean negative log-probability of each frame's
    symbol."""
    log_soft = F.log_softmax(scores, -1)
    at = torch.arange(scores.shape[1], device=scores.device)[None].expand(len(scores), -1).contiguous()
    symbol = torch.searchsorted(durations.cumsum(1), at, right=True).clamp(max=scores.shape[2] - 1)
    chosen = log_soft.gather(2, symbol.unsqueeze(-1)).squeeze(-1)
    inside = at < mel_lengths[:, None]
    return -(chosen * inside).sum() / inside.sum()


def durations_of(scores: Tensor, mel_lengths: Tensor, symbol_lengths: Tensor) -> Tensor:
    """Frames of each symbol ``[batch, symbols]`` int64 on the likeliest monotonic path, at least one each (section
    2.2.2)."""
    log_soft = F.log_softmax(scores.detach(), -1)
    if scores.is_cuda:
        return best_path_on_device(log_soft, mel_lengths, symbol_lengths)
    return torch.from_numpy(best_path(log_soft.numpy(), mel_lengths.numpy(), symbol_lengths.numpy()))


def best_path(
    scores: NDArray[np.float32], mel_lengths: NDArray[np.int64], symbol_lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The Viterbi path through ``[batch, frames, symbols]`` that starts at the first symbol, ends at the last, and
    never skips one, as durations ``[batch, symbols]``."""
    batch, frames, symbols = scores.shape
    unreachable = np.float32(-1e30)
    best = np.full((batch, symbols + 1), unreachable, dtype=np.float32)
    best[:, 1] = scores[:, 0, 0]
    stayed = np.zeros((frames, batch, symbols), dtype=bool)
    for frame in range(1, frames):
        # A frame after the end of an utterance changes nothing that the way back uses.
        stayed[frame] = best[:, 1:] >= best[:, :-1]
        best[:, 1:] = np.maximum(best[:, 1:], best[:, :-1]) + scores[:, frame]
    durations = np.zeros((batch, symbols), dtype=np.int64)
    rows = np.arange(batch)
    at = symbol_lengths - 1
    for frame in range(frames - 1, -1, -1):
        inside = frame < mel_lengths
        durations[rows, at] += inside
        # A symbol with the number of the frame must be entered at that frame, because no earlier frame is left.
        at = at - (inside & (at > 0) & ~stayed[frame, rows, at])
    return durations


def best_path_on_device(scores: Tensor, mel_lengths: Tensor, symbol_lengths: Tensor) -> Tensor:
    """The path that ``best_path`` finds, for tensors on any device. No number is copied to the host; each frame takes a
    few small kernels."""
    batch, frames, symbols = scores.shape
    unreachable = -1e30
    row = scores.new_full((batch, symbols + 1), unreachable)
    row[:, 1] = scores[:, 0, 0]
    rows = []
    for frame in range(1, frames):
        rows.append(row)
        row = F.pad(torch.maximum(row[:, 1:], row[:, :-1]) + scores[:, frame], (1, 0), value=unreachable)
    inside = torch.arange(frames, device=scores.device)[:, None] < mel_lengths[None]
    at = symbol_lengths - 1
    path = [at]
    if rows:
        before = torch.stack(rows)
        # 1 where a symbol is entered at a frame, else 0; the first symbol is there from the beginning.
        entered = ((before[:, :, 1:] < before[:, :, :-1]) & inside[1:, :, None]).long()
        entered[:, :, 0] = 0
        for frame in range(frames - 2, -1, -1):
            at = at - entered[frame].gather(1, at[:, None]).squeeze(1)
            path.append(at)
    durations = torch.zeros(batch, symbols, dtype=torch.int64, device=scores.device)
    return durations.scatter_add_(1, torch.stack(path[::-1], 1), inside.T.long())
