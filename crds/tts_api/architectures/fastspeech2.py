"""Parameters of ``fastspeech2``: a non-autoregressive acoustic model with a learned alignment (Ren et al. 2020,
arXiv:2006.04558; alignment after Badlani et al. 2021, arXiv:2108.10447)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import Architecture, Parameters


class FastSpeech2Parameters(Parameters):
    """Sizes of the acoustic model."""

    hidden_size: Annotated[int, Field(ge=32, le=1024)] = 160
    """Channels of the phoneme encoder and the mel decoder."""
    encoder_layers: Annotated[int, Field(ge=1, le=16)] = 4
    """Blocks of the phoneme encoder."""
    decoder_layers: Annotated[int, Field(ge=1, le=16)] = 6
    """Blocks of the mel decoder."""
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Probability with which an activation is dropped in training."""


FASTSPEECH2 = Architecture("fastspeech2", FastSpeech2Parameters, trained=True)
