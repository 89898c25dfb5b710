"""Layers that several models share. All of them are scripted into voices."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TimeConv(nn.Module):
    """A centred convolution over time of ``[batch, time, channels]``, with zeros beyond the ends.

    It is computed as a 2-D convolution over one row with the channels last, which is faster on CPU and GPU than a 1-D
    convolution and needs no transposition."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (1, kernel), padding=(0, kernel // 2)).to(
            memory_format=torch.channels_last  # type: ignore[call-overload]
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x.transpose(1, 2).unsqueeze(2))
        return y.squeeze(2).transpose(1, 2)


class BlockShape(NamedTuple):
    """The sizes of the blocks in a stack."""

    channels: int
    filter_channels: int
    """Number of channels between the two convolutions of a block."""
    kernel: int
    """Kernel of the first convolution; that of the second is 1."""
    heads: int
    """Number of heads of the self-attention before each block; 0 leaves attention out."""
    dropout: float


class ConvBlock(nn.Module):
    """A residual block: LayerNorm, a convolution to more channels, ReLU, and a convolution back. Padding must be zero
    and stays zero."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(shape.channels)
        self.widen = TimeConv(shape.channels, shape.filter_channels, shape.kernel)
        self.narrow = TimeConv(shape.filter_channels, shape.channels, 1)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` is ``[batch, time, channels]``; ``mask`` is ``[batch, time, 1]``, 0 in the padding and 1 elsewhere."""
        y: Tensor = self.narrow(torch.relu(self.widen(self.norm(x) * mask)))
        y = self.dropout(y)
        return (x + y) * mask


class AttentionBlock(nn.Module):
    """A residual block of self-attention (Vaswani et al. 2017, arXiv:1706.03762) with LayerNorm before it."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm = nn.LayerNorm(shape.channels)
        self.inward = nn.Linear(shape.channels, 3 * shape.channels)
        self.outward = nn.Linear(shape.channels, shape.channels)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """The arguments are those of ``ConvBlock.forward``."""
        batch, time, channels = x.shape
        parts = (
            self.inward(self.norm(x)).view(batch, time, 3, self.heads, channels // self.heads).permute(2, 0, 3, 1, 4)
        )
        heard = mask.view(batch, 1, 1, time) > 0
        y: Tensor = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], heard)
        y = self.dropout(self.outward(y.transpose(1, 2).reshape(batch, time, channels)))
        return (x + y) * mask


class ConvStack(nn.Module):
    """Blocks one after the other, and LayerNorm. If the blocks attend, the places are marked first."""

    def __init__(self, shape: BlockShape, layers: int) -> None:
        super().__init__()
        self.places = shape.heads > 0
        attending = [AttentionBlock] if shape.heads > 0 else []
        kinds: list[type[AttentionBlock | ConvBlock]] = [*attending, ConvBlock] * layers
        self.blocks = nn.ModuleList([kind(shape) for kind in kinds])
        self.norm = nn.LayerNorm(shape.channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.places:
            x = (x + places(x)) * mask
        for block in self.blocks:
            x = block(x, mask)
        normalised: Tensor = self.norm(x)
        return normalised * mask


def places(x: Tensor) -> Tensor:
    """Sines and cosines ``[time, channels]`` that mark the places in ``[batch, time, channels]`` (Vaswani et al.
    2017, section 3.5)."""
    at = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)[:, None]
    half = x.shape[2] // 2
    rates = torch.exp(torch.arange(half, device=x.device, dtype=torch.float32) * (-math.log(10000.0) / half))
    return F.pad(torch.cat([torch.sin(at * rates), torch.cos(at * rates)], -1), (0, x.shape[2] - 2 * half)).to(x.dtype)


def mask_of(lengths: Tensor, longest: int) -> Tensor:
    """``[batch, longest, 1]`` float32: 1 up to each length ``[batch]``."""
    return (torch.arange(longest, device=lengths.device)[None, :] < lengths[:, None]).float().unsqueeze(-1)


def expand(x: Tensor, durations: Tensor, frames: int) -> Tensor:
    """Repeat each symbol's vector for as many frames as the symbol lasts.

    ``x`` is ``[batch, symbols, channels]`` and ``durations`` ``[batch, symbols]`` int64. Returns ``[batch, frames,
    channels]``; frames after the last symbol have the vector of the last symbol."""
    ends = durations.cumsum(1)
    at = torch.arange(frames, device=x.device)[None, :].expand(x.shape[0], frames).contiguous()
    symbol = torch.searchsorted(ends, at, right=True).clamp(max=x.shape[1] - 1)
    return x.gather(1, symbol.unsqueeze(-1).expand(-1, -1, x.shape[2]))
