"""Computes when the words and phonemes of a speech are spoken. ``http.events`` sends these timestamps."""

from __future__ import annotations

from collections.abc import Collection
from itertools import accumulate, pairwise

from pydantic import BaseModel

from tts_api.voice import ServedCard
from tts_workloads.serving.synthesis.batching import Chunk
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceInProgress
from tts_workloads.text import FrontEnd


class WordTime(BaseModel):
    """A word, as it is written, and the time when it is spoken."""

    word: str
    start: float
    """Seconds from the beginning of the sound."""
    end: float


class PhonemeTime(BaseModel):
    """A phoneme and the time when it is spoken."""

    phoneme: str
    start: float
    end: float


class Timestamps(BaseModel):
    """Words and phonemes in order; None where they were not asked for."""

    words: list[WordTime] | None = None
    phonemes: list[PhonemeTime] | None = None


class Timeline:
    """Follows the chunks of a request and computes when their words and phonemes are spoken."""

    def __init__(self, card: ServedCard, front_end: FrontEnd, granularities: Collection[str]) -> None:
        """``granularities`` holds ``word``, ``phoneme``, both or neither."""
        self._rate, self._hop = card.audio.sample_rate, card.audio.hop_length
        self._symbols, self._phonemes = front_end.symbols, front_end.phoneme_set()
        self._wanted = granularities
        self._fresh = self._nothing()
        self._samples = 0

    @property
    def seconds(self) -> float:
        """Seconds of sound so far."""
        return self._samples / self._rate

    def add(self, chunk: Chunk) -> None:
        """Add the next chunk."""
        if chunk.opens is not None and chunk.opens.sentence is not None and self._wanted:
            self._begin(chunk.opens, chunk.opens.sentence)
        self._samples += len(chunk.samples)

    def take(self) -> Timestamps | None:
        """Return what became known since the last call; None where that is nothing."""
        fresh, self._fresh = self._fresh, self._nothing()
        return fresh if fresh.words or fresh.phonemes else None

    def _nothing(self) -> Timestamps:
        return Timestamps(
            words=[] if "word" in self._wanted else None, phonemes=[] if "phoneme" in self._wanted else None
        )

    def _begin(self, spoken: SentenceInProgress, sentence: Sentence) -> None:
        begin = self._samples + spoken.silence_before
        frames = accumulate(spoken.durations, initial=spoken.frames_before)
        edges = [round((begin + frame * self._hop) / self._rate, 3) for frame in frames]
        if self._fresh.words is not None:
            self._fresh.words += [
                WordTime(word=one.text, start=edges[one.begin], end=edges[one.end]) for one in sentence.words or ()
            ]
        if self._fresh.phonemes is not None:
            for number, (start, end) in zip(sentence.symbols, pairwise(edges), strict=True):
                if (symbol := self._symbols[number]) in self._phonemes:
                    self._fresh.phonemes.append(PhonemeTime(phoneme=symbol, start=start, end=end))
