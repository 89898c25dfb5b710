"""Features against torchaudio's, pitch of sounds whose pitch is known, and what is trimmed of a clip."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchaudio
from torch import Tensor
from torch.testing import assert_close

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LOG_FLOOR, SILENCE, LogMel, empty_bands, mel_filters, pitch, trim_silence

FEATURES = [
    # sample rate, n_fft, hop length, mel bands
    (8000, 256, 64, 40),
    (16000, 1024, 200, 80),
    (16000, 800, 200, 80),
    (22050, 1024, 256, 80),
    (22050, 1024, 255, 80),
    (24000, 2048, 300, 100),
    (44100, 2048, 512, 128),
    (48000, 4096, 1024, 128),
]


def features(sample_rate: int, n_fft: int = 1024, hop_length: int = 256, n_mels: int = 80) -> AudioFeatures:
    return AudioFeatures(sample_rate=sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels)


def noise(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def tone(hertz: float, sample_rate: int, seconds: float = 0.5, amplitude: float = 0.3) -> Tensor:
    moments = torch.arange(int(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return (amplitude * torch.sin(2 * math.pi * hertz * moments)).float()


@pytest.mark.parametrize(("rate", "n_fft", "hop", "mels"), FEATURES)
def test_mel_filters_are_those_of_torchaudio(rate: int, n_fft: int, hop: int, mels: int) -> None:
    theirs = torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, 0.0, rate / 2, mels, rate, norm="slaney", mel_scale="slaney"
    )
    ours = mel_filters(rate, n_fft, mels)
    assert ours.dtype is torch.float32
    assert_close(ours, theirs.T, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("rate", "n_fft", "mels", "empty"),
    [*((rate, n_fft, mels, 0) for rate, n_fft, _, mels in FEATURES), (48000, 256, 128, 34), (22050, 256, 80, 2)],
)
def test_bands_without_a_line_of_the_spectrum_are_counted(rate: int, n_fft: int, mels: int, empty: int) -> None:
    assert empty_bands(rate, n_fft, mels) == empty


@pytest.mark.parametrize(("rate", "n_fft", "hop", "mels"), FEATURES)
def test_log_mel_is_that_of_torchaudio(rate: int, n_fft: int, hop: int, mels: int) -> None:
    waveform = 0.1 * noise(rate // 2) + tone(440, rate)
    frames = len(waveform) // hop
    before = (n_fft - hop) // 2
    padded = torch.from_numpy(np.pad(waveform.numpy(), (before, n_fft), mode="reflect"))
    theirs = torchaudio.transforms.MelSpectrogram(
        rate, n_fft, hop_length=hop, n_mels=mels, power=1.0, center=False, norm="slaney", mel_scale="slaney"
    )(padded)[:, :frames]
    ours = LogMel(features(rate, n_fft, hop, mels))(waveform[None])[0]
    assert ours.shape == (mels, frames)
    assert_close(ours.exp(), theirs.clamp_min(LOG_FLOOR), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("samples", [256, 257, 511, 1000, 1024, 5000])
def test_a_clip_has_a_frame_for_each_whole_hop_however_short_it_is(samples: int) -> None:
    mel = LogMel(features(22050))(0.1 * noise(samples)[None])
    assert mel.shape == (1, 80, samples // 256)
    assert mel.isfinite().all()


def test_the_clips_of_a_batch_do_not_hear_each_other() -> None:
    batch = torch.stack([0.1 * noise(4096, 1), 0.3 * noise(4096, 2)])
    log_mel = LogMel(features(22050))
    assert_close(log_mel(batch), torch.cat([log_mel(batch[:1]), log_mel(batch[1:])]))


def test_silence_is_the_mel_value_of_padding() -> None:
    assert_close(LogMel(features(22050))(torch.zeros(1, 4096)), torch.full((1, 80, 16), SILENCE))


def test_a_click_is_loudest_in_the_frame_whose_centre_is_nearest() -> None:
    waveform = torch.zeros(1, 256 * 20)
    waveform[0, 256 * 7 + 128] = 1.0
    assert int(LogMel(features(22050))(waveform)[0].sum(0).argmax()) == 7


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("hertz", [65.0, 100.0, 151.3, 220.0, 313.7, 440.0, 490.0])
def test_pitch_of_a_sine(hertz: float, rate: int) -> None:
    hop = rate // 80
    found = pitch(tone(hertz, rate), rate, hop)
    assert found.shape == (40,)
    assert_close(found[5:-5], torch.full((30,), hertz), rtol=0.01, atol=0.0)


@pytest.mark.parametrize("amplitude", [0.9, 0.05, 0.003])
@pytest.mark.parametrize("hertz", [80.0, 120.0, 200.0, 350.0])
def test_pitch_of_a_harmonic_tone_however_loud(hertz: float, amplitude: float) -> None:
    """Twenty harmonics without the first, in noise 30 dB below: the ear's pitch, not the strongest line."""
    rate = 22050
    harmonics = sum(tone(hertz * n, rate, amplitude=1 / n) for n in range(2, 21) if hertz * n < rate / 2)
    assert isinstance(harmonics, Tensor)
    waveform = amplitude * (harmonics / harmonics.abs().max() + 0.01 * noise(len(harmonics)))
    found = pitch(waveform, rate, 256)
    assert_close(found[5:-5], torch.full_like(found[5:-5], hertz), rtol=0.01, atol=0.0)


def test_pitch_follows_a_glide() -> None:
    rate, hop = 16000, 200
    moments = torch.arange(rate, dtype=torch.float64) / rate
    waveform = (0.3 * torch.sin(2 * math.pi * (150 * moments + 50 * moments.square()))).float()
    centres = (torch.arange(80) + 0.5) * hop / rate
    assert_close(pitch(waveform, rate, hop)[5:-5], (150 + 100 * centres)[5:-5], rtol=0.02, atol=0.0)


@pytest.mark.parametrize(
    ("name", "waveform"),
    [
        ("noise", 0.3 * noise(22050)),
        ("quiet noise", 0.001 * noise(22050)),
        ("silence", torch.zeros(22050)),
        ("a constant", torch.full((22050,), 0.5)),
    ],
)
def test_what_has_no_pitch(name: str, waveform: Tensor) -> None:
    assert float((pitch(waveform, 22050, 256) > 0).float().mean()) <= 0.02, name


def test_noise_beside_a_tone_stays_unvoiced() -> None:
    found = pitch(torch.cat([tone(200, 16000), 0.02 * noise(8000), tone(200, 16000)]), 16000, 200)
    assert (found[5:35] > 0).all()
    assert (found[45:75] == 0).all()
    assert (found[85:115] > 0).all()


def test_pitch_of_a_clip_shorter_than_its_window() -> None:
    assert pitch(tone(200, 22050, seconds=0.02), 22050, 256).shape == (1,)
    assert pitch(torch.zeros(10), 22050, 256).shape == (0,)


def test_pitch_of_a_long_clip_is_that_of_its_pieces() -> None:
    """Frames are looked at some thousand at a time; the borders must not be heard."""
    found = pitch(tone(123.0, 16000, seconds=20), 16000, 64)
    assert_close(found[50:-50], torch.full_like(found[50:-50], 123.0), rtol=0.01, atol=0.0)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_silence_is_trimmed_but_for_a_margin(rate: int) -> None:
    quiet = 0.0005 * noise(rate)
    waveform = torch.cat([quiet, tone(300, rate), quiet])
    trimmed = trim_silence(waveform, rate)
    assert len(trimmed) / rate == pytest.approx(0.5 + 2 * 0.03, abs=0.021)
    assert float(trimmed[int(0.02 * rate) : int(0.02 * rate) + rate // 100].abs().max()) < 0.3


@pytest.mark.parametrize(
    ("name", "waveform"),
    [
        ("no silence", tone(300, 16000)),
        ("silence alone", torch.zeros(16000)),
        ("one sample", torch.ones(1)),
    ],
)
def test_what_is_not_trimmed(name: str, waveform: Tensor) -> None:
    assert torch.equal(trim_silence(waveform, 16000), waveform), name


def test_the_threshold_is_measured_from_the_loudest() -> None:
    waveform = torch.cat([tone(300, 16000, amplitude=0.003), tone(300, 16000)])
    assert len(trim_silence(waveform, 16000)) == pytest.approx(8000, abs=700)
    assert len(trim_silence(waveform, 16000, threshold_decibels=50)) == 16000
