"""What every stage of a training is built from: the run, the corpus and its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_api.run import TrainingRun
from tts_workloads.data import Corpus, Features

MOST_STATISTICS_CLIPS = 1000
"""Number of clips that statistics are computed from; more clips would not change them."""

BATCH_SECONDS = 16.0
"""Seconds of speech in a batch where the run is silent. On a CPU the time for a step grows with the batch, and a model
learns more from many small steps than from few large ones."""

SHOWN_SECONDS = 3.0
"""Preferred length of the clip that people are shown: long enough to hear a sentence, short enough to see its
symbols."""


@dataclass
class Task:
    """The parts of a training that its stages share."""

    run: TrainingRun
    corpus: Corpus
    train: Sequence[int]
    """Numbers of the clips that are trained on."""
    held_out: Sequence[int]
    """Numbers of the clips that the voice is measured on."""
    symbols: Sequence[str]
    """The symbols of the front end."""
    features: Features
    """The features of all clips; each batch gathers its own from them."""

    @property
    def shown(self) -> int:
        """The number of the clip that people are shown."""
        return shown_clip(self.corpus, self.train, self.held_out)

    @property
    def batch_frames(self) -> int:
        """Number of frames in a batch, from the run's ``batchSeconds``."""
        audio, seconds = self.run.dataset.audio, self.run.training.batch_seconds or BATCH_SECONDS
        return max(1, int(seconds * audio.sample_rate / audio.hop_length))

    def sample(self) -> list[int]:
        """Numbers of clips to compute statistics from, taken evenly from those that are trained on."""
        step = max(1, len(self.train) // MOST_STATISTICS_CLIPS)
        return list(self.train[::step])


def shown_clip(corpus: Corpus, train: Sequence[int], held_out: Sequence[int]) -> int:
    """The number of the clip that people are shown: one of about 3 s, and a held-out one where there are any."""
    return min(held_out or train, key=lambda clip: abs(corpus.clips[clip].seconds - SHOWN_SECONDS))
