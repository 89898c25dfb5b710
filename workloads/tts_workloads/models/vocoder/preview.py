"""Makes frames audible while no vocoder is trained: one vocoder without weights for each kind of frames."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from tts_api.architectures import FrameKind, GriffinLimParameters, WorldParameters
from tts_api.run import TrainingRun
from tts_workloads.models.vocoder.griffinlim import GriffinLim
from tts_workloads.models.vocoder.world import PulseTrack, World


def of_mel(frames: Tensor, run: TrainingRun) -> Tensor:
    """The sound ``[samples]`` float32 of log-mel frames ``[n_mels, frames]``."""
    sound: Tensor = GriffinLim(GriffinLimParameters(), run.dataset.audio)(frames[None])[0]
    return sound


def of_world(frames: Tensor, run: TrainingRun) -> Tensor:
    """The sound ``[samples]`` float32 of WORLD's frames ``[channels, frames]``."""
    audio, parameters = run.dataset.audio, WorldParameters.model_validate(run.model.vocoder.parameters)
    sound: Tensor = World(parameters, audio)(PulseTrack(audio)(frames[None]))[0]
    return sound


PREVIEWS: dict[FrameKind, Callable[[Tensor, TrainingRun], Tensor]] = {"mel": of_mel, "world": of_world}
"""The vocoder of each kind of frames, as a function of frames ``[channels, frames]`` on the CPU."""
