"""Parameters of ``ddsp``: a vocoder that filters pulses at the pitch and noise (Engel et al. 2020, arXiv:2001.04643;
Agrawal et al. 2024, arXiv:2401.10460)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import OF_TRAINING, Architecture, Parameters


class DdspParameters(Parameters):
    """Sizes of the vocoder."""

    hidden_size: Annotated[int, Field(ge=32, le=1024)] = 192
    """Channels of the backbone."""
    layers: Annotated[int, Field(ge=1, le=16)] = 5
    """Blocks of the backbone."""
    discriminator_channels: Annotated[int, Field(ge=0, le=128), OF_TRAINING] = 16
    """Channels of the discriminators that the vocoder is trained against; 0 trains it without discriminators. On a CPU
    the default is 0, because discriminators need more steps than a CPU does in hours."""
    pretraining_steps: Annotated[int, Field(ge=0, le=10_000_000), OF_TRAINING] = 2000
    """Steps before the training against the discriminators begins."""


DDSP = Architecture(
    "ddsp", DdspParameters, trained=True, suited=lambda around: {} if around.on_gpu else {"discriminatorChannels": 0}
)
