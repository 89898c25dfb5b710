"""Parameters of ``vocos``: a vocoder that predicts magnitude and phase and inverts them by a Fourier transform
(Siuzdak 2023, arXiv:2306.00814)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import OF_TRAINING, Architecture, Parameters


class VocosParameters(Parameters):
    """Sizes of the vocoder."""

    hidden_size: Annotated[int, Field(ge=32, le=1024)] = 256
    """Channels of the backbone."""
    layers: Annotated[int, Field(ge=1, le=16)] = 6
    """Blocks of the backbone."""
    discriminator_channels: Annotated[int, Field(ge=0, le=128), OF_TRAINING] = 32
    """Channels of the discriminators that the vocoder is trained against; 0 trains it without discriminators."""
    pretraining_steps: Annotated[int, Field(ge=0, le=10_000_000), OF_TRAINING] = 0
    """Steps before the training against the discriminators begins."""


VOCOS = Architecture("vocos", VocosParameters, trained=True)
