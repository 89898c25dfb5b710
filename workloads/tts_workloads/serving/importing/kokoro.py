"""Imports Kokoro: its ONNX model, its config.json with the symbols' numbers, and its voice packs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tts_api.reasons import Reason
from tts_api.resources.training import AudioFeatures
from tts_api.voice import (
    CONFIG_FILE,
    MODEL_FILE,
    PACKS_FILE,
    Capability,
    ImportedCard,
    Origin,
    VocoderCard,
)
from tts_workloads import text
from tts_workloads.exits import BadInput
from tts_workloads.serving.importing.archive import write_tried
from tts_workloads.serving.importing.durations import rounded_and_clipped, samples_of_a_frame, with_durations
from tts_workloads.serving.importing.sources import Source
from tts_workloads.serving.synthesis.imported import kokoro
from tts_workloads.serving.synthesis.imported.onnx_voice import parsed_config
from tts_workloads.serving.synthesis.imported.session import OnnxModel

CONFIG_KEY = "kokoro_config"
"""Under this name some exports have config.json in the model's metadata."""
LANGUAGE = "en-us"
"""The language whose front end writes Kokoro's symbols."""


def import_kokoro(
    output: Path,
    name: str,
    model: Source,
    config: Source | None,
    packs: Mapping[str, kokoro.Pack],
    sources: Sequence[Source],
    *,
    licence: str | None = None,
    about: str | None = None,
) -> ImportedCard:
    """Write the voice ``name`` into the file ``output``, have it speak, and return its card. The first of the packs
    speaks by default. ``config`` is None where the model has its own inside. ``sources`` are the files that the packs
    came from.

    Raises BadInput with the reason ModelMissing or UnsupportedVoice, and StorageFull.
    """
    loaded = OnnxModel(model.name, model.data)
    config = config or _inside(loaded)
    inputs_of = kokoro.input_names(loaded)
    numbers = kokoro.vocabulary(loaded, parsed_config(config.name, config.data))
    front_end = text.for_training(LANGUAGE)
    said = front_end.in_notation(front_end.encode(front_end.warm_up_text), "misaki")
    every = front_end.in_notation(range(1, len(front_end.symbols)), "misaki")
    if unknown := sorted({one for symbol in every for one in symbol} - set(numbers)):
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{config.name} has no numbers for {' '.join(unknown)}, with which Kokoro writes English: give the "
            "config.json of Kokoro-82M",
        )
    tokens = [numbers[one] for symbol in said for one in symbol]
    style = kokoro.row_of(next(iter(packs.values())), len(tokens))
    changed = with_durations(loaded, model.data, rounded_and_clipped)
    # The model pads the tokens at both ends.
    hop = samples_of_a_frame(OnnxModel(model.name, changed), inputs_of(tokens, style, 1.0), len(tokens) + 2)
    supports: list[Capability] = ["speaker_vector"]
    supports += ["durations"] if hop == kokoro.HOP_LENGTH else []
    supports += ["speed"] if inputs_of.takes_speed else []
    card = ImportedCard(
        name=name,
        languages=(LANGUAGE,),
        speakers=tuple(packs),
        audio=AudioFeatures(sample_rate=kokoro.SAMPLE_RATE, hop_length=kokoro.HOP_LENGTH, n_fft=2048),
        supports=tuple(supports),
        front_end=text.describe(front_end),
        vocoder=VocoderCard(),
        engine="kokoro",
        origin=Origin(files={one.name: one.sha256 for one in (model, config, *sources)}, licence=licence, about=about),
    )
    parts = {
        MODEL_FILE: changed if "durations" in supports else model.data,
        CONFIG_FILE: config.data,
        PACKS_FILE: kokoro.packed(packs),
    }
    write_tried(output, model.name, card, front_end.files(), parts, kokoro.KokoroVoice)
    return card


def _inside(model: OnnxModel) -> Source:
    """The config.json that some exports have inside. Raises BadInput with the reason ModelMissing."""
    if CONFIG_KEY not in model.metadata:
        raise BadInput(
            Reason.MODEL_MISSING,
            f"{model.name} has no config.json inside, and there is none and no tokenizer.json beside it: put it there, "
            "or give its path",
        )
    return Source(CONFIG_FILE, model.metadata[CONFIG_KEY].encode())
