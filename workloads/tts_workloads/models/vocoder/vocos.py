"""``vocos``: magnitudes and phases from a few convolutions at frame rate, sound by one inverse Fourier transform
(Siuzdak 2023, arXiv:2306.00814). The blocks are plain convolutions: depthwise ones are slow to train on a CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import VocosParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import SILENCE
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.layers import BlockShape, ConvStack, TimeConv
from tts_workloads.models.spectral import LinearMagnitude, Overlap
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.losses import VocoderBatch, VocoderTraining, Weights
from tts_workloads.models.vocoder.recipe import JUDGED, SegmentsStage, seed_weights, spectra_and_periods

FIRST_KERNEL, KERNEL = 7, 3
LARGEST_MAGNITUDE = 1e3


def receptive_field_frames(parameters: VocosParameters, audio: AudioFeatures) -> int:
    """Frames on each side of a sample's own that the sample depends on: half of every kernel, and the overlap of the
    transform."""
    overlap = -(-(audio.n_fft - audio.hop_length) // (2 * audio.hop_length))
    return FIRST_KERNEL // 2 + parameters.layers * (KERNEL // 2) + overlap


class Vocos(nn.Module):
    """The vocoder. It predicts corrections of the magnitudes that a linear map makes of the mel frames, so that only
    the phase is learned from nothing."""

    def __init__(self, parameters: VocosParameters, audio: AudioFeatures) -> None:
        super().__init__()
        channels = parameters.hidden_size
        self.first = TimeConv(audio.n_mels, channels, FIRST_KERNEL)
        self.backbone = ConvStack(BlockShape(channels, 2 * channels, KERNEL, 0, 0.0), parameters.layers)
        self.head = nn.Linear(channels, audio.n_fft + 2)
        self.magnitude = LinearMagnitude(audio.sample_rate, audio.n_fft, audio.n_mels)
        self.largest_magnitude = LARGEST_MAGNITUDE
        self.hop_length, self.silence = audio.hop_length, SILENCE
        self.reach = receptive_field_frames(parameters, audio)
        self.overlap = Overlap(audio.n_fft, audio.hop_length)

    def forward(self, mel: Tensor) -> Tensor:
        """Turn log-mel frames ``[batch, n_mels, frames]`` in nepers into a waveform ``[batch, frames * hop_length]``
        float32. Values not above the floor are silence, and silence lies beyond the ends."""
        reach = self.reach
        mel = F.pad(mel.clamp_min(self.silence), (reach, reach), value=self.silence)
        waveform = self.sound(self.hidden(mel), mel)
        return waveform[:, reach * self.hop_length : waveform.shape[1] - reach * self.hop_length]

    def hidden(self, mel: Tensor) -> Tensor:
        """Corrections of log-magnitudes, and phases, ``[batch, frames, n_fft + 2]``."""
        x = mel.transpose(1, 2)
        mask = torch.ones_like(x[:, :, :1])
        # Mel frames are shifted and scaled, because silence is -11.5 nepers.
        hidden: Tensor = self.head(self.backbone(self.first((x + 5.0) * 0.5), mask))
        return hidden

    def sound(self, hidden: Tensor, mel: Tensor) -> Tensor:
        """The waveform of ``hidden``, computed in float32 whatever the format of the backbone was."""
        correction, phase = hidden.float().transpose(1, 2).chunk(2, dim=1)
        magnitude = (self.magnitude(mel.float()) * torch.exp(correction.clamp(-12.0, 6.0))).clamp(
            max=self.largest_magnitude
        )
        return self.overlap.inverse(torch.polar(magnitude, phase))


class VocosTraining(VocoderTraining):
    """The vocoder with its losses."""

    model: Vocos

    def make(self, batch: VocoderBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The waveforms, and no losses of its own; see ``VocoderTraining``."""
        hidden = self.model.hidden(batch.mel)
        with torch.autocast(batch.mel.device.type, enabled=False):
            return self.model.sound(hidden, batch.mel), {}


def vocos_stage(task: Task, acoustic: AcousticStage) -> SegmentsStage:
    """The training of ``vocos`` against multi-period and multi-resolution discriminators (as Jang et al. 2021)."""
    seed_weights(task)
    audio, parameters = task.run.dataset.audio, VocosParameters.model_validate(task.run.model.vocoder.parameters)
    channels = parameters.discriminator_channels
    judges = spectra_and_periods(channels, channels)
    training = VocosTraining(
        Vocos(parameters, audio),
        audio,
        alone=Weights(mel=3.0, spectral=1.0),
        judged=JUDGED,
        discriminators=judges,
        alone_steps=parameters.pretraining_steps,
    )
    return SegmentsStage(task, acoustic, training, receptive_field_frames(parameters, audio))
