"""Features of sound: log-mel spectrograms, pitch, and trimmed silence, in torch. Files are read and resampled in
``data.sound``; audio formats for clients are made in ``serving.synthesis.encoding``."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.resources.training import AudioFeatures

LOG_FLOOR = 1e-5
"""Magnitude below which everything is the same silence; its logarithm is the mel value of padding."""
SILENCE = math.log(LOG_FLOOR)

NEPERS_PER_DECIBEL = math.log(10) / 20

PITCH_RANGE_HZ = (60.0, 500.0)
"""Lowest and highest pitch that is searched for."""
LEAST_VOICING = 0.5
"""Normalised autocorrelation from which a frame counts as voiced."""
NOISE_FLOOR = 1e-4
"""Power, as a share of the clip's peak, below which a periodic sound is not taken for a voice but for hum in a
pause."""
PITCH_FRAMES = 1024
"""Frames that are analysed together, which bounds the memory that a long clip needs."""


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Return triangular filters ``[n_mels, n_fft // 2 + 1]`` float32 from 0 Hz to half the sample rate on Slaney's mel
    scale, each of unit area (Slaney 1998, Auditory Toolbox)."""
    corners = _mel_corners(sample_rate, n_mels)
    bins = torch.linspace(0.0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    width = corners.diff()
    slopes = corners[:, None] - bins[None, :]
    rising, falling = -slopes[:-2] / width[:-1, None], slopes[2:] / width[1:, None]
    filters = torch.minimum(rising, falling).clamp_min(0.0)
    areas = (corners[2:] - corners[:-2])[:, None] / 2
    return torch.div(filters, areas).float()


def mel_centres(sample_rate: int, n_mels: int) -> Tensor:
    """Return the frequencies ``[n_mels]`` float64 in hertz at which the mel filters are highest."""
    return _mel_corners(sample_rate, n_mels)[1:-1]


def empty_bands(sample_rate: int, n_fft: int, n_mels: int) -> int:
    """Return how many of the mel filters are so narrow that no line of the spectrum lies in them."""
    return int((mel_filters(sample_rate, n_fft, n_mels).amax(1) == 0).sum())


def _mel_corners(sample_rate: int, n_mels: int) -> Tensor:
    """The frequencies ``[n_mels + 2]`` at which mel filters begin, are highest and end."""
    return _hertz_of(torch.linspace(0.0, _mel_of(sample_rate / 2), n_mels + 2, dtype=torch.float64))


def _mel_of(hertz: float) -> float:
    # Linear below 1000 Hz, 27 steps for each factor of 6.4 above.
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _hertz_of(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * (math.log(6.4) / 27)))


class LogMel(nn.Module):
    """Log-mel spectrogram: Hann window, magnitudes, Slaney filters, natural logarithm. Frame ``i`` is centred on the
    sample ``(i + 0.5) * hop_length``, so that ``n`` samples give ``n // hop_length`` frames."""

    window: Tensor
    filters: Tensor

    def __init__(self, audio: AudioFeatures) -> None:
        super().__init__()
        self.n_fft, self.hop_length = audio.n_fft, audio.hop_length
        self.register_buffer("window", torch.hann_window(audio.n_fft), persistent=False)
        self.register_buffer(
            "filters", mel_filters(audio.sample_rate, audio.n_fft, audio.n_mels).clone(), persistent=False
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """``[batch, samples]`` float32 in -1 to 1 to ``[batch, n_mels, samples // hop_length]`` float32 in nepers."""
        magnitude = spectrum(waveform.float(), self.window, self.hop_length).abs()
        return (self.filters @ magnitude).clamp_min(LOG_FLOOR).log()


def spectrum(waveform: Tensor, window: Tensor, hop_length: int) -> Tensor:
    """Return the short-time spectrum ``[batch, bins, samples // hop_length]`` complex of ``[batch, samples]``,
    reflected at both ends."""
    n_fft = window.shape[0]
    frames = waveform.shape[-1] // hop_length
    before = (n_fft - hop_length) // 2
    after = max(0, (frames - 1) * hop_length + n_fft - before - waveform.shape[-1])
    # A clip may be shorter than the part that has to be reflected.
    short = max(before, after) + 1 - waveform.shape[-1]
    if short > 0:
        waveform = F.pad(waveform, (0, short))
    padded = F.pad(waveform.unsqueeze(1), (before, max(0, after - max(0, short))), mode="reflect").squeeze(1)
    padded = padded[:, : (frames - 1) * hop_length + n_fft]
    return torch.stft(padded, n_fft, hop_length, window=window, center=False, return_complex=True)


def pitch(waveform: Tensor, sample_rate: int, hop_length: int) -> Tensor:
    """Return the fundamental frequency ``[samples // hop_length]`` in hertz of ``[samples]``, 0 where unvoiced; the
    same however loud the recording is.

    The first strong peak of the normalised autocorrelation of 50 ms (Talkin 1995, RAPT, without its path search),
    smoothed by a median over 5 frames.
    """
    waveform = waveform.float()
    frames = waveform.shape[-1] // hop_length
    if frames == 0:
        return waveform.new_zeros(0)
    longest = int(sample_rate / PITCH_RANGE_HZ[0]) + 1
    window = int(0.05 * sample_rate)
    before = (window + longest - hop_length) // 2
    padded = F.pad(waveform, (before, before + window + longest + hop_length))
    pieces = padded.unfold(0, window + longest, hop_length)[:frames]
    floor = NOISE_FLOOR * window * waveform.square().max()
    hertz = torch.cat(
        [_unsmoothed_pitch(some, sample_rate, window, floor) for some in torch.split(pieces, PITCH_FRAMES)]
    )
    return F.pad(hertz[None, None], (2, 2))[0, 0].unfold(0, 5, 1).median(-1).values


def _unsmoothed_pitch(pieces: Tensor, sample_rate: int, window: int, floor: Tensor) -> Tensor:
    """Return the pitch ``[frames]`` of pieces ``[frames, window + longest lag]``; energies far below ``floor`` count as
    unvoiced."""
    longest = pieces.shape[1] - window
    shortest = int(sample_rate / PITCH_RANGE_HZ[1])
    pieces = pieces - pieces.mean(-1, keepdim=True)
    size = 1 << (window + longest - 1).bit_length()
    head = torch.fft.rfft(pieces[:, :window], 2 * size)
    whole = torch.fft.rfft(pieces, 2 * size)
    correlation = torch.fft.irfft(head.conj() * whole, 2 * size)[:, : longest + 1]
    energy = F.pad(pieces.square().cumsum(-1), (1, 0))
    lagged = energy[:, window : window + longest + 1] - energy[:, : longest + 1] + floor
    strength = correlation / (lagged[:, :1] * lagged).clamp_min(1e-12).sqrt()
    searched = strength[:, shortest - 1 :]
    left, middle, right = searched[:, :-2], searched[:, 1:-1], searched[:, 2:]
    best = middle.max(-1).values
    # Twice the period is as periodic as the period: the first peak that is nearly as strong wins.
    good = (middle >= left) & (middle >= right) & (middle >= 0.9 * best[:, None])
    first = good.float().argmax(-1, keepdim=True)
    # Where the peak lies between its neighbours: the top of the parabola through the three.
    here, behind, ahead = middle.gather(1, first), left.gather(1, first), right.gather(1, first)
    offset = 0.5 * (behind - ahead) / (behind - 2 * here + ahead).clamp_max(-1e-9)
    lag = (first + shortest + offset.clamp(-0.5, 0.5)).squeeze(1)
    voiced = good.any(-1) & (best >= LEAST_VOICING)
    return torch.where(voiced, sample_rate / lag, torch.zeros_like(best))


def trim_silence(
    waveform: Tensor, sample_rate: int, *, threshold_decibels: float = 40.0, margin_seconds: float = 0.03
) -> Tensor:
    """The waveform ``[samples]`` without its start and end as far as they are ``threshold_decibels`` below the loudest
    10 ms; all of it where it is silent."""
    step = max(1, sample_rate // 100)
    power = F.pad(waveform, (0, -len(waveform) % step)).view(-1, step).square().mean(-1)
    loud = torch.nonzero(power > power.max() * 10 ** (-threshold_decibels / 10)).flatten()
    if len(loud) == 0:
        return waveform
    margin = int(margin_seconds * sample_rate)
    return waveform[max(0, int(loud[0]) * step - margin) : (int(loud[-1]) + 1) * step + margin]
