"""The shared part of acoustic models that learn from whole utterances: the batches, and the clip that is shown. The
models and their losses are in the folders beside this file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import ACOUSTIC_MODELS
from tts_api.resources.training_options import Augmentation
from tts_api.voice import Capability
from tts_workloads.data import Utterance, gathered, plan_batches, up_to_bucket
from tts_workloads.models.acoustic.stage import AcousticStage
from tts_workloads.models.augmentation import draw_gains, louder, masked, noisy, stretched, stretched_frames
from tts_workloads.models.layers import mask_of
from tts_workloads.models.stage import Glimpse, Optimisation, StageName, sent
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.preview import PREVIEWS

SYMBOL_BUCKET = 16
"""Symbols are padded to a multiple of this number, as frames are to theirs, because libraries keep a plan for every
shape that they meet."""


@dataclass(frozen=True)
class UtteranceBatch:
    """Utterances that are padded to one length."""

    tokens: Tensor
    """Symbols ``[batch, symbols]`` int64, 0 after the end."""
    lengths: Tensor
    """Number of symbols of each utterance, ``[batch]`` int64."""
    speakers: Tensor
    """Number of each utterance's speaker, ``[batch]`` int64."""
    mel: Tensor
    """Log-mel frames ``[batch, frames, n_mels]`` float32, in nepers."""
    frames: Tensor
    """Number of frames of each utterance, ``[batch]`` int64."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz, ``[batch, frames]`` float32, 0 where unvoiced."""
    aperiodicity: Tensor
    """Share of noise in voiced frames, ``[batch, frames, bands]`` float32, in nepers."""
    on_host: tuple[list[int], list[int]]
    """``frames`` and ``lengths`` once more as numbers, so that nothing waits for the device to know them."""
    seconds: float
    """Seconds of speech in the batch."""
    heard: Tensor | None = None
    """The frames that the alignment is learned from, shaped as ``mel``; None where they are ``mel`` itself."""

    def to(self, device: torch.device) -> UtteranceBatch:
        """The batch on another device."""
        return replace(
            self,
            tokens=sent(self.tokens, device),
            lengths=sent(self.lengths, device),
            speakers=sent(self.speakers, device),
            mel=sent(self.mel, device),
            frames=sent(self.frames, device),
            log_pitch=sent(self.log_pitch, device),
            aperiodicity=sent(self.aperiodicity, device),
        )

    def augmented(self, how: Augmentation) -> UtteranceBatch:
        """The utterances at another tempo and level; ``heard`` gets noise and has parts hidden."""
        batch = self._stretched(how.speed) if how.speed else self
        mel, inside = batch.mel, mask_of(batch.frames, batch.mel.shape[1])
        if how.gain_decibels:
            gains = draw_gains(len(mel), how.gain_decibels, mel.device)[:, None, None]
            mel = louder(mel, gains) * inside
        heard = noisy(mel, how.noise) * inside if how.noise else mel
        heard = masked(heard, batch.frames, how.masked) if how.masked else heard
        return replace(batch, mel=mel, heard=heard)

    def _stretched(self, share: float) -> UtteranceBatch:
        frames, lengths = self.on_host
        new = stretched_frames(frames, lengths, share)
        longest, new_frames = up_to_bucket(max(new)), sent(torch.tensor(new), self.mel.device)
        return replace(
            self,
            frames=new_frames,
            on_host=(new, lengths),
            mel=stretched(self.mel, self.frames, new_frames, longest, blend=True),
            log_pitch=stretched(self.log_pitch, self.frames, new_frames, longest, blend=False),
            aperiodicity=stretched(self.aperiodicity, self.frames, new_frames, longest, blend=False),
        )


class UtteranceStage(AcousticStage):
    """An acoustic model that learns from whole utterances.

    A model derives from it, says what it ``supports``, gives ``exported``, ``speakers`` and ``predict``, and overrides
    ``alignment``, ``durations`` and ``training_only`` where it has them.
    """

    name: StageName = "Acoustic"
    supports: Sequence[Capability] = ()

    def __init__(self, task: Task, training_module: nn.Module) -> None:
        options = task.run.training
        self.task, self.training_module = task, training_module
        self.steps = options.acoustic_steps
        self.effort = ACOUSTIC_MODELS[task.run.model.acoustic.name].effort
        self.optimisation = Optimisation(
            learning_rate=options.learning_rate, warmup_steps=100, average_decay=0.99, clip_norm=1.0
        )
        self.measured_on = (*task.held_out, task.shown)
        self._speakers = [clip.speaker for clip in task.corpus.clips]

    def prepare(self, clips: Iterable[int]) -> None:
        """Do nothing: the features of all clips are there from the beginning."""

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The utterances of each batch; see ``Stage``."""
        return plan_batches(
            self.task.train,
            self.task.features.counts,
            self._speakers,
            batch_frames=self.task.batch_frames,
            seed=self.task.run.training.seed,
            epoch=epoch,
            rank=rank,
            world=world,
        )

    def validation(self) -> Iterable[UtteranceBatch]:
        """The held-out clips in batches, each clip an utterance of its own."""
        batches = plan_batches(
            self.task.held_out,
            self.task.features.counts,
            self._speakers,
            batch_frames=self.task.batch_frames,
            seed=0,
            epoch=0,
            join=False,
        )
        return (self.collate(utterances) for utterances in batches)

    def collate(self, utterances: Sequence[Utterance]) -> UtteranceBatch:
        """The batch of these utterances. Nothing in it is random."""
        features, audio, clips = self.task.features, self.task.run.dataset.audio, self.task.corpus.clips
        symbols = [torch.cat([clips[clip].symbols for clip in utterance]) for utterance in utterances]
        lengths = [len(s) for s in symbols]
        frames = [sum(features.counts[clip] for clip in utterance) for utterance in utterances]
        most = up_to_bucket(max(lengths), SYMBOL_BUCKET)
        places = sent(features.places(utterances, up_to_bucket(max(frames))), features.mel.device)
        return UtteranceBatch(
            tokens=torch.stack([F.pad(s, (0, most - len(s))) for s in symbols]),
            lengths=torch.tensor(lengths),
            speakers=torch.tensor([clips[utterance[0]].speaker for utterance in utterances]),
            mel=gathered(features.mel, places),
            frames=torch.tensor(frames),
            log_pitch=gathered(features.log_pitch, places),
            aperiodicity=gathered(features.aperiodicity, places),
            on_host=(frames, lengths),
            seconds=sum(frames) * audio.hop_length / audio.sample_rate,
        )

    def trial(self) -> UtteranceBatch:
        """A batch of the usual size to measure the speed of a step with."""
        return self.collate(self.batches(0, 0, 1)[0])

    def alone(self, clip: int) -> UtteranceBatch:
        """A batch of one clip, on the model's device. So the results for the clip do not depend on other clips, not
        even in their last digit."""
        return self.collate([(clip,)]).to(self.speakers.weight.device)

    def alignment(self, clip: int) -> Tensor | None:
        """Return None. A model that has an alignment overrides this."""
        return None

    def durations(self, clip: int) -> Tensor | None:
        """Return None. A model that knows how long symbols last in a recording overrides this."""
        return None

    def training_only(self) -> Mapping[str, Tensor]:
        """Return no weights. A model that has weights for training alone overrides this."""
        return {}

    @torch.no_grad()
    def show(self) -> Glimpse:
        """The shown clip, timed as its recording is. A vocoder without weights makes it audible, because no other one
        is trained yet."""
        task, clip = self.task, self.task.shown
        heard, recorded = task.corpus.clips[clip], task.features.mel[task.features.clip(clip)].T.cpu()
        predicted = self.predict(clip).T.cpu()
        sound = PREVIEWS[task.run.model.vocoder.frames](predicted, task.run)
        spoken = predicted[: len(recorded)]
        symbols = [task.symbols[symbol] for symbol in heard.symbols.tolist()]
        return Glimpse(heard.text, recorded, spoken, heard.waveform, sound, symbols, self.alignment(clip))
