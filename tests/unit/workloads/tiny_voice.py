"""A voice that was never trained and needs no model code: every symbol is a tone. Its file is as a training would leave
it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.unit.workloads.tiny_tones import HOP_LENGTH, Tones
from tts_api.resources.training import AudioFeatures, Model
from tts_api.voice import Provenance, VocoderCard, VoiceCard
from tts_workloads import text
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.training.finish.export import packed

SAMPLE_RATE = 16000


def card(speaks: text.FrontEnd, **changes: Any) -> VoiceCard:
    """A card for it."""
    whole = VoiceCard(
        name="tones",
        languages=("en-us",),
        speakers=("allison", "bert"),
        audio=AudioFeatures(sample_rate=SAMPLE_RATE, hop_length=HOP_LENGTH),
        model=Model(),
        supports=("speed", "durations"),
        front_end=text.describe(speaks),
        vocoder=VocoderCard(),  # its tones go on through a sentence
        provenance=Provenance(
            run_sha256="0" * 64,
            data_sha256="0" * 64,
            clips=1,
            seconds=1.0,
            steps=0,
            created_at="2026-01-01T00:00:00Z",
            torch=torch.__version__,
        ),
    )
    return whole.model_copy(update=changes)


def write(path: Path, module: nn.Module | None = None, **changes: Any) -> Path:
    """Write the voice, with members of its card replaced."""
    front_end = text.for_training("en-us")
    path.write_bytes(packed(module or Tones(), card(front_end, **changes), front_end.files()))
    return path


def synthesise(voice: LoadedVoice, sentence: Sentence) -> Samples:
    """Return the whole sound of one sentence, made in a batch of its own."""
    return voice.vocode(voice.predict_mel([sentence]), [None])[0]
