"""The models that can be trained, in one registry for acoustic models and one for vocoders, and the voice that two of
them make. Their parameters and bounds are in ``tts_api.architectures``; the training loop is in ``training``.

To add a model, write its folder or file and add one line to a registry here and one in ``tts_api.architectures``.
"""

from __future__ import annotations

from collections.abc import Callable

from tts_api.voice import Capability
from tts_workloads.models.acoustic.fastspeech2.recipe import FastSpeech2Stage
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.ddsp import ddsp_stage
from tts_workloads.models.vocoder.griffinlim import griffinlim_stage
from tts_workloads.models.vocoder.hifigan import hifigan_stage
from tts_workloads.models.vocoder.stage import VocoderStage
from tts_workloads.models.vocoder.vocos import vocos_stage
from tts_workloads.models.vocoder.world import world_stage
from tts_workloads.models.voice import VoiceModule

ACOUSTIC_MODELS: dict[str, Callable[[Task], AcousticStage]] = {"fastspeech2": FastSpeech2Stage}
VOCODERS: dict[str, Callable[[Task, AcousticStage], VocoderStage]] = {
    "world": world_stage,
    "vocos": vocos_stage,
    "hifigan": hifigan_stage,
    "ddsp": ddsp_stage,
    "griffinlim": griffinlim_stage,
}

__all__ = [
    "ACOUSTIC_MODELS",
    "VOCODERS",
    "AcousticStage",
    "Task",
    "VocoderStage",
    "VoiceModule",
    "build_voice",
    "supports",
]


def build_voice(acoustic: AcousticStage, vocoder: VocoderStage) -> VoiceModule:
    """The module that becomes ``voice.pt``, made from two trained stages."""
    hop_length = acoustic.task.run.dataset.audio.hop_length
    return VoiceModule(acoustic.exported, vocoder.exported, acoustic.speakers, hop_length, vocoder.whole)


def supports(acoustic: AcousticStage, vocoder: VocoderStage) -> tuple[Capability, ...]:
    """The inputs and outputs of the voice's interface that have an effect with these two models."""
    return (*acoustic.supports, *(one for one in vocoder.supports if one not in acoustic.supports))
