"""The models that can be trained, by name in one registry each, and what makes a voice of two of them. Parameters and
bounds are in ``tts_api.architectures``; how a step is done is the affair of ``training``."""

from __future__ import annotations

from collections.abc import Callable

from tts_api.voice import Capability
from tts_workloads.models.acoustic.fastspeech2.recipe import AcousticStage
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.recipe import GriffinLimStage, VocoderStage, ddsp_stage, hifigan_stage, vocos_stage
from tts_workloads.models.voice import Voice

ACOUSTIC_MODELS: dict[str, Callable[[Task], AcousticStage]] = {"fastspeech2": AcousticStage}
VOCODERS: dict[str, Callable[[Task, AcousticStage], VocoderStage]] = {
    "vocos": vocos_stage,
    "hifigan": hifigan_stage,
    "ddsp": ddsp_stage,
    "griffinlim": GriffinLimStage,
}
SUPPORTS: tuple[Capability, ...] = (
    "speed",
    "pitch",
    "energy",
    "durations",
    "speaker_vector",
)
"""Inputs and outputs of the voice's interface that do something with these models."""

__all__ = ["ACOUSTIC_MODELS", "SUPPORTS", "VOCODERS", "AcousticStage", "Task", "VocoderStage", "Voice", "build_voice"]


def build_voice(acoustic: AcousticStage, vocoder: VocoderStage) -> Voice:
    """The module that becomes ``voice.pt``, from two finished stages."""
    model = acoustic.module()
    return Voice(model, vocoder.module(), model.speakers, acoustic.task.run.dataset.audio.hop_length)
