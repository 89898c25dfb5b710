"""``world``: a vocoder without weights, which filters pulses and noise as the voice does (Morise et al. 2016, WORLD,
IEICE Transactions E99-D). Its frames come from ``data.analysis.world``; the acoustic model predicts them.

WORLD's own synthesis places pulse after pulse. Here a source of the whole sentence is cut into overlapping windows,
each window is filtered at once, and the results are added: the same sound at a fraction of the cost.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import WorldParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import NEPERS_PER_DECIBEL, SILENCE, mel_centres
from tts_workloads.data.analysis.world import aperiodicity_bands
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.spectral import causal_fold, minimum_phase
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.pulses import harmonics
from tts_workloads.models.vocoder.untrained import UntrainedStage

RESPONSE_SECONDS = 0.032
"""Seconds that the response of a filter is given to ring before it is cut off."""
LOWEST_HERTZ, HIGHEST_HERTZ = 20.0, 2000.0
"""Bounds of the pitch, whatever is predicted and by whatever factor a request changes it."""
NOISE_SAMPLES = 1 << 16
"""Samples after which the noise is repeated. It is always the same, so that the same text always sounds alike."""
VOICING_SLOPE = 4.0
"""Factor of the log-odds of voicing: a frame is either voiced or not, and hardly ever in between."""
SMOOTHING_BANDS = 11
"""Number of bands over which the envelope is smoothed to find what stands out."""
LEAST_DECIBELS = -60.0
"""Aperiodicity at 0 Hz, as in WORLD's own decoder; at half the sample rate it is 0."""


class PulseTrack(nn.Module):
    """Adds to the frames of a whole sentence how far the pulses have turned and the number of each frame, so that
    ``World`` makes any part of the sentence alone."""

    def __init__(self, audio: AudioFeatures) -> None:
        super().__init__()
        self.turns_per_hertz = audio.hop_length / audio.sample_rate
        self.pitch_at = audio.n_mels + aperiodicity_bands(audio.sample_rate)
        self.lowest, self.highest = LOWEST_HERTZ, HIGHEST_HERTZ

    def forward(self, frames: Tensor) -> Tensor:
        """Turn frames ``[batch, channels, frames]`` into ``[batch, channels + 2, frames]``."""
        hertz = torch.exp(frames[:, self.pitch_at].double()).clamp(self.lowest, self.highest)
        # From the middle of a frame to that of the next the pitch is a straight line.
        turned = (hertz[:, :-1] + hertz[:, 1:]) * (0.5 * self.turns_per_hertz)
        turns = F.pad(torch.cumsum(turned, 1), (1, 0))
        turns = (turns - torch.floor(turns)).to(frames.dtype)
        numbers = torch.arange(frames.shape[2], device=frames.device).to(frames.dtype).expand_as(turns)
        # Behind the end of a short sentence lies silence in every channel. Frames there have no number.
        numbers = torch.where(frames[:, self.pitch_at] > 0, numbers, torch.full_like(numbers, -1.0))
        return torch.cat([frames, turns.unsqueeze(1), numbers.unsqueeze(1)], 1)


class World(nn.Module):
    """The vocoder. A sample depends on a few frames around it, because ``PulseTrack`` has been over the sentence."""

    noise: Tensor
    window: Tensor
    sharpened: Tensor
    widths: Tensor
    bins: Tensor
    aperiodic: Tensor
    rising: Tensor
    fold: Tensor

    def __init__(self, parameters: WorldParameters, audio: AudioFeatures) -> None:
        super().__init__()
        rate, hop, n_mels = audio.sample_rate, audio.hop_length, audio.n_mels
        self.sample_rate, self.hop_length, self.n_mels = rate, hop, n_mels
        self.pitch_at = n_mels + aperiodicity_bands(rate)
        self.blocks = 2 + math.ceil(RESPONSE_SECONDS * rate / hop)
        """Hops that a filtered window spans."""
        if self.blocks * hop % 2:
            self.blocks += 1
        self.n_fft = self.blocks * hop
        # TorchScript sees attributes, not the module's constants.
        self.silence, self.slope, self.noise_frames = SILENCE, VOICING_SLOPE, -(-NOISE_SAMPLES // hop)
        self.lowest, self.highest = LOWEST_HERTZ, HIGHEST_HERTZ
        generator = torch.Generator().manual_seed(1)
        hertz = torch.linspace(0.0, rate / 2, self.n_fft // 2 + 1, dtype=torch.float64)
        centres = mel_centres(rate, n_mels)
        known = [0.0, *(3000.0 * (band + 1) for band in range(aperiodicity_bands(rate))), rate / 2]
        decibels = interpolation(torch.tensor(known, dtype=torch.float64), hertz)
        self._buffer("noise", torch.randn(self.noise_frames, hop, generator=generator))
        self._buffer("window", torch.hann_window(2 * hop))
        self._buffer("sharpened", sharpening(n_mels, parameters.sharpness))
        self._buffer("widths", torch.log(torch.gradient(centres)[0]))
        self._buffer("bins", interpolation(centres, hertz))
        self._buffer("aperiodic", decibels[1:-1])
        self._buffer("rising", decibels[0] * LEAST_DECIBELS * NEPERS_PER_DECIBEL)
        self._buffer("fold", causal_fold(self.n_fft))

    def _buffer(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.float(), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Turn frames ``[batch, channels, frames]``, with what ``PulseTrack`` has added, into a waveform ``[batch,
        frames * hop_length]`` float32. Beyond the ends is silence."""
        frames = F.pad(frames.float(), (1, 1), value=self.silence).transpose(1, 2)
        pulses, noise = self.sources(frames)
        voiced = torch.sigmoid(self.slope * frames[:, :, self.pitch_at + 1 : self.pitch_at + 2])
        share = torch.exp(self.rising + frames[:, :, self.n_mels : self.pitch_at] @ self.aperiodic).clamp(max=1.0)
        periodic = voiced * (1.0 - share.square())
        spectra = torch.fft.rfft(pulses, self.n_fft) * torch.sqrt(periodic)
        spectra = spectra + torch.fft.rfft(noise, self.n_fft) * torch.sqrt(1.0 - periodic)
        filtered = torch.fft.irfft(spectra * self.filters(frames[:, :, : self.n_mels]), self.n_fft)
        waveform = self.added(filtered)
        # The first window begins a hop and a half before the first sample that was asked for.
        before = 2 * self.hop_length - self.hop_length // 2
        return waveform[:, before : before + (frames.shape[1] - 2) * self.hop_length]

    def sources(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Pulses and noise of unit power, each ``[batch, frames, 2 * hop_length]``, under the window of each frame
        ``[batch, frames, channels]``."""
        hertz = torch.exp(frames[:, :, self.pitch_at]).clamp(self.lowest, self.highest)
        turns, number = frames[:, :, -2], frames[:, :, -1]
        # Beyond the ends of a sentence the pitch is that of the last frame.
        begins, ends = number[:, :-1] < 0, number[:, 1:] < 0
        first = torch.where(begins, hertz[:, 1:], hertz[:, :-1])
        last = torch.where(ends, first, hertz[:, 1:])
        turned = torch.where(begins, turns[:, 1:] - first * (self.hop_length / self.sample_rate), turns[:, :-1])
        row = torch.where(begins, number[:, 1:] - 1, number[:, :-1]).long() % self.noise_frames
        # Between the middles of two frames, sample by sample.
        along = torch.arange(self.hop_length, device=frames.device).to(frames.dtype) / self.hop_length
        first, rise = first.unsqueeze(-1), (last - first).unsqueeze(-1)
        phase = turned.unsqueeze(-1) + (first * along + rise * along.square() / 2) * (
            self.hop_length / self.sample_rate
        )
        phase = (phase - torch.floor(phase)) * (2.0 * math.pi)
        pulses = harmonics(phase, first + rise * along, self.sample_rate)
        return self.windowed(pulses), self.windowed(self.noise[row])

    def windowed(self, between: Tensor) -> Tensor:
        """The windows ``[batch, frames, 2 * hop_length]`` around the middles of frames, of the samples ``[batch, frames
        - 1, hop_length]`` between them; nothing lies before the first and after the last."""
        padded = F.pad(between, (0, 0, 1, 1))
        return torch.cat([padded[:, :-1], padded[:, 1:]], -1) * self.window

    def filters(self, mel: Tensor) -> Tensor:
        """The spectra ``[batch, frames, bins]`` complex64 of filters with the envelopes ``[batch, frames, n_mels]``
        of minimum
        phase."""
        mel = mel.clamp_min(self.silence)
        sharp = mel @ self.sharpened
        # Sharper formants are not louder.
        sharp = sharp + 0.5 * (self.power(mel) - self.power(sharp))
        return minimum_phase(sharp @ self.bins, self.fold)

    def power(self, mel: Tensor) -> Tensor:
        """Logarithm of the power of envelopes, ``[batch, frames, 1]``."""
        return torch.logsumexp(2.0 * mel + self.widths, -1, keepdim=True)

    def added(self, filtered: Tensor) -> Tensor:
        """The sum of windows ``[batch, frames, n_fft]`` that begin a hop apart, ``[batch, samples]``."""
        batch, count = filtered.shape[0], filtered.shape[1]
        parts = filtered.view(batch, count, self.blocks, self.hop_length)
        whole = torch.zeros(batch, count + self.blocks - 1, self.hop_length, device=parts.device, dtype=parts.dtype)
        for block in range(self.blocks):
            whole[:, block : block + count] += parts[:, :, block]
        return whole.flatten(1)


def interpolation(known: Tensor, wanted: Tensor) -> Tensor:
    """The matrix ``[known, wanted]`` that interpolates linearly between values at rising places ``[known]`` and
    continues the outermost ones; both float64."""
    above = torch.searchsorted(known, wanted).clamp(1, len(known) - 1)
    share = ((wanted - known[above - 1]) / (known[above] - known[above - 1])).clamp(0.0, 1.0)
    matrix = torch.zeros(len(known), len(wanted), dtype=known.dtype)
    column = torch.arange(len(wanted))
    matrix[above - 1, column] = 1.0 - share
    matrix[above, column] += share
    return matrix


def sharpening(n_mels: int, sharpness: float) -> Tensor:
    """The matrix ``[n_mels, n_mels]`` that raises the contrast between bands: the envelope plus ``sharpness`` times
    what it differs from its mean over ``SMOOTHING_BANDS``."""
    distance = (torch.arange(n_mels)[:, None] - torch.arange(n_mels)[None, :]).abs()
    near = (distance <= SMOOTHING_BANDS // 2).double()
    smoothed = near / near.sum(0, keepdim=True)
    return torch.eye(n_mels, dtype=torch.float64) * (1.0 + sharpness) - sharpness * smoothed


def receptive_field_frames(vocoder: World) -> int:
    """Frames on each side of its own that a sample depends on."""
    return vocoder.blocks


def world_stage(task: Task, acoustic: AcousticStage) -> UntrainedStage:
    """The stage of ``world``."""
    del acoustic
    audio = task.run.dataset.audio
    vocoder = World(WorldParameters.model_validate(task.run.model.vocoder.parameters), audio)
    return UntrainedStage(vocoder, receptive_field_frames(vocoder), PulseTrack(audio))
