"""The acoustic model's frames for the clips of a corpus, which a vocoder learns to turn into sound. The acoustic model
is finished before the vocoder's training begins, so that each clip is predicted once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from tts_workloads.data import Features
from tts_workloads.models.acoustic.stage import AcousticStage


class Predictions:
    """What an acoustic model predicts for each clip, kept beside the recordings' own frames."""

    def __init__(self, acoustic: AcousticStage, features: Features) -> None:
        self._acoustic, self._features = acoustic, features
        self._mel: Tensor | None = None
        self._predicted: set[int] = set()

    def compute(self, clips: Iterable[int], device: torch.device) -> None:
        """Predict, on a device, those of the clips that were not predicted before.

        A training that resumes predicts again what it needs: the values depend on the clip and the weights alone.
        """
        new = sorted(set(clips) - self._predicted)
        if not new:
            return
        if self._mel is None:
            self._mel = torch.empty_like(self._features.mel)
        # An acoustic model that is not trained in this run has not been moved yet.
        self._acoustic.training_module.to(device)
        for clip in new:
            self._mel[self._features.clip(clip)] = self._acoustic.predict(clip).to(self._mel.device)
        self._predicted.update(new)

    def of(self, clips: Iterable[int]) -> Tensor:
        """Mel frames of the whole corpus, ``[frames, n_mels]`` float32, in the order of ``Features.mel`` and on its
        device; only those of ``clips`` may be used. Raises ValueError where a clip was not predicted."""
        missing = set(clips) - self._predicted
        if missing or self._mel is None:
            raise ValueError(f"the acoustic model's frames of clips {sorted(missing)} were not computed")
        return self._mel
