"""The shared part of vocoders that learn from short segments of sound: the segments, the acoustic model's frames for
them, and the rules of optimisation. Their losses are in ``losses``; each vocoder's own file has the rest."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import VOCODERS
from tts_api.voice import Capability
from tts_workloads.audio import SILENCE, LogMel
from tts_workloads.data import Utterance, gathered, plan_batches
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.spectral import Resolution
from tts_workloads.models.stage import Glimpse, Optimisation, StageName, sent
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.discriminators import Discriminator, multi_period, multi_resolution
from tts_workloads.models.vocoder.losses import DISCRIMINATORS, VocoderBatch, VocoderTraining, Weights
from tts_workloads.models.vocoder.predictions import Predictions
from tts_workloads.models.vocoder.stage import VocoderStage

SEGMENT_FRAMES = 32
"""Number of frames in a training example."""
FRAMES_PER_SEGMENT = 192
"""Number of a batch's frames of which one segment is taken: segments near each other teach little that is new."""
PREDICTED_SHARE = 0.75
"""Share of the segments whose mel frames are the acoustic model's; the others have the frames of the recording."""
JUDGED_RESOLUTIONS = (Resolution(256, 64), Resolution(512, 128), Resolution(1024, 256))
"""Resolutions of the spectra that discriminators judge."""
SILENT_FRAMES = 4
"""How many frames a segment may reach beyond the ends of a clip, because speech begins and ends in silence."""
LARGEST_NORM = 1000.0
"""Norm to which gradients are clipped. The published recipes clip nothing; this stops a gradient that would end the
training."""
ADVERSARIAL_RATE = 0.2
"""Share of the learning rate that a vocoder and its discriminators take. With the default 3e-4 this is about the
published rate."""
JUDGED = Weights(mel=15.0, spectral=2.0)
"""Weights of the losses while discriminators judge."""


class SegmentsStage(VocoderStage):
    """A vocoder that learns from segments of the corpus's clips."""

    name: StageName = "Vocoder"
    supports: Sequence[Capability] = ()

    def __init__(
        self, task: Task, acoustic: AcousticStage, training: VocoderTraining, receptive_field_frames: int | None
    ) -> None:
        """``training`` is the vocoder with its losses; ``acoustic`` predicts what the vocoder is given."""
        options = task.run.training
        self.task, self._training = task, training
        self.steps = options.vocoder_steps
        self.effort = VOCODERS[task.run.model.vocoder.name].effort
        self.optimisation = optimisation_of(training, options.learning_rate)
        self.training_module: nn.Module = training
        self.receptive_field_frames: int | None = receptive_field_frames
        self.whole: nn.Module = nn.Identity()
        self.measured_on = (*task.held_out, task.shown)
        self._frames = task.features.counts
        self._predictions = Predictions(acoustic, task.features)

    @property
    def exported(self) -> nn.Module:
        """The vocoder without its discriminators."""
        return self._training.model

    def prepare(self, clips: Iterable[int]) -> None:
        """Have the acoustic model predict the frames of those clips that it has not predicted yet."""
        self._predictions.compute(clips, next(self.training_module.parameters()).device)

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The clips that the segments of each batch are taken from."""
        # Speakers may share an utterance here, so that all clips count as one speaker's.
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
        """Segments from random places of these clips; every place is equally likely."""
        return self._segments([clip for utterance in utterances for clip in utterance], PREDICTED_SHARE)

    def trial(self) -> VocoderBatch:
        """A batch of the usual size to measure the speed of a step with, of recorded frames alone: the acoustic model
        is not trained yet."""
        return self._segments([clip for utterance in self.batches(0, 0, 1)[0] for clip in utterance], 0.0)

    def validation(self) -> Iterable[VocoderBatch]:
        """Segments of the held-out clips with the acoustic model's frames."""
        clips = list(self.task.held_out)
        return (self._segments(clips[first : first + 16], 1.0) for first in range(0, len(clips), 16))

    @torch.no_grad()
    def show(self) -> Glimpse:
        """The shown clip, made of the frames that the acoustic model predicts for it."""
        task, clip = self.task, self.task.shown
        heard, frames = task.corpus.clips[clip], task.features.clip(clip)
        predicted = self._predictions.of([clip])[frames].T
        module = self.exported.eval()
        device = next(module.parameters()).device
        sound: Tensor = module(predicted[None].to(device))[0].float().cpu()
        spoken = LogMel(task.run.dataset.audio)(sound[None])[0]
        return Glimpse(heard.text, task.features.mel[frames].T.cpu(), spoken, heard.waveform, sound)

    def _segments(self, clips: Sequence[int], predicted_share: float) -> VocoderBatch:
        audio, features = self.task.run.dataset.audio, self.task.features
        draw = random.Random(int(torch.randint(2**31, ()).item()))  # noqa: S311 - no secret
        count = max(1, self.task.batch_frames // FRAMES_PER_SEGMENT)
        ways = [max(1, self._frames[clip] + 2 * SILENT_FRAMES - SEGMENT_FRAMES + 1) for clip in clips]
        drawn = draw.choices(clips, ways, k=count)
        begins = [draw.randrange(ways[clips.index(clip)]) - SILENT_FRAMES for clip in drawn]
        predicted = torch.tensor([draw.random() < predicted_share for _ in drawn])
        samples = SEGMENT_FRAMES * audio.hop_length
        waveforms = [
            _segment(features.waveforms[clip], begin * audio.hop_length, samples)
            for clip, begin in zip(drawn, begins, strict=True)
        ]
        home = features.mel.device
        places = sent(self._places(drawn, begins), home)
        mel = gathered(features.mel, places, SILENCE)
        if predicted_share:
            theirs = gathered(self._predictions.of(clips), places, SILENCE)
            mel = torch.where(sent(predicted, home)[:, None, None], theirs, mel)
        return VocoderBatch(
            mel.transpose(1, 2).contiguous(),
            torch.stack(waveforms),
            gathered(features.log_pitch, places),
            count * samples / audio.sample_rate,
        )

    def _places(self, clips: Sequence[int], begins: Sequence[int]) -> Tensor:
        """The frames of the corpus that the segments consist of, ``[segments, SEGMENT_FRAMES]`` int64: each segment
        begins at the frame ``begins`` of its clip; -1 stands for a frame beyond the ends of the clip."""
        features = self.task.features
        starts = torch.tensor([features.starts[clip] for clip in clips])
        counts = torch.tensor([features.counts[clip] for clip in clips])
        within = torch.tensor(begins)[:, None] + torch.arange(SEGMENT_FRAMES)
        inside = (within >= 0) & (within < counts[:, None])
        return torch.where(inside, starts[:, None] + within, -1)


def _segment(samples: Tensor, start: int, length: int) -> Tensor:
    """The ``length`` samples from ``start`` on, which may be negative, with silence beyond the ends."""
    inside = samples[max(0, start) : start + length]
    before = max(0, -start)
    return F.pad(inside, (before, length - before - len(inside)))


def optimisation_of(training: VocoderTraining, learning_rate: float) -> Optimisation:
    """The rules by which a vocoder and its discriminators learn; ``learning_rate`` is the run's."""
    if training.discriminators is None:
        return Optimisation(learning_rate=learning_rate, warmup_steps=100, average_decay=0.99)
    judges = Optimisation(
        learning_rate=ADVERSARIAL_RATE * learning_rate, warmup_steps=100, betas=(0.8, 0.99), clip_norm=LARGEST_NORM
    )
    # A vocoder that learns alone at first begins with the full rate, like one that has no discriminators.
    share = 1.0 if training.alone_steps else ADVERSARIAL_RATE
    return Optimisation(
        learning_rate=share * learning_rate,
        warmup_steps=100,
        betas=(0.8, 0.99),
        clip_norm=LARGEST_NORM,
        average_decay=0.99,
        parts={DISCRIMINATORS: judges},
    )


def seed_weights(task: Task) -> None:
    """Seed torch's generator, from which the weights of the vocoder are drawn."""
    torch.manual_seed(task.run.training.seed + 1)


def spectra_and_periods(channels: int, period_channels: int) -> list[Discriminator]:
    """Multi-resolution and multi-period discriminators of these widths; none where ``channels`` is 0."""
    if channels == 0:
        return []
    of_periods = multi_period(period_channels)
    return [*multi_resolution(JUDGED_RESOLUTIONS, channels), *of_periods]
