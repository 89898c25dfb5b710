"""How vocoders are trained: on short pieces of sound, given the mel frames that the acoustic model will give them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from tts_api.architectures import GriffinLimParameters, VocosParameters
from tts_workloads.audio import LogMel
from tts_workloads.data import Utterance, plan_batches
from tts_workloads.models import vocos
from tts_workloads.models.acoustic_stage import AcousticStage
from tts_workloads.models.griffinlim import GriffinLim
from tts_workloads.models.spectral import Resolution, spectral_distance
from tts_workloads.models.stage import Optimisation, StageName
from tts_workloads.models.task import Task

PIECE_FRAMES = 32
"""Frames of sound in a training example."""
FRAMES_PER_PIECE = 192
"""Of so many frames in a batch one piece is taken: near pieces of one clip teach little new."""
PREDICTED_SHARE = 0.75
"""Share of pieces whose mel is the acoustic model's; the others have the recording's own."""
RESOLUTIONS = (Resolution(512, 128), Resolution(1024, 256), Resolution(2048, 512))
"""Windows of the multi-resolution loss: FFT size and hop in samples (Yamamoto et al. 2019, Parallel WaveGAN,
arXiv:1910.11480)."""
MEL_WEIGHT, SPECTRAL_WEIGHT = 3.0, 1.0


class VocoderStage(Protocol):
    """The second stage of a training, as the voice's maker sees it."""

    name: StageName
    steps: int
    optimisation: Optimisation
    model: nn.Module
    receptive_field_frames: int | None
    """Mel frames on each side that a sample depends on; None where it depends on all."""

    def module(self) -> nn.Module:
        """The vocoder as it is exported."""

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """See ``Stage``."""

    def collate(self, utterances: Sequence[Utterance]) -> VocoderBatch:
        """See ``Stage``."""

    def validation(self) -> Iterable[VocoderBatch]:
        """See ``Stage``."""


@dataclass(frozen=True)
class VocoderBatch:
    """Pieces of one length."""

    mel: Tensor
    """``[batch, n_mels, frames]`` float32."""
    waveform: Tensor
    """``[batch, frames * hop_length]`` float32."""
    seconds: float

    def to(self, device: torch.device) -> VocoderBatch:
        """The batch on another device."""
        return VocoderBatch(
            self.mel.to(device, non_blocking=True), self.waveform.to(device, non_blocking=True), self.seconds
        )


class VocosTraining(nn.Module):
    """The vocoder and its losses."""

    def __init__(self, model: vocos.Vocos, log_mel: LogMel) -> None:
        super().__init__()
        self.model = model
        self.log_mel = log_mel

    def forward(self, batch: VocoderBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch, by name."""
        del step
        hidden = self.model.hidden(batch.mel)
        with torch.autocast(batch.mel.device.type, enabled=False):
            made = self.model.sound(hidden, batch.mel)
            mel = (self.log_mel(made) - self.log_mel(batch.waveform)).abs().mean()
            spectral = torch.stack([spectral_distance(made, batch.waveform, r) for r in RESOLUTIONS]).mean()
            return {"loss": MEL_WEIGHT * mel + SPECTRAL_WEIGHT * spectral, "mel": mel, "spectral": spectral}


class VocosStage:
    """Training of ``vocos``."""

    name: StageName = "Vocoder"

    def __init__(self, task: Task, acoustic: AcousticStage) -> None:
        run, audio = task.run, task.run.dataset.audio
        self.task, self.acoustic = task, acoustic
        self.steps = run.training.vocoder_steps
        self.optimisation = Optimisation(
            learning_rate=run.training.learning_rate, warmup_steps=100, average_decay=0.99, clip_norm=1.0
        )
        parameters = VocosParameters.model_validate(run.model.vocoder.parameters)
        torch.manual_seed(run.training.seed + 1)
        self._vocoder = vocos.Vocos(parameters, audio)
        self.model: nn.Module = VocosTraining(self._vocoder, LogMel(audio))
        self.receptive_field_frames: int | None = vocos.receptive_field_frames(parameters, audio)
        self._frames = [task.frames(clip) for clip in range(len(task.corpus.clips))]
        self._predicted: dict[int, Tensor] = {}

    def module(self) -> nn.Module:
        """The vocoder as it is exported."""
        return self._vocoder

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The clips that the pieces of each batch are taken from."""
        # Speakers may share a batch, so that all are one here.
        return plan_batches(
            self.task.train, self._frames, [0] * len(self._frames), batch_frames=self.task.batch_frames,
            seed=self.task.run.training.seed, epoch=epoch, rank=rank, world=world,
        )  # fmt: skip

    def collate(self, utterances: Sequence[Utterance]) -> VocoderBatch:
        """Pieces from random places of these clips, every place as likely as another."""
        return self._pieces([clip for utterance in utterances for clip in utterance], PREDICTED_SHARE)

    def validation(self) -> Iterable[VocoderBatch]:
        """Pieces of the held-out clips, with the mel that the acoustic model gives."""
        clips = list(self.task.held_out)
        return (self._pieces(clips[first : first + 16], 1.0) for first in range(0, len(clips), 16))

    def _pieces(self, clips: Sequence[int], predicted_share: float) -> VocoderBatch:
        audio = self.task.run.dataset.audio
        draw = random.Random(int(torch.randint(2**31, ()).item()))  # noqa: S311 - no secret
        count = max(1, self.task.batch_frames // FRAMES_PER_PIECE)
        places = [max(1, self._frames[clip] - PIECE_FRAMES + 1) for clip in clips]
        self._predict(clips)
        mels, waveforms = [], []
        for clip in draw.choices(clips, places, k=count):
            start = draw.randrange(places[clips.index(clip)])
            recording = self.task.features(clip).mel
            mel = (self._predicted[clip] if draw.random() < predicted_share else recording)[
                start : start + PIECE_FRAMES
            ]
            short = PIECE_FRAMES - len(mel)
            waveform = self.task.corpus.clips[clip].waveform
            waveform = waveform[start * audio.hop_length : (start + PIECE_FRAMES) * audio.hop_length]
            mels.append(torch.nn.functional.pad(mel, (0, 0, 0, short), value=float(recording.min())).T)
            waveforms.append(torch.nn.functional.pad(waveform, (0, short * audio.hop_length)))
        seconds = count * PIECE_FRAMES * audio.hop_length / audio.sample_rate
        return VocoderBatch(torch.stack(mels), torch.stack(waveforms), seconds)

    def _predict(self, clips: Sequence[int]) -> None:
        """The acoustic model is finished before this stage begins: what it says of a clip is computed once."""
        new = sorted(set(clips) - self._predicted.keys(), key=lambda clip: self._frames[clip])
        for first in range(0, len(new), 8):
            some = new[first : first + 8]
            self._predicted |= zip(some, self.acoustic.predict(some), strict=True)


class GriffinLimStage:
    """``griffinlim`` has nothing to train."""

    name: StageName = "Vocoder"
    steps: int = 0
    optimisation = Optimisation(learning_rate=0.0, warmup_steps=0)
    receptive_field_frames: int | None = None

    def __init__(self, task: Task, acoustic: AcousticStage) -> None:
        del acoustic
        parameters = GriffinLimParameters.model_validate(task.run.model.vocoder.parameters)
        self.model: nn.Module = GriffinLim(parameters, task.run.dataset.audio)

    def module(self) -> nn.Module:
        """The vocoder as it is exported."""
        return self.model

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """None."""
        del epoch, rank, world
        return []

    def collate(self, utterances: Sequence[Utterance]) -> VocoderBatch:
        """Never asked for. Raises TypeError."""
        raise TypeError(f"griffinlim is not trained, and was given {len(utterances)} utterances")

    def validation(self) -> Iterable[VocoderBatch]:
        """None."""
        return []
