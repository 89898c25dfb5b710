"""What the rest of a training needs of a vocoder besides ``Stage``: the protocol ``VocoderStage``."""

from __future__ import annotations

from typing import Protocol

from tts_workloads.models.stage import Stage


class VocoderStage(Stage, Protocol):
    """The second stage of a training.

    ``exported`` turns log-mel frames ``[batch, n_mels, frames]`` in nepers into a waveform ``[batch, frames *
    hop_length]`` float32.
    """

    receptive_field_frames: int | None
    """Number of mel frames on each side of its own that a sample depends on; None where it depends on all frames."""
