"""Parameters of ``griffinlim``: phase reconstruction without weights (Griffin and Lim 1984; momentum after Perraudin
et al. 2013)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import Architecture, Parameters


class GriffinLimParameters(Parameters):
    """How the phase is refined."""

    iterations: Annotated[int, Field(ge=1, le=500)] = 60
    """Rounds of phase refinement for each utterance."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Weight of the previous round's estimate; 0 is the method of 1984 (without momentum)."""


GRIFFINLIM = Architecture("griffinlim", GriffinLimParameters, trained=False)
