"""``griffinlim``: a vocoder without weights (Griffin and Lim 1984, with the momentum of Perraudin et al. 2013)."""

import math

import torch
from torch import Tensor, nn

from tts_api.architectures import GriffinLimParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.spectral import LinearMagnitude, Overlap
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.untrained import UntrainedStage


class GriffinLim(nn.Module):
    """Searches for the phase that fits the magnitudes best. Every sample depends on every frame."""

    def __init__(self, parameters: GriffinLimParameters, audio: AudioFeatures) -> None:
        super().__init__()
        self.iterations, self.momentum = parameters.iterations, parameters.momentum
        self.magnitude = LinearMagnitude(audio.sample_rate, audio.n_fft, audio.n_mels)
        self.overlap = Overlap(audio.n_fft, audio.hop_length)

    def forward(self, mel: Tensor, phase: Tensor | None = None) -> Tensor:
        """Turn log-mel frames ``[batch, n_mels, frames]`` in nepers into a waveform ``[batch, frames * hop_length]``
        float32. The search starts at ``phase`` ``[batch, bins, frames]`` in radians; if absent, at
        ``initial_phase``."""
        magnitude = self.magnitude(mel.float())
        if phase is None:
            phase = self.initial_phase(magnitude)
        angles = torch.polar(torch.ones_like(magnitude), phase)
        previous = torch.zeros_like(angles)
        for _ in range(self.iterations):
            rebuilt = self.overlap(self.overlap.inverse(magnitude * angles))
            ahead = rebuilt + self.momentum * (rebuilt - previous)
            angles = ahead / ahead.abs().clamp_min(1e-9)
            previous = rebuilt
        return self.overlap.inverse(magnitude * angles).clamp(-1.0, 1.0)

    def initial_phase(self, magnitude: Tensor) -> Tensor:
        """Phases without an audible pattern, the same for every call: a quadratic sequence in both directions
        (Weyl)."""
        bins = torch.arange(magnitude.shape[1], device=magnitude.device, dtype=torch.float64)[:, None]
        frames = torch.arange(magnitude.shape[2], device=magnitude.device, dtype=torch.float64)[None, :]
        turns = torch.frac(bins * bins * 0.6180339887498949 + (frames + bins) * (frames + 1.0) * 0.4142135623730951)
        return (turns * (2.0 * math.pi)).to(magnitude.dtype).unsqueeze(0).expand_as(magnitude)


def griffinlim_stage(task: Task, acoustic: AcousticStage) -> UntrainedStage:
    """The stage of ``griffinlim``."""
    del acoustic
    parameters = GriffinLimParameters.model_validate(task.run.model.vocoder.parameters)
    return UntrainedStage(GriffinLim(parameters, task.run.dataset.audio), None)
