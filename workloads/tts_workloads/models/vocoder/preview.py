"""Makes frames audible while no vocoder is trained: one vocoder without weights for each kind of frames."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from tts_api.architectures import FrameKind, GriffinLimParameters, WorldParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.models.vocoder.griffinlim import GriffinLim
from tts_workloads.models.vocoder.world import PulseTrack, World


def of_mel(frames: Tensor, audio: AudioFeatures) -> Tensor:
    """The sound ``[samples]`` float32 of log-mel frames ``[n_mels, frames]``."""
    sound: Tensor = GriffinLim(GriffinLimParameters(), audio)(frames[None])[0]
    return sound


def of_world(frames: Tensor, audio: AudioFeatures) -> Tensor:
    """The sound ``[samples]`` float32 of WORLD's frames ``[channels, frames]``."""
    sound: Tensor = World(WorldParameters(), audio)(PulseTrack(audio)(frames[None]))[0]
    return sound


PREVIEWS: dict[FrameKind, Callable[[Tensor, AudioFeatures], Tensor]] = {"mel": of_mel, "world": of_world}
"""The vocoder of each kind of frames, as a function of frames ``[channels, frames]`` on the CPU."""
