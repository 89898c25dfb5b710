"""The losses of a vocoder: distances between its sound and the recording, and the judgement of discriminators where it
has them. Where the segments come from is in ``recipe``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tts_api.resources.training import AudioFeatures
from tts_api.resources.training_options import Augmentation
from tts_workloads.audio import LogMel
from tts_workloads.models.augmentation import draw_gains, louder, noisy
from tts_workloads.models.spectral import Resolution, spectral_distance
from tts_workloads.models.stage import sent
from tts_workloads.models.vocoder.adversarial import adversarial_losses
from tts_workloads.models.vocoder.discriminators import Discriminator, Discriminators

RESOLUTIONS = (Resolution(256, 64), Resolution(512, 128), Resolution(1024, 256), Resolution(2048, 512))
"""Windows of the multi-resolution loss: FFT size and hop in samples (Yamamoto et al. 2019, Parallel WaveGAN,
arXiv:1910.11480)."""
DISCRIMINATORS = "discriminators"
"""Name of the submodule of ``VocoderTraining`` that is optimised by rules of its own."""


@dataclass(frozen=True)
class VocoderBatch:
    """Segments of one length."""

    mel: Tensor
    """Log-mel frames ``[batch, n_mels, frames]`` float32, in nepers."""
    waveform: Tensor
    """The recorded samples ``[batch, frames * hop_length]`` float32."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz, ``[batch, frames]`` float32, 0 where unvoiced."""
    seconds: float
    """Seconds of speech in the batch."""

    def to(self, device: torch.device) -> VocoderBatch:
        """The batch on another device."""
        return VocoderBatch(
            sent(self.mel, device), sent(self.waveform, device), sent(self.log_pitch, device), self.seconds
        )

    def augmented(self, how: Augmentation) -> VocoderBatch:
        """The segments at another level, and their mel frames with noise."""
        mel, waveform = self.mel, self.waveform
        if how.gain_decibels:
            gains = draw_gains(len(mel), how.gain_decibels, mel.device)
            mel, waveform = louder(mel, gains[:, None, None]), waveform * gains.exp()[:, None]
        if how.noise:
            mel = noisy(mel, how.noise)
        return VocoderBatch(mel, waveform, self.log_pitch, self.seconds)


@dataclass(frozen=True)
class Weights:
    """Weight of each loss."""

    mel: float
    """Mean absolute difference of log-mel frames."""
    spectral: float = 0.0
    """Distance of spectra at several resolutions."""
    generator: float = 1.0
    """How far the discriminators tell the sound from a recorded one; see ``Adversarial.generator``."""
    features: float = 2.0
    """Distance of the discriminators' activations; see ``Adversarial.features``."""


class VocoderTraining(nn.Module):
    """A vocoder with its losses. For ``alone_steps`` it learns with the weights ``alone``, then with the weights
    ``judged`` and against the discriminators."""

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
        """The waveforms ``[batch, samples]`` float32 that the vocoder makes of a batch, and losses of its own by
        name."""
        raise NotImplementedError

    def forward(self, batch: VocoderBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch by name, scalars in float32. Discriminators judge in training only, because the losses
        of held-out clips must mean the same at every step."""
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
