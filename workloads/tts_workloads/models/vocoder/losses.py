"""What a vocoder learns from: distances between what it makes of mel frames and the recording, and, where it has them,
discriminators. Where the pieces come from: ``vocoder_stage``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.resources.training import AudioFeatures, Augmentation
from tts_workloads.audio import LogMel
from tts_workloads.models.acoustic.augmentation import draw_gains, louder, noisy
from tts_workloads.models.spectral import Resolution, spectral_distance
from tts_workloads.models.stage import sent
from tts_workloads.models.vocoder.adversarial import adversarial_losses
from tts_workloads.models.vocoder.ddsp import Ddsp
from tts_workloads.models.vocoder.discriminators import Discriminator, Discriminators
from tts_workloads.models.vocoder.hifigan import Hifigan
from tts_workloads.models.vocoder.vocos import Vocos

RESOLUTIONS = (Resolution(256, 64), Resolution(512, 128), Resolution(1024, 256), Resolution(2048, 512))
"""Windows of the multi-resolution loss: FFT size and hop in samples (Yamamoto et al. 2019, Parallel WaveGAN,
arXiv:1910.11480)."""
DISCRIMINATORS = "discriminators"
"""The submodule that is optimised apart."""


@dataclass(frozen=True)
class VocoderBatch:
    """Pieces of one length."""

    mel: Tensor
    """``[batch, n_mels, frames]`` float32."""
    waveform: Tensor
    """``[batch, frames * hop_length]`` float32."""
    log_pitch: Tensor
    """``[batch, frames]`` float32, 0 where unvoiced."""
    seconds: float

    def to(self, device: torch.device) -> VocoderBatch:
        """The batch on another device."""
        return VocoderBatch(
            sent(self.mel, device), sent(self.waveform, device), sent(self.log_pitch, device), self.seconds
        )

    def augmented(self, how: Augmentation) -> VocoderBatch:
        """The pieces louder or softer, and what is read of them with noise."""
        mel, waveform = self.mel, self.waveform
        if how.gain_decibels:
            gains = draw_gains(len(mel), how.gain_decibels, mel.device)
            mel, waveform = louder(mel, gains[:, None, None]), waveform * gains.exp()[:, None]
        if how.noise:
            mel = noisy(mel, how.noise)
        return VocoderBatch(mel, waveform, self.log_pitch, self.seconds)


@dataclass(frozen=True)
class Weights:
    """What each loss counts."""

    mel: float
    """Mean absolute difference of log-mel frames."""
    spectral: float = 0.0
    """Distance of spectra at several resolutions."""
    generator: float = 1.0
    features: float = 2.0


class VocoderTraining(nn.Module):
    """A vocoder with its losses: for ``alone_steps`` it learns ``alone``, then ``judged`` by the discriminators."""

    def __init__(
        self,
        model: nn.Module,
        audio: AudioFeatures,
        *,
        alone: Weights,
        judged: Weights,
        discriminators: Sequence[Discriminator],
        alone_steps: int = 0,
    ) -> None:
        super().__init__()
        self.model, self.alone, self.judged, self.alone_steps = model, alone, judged, alone_steps
        self.log_mel = LogMel(audio)
        self.discriminators = Discriminators(discriminators) if discriminators else None

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The pieces' waveforms ``[batch, samples]`` float32 as the vocoder makes them, and losses of its own."""
        raise NotImplementedError

    def forward(self, batch: VocoderBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch, by name. Nothing is judged outside training: what is measured on held-out clips must
        mean the same at every step."""
        made, own = self.make(batch)
        judging = self.discriminators is not None and self.training and step >= self.alone_steps
        weights = self.judged if judging else self.alone
        with torch.autocast(batch.mel.device.type, enabled=False):
            losses = {"mel": (self.log_mel(made) - self.log_mel(batch.waveform)).abs().mean(), **own}
            counted = [weights.mel * losses["mel"], *own.values()]
            if weights.spectral:
                distances = [spectral_distance(made, batch.waveform, resolution) for resolution in RESOLUTIONS]
                losses["spectral"] = torch.stack(distances).mean()
                counted.append(weights.spectral * losses["spectral"])
        if self.discriminators is not None and judging:
            judged = adversarial_losses(self.discriminators, made, batch.waveform)
            losses |= judged._asdict()
            counted += [judged.discriminator, weights.generator * judged.generator, weights.features * judged.features]
        elif self.discriminators is not None and self.training:
            # DistributedDataParallel waits for a gradient of every weight.
            counted += [0.0 * weight.sum() for weight in self.discriminators.parameters()]
        return {"loss": torch.stack(counted).sum(), **losses}


class VocosTraining(VocoderTraining):
    """The losses of ``vocos``."""

    model: Vocos

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``VocoderTraining``."""
        hidden = self.model.hidden(batch.mel)
        with torch.autocast(batch.mel.device.type, enabled=False):
            return self.model.sound(hidden, batch.mel), {}


class HifiganTraining(VocoderTraining):
    """The losses of ``hifigan``."""

    model: Hifigan

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``VocoderTraining``."""
        return self.model.generate(batch.mel), {}


class DdspTraining(VocoderTraining):
    """The losses of ``ddsp``: the source is the recording's pitch, and reading it off the mel is learned beside."""

    model: Ddsp

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``VocoderTraining``."""
        read = self.model.controls(batch.mel)
        voiced = (batch.log_pitch > 0).float()
        wrong = ((read.log_pitch - batch.log_pitch).abs() * voiced).sum() / voiced.sum().clamp_min(1.0)
        own = {"pitch": 2.0 * wrong, "voicing": F.binary_cross_entropy_with_logits(read.voicing, voiced)}
        with torch.autocast(batch.mel.device.type, enabled=False):
            # Between voiced frames the source goes on at the pitch that is read there.
            log_pitch = torch.where(batch.log_pitch > 0, batch.log_pitch, read.log_pitch.detach())
            hertz = torch.exp(log_pitch).clamp(self.model.lowest, self.model.highest)
            noise_from = int(torch.randint(self.model.noise.shape[0], ()))
            return self.model.sound(read.filters, batch.mel, hertz, voiced, noise_from), own
