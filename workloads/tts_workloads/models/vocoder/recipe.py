"""How vocoders are trained: on short pieces of sound, given the mel frames that the acoustic model will give them. What
they learn from these: ``vocoder_losses``."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import DdspParameters, GriffinLimParameters, HifiganParameters, VocosParameters
from tts_api.reasons import Reason
from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import SILENCE, LogMel
from tts_workloads.data import Utterance, gathered, plan_batches
from tts_workloads.exits import BadInput
from tts_workloads.models.acoustic.fastspeech2.recipe import AcousticStage
from tts_workloads.models.spectral import Resolution
from tts_workloads.models.stage import Glimpse, Optimisation, StageName, sent
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder import discriminators, hifigan, vocos
from tts_workloads.models.vocoder.ddsp import Ddsp
from tts_workloads.models.vocoder.griffinlim import GriffinLim
from tts_workloads.models.vocoder.losses import (
    DISCRIMINATORS,
    DdspTraining,
    HifiganTraining,
    VocoderBatch,
    VocoderTraining,
    VocosTraining,
    Weights,
)

PIECE_FRAMES = 32
"""Frames of sound in a training example."""
FRAMES_PER_PIECE = 192
"""Of so many frames in a batch one piece is taken: near pieces of one clip teach little new."""
PREDICTED_SHARE = 0.75
"""Share of pieces whose mel is the acoustic model's; the others have the recording's own."""
JUDGED_RESOLUTIONS = (Resolution(256, 64), Resolution(512, 128), Resolution(1024, 256))
"""Spectra that discriminators look at."""
SILENT_FRAMES = 4
"""How far pieces reach beyond a clip's ends: what is spoken begins and ends in silence."""
LARGEST_NORM = 1000.0
"""The published recipes clip nothing: this stops a gradient that would end the training."""
ADVERSARIAL_RATE = 0.2
"""Share of the learning rate that a vocoder and its discriminators take: with the default 3e-4, about the published."""


JUDGED = Weights(mel=15.0, spectral=2.0)
"""Of a vocoder that discriminators judge."""


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

    def show(self) -> Glimpse | None:
        """See ``Stage``."""


class PiecesStage:
    """Training on pieces of the corpus's clips."""

    name: StageName = "Vocoder"

    def __init__(
        self, task: Task, acoustic: AcousticStage, training: VocoderTraining, receptive_field_frames: int | None
    ) -> None:
        options = task.run.training
        self.task, self.acoustic, self._training = task, acoustic, training
        self.steps = options.vocoder_steps
        self.optimisation = optimisation_of(training, options.learning_rate)
        self.model: nn.Module = training
        self.receptive_field_frames: int | None = receptive_field_frames
        self._frames = task.features.counts
        self._predicted: Tensor | None = None
        self._is_predicted: set[int] = set()

    def module(self) -> nn.Module:
        """The vocoder as it is exported."""
        return self._training.model

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The clips that the pieces of each batch are taken from."""
        # Speakers may share a batch, so that all are one here.
        return plan_batches(
            self.task.train,
            self._frames,
            [0] * len(self._frames),
            batch_frames=self.task.batch_frames,
            seed=self.task.run.training.seed,
            epoch=epoch,
            rank=rank,
            world=world,
        )

    def collate(self, utterances: Sequence[Utterance]) -> VocoderBatch:
        """Pieces from random places of these clips, every place as likely as another."""
        return self._pieces([clip for utterance in utterances for clip in utterance], PREDICTED_SHARE)

    def validation(self) -> Iterable[VocoderBatch]:
        """Pieces of the held-out clips, with the mel that the acoustic model gives."""
        clips = list(self.task.held_out)
        return (self._pieces(clips[first : first + 16], 1.0) for first in range(0, len(clips), 16))

    @torch.no_grad()
    def show(self) -> Glimpse:
        """The clip as the acoustic model says it with the recording's timing and intonation."""
        task, clip = self.task, self.task.shown
        heard, frames = task.corpus.clips[clip], task.features.clip(clip)
        predicted = self._predict([clip])[frames].T
        module = self.module().eval()
        device = next(module.parameters()).device
        sound: Tensor = module(predicted[None].to(device))[0].float().cpu()
        spoken = LogMel(task.run.dataset.audio)(sound[None])[0]
        return Glimpse(heard.text, task.features.mel[frames].T.cpu(), spoken, heard.waveform, sound)

    def _pieces(self, clips: Sequence[int], predicted_share: float) -> VocoderBatch:
        audio, features = self.task.run.dataset.audio, self.task.features
        draw = random.Random(int(torch.randint(2**31, ()).item()))  # noqa: S311 - no secret
        count = max(1, self.task.batch_frames // FRAMES_PER_PIECE)
        ways = [max(1, self._frames[clip] + 2 * SILENT_FRAMES - PIECE_FRAMES + 1) for clip in clips]
        drawn = draw.choices(clips, ways, k=count)
        begins = [draw.randrange(ways[clips.index(clip)]) - SILENT_FRAMES for clip in drawn]
        predicted = torch.tensor([draw.random() < predicted_share for _ in drawn])
        samples = PIECE_FRAMES * audio.hop_length
        waveforms = [
            _piece(features.waveforms[clip], begin * audio.hop_length, samples)
            for clip, begin in zip(drawn, begins, strict=True)
        ]
        home = features.mel.device
        places = sent(self._places(drawn, begins), home)
        mel = gathered(features.mel, places, SILENCE)
        if predicted_share:
            theirs = gathered(self._predict(clips), places, SILENCE)
            mel = torch.where(sent(predicted, home)[:, None, None], theirs, mel)
        return VocoderBatch(
            mel.transpose(1, 2).contiguous(),
            torch.stack(waveforms),
            gathered(features.log_pitch, places),
            count * samples / audio.sample_rate,
        )

    def _places(self, clips: Sequence[int], begins: Sequence[int]) -> Tensor:
        """Which frames of the corpus a piece of each clip has that begins at its frame ``begins``: ``[pieces,
        PIECE_FRAMES]`` int64, -1 beyond the clip's ends."""
        features = self.task.features
        starts = torch.tensor([features.starts[clip] for clip in clips])
        counts = torch.tensor([features.counts[clip] for clip in clips])
        within = torch.tensor(begins)[:, None] + torch.arange(PIECE_FRAMES)
        inside = (within >= 0) & (within < counts[:, None])
        return torch.where(inside, starts[:, None] + within, -1)

    def _predict(self, clips: Iterable[int]) -> Tensor:
        """What the acoustic model says of the corpus's frames, ``[frames, n_mels]``, right for these clips: it is
        finished before this stage begins, so that each clip is computed once."""
        features = self.task.features
        if self._predicted is None:
            self._predicted = torch.empty_like(features.mel)
        new = [clip for clip in clips if clip not in self._is_predicted]
        if new:
            # One that is not trained here has not been moved yet.
            self.acoustic.model.to(next(self.model.parameters()).device)
        for clip in new:
            self._predicted[features.clip(clip)] = self.acoustic.predict(clip).to(features.mel.device)
        self._is_predicted.update(new)
        return self._predicted


def _piece(samples: Tensor, start: int, length: int) -> Tensor:
    """``length`` samples from ``start`` on, which may be negative; silence lies beyond the ends."""
    inside = samples[max(0, start) : start + length]
    before = max(0, -start)
    return F.pad(inside, (before, length - before - len(inside)))


def optimisation_of(training: VocoderTraining, learning_rate: float) -> Optimisation:
    """How a vocoder and its discriminators learn."""
    if training.discriminators is None:
        return Optimisation(learning_rate=learning_rate, warmup_steps=100, average_decay=0.99)
    judges = Optimisation(
        learning_rate=ADVERSARIAL_RATE * learning_rate, warmup_steps=100, betas=(0.8, 0.99), clip_norm=LARGEST_NORM
    )
    # A vocoder that learns alone at first begins as fast as one that always does.
    share = 1.0 if training.alone_steps else ADVERSARIAL_RATE
    return Optimisation(
        learning_rate=share * learning_rate,
        warmup_steps=100,
        betas=(0.8, 0.99),
        clip_norm=LARGEST_NORM,
        average_decay=0.99,
        parts={DISCRIMINATORS: judges},
    )


def vocos_stage(task: Task, acoustic: AcousticStage) -> PiecesStage:
    """Training of ``vocos``, judged by multi-period and multi-resolution discriminators (as Jang et al. 2021)."""
    audio, parameters = _begin(task), VocosParameters.model_validate(task.run.model.vocoder.parameters)
    channels = parameters.discriminator_channels
    judges = _of_spectra_and_periods(channels, channels)
    training = VocosTraining(
        vocos.Vocos(parameters, audio),
        audio,
        alone=Weights(mel=3.0, spectral=1.0),
        judged=JUDGED,
        discriminators=judges,
        alone_steps=parameters.pretraining_steps,
    )
    return PiecesStage(task, acoustic, training, vocos.receptive_field_frames(parameters, audio))


def ddsp_stage(task: Task, acoustic: AcousticStage) -> PiecesStage:
    """Training of ``ddsp``, judged as ``vocos`` is, by narrower discriminators of periods: its source has them."""
    audio, parameters = _begin(task), DdspParameters.model_validate(task.run.model.vocoder.parameters)
    channels = parameters.discriminator_channels
    training = DdspTraining(
        Ddsp(parameters, audio),
        audio,
        alone=Weights(mel=2.0, spectral=1.0),
        judged=JUDGED,
        discriminators=_of_spectra_and_periods(channels, max(1, channels // 4)),
        alone_steps=parameters.pretraining_steps,
    )
    return PiecesStage(task, acoustic, training, None)


def hifigan_stage(task: Task, acoustic: AcousticStage) -> PiecesStage:
    """Training of ``hifigan``, judged by multi-period and multi-scale discriminators. Raises BadInput for a hop length
    that its upsamplings cannot make."""
    audio, parameters = _begin(task), HifiganParameters.model_validate(task.run.model.vocoder.parameters)
    try:
        model = hifigan.Hifigan(parameters, audio)
    except ValueError as error:
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"dataset.audio.hopLength = {audio.hop_length}: hifigan cannot make so many samples of a frame ({error}); "
            "256 is the published value",
        ) from None
    channels = parameters.discriminator_channels
    judges = [*discriminators.multi_period(channels), *discriminators.multi_scale(4 * channels)]
    training = HifiganTraining(model, audio, alone=JUDGED, judged=JUDGED, discriminators=judges)
    return PiecesStage(task, acoustic, training, hifigan.receptive_field_frames(parameters, audio))


def _begin(task: Task) -> AudioFeatures:
    torch.manual_seed(task.run.training.seed + 1)
    return task.run.dataset.audio


def _of_spectra_and_periods(channels: int, period_channels: int) -> list[discriminators.Discriminator]:
    if channels == 0:
        return []
    of_periods = discriminators.multi_period(period_channels)
    return [*discriminators.multi_resolution(JUDGED_RESOLUTIONS, channels), *of_periods]


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

    def show(self) -> None:
        """Nothing: the acoustic model's stage has shown it."""
