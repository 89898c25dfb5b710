"""What every stage of a training is made from: the run, the corpus, and the features that both models look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tts_api.run import TrainingRun
from tts_workloads.audio import LogMel, pitch
from tts_workloads.data import Corpus

MOST_STATISTICS_CLIPS = 1000
"""Clips that statistics are taken from: more would not change them."""

SHOWN_SECONDS = 3.0
"""Length of the clip that is shown: long enough to hear a sentence, short enough to see its symbols."""


@dataclass(frozen=True)
class Features:
    """What is computed from one recording."""

    mel: Tensor
    """Log-mel frames ``[frames, n_mels]`` float32, in nepers."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[frames]`` float32, 0 where unvoiced."""


@dataclass
class Task:
    """A training's parts that its stages share. Features are computed once for each clip, when first asked for."""

    run: TrainingRun
    corpus: Corpus
    train: Sequence[int]
    """Clips that are trained on, by number."""
    held_out: Sequence[int]
    """Clips that the voice is measured on."""
    symbols: Sequence[str]
    """The front end's symbols."""
    _features: dict[int, Features] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._log_mel = LogMel(self.run.dataset.audio)

    @torch.no_grad()
    def features(self, clip: int) -> Features:
        """The features of a clip of the corpus."""
        if clip not in self._features:
            audio, waveform = self.run.dataset.audio, self.corpus.clips[clip].waveform
            hertz = pitch(waveform, audio.sample_rate, audio.hop_length)
            self._features[clip] = Features(
                self._log_mel(waveform[None])[0].T.contiguous(), torch.where(hertz > 0, hertz.clamp_min(1.0).log(), 0.0)
            )
        return self._features[clip]

    def frames(self, clip: int) -> int:
        """How many frames a clip has."""
        return len(self.corpus.clips[clip].waveform) // self.run.dataset.audio.hop_length

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
