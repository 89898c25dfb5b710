"""Imports a Piper voice: its ONNX model and the JSON that came with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tts_api.resources.training import AudioFeatures
from tts_api.voice import CONFIG_FILE, MODEL_FILE, Capability, ImportedCard, Origin, VocoderCard
from tts_workloads import text
from tts_workloads.serving.importing.archive import write_tried
from tts_workloads.serving.importing.durations import ceiled, samples_of_a_frame, with_durations
from tts_workloads.serving.importing.sources import Source
from tts_workloads.serving.synthesis.imported import piper
from tts_workloads.serving.synthesis.imported.onnx_voice import parsed_config
from tts_workloads.serving.synthesis.imported.session import OnnxModel

HOP_LENGTH = 256
"""Samples in a frame where the model does not tell its durations, so that nothing is counted in frames."""
HOP_LENGTHS = range(64, 1025)
"""Samples in a frame that a card can tell. Durations in others are not used."""


def import_piper(
    output: Path,
    name: str,
    model: Source,
    config: Source,
    *,
    licence: str | None = None,
    about: str | None = None,
) -> ImportedCard:
    """Write the voice ``name`` into the file ``output``, have it speak, and return its card.

    Raises BadInput with the reason UnsupportedVoice, and StorageFull.
    """
    loaded = OnnxModel(model.name, model.data)
    parsed = parsed_config(config.name, config.data)
    known = piper.config_of(loaded, parsed)
    piper.check_inputs(loaded, known)
    language = piper.LANGUAGES[known.language.lower()]
    front_end = text.for_training(language)
    changed = with_durations(loaded, model.data, ceiled)
    inputs = _some_inputs(loaded, known)
    hop = samples_of_a_frame(OnnxModel(model.name, changed), inputs, inputs["input"].size)
    hop = hop if hop in HOP_LENGTHS else None
    supports: list[Capability] = ["speed", "durations"] if hop else ["speed"]
    card = ImportedCard(
        name=name,
        languages=(language,),
        speakers=tuple(sorted(known.speakers, key=known.speakers.__getitem__)) or (str(parsed.get("dataset") or name),),
        audio=AudioFeatures(sample_rate=known.sample_rate, hop_length=hop or HOP_LENGTH, n_fft=2048),
        supports=tuple(supports),
        front_end=text.describe(front_end),
        vocoder=VocoderCard(),
        engine="piper",
        origin=Origin(files={one.name: one.sha256 for one in (model, config)}, licence=licence, about=about),
    )
    parts = {MODEL_FILE: changed if hop else model.data, CONFIG_FILE: config.data}
    write_tried(output, model.name, card, front_end.files(), parts, piper.PiperVoice)
    return card


def _some_inputs(model: OnnxModel, config: piper.PiperConfig) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs that say the first vowels of the alphabet, to hear how long a frame is."""
    numbers = [config.numbers[name][0] for name in (piper.START, *"aeiou", piper.END) if config.numbers.get(name)]
    inputs: dict[str, np.ndarray[Any, Any]] = {
        "input": np.array([numbers], np.int64),
        "input_lengths": np.array([len(numbers)], np.int64),
        "scales": np.array([config.noise, config.length, config.duration_noise], np.float32),
    }
    return inputs | ({"sid": np.zeros(1, np.int64)} if "sid" in model.inputs else {})
