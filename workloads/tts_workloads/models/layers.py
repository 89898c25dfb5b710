"""Layers that several models share. Everything here is scripted into voices."""

import torch
from torch import Tensor, nn


class TimeConv(nn.Module):
    """Convolution over time of ``[batch, time, channels]``, centred, zero beyond the ends.

    As a 2-D convolution over one row with its channels last, which is faster on CPU and GPU than the 1-D one and needs
    no transposition."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (1, kernel), padding=(0, kernel // 2)).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x.transpose(1, 2).unsqueeze(2))
        return y.squeeze(2).transpose(1, 2)


class ConvBlock(nn.Module):
    """A residual block: LayerNorm, convolution to twice the channels, ReLU, and back. Padding must be zero and stays
    so."""

    def __init__(self, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.widen = TimeConv(channels, 2 * channels, kernel)
        self.narrow = TimeConv(2 * channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` is ``[batch, time, channels]``, ``mask`` ``[batch, time, 1]`` with 1 where there is something."""
        y: Tensor = self.narrow(torch.relu(self.widen(self.norm(x) * mask)))
        y = self.dropout(y)
        return (x + y) * mask


class ConvStack(nn.Module):
    """Blocks one after the other and a norm."""

    def __init__(self, channels: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([ConvBlock(channels, kernel, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, mask)
        normalised: Tensor = self.norm(x)
        return normalised * mask


def mask_of(lengths: Tensor, longest: int) -> Tensor:
    """``[batch, longest, 1]`` float32: 1 up to each length ``[batch]``."""
    return (torch.arange(longest, device=lengths.device)[None, :] < lengths[:, None]).float().unsqueeze(-1)


def expand(x: Tensor, durations: Tensor, frames: int) -> Tensor:
    """Each symbol's vector as often as it lasts: ``[batch, symbols, channels]`` and ``[batch, symbols]`` int64 to
    ``[batch, frames, channels]``; behind the last symbol stands the last symbol's vector."""
    ends = durations.cumsum(1)
    at = torch.arange(frames, device=x.device)[None, :].expand(x.shape[0], frames).contiguous()
    symbol = torch.searchsorted(ends, at, right=True).clamp(max=x.shape[1] - 1)
    return x.gather(1, symbol.unsqueeze(-1).expand(-1, -1, x.shape[2]))
