"""``ddsp``: a vocoder that filters sources, as the voice does: pulses at the pitch, breath that comes with the pulses,
and noise, each shaped by a spectrum that convolutions read off the mel frames (Engel et al. 2020, arXiv:2001.04643; as
a vocoder Agrawal et al. 2024, arXiv:2401.10460). The phase comes from the pulses, so that magnitudes are nearly all
that has to be learned."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import DdspParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import PITCH_RANGE_HZ, SILENCE
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.layers import BlockShape, ConvStack, TimeConv
from tts_workloads.models.spectral import LinearMagnitude, Overlap, causal_fold, minimum_phase
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.losses import VocoderBatch, VocoderTraining, Weights
from tts_workloads.models.vocoder.pulses import harmonics, turning
from tts_workloads.models.vocoder.recipe import JUDGED, SegmentsStage, seed_weights, spectra_and_periods

FIRST_KERNEL, KERNEL = 7, 5
NOISE_SAMPLES = 1 << 16
"""Length of the noise in samples. The noise is repeated and always the same, so that the same text always sounds
alike."""
MIDDLE_PITCH = math.sqrt(PITCH_RANGE_HZ[0] * PITCH_RANGE_HZ[1])
LEAST_GAIN, LARGEST_GAIN = -14.0, 4.0
"""Bounds of the filters' gains in nepers."""
UNVOICED_GAIN = -6.0
"""Gain in nepers of pulses and breath where nothing is voiced."""
BREATH_SHARPNESS = 4
"""Power of the raised cosine that shapes the breath around a pulse."""


class Controls(NamedTuple):
    """The pitch, the voicing and the filters that the model predicts from mel frames."""

    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[batch, frames]``."""
    voicing: Tensor
    """Logit that a frame is voiced ``[batch, frames]``."""
    filters: Tensor
    """Corrections of the log-magnitudes of pulses, breath and noise, and the pulses' phases ``[batch, 4 * bins,
    frames]``."""


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
        self.head = nn.Linear(channels, 4 * bins)
        with torch.no_grad():
            self.head.weight.mul_(0.1)
        self.magnitude = LinearMagnitude(audio.sample_rate, audio.n_fft, audio.n_mels)
        self.overlap = Overlap(audio.n_fft, audio.hop_length)
        # TorchScript sees attributes, not the module's constants.
        self.silence, self.middle_pitch = SILENCE, MIDDLE_PITCH
        self.least_gain, self.largest_gain, self.unvoiced_gain = LEAST_GAIN, LARGEST_GAIN, UNVOICED_GAIN
        self.lowest, self.highest = PITCH_RANGE_HZ
        overlapping = -(-(audio.n_fft - audio.hop_length) // (2 * audio.hop_length))
        self.reach = FIRST_KERNEL // 2 + parameters.layers * (KERNEL // 2) + 2 * overlapping
        self.noise_level = math.log(math.sqrt(0.375 * audio.n_fft))
        """Log-magnitude of white noise of unit power under the Hann window."""
        self.breath_sharpness, self.breath_from = BREATH_SHARPNESS, NOISE_SAMPLES // 3
        # The mean over a turn of the raised cosine's square is a central binomial coefficient.
        self.breath_scale = math.sqrt(
            4.0 ** (2 * BREATH_SHARPNESS) / math.comb(4 * BREATH_SHARPNESS, 2 * BREATH_SHARPNESS)
        )
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("noise", torch.randn(NOISE_SAMPLES, generator=generator), persistent=False)
        self.register_buffer("fold", causal_fold(audio.n_fft), persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Turn log-mel frames ``[batch, n_mels, frames]`` in nepers into a waveform ``[batch, frames * hop_length]``
        float32. Values not above the floor are silence, and silence lies beyond the ends."""
        mel = F.pad(mel.clamp_min(self.silence), (self.reach, self.reach), value=self.silence)
        read = self.controls(mel)
        hertz = torch.exp(read.log_pitch).clamp(self.lowest, self.highest)
        waveform = self.sound(read.filters, mel, hertz, torch.sigmoid(read.voicing), 0)
        before = self.reach * self.hop_length
        return waveform[:, before : waveform.shape[1] - before]

    def controls(self, mel: Tensor) -> Controls:
        """Pitch, voicing and filters of ``[batch, n_mels, frames]``."""
        x = mel.transpose(1, 2)
        # Mel frames are shifted and scaled, because silence is -11.5 nepers.
        hidden = self.backbone(self.first((x + 5.0) * 0.5), torch.ones_like(x[:, :, :1]))
        pitch = self.pitch(hidden).float()
        log_pitch = pitch[:, :, 0] + math.log(self.middle_pitch)
        return Controls(log_pitch, pitch[:, :, 1], self.head(hidden).float().transpose(1, 2))

    def sound(self, filters: Tensor, mel: Tensor, hertz: Tensor, voicing: Tensor, noise_from: int) -> Tensor:
        """The waveform ``[batch, frames * hop_length]`` float32. ``hertz`` and ``voicing`` (0 to 1) are ``[batch,
        frames]``; ``noise_from`` is the sample of the noise to begin at."""
        of_pulses, of_breath, of_noise, phases = filters.chunk(4, dim=1)
        level = self.magnitude(mel.float()).log() - self.noise_level
        voiced = level + self.unvoiced_gain * (1.0 - voicing.unsqueeze(1))
        # Each frame's pitch holds in its middle.
        every_sample = F.interpolate(
            hertz.unsqueeze(1), scale_factor=float(self.hop_length), mode="linear", align_corners=False
        ).squeeze(1)
        phase = turning(every_sample, self.sample_rate)
        samples = mel.shape[2] * self.hop_length
        times = (noise_from + samples) // self.noise.shape[0] + 2
        endless = self.noise.repeat(times)
        noise = endless[noise_from : noise_from + samples].unsqueeze(0)
        other = endless[noise_from + self.breath_from :][:samples].unsqueeze(0)
        pulses = self.overlap(harmonics(phase, every_sample, self.sample_rate))
        breath = self.overlap(other * self.breath_scale * (0.5 + 0.5 * torch.cos(phase)).pow(self.breath_sharpness))
        spectrum = pulses * self.minimum_phase(self.bounded(voiced + of_pulses))
        spectrum = spectrum * torch.polar(torch.ones_like(phases), phases)
        spectrum = spectrum + breath * torch.exp(self.bounded(voiced + of_breath))
        spectrum = spectrum + self.overlap(noise) * torch.exp(self.bounded(level + of_noise))
        waveform: Tensor = self.overlap.inverse(spectrum)
        return waveform

    def bounded(self, gain: Tensor) -> Tensor:
        """The gain in nepers, bounded so that its exponential is finite."""
        return gain.clamp(self.least_gain, self.largest_gain)

    def minimum_phase(self, log_magnitude: Tensor) -> Tensor:
        """The response ``[batch, bins, frames]`` of ``spectral.minimum_phase``, with the bins before the frames."""
        return minimum_phase(log_magnitude.transpose(1, 2), self.fold).transpose(1, 2)


class DdspTraining(VocoderTraining):
    """The vocoder with its losses. In training its source has the recording's pitch; meanwhile the model learns to
    predict the pitch from the mel frames."""

    model: Ddsp

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The waveforms, and the losses of pitch and voicing; see ``VocoderTraining``."""
        read = self.model.controls(batch.mel)
        voiced = (batch.log_pitch > 0).float()
        wrong = ((read.log_pitch - batch.log_pitch).abs() * voiced).sum() / voiced.sum().clamp_min(1.0)
        own = {"pitch": 2.0 * wrong, "voicing": F.binary_cross_entropy_with_logits(read.voicing, voiced)}
        with torch.autocast(batch.mel.device.type, enabled=False):
            # Between voiced frames the source has the pitch that the model reads there.
            log_pitch = torch.where(batch.log_pitch > 0, batch.log_pitch, read.log_pitch.detach())
            hertz = torch.exp(log_pitch).clamp(self.model.lowest, self.model.highest)
            noise_from = int(torch.randint(self.model.noise.shape[0], ()))
            return self.model.sound(read.filters, batch.mel, hertz, voiced, noise_from), own


def ddsp_stage(task: Task, acoustic: AcousticStage) -> SegmentsStage:
    """The training of ``ddsp`` against the discriminators of ``vocos``. Those of periods are narrower, because the
    pulses of its source have the right periods anyway."""
    seed_weights(task)
    audio, parameters = task.run.dataset.audio, DdspParameters.model_validate(task.run.model.vocoder.parameters)
    channels = parameters.discriminator_channels
    training = DdspTraining(
        Ddsp(parameters, audio),
        audio,
        alone=Weights(mel=2.0, spectral=1.0),
        judged=JUDGED,
        discriminators=spectra_and_periods(channels, max(1, channels // 4)),
        alone_steps=parameters.pretraining_steps,
    )
    return SegmentsStage(task, acoustic, training, None)
