"""Speed where the voice knows none: as long as asked for, at the same pitch, with the same pauses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.workloads import tiny_voice
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.serving.synthesis.tempo import at_tempo

RATE = tiny_voice.SAMPLE_RATE
TEMPOS = pytest.mark.parametrize("tempo", [0.25, 0.5, 0.8, 1.5, 2.0, 4.0])


def pitch(samples: Samples) -> float:
    """The frequency with most power, in Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


@TEMPOS
def test_a_tone_lasts_as_long_as_asked_for_and_keeps_its_pitch_and_loudness(tempo: float) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    changed = at_tempo(tone, tempo, RATE)
    assert changed.dtype == np.float32
    assert len(changed) == round(len(tone) / tempo)
    assert pitch(changed) == pytest.approx(440, abs=3)
    assert np.std(changed) == pytest.approx(np.std(tone), rel=0.05)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_even_next_to_nothing_has_a_tempo(samples: int) -> None:
    assert len(at_tempo(np.zeros(samples, np.float32), 2.0, RATE)) == round(samples / 2)


@TEMPOS
def test_a_voice_without_speed_has_one(tmp_path: Path, tempo: float) -> None:
    voice = LoadedVoice(tiny_voice.write(tmp_path / "voice.pt", supports=()), None, torch.device("cpu"))
    symbols = voice.front_end.encode("Good morning.")
    words = voice.front_end.word_places("Good morning.")
    asked = [Sentence(symbols, speed=speed, pause_before=0.5, words=words) for speed in (1.0, tempo)]
    usual, changed = voice.predict_mel(asked)
    assert changed.durations == pytest.approx([duration / tempo for duration in usual.durations])
    before, after = voice.vocode([usual, changed], [10, 10])
    assert changed.frames_left == 0, "it comes whole"
    whole = np.concatenate([before, *voice.vocode([usual], [None])])
    pause = RATE // 2
    assert len(after) - pause == round((len(whole) - pause) / tempo)
    assert np.abs(after[:pause]).max() == 0 < np.abs(after[pause:]).max()
