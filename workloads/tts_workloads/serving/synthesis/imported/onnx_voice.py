"""What the voices of all imported models have in common: sentences in, whole waveforms out, and which part of them is
which symbol. What a model wants as its input is in ``kokoro`` and ``piper``."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tts_api.reasons import Reason
from tts_api.voice import MODEL_FILE
from tts_workloads.exits import BadInput
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.imported.session import OnnxModel
from tts_workloads.serving.synthesis.loudness import amplified
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceWaveform
from tts_workloads.serving.synthesis.served_voice import ServedVoice
from tts_workloads.serving.synthesis.tempo import at_tempo
from tts_workloads.text import UnknownNotation
from tts_workloads.voice_file import ImportedVoiceFile, open_imported

NUMBERS = range(2**31)
"""Numbers that a model may have for a symbol or a speaker."""


@dataclass(frozen=True)
class SpokenSymbols:
    """The sound of a sentence and where its symbols begin in it."""

    samples: Samples
    """``[samples]`` float32 in -1 to 1."""
    edges: Sequence[float] | None
    """The first sample of each symbol, and the end of the last one; None where the model does not tell."""


class OnnxVoice(ServedVoice):
    """A voice that was imported. It runs on the CPU and makes whole sentences."""

    notation: ClassVar[str]
    """How the program that the model was made for writes phonemes."""
    warm_up_rounds: ClassVar[int] = 1
    """ONNX Runtime chooses nothing while it runs, so the first round is as fast as the others."""
    on_gpu = False

    def __init__(self, path: Path, sha256: str | None = None) -> None:
        """Load a voice's file. ``sha256`` is the digest that the file must have, or None.

        Raises BadInput with the reason ModelMissing, DigestMismatch or UnsupportedVoice.
        """
        file = open_imported(path, sha256)
        super().__init__(file.card, file.sha256, file.front_end)
        try:
            self.front_end.in_notation([], self.notation)
        except UnknownNotation as error:
            raise BadInput(Reason.UNSUPPORTED_VOICE, f"{path}: {error}: serve it with a newer image") from None
        self.model = OnnxModel(f"{path} ({MODEL_FILE})", file.model)
        self.tells_durations = self.model.has_durations and "durations" in self.card.supports
        self._prepare(file)

    @abstractmethod
    def _prepare(self, file: ImportedVoiceFile) -> None:
        """Read what comes with the model. Raises BadInput with the reason UnsupportedVoice."""

    @abstractmethod
    def _speak(self, sentences: Sequence[Sentence], speeds: Sequence[float]) -> list[SpokenSymbols]:
        """Return the sound of each sentence at the speed beside it, as the model makes it."""

    def predict_mel(self, sentences: Sequence[Sentence]) -> list[SentenceWaveform]:
        """Return the whole sound of the sentences, which may have been made in one batch."""
        rate, hop = self.card.audio.sample_rate, self.card.audio.hop_length
        model_sets_speed = "speed" in self.card.supports
        speeds = [one.speed if model_sets_speed else 1.0 for one in sentences]
        made = []
        for one, speed, spoken in zip(sentences, speeds, self._speak(sentences, speeds), strict=True):
            tempo = one.speed / speed
            samples = spoken.samples if tempo == 1.0 else at_tempo(spoken.samples, tempo, rate)
            timed = one.words is not None and spoken.edges is not None
            edges = np.asarray(spoken.edges if timed else [0.0]) / (tempo * hop)
            made.append(
                SentenceWaveform(
                    samples,
                    silence_before=round(one.pause_before * rate),
                    silence_after=round(one.pause_after * rate),
                    sentence=one,
                    frames_before=float(edges[0]),
                    durations=np.diff(edges).tolist(),
                )
            )
        return made

    def vocode(self, mels: Sequence[SentenceWaveform], frames: Sequence[int | None]) -> list[Samples]:
        """Return the sound of the sentences, each whole whatever ``frames`` asks for."""
        sounds = []
        for one in mels:
            volume = 0.0 if one.sentence is None else one.sentence.volume
            sounds.append(np.pad(amplified(one.samples, volume), (one.silence_before, one.silence_after)))
        for one in mels:
            one.frames_vocoded = 1
        return sounds

    def enter_thread(self) -> None:
        """Nothing: the session has no threads of its own."""

    def chunk_frames(self, number: int) -> int | None:
        """Return None: the model makes whole sentences only."""

    def written(self, sentence: Sentence) -> list[str]:
        """Return each symbol of a sentence as the model's own program writes it."""
        return self.front_end.in_notation(sentence.symbols, self.notation)


def read_config(file: ImportedVoiceFile) -> dict[str, Any]:
    """Return the JSON that came with a model. Raises BadInput with the reason UnsupportedVoice."""
    return parsed_config(str(file.path), file.config)


def parsed_config(name: str, config: bytes) -> dict[str, Any]:
    """Return the object in a model's JSON. ``name`` is the file's in the message.

    Raises BadInput with the reason UnsupportedVoice where it is none.
    """
    try:
        found = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{name}: the model's JSON cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise BadInput(Reason.UNSUPPORTED_VOICE, f"{name}: the model's JSON is no object")
    return found


def edges_of(durations: np.ndarray[Any, Any], before: int, counts: Sequence[int], hop: float) -> list[float]:
    """Return the first sample of each of a sentence's symbols, and the end of the last one.

    ``durations`` are the frames of the model's own symbols, ``[symbols]``: ``before`` of them come before the sentence,
    then each of its symbols has as many as ``counts`` says. ``hop`` is the number of samples in a frame.

    Raises BadInput where there are fewer durations than symbols.
    """
    if (symbols := before + sum(counts)) > durations.size:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"the model gave {durations.size} durations for {symbols} symbols: import the voice again",
        )
    ends = np.concatenate([[0.0], np.cumsum(durations.reshape(-1))]) * hop
    edges: list[float] = ends[before + np.concatenate([[0], np.cumsum(counts)]).astype(int)].tolist()
    return edges
