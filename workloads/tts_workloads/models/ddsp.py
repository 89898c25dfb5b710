"""``ddsp``: a vocoder that filters a source, as the voice does: pulses at the pitch and noise, each shaped by a
spectrum that convolutions read off the mel frames (Engel et al. 2020, arXiv:2001.04643; as a vocoder Agrawal et al.
2024, arXiv:2401.10460). The phase comes from the source, so that magnitudes are nearly all there is to learn. Its
training is in ``vocoder_stage``."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import DdspParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import PITCH_RANGE_HZ, SILENCE
from tts_workloads.models.layers import BlockShape, ConvStack, TimeConv
from tts_workloads.models.spectral import LinearMagnitude, Overlap

FIRST_KERNEL, KERNEL = 7, 5
NOISE_SAMPLES = 1 << 16
"""Length of the noise, which is repeated: always the same, so that a voice says the same thing alike."""
MIDDLE_PITCH = math.sqrt(PITCH_RANGE_HZ[0] * PITCH_RANGE_HZ[1])
LEAST_GAIN, LARGEST_GAIN = -14.0, 4.0
"""Bounds of the filters' gains in nepers."""
UNVOICED_PULSES = -6.0
"""Nepers by which pulses are weaker where nothing is voiced."""


class Controls(NamedTuple):
    """What is read off mel frames."""

    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[batch, frames]``."""
    voicing: Tensor
    """Logit that a frame is voiced ``[batch, frames]``."""
    filters: Tensor
    """Corrections of the log-magnitudes of pulses and noise, and the pulses' phases ``[batch, 3 * bins, frames]``."""


class Ddsp(nn.Module):
    """The vocoder. Every sample depends on the pitch of all frames before it, by the pulses' phase."""

    noise: Tensor
    fold: Tensor

    def __init__(self, parameters: DdspParameters, audio: AudioFeatures) -> None:
        super().__init__()
        channels, bins = parameters.hidden_size, audio.n_fft // 2 + 1
        self.sample_rate, self.n_fft, self.hop_length = audio.sample_rate, audio.n_fft, audio.hop_length
        self.first = TimeConv(audio.n_mels, channels, FIRST_KERNEL)
        self.backbone = ConvStack(BlockShape(channels, 2 * channels, KERNEL, 0, 0.0), parameters.layers)
        self.pitch = nn.Linear(channels, 2)
        self.head = nn.Linear(channels, 3 * bins)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
        self.magnitude = LinearMagnitude(audio.sample_rate, audio.n_fft, audio.n_mels)
        self.overlap = Overlap(audio.n_fft, audio.hop_length)
        # TorchScript sees attributes, not the module's constants.
        self.silence, self.middle_pitch = SILENCE, MIDDLE_PITCH
        self.least_gain, self.largest_gain, self.unvoiced_pulses = LEAST_GAIN, LARGEST_GAIN, UNVOICED_PULSES
        self.lowest, self.highest = PITCH_RANGE_HZ
        overlapping = -(-(audio.n_fft - audio.hop_length) // (2 * audio.hop_length))
        self.reach = FIRST_KERNEL // 2 + parameters.layers * (KERNEL // 2) + 2 * overlapping
        self.noise_level = math.log(math.sqrt(0.375 * audio.n_fft))
        """Log-magnitude of white noise of unit power under the Hann window."""
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("noise", torch.randn(NOISE_SAMPLES, generator=generator), persistent=False)
        fold = torch.full((audio.n_fft,), 0.0)
        fold[0] = fold[audio.n_fft // 2] = 1.0
        fold[1 : audio.n_fft // 2] = 2.0
        self.register_buffer("fold", fold, persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel ``[batch, n_mels, frames]`` in nepers to ``[batch, frames * hop_length]`` float32; what is not above
        the floor is silence, and so is what lies beyond the ends."""
        mel = F.pad(mel.clamp_min(self.silence), (self.reach, self.reach), value=self.silence)
        read = self.controls(mel)
        hertz = torch.exp(read.log_pitch).clamp(self.lowest, self.highest)
        waveform = self.sound(read.filters, mel, hertz, torch.sigmoid(read.voicing), 0)
        before = self.reach * self.hop_length
        return waveform[:, before : waveform.shape[1] - before]

    def controls(self, mel: Tensor) -> Controls:
        """Pitch, voicing and filters of ``[batch, n_mels, frames]``."""
        x = mel.transpose(1, 2)
        # The mel's own level is far from zero: silence is -11.5 nepers.
        hidden = self.backbone(self.first((x + 5.0) * 0.5), torch.ones_like(x[:, :, :1]))
        pitch = self.pitch(hidden).float()
        log_pitch = pitch[:, :, 0] + math.log(self.middle_pitch)
        return Controls(log_pitch, pitch[:, :, 1], self.head(hidden).float().transpose(1, 2))

    def sound(self, filters: Tensor, mel: Tensor, hertz: Tensor, voicing: Tensor, noise_from: int) -> Tensor:
        """The waveform ``[batch, frames * hop_length]``, in float32: ``hertz`` and ``voicing`` (0 to 1) are ``[batch,
        frames]``, ``noise_from`` is the place in the noise to begin at."""
        pulses, breath, phase = filters.chunk(3, dim=1)
        level = self.magnitude(mel.float()).log() - self.noise_level
        voiced = voicing.unsqueeze(1)
        pulse_gain = (level + pulses + self.unvoiced_pulses * (1.0 - voiced)).clamp(self.least_gain, self.largest_gain)
        noise_gain = (level + breath).clamp(self.least_gain, self.largest_gain)
        # Each frame's pitch holds in its middle.
        every_sample = F.interpolate(
            hertz.unsqueeze(1), scale_factor=float(self.hop_length), mode="linear", align_corners=False
        )
        source = self.overlap(harmonics(every_sample.squeeze(1), self.sample_rate))
        samples = mel.shape[2] * self.hop_length
        times = (noise_from + samples) // self.noise.shape[0] + 1
        noise = self.overlap(self.noise.repeat(times)[noise_from : noise_from + samples].unsqueeze(0))
        shaped = source * self.minimum_phase(pulse_gain) * torch.polar(torch.ones_like(phase), phase)
        waveform: Tensor = self.overlap.inverse(shaped + noise * torch.exp(noise_gain))
        return waveform

    def minimum_phase(self, log_magnitude: Tensor) -> Tensor:
        """The complex response ``[batch, bins, frames]`` of the filter that has these magnitudes (nepers) and rings the
        least before its pulse, as a vocal tract does: by the folded cepstrum (Oppenheim and Schafer 1989)."""
        cepstrum = torch.fft.irfft(log_magnitude, self.n_fft, dim=1) * self.fold[None, :, None]
        return torch.exp(torch.fft.rfft(cepstrum, dim=1))


def harmonics(hertz: Tensor, sample_rate: int) -> Tensor:
    """Pulses ``[batch, samples]`` of unit power with all harmonics of ``hertz`` ``[batch, samples]`` below half the
    sample rate: the sum of their cosines in closed form (Dirichlet's kernel)."""
    # In double precision, and folded into one turn: minutes of turns leave a float no digits for the phase.
    turns = torch.cumsum(hertz.double() / sample_rate, 1)
    phase = (turns - torch.floor(turns)).float() * (2.0 * math.pi)
    count = 0.49 * sample_rate / hertz
    whole = torch.floor(count)
    half = torch.sin(phase / 2)
    near = half.abs() < 1e-3
    kernel = torch.sin((whole + 0.5) * phase) / (2.0 * torch.where(near, torch.ones_like(half), half)) - 0.5
    # The topmost harmonic fades in and out as the pitch moves, and does not click.
    faded = (count - whole) * torch.cos((whole + 1.0) * phase)
    pulses: Tensor = (torch.where(near, whole, kernel) + faded) * torch.sqrt(2.0 / count)
    return pulses
