"""A sentence before and after the step that predicts how it sounds. The voices compute with both, and ``engine``
decides in which order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.text import WordPlace

Mixture = tuple[tuple[int, float], ...]
"""Indices of speakers and their weights, whose sum is 1."""


@dataclass(frozen=True)
class Sentence:
    """A sentence that is to be spoken."""

    symbols: Sequence[int]
    speaker: int | Mixture = 0
    """Index of the speaker, or speakers who are mixed."""
    speed: float = 1.0
    """1 is as trained, 2 is twice as fast."""
    pitch: float = 1.0
    """1 is as trained, 2 is an octave higher."""
    volume: float = 0.0
    """Decibels by which the sound is louder than as trained; ``-inf`` is silence."""
    pause_before: float = 0.0
    """Seconds of silence before the sentence."""
    pause_after: float = 0.0
    """Seconds of silence after the sentence."""
    words: Sequence[WordPlace] | None = None
    """The sentence's words; None where no timestamps are requested."""

    @property
    def mixture(self) -> Mixture:
        """The speaker as a mixture, which may have one member."""
        return ((self.speaker, 1.0),) if isinstance(self.speaker, int) else self.speaker


@dataclass(eq=False, kw_only=True)
class SentenceInProgress(ABC):
    """A sentence whose sound was predicted and has been handed out in part. The sound is counted in frames."""

    silence_before: int = 0
    """Samples of silence before the first frame."""
    silence_after: int = 0
    """Samples of silence after the last frame."""
    sentence: Sentence | None = None
    """The sentence that the frames speak."""
    frames_before: float = 0.0
    """How many frames of sound are before the first symbol."""
    durations: Sequence[float] = ()
    """How many frames each symbol lasts; empty where no timestamps are requested."""
    frames_vocoded: int = 0
    """Frames that have become sound."""

    @property
    @abstractmethod
    def frames_left(self) -> int:
        """Frames that have not become sound yet."""


@dataclass(eq=False)
class SentenceMel(SentenceInProgress):
    """The frames of a sentence, the first of which the vocoder may have turned into sound already."""

    mel: Tensor
    """``[channels, frames]``, as the acoustic model predicts them."""
    tempo: float = 1.0
    """Factor by which the finished sound is sped up after the vocoder."""

    @property
    def frames_left(self) -> int:
        return self.mel.shape[1] - self.frames_vocoded


@dataclass(eq=False)
class SentenceWaveform(SentenceInProgress):
    """The whole sound of a sentence, from a model that has no vocoder of its own. It is handed out as one frame."""

    samples: Samples
    """``[samples]`` float32 in -1 to 1."""

    @property
    def frames_left(self) -> int:
        return 1 - self.frames_vocoded
