"""What an analysis of sound returns, and the protocol that every analysis follows."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class ClipFeatures(NamedTuple):
    """The features of a clip, frame by frame. Frame ``i`` is centred on the sample ``(i + 0.5) * hop_length``."""

    mel: Tensor
    """Amplitudes in mel bands, ``[frames, n_mels]`` float32, in nepers."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[frames]`` float32, 0 where unvoiced."""
    aperiodicity: Tensor
    """Amplitude of the noise in a voiced frame as a share of the whole, ``[frames, bands]`` float32, in nepers, at most
    0; no bands where the kind of frames has none."""


class Analysis(Protocol):
    """Computes the features of clips. Several threads may use it at a time."""

    version: int
    """Must be raised when the same sound gets other features, so that features on a volume are computed again."""
    aperiodicity_bands: int
    """Number of aperiodicity's bands."""
    pitched: bool
    """Whether the frames that a vocoder makes sound of hold aperiodicity, pitch and voicing beside the mel bands."""
    on_host: bool
    """Whether it computes on the CPU, where threads share the clips, and not on the device that trains."""

    def to(self, device: torch.device) -> Analysis:
        """The analysis on another device; itself where it computes on the host."""

    def features(self, waveform: Tensor) -> ClipFeatures:
        """Return the features of the samples ``[samples]`` float32: ``samples // hop_length`` frames."""

    def frames(self, clip: ClipFeatures) -> Tensor:
        """Return the frames ``[frames, channels]`` float32 from which a vocoder copies a clip."""
