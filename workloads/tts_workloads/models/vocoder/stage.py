"""What the rest of a training needs of a vocoder besides ``Stage``: the protocol ``VocoderStage``."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from tts_workloads.models.stage import Stage


class VocoderStage(Stage, Protocol):
    """The second stage of a training.

    ``exported`` turns frames ``[batch, channels, frames]`` into a waveform ``[batch, frames * hop_length]`` float32.
    Which kind of frames it needs says ``tts_api.architectures``."""

    receptive_field_frames: int | None
    """Number of frames on each side of its own that a sample depends on; None where it depends on all frames."""
    whole: nn.Module
    """Adds to the frames of a whole sentence what ``exported`` has to know of the frames before a part of it:
    ``[batch, channels, frames]`` to ``[batch, more channels, frames]``. Most vocoders need nothing."""
