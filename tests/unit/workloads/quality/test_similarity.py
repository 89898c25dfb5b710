"""The speaker encoder cuts sounds into pieces, and compares a sound with a speaker's other recordings."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from tts_workloads.data.corpus import Clip, Corpus
from tts_workloads.quality import similarity
from tts_workloads.quality.similarity import RECORDINGS, SAMPLE_RATE, Likeness, embedding, mel_power, piece_starts


@pytest.fixture
def listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the extra."""
    monkeypatch.delitem(sys.modules, similarity.PACKAGE)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        pytest.param(0.0, [0], id="nothing is one piece"),
        pytest.param(0.5, [0], id="shorter than a piece"),
        pytest.param(1.6, [0], id="as long as a piece"),
        pytest.param(1.9, [0], id="too little is left for another"),
        pytest.param(2.0, [0, 77], id="three quarters of another"),
        pytest.param(4.0, [0, 77, 154, 231], id="many"),
    ],
)
def test_an_utterance_is_cut_into_pieces_that_overlap(seconds: float, starts: list[int]) -> None:
    assert piece_starts(round(seconds * SAMPLE_RATE)) == starts


def test_a_tone_of_known_power_lies_in_its_band() -> None:
    hertz, amplitude = 1000.0, 0.5
    power = mel_power(amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(SAMPLE_RATE) / SAMPLE_RATE))
    assert power.shape == (101, 40)
    inner = power[5:-5].mean(0)
    # The lines of a Hann window on the spectrum of a sine: its top is a quarter of amplitude times length.
    top = (amplitude * similarity.WINDOW / 4) ** 2
    filters = similarity.mel_filters(SAMPLE_RATE, similarity.WINDOW, similarity.MELS)
    at = round(hertz * similarity.WINDOW / SAMPLE_RATE)
    expected = top * (filters[:, at] + (filters[:, at - 1] + filters[:, at + 1]) / 4)
    torch.testing.assert_close(inner, expected, rtol=1e-3, atol=1e-3)


def voice(hertz: float, seed: int, seconds: float = 2.0) -> np.ndarray:
    """A buzz with a pitch and some noise, at 16 kHz."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 20))
    return (0.1 * buzz + 0.003 * np.random.default_rng(seed).normal(size=len(t))).astype(np.float32)


@pytest.mark.usefixtures("listens")
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(np.zeros(0, np.float32), id="empty"),
        pytest.param(np.zeros(SAMPLE_RATE, np.float32), id="silence"),
        pytest.param(voice(100, 0, 0.01), id="ten milliseconds"),
        pytest.param(voice(100, 0, 20.0), id="twenty seconds"),
    ],
)
def test_any_sound_has_an_embedding_of_length_one(sound: np.ndarray) -> None:
    assert np.linalg.norm(embedding(sound, SAMPLE_RATE)) == pytest.approx(1, abs=1e-5)


RESEMBLYZERS = {122: 0.2026, 239: 0.1834, 248: 0.1832, 164: 0.1764, 77: 0.1719, 111: 0.1691, 14: 0.162, 36: 0.1618}
"""The largest values that Resemblyzer's own code gives for ``voice(120, 0)``, by their place in the embedding."""


@pytest.mark.usefixtures("listens")
def test_the_embedding_is_that_of_the_networks_own_code() -> None:
    made = embedding(voice(120, 0), SAMPLE_RATE)
    largest = np.argsort(-made)[: len(RESEMBLYZERS)]
    assert {int(place): made[place] for place in largest} == pytest.approx(RESEMBLYZERS, abs=2e-3)


@pytest.mark.usefixtures("listens")
def test_a_sound_that_is_quieter_is_the_same_speaker() -> None:
    sound = voice(120, 0)
    assert embedding(0.01 * sound, SAMPLE_RATE) @ embedding(0.02 * sound, SAMPLE_RATE) == pytest.approx(1, abs=1e-5)


@pytest.mark.usefixtures("listens")
def test_a_sound_that_is_louder_is_heard_as_it_is() -> None:
    sound = voice(120, 0)
    assert 0.5 < embedding(sound, SAMPLE_RATE) @ embedding(3 * sound, SAMPLE_RATE) < 1 - 1e-4


def corpus_of(pitches: list[float]) -> Corpus:
    """A corpus in which each pitch is a speaker."""
    speakers = sorted(set(pitches))
    sounds = [torch.from_numpy(voice(pitch, number)) for number, pitch in enumerate(pitches)]
    clips = [
        Clip(str(number), "", speakers.index(pitch), torch.ones(1, dtype=torch.int64), sound, 2.0)
        for number, (pitch, sound) in enumerate(zip(pitches, sounds, strict=True))
    ]
    return Corpus(tuple(clips), tuple(map(str, speakers)), "", 2.0 * len(clips))


@pytest.mark.usefixtures("listens")
def test_a_sound_is_most_like_its_own_speaker() -> None:
    likeness = Likeness(corpus_of([90, 90, 220, 220]), SAMPLE_RATE)
    own, other = (likeness.of(voice(90, 9), SAMPLE_RATE, speaker) for speaker in (0, 1))
    assert 1 >= own > other > 0


@pytest.mark.usefixtures("listens")
def test_a_recording_is_compared_with_the_speakers_others_alone() -> None:
    corpus = corpus_of([90, 90, 220])
    likeness = Likeness(corpus, SAMPLE_RATE)
    first, second = (corpus.clips[clip].waveform.numpy() for clip in (0, 1))
    assert likeness.of(first, SAMPLE_RATE, 0, without=0) == pytest.approx(
        embedding(first, SAMPLE_RATE) @ embedding(second, SAMPLE_RATE), abs=1e-5
    )
    assert likeness.of(first, SAMPLE_RATE, 1, without=2) is None


def test_few_recordings_are_embedded_and_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def noted(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        heard.append(waveform)
        return np.ones(256, np.float32) / 16

    monkeypatch.setattr(similarity, "embedding", noted)
    likeness = Likeness(corpus_of([90.0] * 35), SAMPLE_RATE)
    for _ in range(2):
        assert likeness.of(np.zeros(1, np.float32), SAMPLE_RATE, 0) == pytest.approx(1)
    assert len(heard) - 2 == len(range(0, 35, 4)) <= RECORDINGS


def test_without_the_extra_it_is_said_what_is_absent() -> None:
    similarity.model.cache_clear()
    with pytest.raises(ModuleNotFoundError, match="there is no package resemblyzer"):
        embedding(voice(100, 0), SAMPLE_RATE)


@pytest.mark.usefixtures("listens")
def test_the_packages_own_code_is_not_imported() -> None:
    similarity.model.cache_clear()
    before = set(sys.modules)
    embedding(voice(100, 0), SAMPLE_RATE)
    assert not {similarity.PACKAGE, "librosa", "webrtcvad"} & (sys.modules.keys() - before)
