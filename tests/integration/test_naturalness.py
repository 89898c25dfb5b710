"""The predictor of opinions prefers real speech to the same with noise: what it says of a voice means something."""

from __future__ import annotations

import numpy as np
import soundfile

from demo import corpus
from tts_workloads.quality.naturalness import mean_opinion_score


def test_noise_is_heard() -> None:
    wavs = sorted((corpus.prepare() / "wavs").glob("*.wav"))
    clips = [soundfile.read(path, dtype="float32") for path in wavs[:60]]
    for waveform, rate in [(waveform, rate) for waveform, rate in clips if 2.0 < len(waveform) / rate < 4.0][:3]:
        noisy = waveform + 0.02 * np.random.default_rng(0).standard_normal(len(waveform)).astype(np.float32)
        clean = mean_opinion_score(waveform, rate)
        assert 3.0 < clean <= 5.0
        assert mean_opinion_score(noisy, rate) < clean - 0.3
