"""Frames that describe a source and a filter, as WORLD does (Morise et al. 2016, IEICE Transactions E99-D): a spectral
envelope in mel bands that shows no harmonics, aperiodicity, pitch and voicing. ``models.vocoder.world`` turns them into
sound."""

from __future__ import annotations

import numpy as np
import pyworld
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LOG_FLOOR, NEPERS_PER_DECIBEL, PITCH_RANGE_HZ, mel_filters
from tts_workloads.data.analysis.base import ClipFeatures

PITCH_PERIOD_MILLISECONDS = 5.0
"""Time between two estimates of the pitch."""
CHANNELS_IN_OCTAVE, ALLOWED_RANGE = 4, 0.2
"""Filters of DIO in an octave, and by how much their estimates may differ where a frame is voiced."""
EXTENSION_PERIODS = 8
"""Estimates by which every voiced stretch is extended at both ends. DIO misses beginnings and ends of vowels; whether
they are voiced is decided by D4C, which hears more than the pitch."""
VOICING_THRESHOLD = 0.7
"""Share of a frame's power below 4 kHz from which D4C takes it for voiced."""
LEAST_RATE_FOR_VOICING = 15800
"""Samples per second that D4C needs for this: it compares with the power up to 7.9 kHz. With fewer, DIO alone
decides."""
APERIODIC_DECIBELS = -0.5
"""Mean aperiodicity from which a frame counts as unvoiced, as in WORLD's own decoder."""
MIDDLE_PITCH_HZ = 100.0
"""Pitch of a clip without a voiced frame. Nothing is heard of it."""
VOICED = 10.0
"""Log-odds of voicing of a frame that is voiced in a recording; of an unvoiced one, minus this."""

Samples = NDArray[np.float64]
Flags = NDArray[np.bool_]


def aperiodicity_bands(sample_rate: int) -> int:
    """Return the number of bands of WORLD's coded aperiodicity, which are 3 kHz wide."""
    return max(0, int(min(15000.0, sample_rate / 2 - 3000.0) / 3000.0))


class WorldAnalysis:
    """WORLD's features of a clip: pitch by DIO and StoneMask, the envelope by CheapTrick, aperiodicity by D4C."""

    version = 1
    pitched = True
    on_host = True

    def __init__(self, audio: AudioFeatures) -> None:
        self._rate, self._hop = audio.sample_rate, audio.hop_length
        self.aperiodicity_bands = aperiodicity_bands(audio.sample_rate)
        self._hears_voicing = audio.sample_rate >= LEAST_RATE_FOR_VOICING
        self._fft = pyworld.get_cheaptrick_fft_size(audio.sample_rate, PITCH_RANGE_HZ[0])
        filters = mel_filters(audio.sample_rate, self._fft, audio.n_mels).numpy().astype(np.float64)
        self._means = (filters / filters.sum(1, keepdims=True)).T

    def to(self, device: torch.device) -> WorldAnalysis:
        """The same analysis, because it computes on the host."""
        del device
        return self

    def features(self, waveform: Tensor) -> ClipFeatures:
        """Return the features of a clip; see ``Analysis``. ``mel`` is the mean amplitude density of each band: white
        noise of unit power has 0."""
        samples = waveform.double().cpu().numpy()
        frames = len(samples) // self._hop
        times: Samples = (np.arange(frames, dtype=np.float64) + 0.5) * (self._hop / self._rate)
        maybe = self._pitch(samples, times)
        threshold = VOICING_THRESHOLD if self._hears_voicing else 0.0
        noise = pyworld.d4c(samples, maybe, times, self._rate, threshold=threshold, fft_size=self._fft)
        only_noise = 20 * np.log10(noise.mean(1)) > APERIODIC_DECIBELS
        hertz = np.where(only_noise & self._hears_voicing, 0.0, maybe)
        envelope = np.sqrt(pyworld.cheaptrick(samples, hertz, times, self._rate, fft_size=self._fft))
        mel = np.log(np.maximum(envelope @ self._means, LOG_FLOOR))
        log_pitch = np.where(hertz > 0, np.log(np.maximum(hertz, 1.0)), 0.0)
        return ClipFeatures(
            torch.from_numpy(mel).float(),
            torch.from_numpy(log_pitch).float(),
            torch.from_numpy(self._coded(noise)).float(),
        )

    def frames(self, clip: ClipFeatures) -> Tensor:
        """Return the frames ``[frames, n_mels + bands + 2]`` float32: the mel bands, the aperiodicity, the logarithm of
        the pitch in hertz, which is continued where nothing is voiced, and the log-odds of voicing."""
        voiced = clip.log_pitch > 0
        known, numbers = voiced.cpu().numpy(), np.arange(len(voiced))
        curve = np.full(len(numbers), np.log(MIDDLE_PITCH_HZ))
        if known.any():
            curve = np.interp(numbers, numbers[known], clip.log_pitch.cpu().numpy()[known])
        log_pitch = torch.from_numpy(curve).to(clip.mel)
        voicing = torch.where(voiced, VOICED, -VOICED).to(clip.mel)
        return torch.cat([clip.mel, clip.aperiodicity, log_pitch[:, None], voicing[:, None]], 1)

    def _pitch(self, samples: Samples, times: Samples) -> Samples:
        """The pitch in hertz at some times in seconds; 0 where it is certain that nothing is voiced."""
        lowest, highest = PITCH_RANGE_HZ
        rough, at = pyworld.dio(
            samples,
            self._rate,
            f0_floor=lowest,
            f0_ceil=highest,
            channels_in_octave=CHANNELS_IN_OCTAVE,
            frame_period=PITCH_PERIOD_MILLISECONDS,
            allowed_range=ALLOWED_RANGE,
        )
        voiced = extended(rough > 0) if self._hears_voicing else rough > 0
        # StoneMask refines the continued pitch too.
        hertz = pyworld.stonemask(samples, continued(rough, at, voiced), at, self._rate)
        nearest = np.clip(np.rint(times * 1000 / PITCH_PERIOD_MILLISECONDS).astype(int), 0, len(hertz) - 1)
        return continued(hertz, at, (hertz > 0)[nearest], times)

    def _coded(self, noise: Samples) -> Samples:
        """The aperiodicity ``[frames, bands]`` in nepers, from that of each line of the spectrum."""
        if self.aperiodicity_bands == 0:
            return np.zeros((len(noise), 0))
        coded: Samples = np.minimum(pyworld.code_aperiodicity(noise, self._rate), 0.0) * NEPERS_PER_DECIBEL
        return coded


def extended(voiced: Flags) -> Flags:
    """The flags, with ``EXTENSION_PERIODS`` more set at both ends of every stretch of them."""
    spread = np.convolve(voiced, np.ones(2 * EXTENSION_PERIODS + 1))
    wide: Flags = spread[EXTENSION_PERIODS : EXTENSION_PERIODS + len(voiced)] > 0.5
    return wide


def continued(hertz: Samples, at: Samples, voiced: Flags, times: Samples | None = None) -> Samples:
    """The pitch at ``times``, which are those of ``hertz`` where they are absent: between and beyond its values, on a
    logarithmic scale, where ``voiced`` says so, and 0 elsewhere."""
    known = hertz > 0
    times = at if times is None else times
    if not known.any():
        return np.zeros(len(times))
    return np.where(voiced, np.exp(np.interp(times, at[known], np.log(hertz[known]))), 0.0)
