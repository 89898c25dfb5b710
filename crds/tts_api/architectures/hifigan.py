"""Parameters of ``hifigan``: a vocoder of transposed convolutions trained against discriminators (Kong, Kim and Bae
2020, arXiv:2010.05646)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import OF_TRAINING, Architecture, Parameters


class HifiganParameters(Parameters):
    """The published size, and the size of the discriminators."""

    version: Annotated[int, Field(ge=1, le=3)] = 1
    """Published size: 1 sounds best (13.9 million weights), 2 is the smallest (0.9 million), 3 the fastest (1.5
    million)."""
    discriminator_channels: Annotated[int, Field(ge=1, le=128), OF_TRAINING] = 32
    """Channels of the discriminators that the vocoder is trained against."""


HIFIGAN = Architecture("hifigan", HifiganParameters, trained=True)
