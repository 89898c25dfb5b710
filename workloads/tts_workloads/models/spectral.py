"""Spectra of sounds and the way back, and a distance of two sounds for training. The modules are scripted into voices:
they use ``torch.fft`` and folding, never ``torch.stft``, which differs between versions of TorchScript."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_workloads.audio import LOG_FLOOR, mel_filters


def inverse_filters(sample_rate: int, n_fft: int, n_mels: int) -> Tensor:
    """``[bins, n_mels]`` float32: the pseudo-inverse of the mel filters."""
    inverse: Tensor = torch.linalg.pinv(mel_filters(sample_rate, n_fft, n_mels).double())
    return inverse.float()


class Overlap(nn.Module):
    """Turns windowed frames into a waveform and back. Frame ``i`` is centred on the sample ``(i + 0.5) *
    hop_length``."""

    window: Tensor

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length = n_fft, hop_length
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Turn spectra ``[batch, bins, frames]`` complex64 into a waveform ``[batch, frames * hop_length]`` float32:
        the least-squares inverse (Griffin and Lim 1984, equation 6)."""
        frames = spectrum.shape[2]
        windowed = torch.fft.irfft(spectrum, self.n_fft, dim=1) * self.window[None, :, None]
        weight = self.window.square()[None, :, None].expand(1, self.n_fft, frames)
        whole = self._add(windowed) / self._add(weight).clamp_min(1e-6)
        before = (self.n_fft - self.hop_length) // 2
        return whole[:, before : before + frames * self.hop_length]

    def forward(self, waveform: Tensor) -> Tensor:
        """The spectra ``[batch, bins, frames]`` complex64 of a waveform ``[batch, frames * hop_length]``, with silence
        beyond both ends."""
        before = (self.n_fft - self.hop_length) // 2
        padded = F.pad(waveform, (before, self.n_fft - self.hop_length - before))
        windowed = padded.unfold(1, self.n_fft, self.hop_length) * self.window
        spectra: Tensor = torch.fft.rfft(windowed, dim=2)
        return spectra.transpose(1, 2)

    def _add(self, windowed: Tensor) -> Tensor:
        length = (windowed.shape[2] - 1) * self.hop_length + self.n_fft
        return F.fold(windowed, (1, length), (1, self.n_fft), stride=(1, self.hop_length)).flatten(1)


class LinearMagnitude(nn.Module):
    """Turns log-mel frames into the magnitudes of spectra, as well as a linear map can."""

    inverse: Tensor

    def __init__(self, sample_rate: int, n_fft: int, n_mels: int) -> None:
        super().__init__()
        self.floor = LOG_FLOOR
        self.register_buffer("inverse", inverse_filters(sample_rate, n_fft, n_mels), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """The magnitudes ``[batch, bins, frames]`` of log-mel frames ``[batch, n_mels, frames]`` in nepers; none is
        below ``LOG_FLOOR``."""
        return torch.matmul(self.inverse, torch.exp(mel)).clamp_min(self.floor)


def causal_fold(n_fft: int) -> Tensor:
    """The weights ``[n_fft]`` float32 by which ``minimum_phase`` folds a cepstrum. ``n_fft`` is even."""
    fold = torch.zeros(n_fft)
    fold[0] = fold[n_fft // 2] = 1.0
    fold[1 : n_fft // 2] = 2.0
    return fold


def minimum_phase(log_magnitude: Tensor, fold: Tensor) -> Tensor:
    """The complex response ``[..., bins]`` of the filter that has these magnitudes (nepers) and rings the least before
    its pulse, as a vocal tract does: by the folded cepstrum (Oppenheim and Schafer 1989)."""
    cepstrum = torch.fft.irfft(log_magnitude, fold.shape[0]) * fold
    return torch.exp(torch.fft.rfft(cepstrum))


class Resolution(NamedTuple):
    """Window and hop of spectra, both in samples."""

    n_fft: int
    hop_length: int


def spectral_distance(made: Tensor, real: Tensor, resolution: Resolution) -> Tensor:
    """Spectral convergence and mean difference of log-magnitudes of two sounds ``[batch, samples]`` (Arik et al. 2018,
    arXiv:1808.06719)."""
    window = torch.hann_window(resolution.n_fft, device=made.device)

    def magnitude(x: Tensor) -> Tensor:
        spectrum = torch.stft(x, resolution.n_fft, resolution.hop_length, window=window, return_complex=True)
        # The gradient of the square root is infinite at zero.
        return (spectrum.real.square() + spectrum.imag.square()).clamp_min(1e-7).sqrt()

    a, b = magnitude(made), magnitude(real)
    convergence: Tensor = torch.linalg.norm(b - a) / torch.linalg.norm(b)
    return convergence + (a.log() - b.log()).abs().mean()
