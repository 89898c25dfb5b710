"""Parameters of ``world``: a source-filter vocoder without weights (Morise et al. 2016, WORLD). The acoustic model
predicts what it needs: a spectral envelope, aperiodicity and pitch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tts_api.architectures.base import Architecture, Parameters


class WorldParameters(Parameters):
    """How the predicted envelope becomes sound."""

    sharpness: Annotated[float, Field(ge=0, le=2)] = 0.8
    """How much the contrast between the bands of the envelope is raised. Acoustic models predict means, which makes
    formants flat; 0 leaves the envelope as it is predicted."""


WORLD = Architecture("world", WorldParameters, trained=False, frames="world")
