"""Parameters of ``fastspeech2``: a non-autoregressive acoustic model with a learned alignment (Ren et al. 2020,
arXiv:2006.04558; alignment after Badlani et al. 2021, arXiv:2108.10447).

The defaults make a small model for minutes of speech. From ``HOURS_FOR_PUBLISHED_SIZE`` on, a GPU trains the published
size where a manifest is silent.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from tts_api.architectures.base import OF_TRAINING, Architecture, Parameters, Surroundings


class FastSpeech2Parameters(Parameters):
    """Sizes of the acoustic model."""

    hidden_size: Annotated[int, Field(ge=32, le=1024)] = 160
    """Channels of the phoneme encoder and the frame decoder."""
    encoder_layers: Annotated[int, Field(ge=1, le=16)] = 4
    """Blocks of the phoneme encoder."""
    decoder_layers: Annotated[int, Field(ge=1, le=16)] = 6
    """Blocks of the frame decoder."""
    attention_heads: Annotated[int, Field(ge=0, le=16)] = 0
    """Heads of the self-attention in each block. 0 means no attention, which trains fastest on little data."""
    filter_size: Annotated[int, Field(ge=0, le=4096)] = 0
    """Channels between a block's two convolutions; 0 means twice hiddenSize."""
    kernel_size: Annotated[int, Field(ge=1, le=25)] = 5
    """Symbols or frames that a block's convolution spans; an odd number."""
    dropout: Annotated[float, Field(ge=0, le=0.9), OF_TRAINING] = 0.1
    """Probability that an activation is dropped in training."""

    @field_validator("attention_heads")
    @classmethod
    def _heads_share_the_channels(cls, heads: int, info: ValidationInfo) -> int:
        if heads and info.data.get("hidden_size", 0) % heads:
            raise ValueError(f"hiddenSize ({info.data['hidden_size']}) must be a multiple of attentionHeads")
        return heads

    @field_validator("kernel_size")
    @classmethod
    def _kernel_has_a_middle(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("kernelSize must be odd")
        return kernel


PUBLISHED_SIZE: dict[str, float] = {
    "hiddenSize": 256,
    "encoderLayers": 4,
    "decoderLayers": 4,
    "attentionHeads": 2,
    "filterSize": 1024,
    "kernelSize": 9,
}
HOURS_FOR_PUBLISHED_SIZE = 5
"""Hours of speech from which the published size is chosen; it was published for the 24 hours of LJSpeech."""


def _suited(around: Surroundings) -> dict[str, float]:
    return PUBLISHED_SIZE if around.on_gpu and around.corpus_seconds >= 3600 * HOURS_FOR_PUBLISHED_SIZE else {}


FASTSPEECH2 = Architecture("fastspeech2", FastSpeech2Parameters, trained=True, suited=_suited)
