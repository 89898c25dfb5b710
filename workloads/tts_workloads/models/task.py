"""What every stage of a training is made from: the run, the corpus, and the features that both models look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_api.run import TrainingRun
from tts_workloads.data import Corpus, Features

MOST_STATISTICS_CLIPS = 1000
"""Clips that statistics are taken from: more would not change them."""

SHOWN_SECONDS = 3.0
"""Length of the clip that is shown: long enough to hear a sentence, short enough to see its symbols."""


@dataclass
class Task:
    """A training's parts that its stages share."""

    run: TrainingRun
    corpus: Corpus
    train: Sequence[int]
    """Clips that are trained on, by number."""
    held_out: Sequence[int]
    """Clips that the voice is measured on."""
    symbols: Sequence[str]
    """The front end's symbols."""
    features: Features
    """Those of all clips, where they are gathered for each batch."""

    @property
    def shown(self) -> int:
        """The clip that people are shown: of about 3 s, and not trained on where there is such a one."""
        clips = self.corpus.clips
        return min(self.held_out or self.train, key=lambda clip: abs(clips[clip].seconds - SHOWN_SECONDS))

    @property
    def batch_frames(self) -> int:
        """Frames of a batch: ``batchSeconds`` of them."""
        audio = self.run.dataset.audio
        return max(1, int(self.run.training.batch_seconds * audio.sample_rate / audio.hop_length))

    def sample(self) -> list[int]:
        """Clips to take statistics from, evenly over those trained on."""
        step = max(1, len(self.train) // MOST_STATISTICS_CLIPS)
        return list(self.train[::step])
