"""The acoustic models and vocoders that can be chosen: one module each, with its parameters, bounds and defaults.

The two registries below are the only lists of their names: documents, CRDs and the API reference follow from them.
The models themselves are in ``tts_workloads.models``; a test keeps both sides equal.
"""

from tts_api.architectures.base import Architecture, FrameKind, Parameters, Surroundings
from tts_api.architectures.ddsp import DDSP, DdspParameters
from tts_api.architectures.fastspeech2 import FASTSPEECH2, FastSpeech2Parameters
from tts_api.architectures.griffinlim import GRIFFINLIM, GriffinLimParameters
from tts_api.architectures.hifigan import HIFIGAN, HifiganParameters
from tts_api.architectures.vocos import VOCOS, VocosParameters
from tts_api.architectures.world import WORLD, WorldParameters

ACOUSTIC_MODELS: dict[str, Architecture] = {a.name: a for a in (FASTSPEECH2,)}
VOCODERS: dict[str, Architecture] = {a.name: a for a in (WORLD, VOCOS, HIFIGAN, DDSP, GRIFFINLIM)}

__all__ = [
    "ACOUSTIC_MODELS",
    "FASTSPEECH2",
    "VOCODERS",
    "VOCOS",
    "WORLD",
    "Architecture",
    "DdspParameters",
    "FastSpeech2Parameters",
    "FrameKind",
    "GriffinLimParameters",
    "HifiganParameters",
    "Parameters",
    "Surroundings",
    "VocosParameters",
    "WorldParameters",
]
