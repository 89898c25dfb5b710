"""Voices in the layout of Piper: a VITS model from the numbers of IPA symbols to sound, with or without a number for
the speaker. Its JSON has the numbers and how much the model varies.

Only voices whose symbols are espeak-ng's are spoken, and only in a language whose front end here can write those."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tts_workloads.serving.synthesis.imported.onnx_voice import NUMBERS, OnnxVoice, SpokenSymbols, edges_of, read_config
from tts_workloads.serving.synthesis.imported.session import OnnxModel
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.voice_file import ImportedVoiceFile

START, END, PADDING = "^", "$", "_"
LANGUAGES = {"en-us": "en-us", "en_us": "en-us"}
"""Languages of the front ends that write espeak-ng's symbols, by the name that a model's JSON gives them."""

SAMPLE_RATES = range(8000, 48001)


@dataclass(frozen=True)
class PiperConfig:
    """What the JSON of a model says."""

    sample_rate: int
    language: str
    """As espeak-ng names its voice."""
    numbers: Mapping[str, Sequence[int]]
    """The numbers of each symbol."""
    clusters: Sequence[str]
    """Symbols of several characters."""
    speakers: Mapping[str, int]
    """The number of each speaker by name; empty where there is one."""
    noise: float
    length: float
    """How slow the model speaks: 1 is as trained."""
    duration_noise: float


class PiperVoice(OnnxVoice):
    """A Piper voice."""

    notation: ClassVar[str] = "espeak"

    def _prepare(self, file: ImportedVoiceFile) -> None:
        self._config = config_of(self.model, read_config(file))
        check_inputs(self.model, self._config)
        self._speaker_numbers = [self._config.speakers.get(name, 0) for name in self.card.speakers]
        longest_first = sorted(self._config.clusters, key=len, reverse=True)
        self._symbol = re.compile("|".join([*map(re.escape, longest_first), "."]))

    def _speak(self, sentences: Sequence[Sentence], speeds: Sequence[float]) -> list[SpokenSymbols]:
        # Without durations nobody knows where a sentence ends that shares a batch with a longer one, and the model
        # takes one speed for a whole batch.
        together = self.tells_durations and len(set(speeds)) == 1
        pairs = list(zip(sentences, speeds, strict=True))
        batches = [pairs] if together else [[pair] for pair in pairs]
        return [spoken for batch in batches for spoken in self._batch([one for one, _ in batch], batch[0][1])]

    def _batch(self, sentences: Sequence[Sentence], speed: float) -> list[SpokenSymbols]:
        numbers = [[self._numbers(text) for text in self.written(one)] for one in sentences]
        edge = [self._config.numbers[name][0] for name in (START, PADDING, END)]
        rows = [[*edge[:2], *(number for symbol in one for number in symbol), edge[2]] for one in numbers]
        batch = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for place, row in zip(batch, rows, strict=True):
            place[: len(row)] = row
        inputs: dict[str, np.ndarray[Any, Any]] = {
            "input": batch,
            "input_lengths": np.array([len(row) for row in rows], np.int64),
            "scales": np.array(
                [self._config.noise, self._config.length / speed, self._config.duration_noise], np.float32
            ),
        }
        if "sid" in self.model.inputs:
            speakers = [self._speaker_numbers[one.mixture[0][0]] for one in sentences]
            inputs["sid"] = np.array(speakers, np.int64)
        made, durations = self.model.run(inputs)
        waveforms = made.reshape(len(rows), -1)
        if durations is None or not self.tells_durations:
            return [SpokenSymbols(waveforms[0], None)]
        hop, lasting = self.card.audio.hop_length, durations.reshape(len(rows), -1)
        return [
            SpokenSymbols(
                waveform[: round(float(frames.sum()) * hop)], edges_of(frames, 2, [len(symbol) for symbol in one], hop)
            )
            for waveform, frames, one in zip(waveforms, lasting, numbers, strict=True)
        ]

    def _numbers(self, written: str) -> list[int]:
        """The numbers of a symbol, each of them followed by padding."""
        padding = self._config.numbers[PADDING]
        return [
            number
            for one in self._symbol.findall(written)
            if one in self._config.numbers
            for number in (*self._config.numbers[one], *padding)
        ]


def config_of(model: OnnxModel, config: Mapping[str, Any]) -> PiperConfig:
    """Return what a model's JSON says. Raises BadInput where it is of another layout."""
    try:
        inference = config.get("inference", {})
        numbers = {str(name): [int(one) for one in found] for name, found in config["phoneme_id_map"].items()}
        found = PiperConfig(
            sample_rate=int(config["audio"]["sample_rate"]),
            language=str(config["espeak"]["voice"]),
            numbers=numbers,
            clusters=["".join(one) for one in config.get("vowel_clusters") or ()],
            speakers={str(name): int(number) for name, number in (config.get("speaker_id_map") or {}).items()},
            noise=float(inference.get("noise_scale", 0.667)),
            length=float(inference.get("length_scale", 1.0)),
            duration_noise=float(inference.get("noise_w", 0.8)),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise model.refusal(
            f"its JSON is not that of a Piper voice ({type(error).__name__}: {error}): give the .onnx.json that came "
            "with the model"
        ) from None
    symbols = str(config.get("phoneme_type", "espeak"))
    if symbols != "espeak":
        raise model.refusal(f"its phoneme_type is {symbols}, and only voices with espeak's symbols are spoken here")
    for name, wrong in _wrong_members(found):
        raise model.refusal(f"its JSON has {name} {wrong}: give the .onnx.json that came with the model")
    if found.language.lower() not in LANGUAGES:
        raise model.refusal(
            f"it speaks {found.language}, and there is no front end for that which writes espeak-ng's symbols; there "
            f"is one for {', '.join(sorted(set(LANGUAGES.values())))}: import a voice of that language"
        )
    return found


def _wrong_members(config: PiperConfig) -> Iterator[tuple[str, str]]:
    """Yield what no Piper voice has: the name in the JSON and what is wrong with it."""
    if config.sample_rate not in SAMPLE_RATES:
        yield "audio.sample_rate", f"{config.sample_rate}, and a voice has {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]}"
    for symbol in (START, END, PADDING):
        if not config.numbers.get(symbol):
            yield "phoneme_id_map", f"without a number for {symbol}"
    numbers = [number for found in config.numbers.values() for number in found]
    if wrong := [number for number in (*numbers, *config.speakers.values()) if number not in NUMBERS]:
        yield "phoneme_id_map or speaker_id_map", f"with the number {wrong[0]}"
    scales = (config.noise, config.length, config.duration_noise)
    if not all(math.isfinite(scale) and scale >= 0 for scale in scales) or not config.length:
        yield "inference", f"with the scales {', '.join(map(str, scales))}"


def check_inputs(model: OnnxModel, config: PiperConfig) -> None:
    """Refuse a model whose inputs are not those of a Piper voice. Raises BadInput."""
    wanted = {"input", "input_lengths", "scales"} | ({"sid"} if config.speakers else set())
    if set(model.inputs) - {"sid"} != wanted - {"sid"} or not wanted <= set(model.inputs):
        raise model.refusal(
            f"it has the inputs {', '.join(model.inputs) or 'none'}, and a Piper voice has "
            f"{', '.join(sorted(wanted))}: give a model in that layout"
        )
