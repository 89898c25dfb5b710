"""A sentence before and after the acoustic model. ``loaded_voice`` computes with both, and ``engine`` decides in which
order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from tts_workloads.text import WordPlace


@dataclass(frozen=True)
class Sentence:
    """A sentence that is to be spoken."""

    symbols: Sequence[int]
    speaker: int = 0
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


@dataclass(eq=False)
class SentenceMel:
    """The mel frames of a sentence, the first of which the vocoder may have turned into sound already."""

    mel: Tensor
    """``[n_mels, frames]`` in nepers."""
    silence_before: int = 0
    """Samples of silence before the first frame."""
    silence_after: int = 0
    """Samples of silence after the last frame."""
    sentence: Sentence | None = None
    """The sentence that the frames speak."""
    durations: Sequence[float] = ()
    """How many frames each symbol lasts; empty where no timestamps are requested."""
    tempo: float = 1.0
    """Factor by which the finished sound is sped up after the vocoder."""
    frames_vocoded: int = 0
    """Frames that have become sound."""

    @property
    def frames_left(self) -> int:
        """Frames that have not become sound yet."""
        return self.mel.shape[1] - self.frames_vocoded
