"""Frames that are log-mel bands of a spectrum: for vocoders that learn to turn these into sound."""

from __future__ import annotations

import torch
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LogMel, pitch
from tts_workloads.data.analysis.base import ClipFeatures


class MelAnalysis:
    """The log-mel spectrogram of a clip, and its pitch for the prosody of symbols."""

    version = 1
    aperiodicity_bands = 0
    pitched = False
    on_host = False

    def __init__(self, audio: AudioFeatures) -> None:
        self._audio, self._log_mel = audio, LogMel(audio)

    def to(self, device: torch.device) -> MelAnalysis:
        """The analysis on another device."""
        self._log_mel.to(device)
        return self

    @torch.no_grad()
    def features(self, waveform: Tensor) -> ClipFeatures:
        """Return the features of a clip; see ``Analysis``."""
        hertz = pitch(waveform, self._audio.sample_rate, self._audio.hop_length)
        mel: Tensor = self._log_mel(waveform[None])[0].T
        log_pitch = torch.where(hertz > 0, hertz.clamp_min(1.0).log(), 0.0)
        return ClipFeatures(mel, log_pitch, mel.new_zeros(len(mel), 0))

    def frames(self, clip: ClipFeatures) -> Tensor:
        """Return the mel bands."""
        return clip.mel
