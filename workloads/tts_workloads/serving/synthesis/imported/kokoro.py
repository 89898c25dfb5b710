"""Voices in the layout of Kokoro-82M: a model that speaks one sentence at a time in the style of a voice pack, which is
a table of vectors with a row for each length of a sentence. The mean of two packs is a third speaker."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from tts_workloads.exits import summary
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.imported.onnx_voice import NUMBERS, OnnxVoice, SpokenSymbols, edges_of, read_config
from tts_workloads.serving.synthesis.imported.session import OnnxModel
from tts_workloads.serving.synthesis.sentence import Mixture, Sentence
from tts_workloads.voice_file import ImportedVoiceFile

SAMPLE_RATE = 24_000
HOP_LENGTH = 600
"""Samples in a frame of the model's durations."""
MOST_TOKENS = 510
"""Longest input of the model without the padding at both ends. A longer sentence is spoken in parts."""
STYLE_CHANNELS = 256
PADDING = 0
MOST_PACKS_BYTES = 1024 * 1024 * 1024
"""Most bytes of voice packs together. A pack has half a megabyte."""

SILENCE = 0.01
"""Amplitude below which the ends of a sentence are silent."""
SILENCE_BEFORE_SECONDS, SILENCE_AFTER_SECONDS = 0.05, 0.2
"""Silence that is kept around a sentence: a quarter of a second between two. The model makes a second."""

Vocabulary = Mapping[str, int]
Pack = np.ndarray[Any, Any]


class KokoroVoice(OnnxVoice):
    """A Kokoro model with its voice packs."""

    notation: ClassVar[str] = "misaki"

    def _prepare(self, file: ImportedVoiceFile) -> None:
        self._inputs = input_names(self.model)
        self._vocabulary = vocabulary(self.model, read_config(file))
        self._packs = read_packs(self.model, file.packs or b"", self.card.speakers)

    def _speak(self, sentences: Sequence[Sentence], speeds: Sequence[float]) -> list[SpokenSymbols]:
        return [self._spoken(one, speed) for one, speed in zip(sentences, speeds, strict=True)]

    def _spoken(self, sentence: Sentence, speed: float) -> SpokenSymbols:
        tokens = [[self._vocabulary[one] for one in text if one in self._vocabulary] for text in self.written(sentence)]
        spoken = [self._part(part, sentence.mixture, speed) for part in parts(tokens, self._vocabulary.get(" "))]
        return joined(spoken)

    def _part(self, tokens: Sequence[Sequence[int]], speakers: Mixture, speed: float) -> SpokenSymbols:
        flat = [token for symbol in tokens for token in symbol]
        style = sum(weight * row_of(self._packs[speaker], len(flat)) for speaker, weight in speakers)
        made, durations = self.model.run(self._inputs(flat, np.asarray(style), speed))
        samples = made.reshape(-1)
        first, last = heard(samples)
        if durations is None or not self.tells_durations:
            return SpokenSymbols(samples[first:last], None)
        edges = edges_of(durations, 1, [len(symbol) for symbol in tokens], self.card.audio.hop_length)
        first = min(first, int(edges[0]))  # a soft consonant is no silence
        return SpokenSymbols(samples[first:last], np.clip(np.asarray(edges) - first, 0, last - first).tolist())


class KokoroInputs:
    """Makes the inputs of a model: different exports name them differently, and some take only whole speeds."""

    def __init__(self, tokens: str, *, takes_speed: bool) -> None:
        self._tokens = tokens
        self.takes_speed = takes_speed

    def __call__(self, tokens: Sequence[int], style: Pack, speed: float) -> dict[str, np.ndarray[Any, Any]]:
        """Return the inputs by name. ``style`` is one row of a pack."""
        return {
            self._tokens: np.array([[PADDING, *tokens, PADDING]], np.int64),
            "style": style.reshape(1, STYLE_CHANNELS),
            "speed": np.array([speed]),
        }


def input_names(model: OnnxModel) -> KokoroInputs:
    """Return what makes the model's inputs. Raises BadInput where the model is of another layout."""
    tokens = next((name for name in ("tokens", "input_ids") if name in model.inputs), None)
    if tokens is None or set(model.inputs) != {tokens, "style", "speed"}:
        raise model.refusal(
            f"it has the inputs {', '.join(model.inputs) or 'none'}, and a model of Kokoro has tokens (or input_ids), "
            "style and speed: give a model in that layout"
        )
    return KokoroInputs(tokens, takes_speed="int" not in model.inputs["speed"])


def vocabulary(model: OnnxModel, config: Mapping[str, Any]) -> Vocabulary:
    """Return the numbers of the model's symbols, from ``vocab`` in its config.json, or from ``model.vocab`` as in a
    tokenizer.json. Raises BadInput where there are none."""
    inner = config.get("model")
    found = config.get("vocab") or (inner.get("vocab") if isinstance(inner, dict) else None)
    if not isinstance(found, dict) or not all(isinstance(one, int) and one in NUMBERS for one in found.values()):
        raise model.refusal("its JSON has no vocab, the numbers of its symbols: give the config.json of Kokoro")
    return found


def read_packs(model: OnnxModel, packs: bytes, speakers: Sequence[str]) -> list[Pack]:
    """Return the packs of these speakers, ``[lengths, 256]`` float32 each. Raises BadInput where one is missing."""
    try:
        found = unpacked(packs)
    except ValueError as error:
        raise model.refusal(f"it has no voice packs that can be read ({error}): import it with its voices") from None
    for name in speakers:
        if name not in found:
            raise model.refusal(f"it lacks the voice pack of {name}: import it again with its voices")
    return [found[name] for name in speakers]


def unpacked(packs: bytes) -> dict[str, Pack]:
    """Return the voice packs of an archive of NumPy by name, ``[lengths, 256]`` float32 each. Raises ValueError with
    what is wrong with it."""
    try:
        archive = np.load(io.BytesIO(packs), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is one array")
        with archive:
            size = sum(one.file_size for one in archive.zip.infolist()) if archive.zip is not None else 0
            if size > MOST_PACKS_BYTES:
                raise ValueError(f"it has {size} bytes, and at most {MOST_PACKS_BYTES} are read")
            return {name: rows(archive[name]) for name in archive.files}
    except Exception as error:  # noqa: BLE001 - NumPy fails in many ways on a file that is no archive
        raise ValueError(summary(error)) from None


def rows(values: Any) -> Pack:
    """Return the rows ``[lengths, 256]`` float32 of a pack. Raises ValueError where it is none."""
    pack = np.asarray(values, np.float32)
    if pack.size == 0 or pack.size % STYLE_CHANNELS:
        raise ValueError(f"its shape is {pack.shape}, and a pack has {STYLE_CHANNELS} numbers for each length")
    return pack.reshape(-1, STYLE_CHANNELS)


def packed(packs: Mapping[str, Pack]) -> bytes:
    """Return the archive of NumPy that ``unpacked`` reads. The same packs give the same bytes."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:  # numpy.savez takes no pack of the name "file"
        for name, pack in packs.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as file:
                np.lib.format.write_array(file, pack, allow_pickle=False)
    return whole.getvalue()


def row_of(pack: Pack, tokens: int) -> Pack:
    """Return the row of a pack for a sentence of so many tokens."""
    row: Pack = pack[min(max(tokens, 1), len(pack)) - 1]
    return row


def parts(tokens: Sequence[Sequence[int]], space: int | None, most: int = MOST_TOKENS) -> list[list[Sequence[int]]]:
    """Cut the tokens of a sentence's symbols into parts that the model can speak, between words where that is
    possible. ``space`` is the token between two words."""
    cut: list[list[Sequence[int]]] = [[]]
    length = 0
    for symbol in tokens:
        while length + len(symbol) > most and cut[-1]:  # the rest of a part after its last space may be too long too
            part = cut[-1]
            at = next((place for place in range(len(part), 0, -1) if part[place - 1][-1:] == [space]), len(part))
            cut[-1:] = [part[:at], part[at:]]
            length = sum(map(len, cut[-1]))
        cut[-1].append(symbol)
        length += len(symbol)
    return cut


def joined(spoken: Sequence[SpokenSymbols]) -> SpokenSymbols:
    """Return the parts of a sentence as one."""
    begins = accumulate((len(one.samples) for one in spoken), initial=0)
    edges: list[float] = []
    for begin, one in zip(begins, spoken, strict=False):
        # Where a part ends, the first symbol of the next one begins.
        edges = [*edges[:-1], *(begin + edge for edge in one.edges or ())]
    return SpokenSymbols(np.concatenate([one.samples for one in spoken]), edges or None)


def heard(samples: Samples) -> tuple[int, int]:
    """Return the first sample of a sentence, and the one after its last, without the silence that is too much."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    if not len(loud):
        return 0, len(samples)
    first = max(0, int(loud[0]) - round(SILENCE_BEFORE_SECONDS * SAMPLE_RATE))
    return first, min(len(samples), int(loud[-1]) + round(SILENCE_AFTER_SECONDS * SAMPLE_RATE))
