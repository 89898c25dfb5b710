"""How ``fastspeech2`` is trained: its batches, its losses, and the alignment that is learned beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import FastSpeech2Parameters, GriffinLimParameters
from tts_api.resources.training import Augmentation
from tts_workloads.data import Utterance, gathered, plan_batches, up_to_bucket
from tts_workloads.models.acoustic.alignment import Aligner, binarisation_loss, durations_of, forward_sum_loss
from tts_workloads.models.acoustic.augmentation import draw_gains, louder, masked, noisy, stretched, stretched_frames
from tts_workloads.models.acoustic.fastspeech2.model import FastSpeech2, Prosody
from tts_workloads.models.layers import mask_of
from tts_workloads.models.stage import Glimpse, Optimisation, StageName, sent
from tts_workloads.models.task import Task
from tts_workloads.models.vocoder.griffinlim import GriffinLim

SYMBOL_BUCKET = 16
"""Texts are padded to a multiple of it, as frames are to theirs: libraries keep a plan for every shape they meet."""
BINARISATION_STEPS = (300, 600)
"""Between these steps the binarisation loss sets in: earlier it would harden an alignment that is still a guess."""
WEIGHTS = {
    "mel": 1.0,
    "duration": 0.1,
    "pitch": 0.1,
    "voicing": 0.1,
    "energy": 0.1,
    "alignment": 0.5,
    "binarisation": 0.5,
}
"""What each loss counts."""


@dataclass(frozen=True)
class AcousticBatch:
    """Utterances padded to one length."""

    tokens: Tensor
    """``[batch, symbols]`` int64, 0 behind the end."""
    lengths: Tensor
    """Symbols of each ``[batch]`` int64."""
    speakers: Tensor
    """``[batch]`` int64."""
    mel: Tensor
    """``[batch, frames, n_mels]`` float32."""
    frames: Tensor
    """Frames of each ``[batch]`` int64."""
    log_pitch: Tensor
    """``[batch, frames]`` float32, 0 where unvoiced."""
    on_host: tuple[list[int], list[int]]
    """``frames`` and ``lengths`` once more, for what has to know them on the host."""
    seconds: float
    heard: Tensor | None = None
    """What the alignment is learned from, shaped as ``mel``; None where that is ``mel`` itself."""

    def to(self, device: torch.device) -> AcousticBatch:
        """The batch on another device."""
        return replace(
            self,
            tokens=sent(self.tokens, device),
            lengths=sent(self.lengths, device),
            speakers=sent(self.speakers, device),
            mel=sent(self.mel, device),
            frames=sent(self.frames, device),
            log_pitch=sent(self.log_pitch, device),
        )

    def augmented(self, how: Augmentation) -> AcousticBatch:
        """The utterances at another tempo, louder or softer, and heard with noise and with parts hidden."""
        batch = self._stretched(how.speed) if how.speed else self
        mel, inside = batch.mel, mask_of(batch.frames, batch.mel.shape[1])
        if how.gain_decibels:
            gains = draw_gains(len(mel), how.gain_decibels, mel.device)[:, None, None]
            mel = louder(mel, gains) * inside
        heard = noisy(mel, how.noise) * inside if how.noise else mel
        heard = masked(heard, batch.frames, how.masked) if how.masked else heard
        return replace(batch, mel=mel, heard=heard)

    def _stretched(self, share: float) -> AcousticBatch:
        frames, lengths = self.on_host
        new = stretched_frames(frames, lengths, share)
        longest, new_frames = up_to_bucket(max(new)), sent(torch.tensor(new), self.mel.device)
        return replace(
            self,
            frames=new_frames,
            on_host=(new, lengths),
            mel=stretched(self.mel, self.frames, new_frames, longest, blend=True),
            log_pitch=stretched(self.log_pitch, self.frames, new_frames, longest, blend=False),
        )


class AcousticTraining(nn.Module):
    """The acoustic model with everything that is only there while it is trained."""

    def __init__(self, model: FastSpeech2, channels: int, n_mels: int) -> None:
        super().__init__()
        self.model = model
        self.aligner = Aligner(channels, n_mels)

    def forward(self, batch: AcousticBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch, by name."""
        model = self.model
        scores = self.scores(batch)
        durations = durations_of(scores, batch.frames, batch.lengths)
        encoded, mask = model.encode(batch.tokens, batch.lengths, model.speakers(batch.speakers))
        inside = mask.squeeze(-1)
        real = self.prosody_of_symbols(batch, durations, inside)
        predicted = model.predict_prosody(encoded, mask)
        logarithms = model.durations(encoded, mask).squeeze(-1).float()
        mel = model.decode(model.intone(encoded, real, mask), durations, batch.frames, batch.mel.shape[1])
        spoken = mask_of(batch.frames, batch.mel.shape[1])
        symbols = inside.sum()
        voiced = inside * real.voicing
        losses = {
            "mel": ((mel - batch.mel).abs() * spoken).sum() / (spoken.sum() * batch.mel.shape[2]),
            "duration": ((logarithms - durations.clamp_min(1).log()).square() * inside).sum() / symbols,
            "pitch": ((predicted.pitch - real.pitch).square() * voiced).sum() / voiced.sum().clamp_min(1.0),
            "voicing": F.binary_cross_entropy_with_logits(predicted.voicing, real.voicing, inside, reduction="sum")
            / symbols,
            "energy": ((predicted.energy - real.energy).square() * inside).sum() / symbols,
            "alignment": forward_sum_loss(scores, *batch.on_host),
            "binarisation": binarisation_loss(scores, durations, batch.frames),
        }
        first, last = BINARISATION_STEPS
        ramp = min(1.0, max(0.0, (step - first) / (last - first)))
        weights = WEIGHTS | {"binarisation": WEIGHTS["binarisation"] * ramp}
        return {"loss": torch.stack([weights[name] * loss for name, loss in losses.items()]).sum(), **losses}

    def scores(self, batch: AcousticBatch) -> Tensor:
        """Log-scores ``[batch, frames, symbols]`` of which symbol is heard in which frame."""
        heard = batch.mel if batch.heard is None else batch.heard
        scores: Tensor = self.aligner(self.model.embedding(batch.tokens), batch.lengths, heard, batch.frames)
        return scores

    def prosody_of_symbols(self, batch: AcousticBatch, durations: Tensor, inside: Tensor) -> Prosody:
        """How the recording intones its symbols: means over their frames, pitch over the voiced ones alone."""
        model = self.model
        voiced = (batch.log_pitch > 0).float()
        pitch = (batch.log_pitch - model.pitch_mean) / model.pitch_std * voiced
        energy = (batch.mel.mean(2) - model.energy_mean) / model.energy_std
        sums = F.pad(torch.stack([pitch, voiced, energy], -1).cumsum(1), (0, 0, 1, 0))
        ends = durations.cumsum(1).clamp(max=voiced.shape[1])
        begins = (ends - durations).clamp_min(0)
        within = sums.gather(1, ends[..., None].expand(-1, -1, 3)) - sums.gather(1, begins[..., None].expand(-1, -1, 3))
        lasting = durations.clamp_min(1)
        return Prosody(
            within[..., 0] / within[..., 1].clamp_min(1.0) * inside,
            (within[..., 1] / lasting).clamp(0.0, 1.0) * inside,
            within[..., 2] / lasting * inside,
        )


class AcousticStage:
    """The first stage of a training."""

    name: StageName = "Acoustic"

    def __init__(self, task: Task) -> None:
        run = task.run
        self.task = task
        self.steps = run.training.max_steps
        self.optimisation = Optimisation(
            learning_rate=run.training.learning_rate, warmup_steps=100, average_decay=0.99, clip_norm=1.0
        )
        parameters = FastSpeech2Parameters.model_validate(run.model.acoustic.parameters)
        torch.manual_seed(run.training.seed)
        n_mels = run.dataset.audio.n_mels
        model = FastSpeech2(parameters, symbols=len(task.symbols), speakers=len(task.corpus.speakers), n_mels=n_mels)
        features, sample = task.features, [task.features.clip(clip) for clip in task.sample()]
        log_pitch = torch.cat([features.log_pitch[frames] for frames in sample])
        voiced = log_pitch[log_pitch > 0]
        if len(voiced) > 1:
            model.pitch_mean.copy_(voiced.mean())
            model.pitch_std.copy_(voiced.std().clamp_min(0.01))
        mel = torch.cat([features.mel[frames] for frames in sample])
        model.mel_mean.copy_(mel.mean(0))
        energy = mel.mean(1)
        model.energy_mean.copy_(energy.mean())
        model.energy_std.copy_(energy.std().clamp_min(0.01))
        self._training = AcousticTraining(model, parameters.hidden_size, n_mels)
        self.model: nn.Module = self._training
        self._frames = task.features.counts
        self._speakers = [clip.speaker for clip in task.corpus.clips]

    def module(self) -> FastSpeech2:
        """The model as it is exported."""
        return self._training.model

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """The utterances of each batch."""
        return plan_batches(
            self.task.train,
            self._frames,
            self._speakers,
            batch_frames=self.task.batch_frames,
            seed=self.task.run.training.seed,
            epoch=epoch,
            rank=rank,
            world=world,
        )

    def validation(self) -> Iterable[AcousticBatch]:
        """The held-out clips, one by one in an utterance."""
        batches = plan_batches(
            self.task.held_out,
            self._frames,
            self._speakers,
            batch_frames=self.task.batch_frames,
            seed=0,
            epoch=0,
            join=False,
        )
        return (self.collate(utterances) for utterances in batches)

    def collate(self, utterances: Sequence[Utterance]) -> AcousticBatch:
        """The batch of these utterances; nothing in it is random."""
        features, audio, clips = self.task.features, self.task.run.dataset.audio, self.task.corpus.clips
        symbols = [torch.cat([clips[clip].symbols for clip in utterance]) for utterance in utterances]
        lengths = [len(s) for s in symbols]
        frames = [sum(features.counts[clip] for clip in utterance) for utterance in utterances]
        most = up_to_bucket(max(lengths), SYMBOL_BUCKET)
        places = sent(features.places(utterances, up_to_bucket(max(frames))), features.mel.device)
        return AcousticBatch(
            tokens=torch.stack([F.pad(s, (0, most - len(s))) for s in symbols]),
            lengths=torch.tensor(lengths),
            speakers=torch.tensor([clips[utterance[0]].speaker for utterance in utterances]),
            mel=gathered(features.mel, places),
            frames=torch.tensor(frames),
            log_pitch=gathered(features.log_pitch, places),
            on_host=(frames, lengths),
            seconds=sum(frames) * audio.hop_length / audio.sample_rate,
        )

    @torch.no_grad()
    def alignment(self, clip: int) -> Tensor:
        """The soft alignment ``[frames, symbols]`` float32 of a clip, on the CPU; its rows sum to 1."""
        batch = self.collate([(clip,)]).to(self.device)
        scores = self._training.eval().scores(batch)[0, : int(batch.frames), : int(batch.lengths)]
        return F.softmax(scores, -1).cpu()

    @torch.no_grad()
    def durations(self, clip: int) -> Tensor:
        """Frames ``[symbols]`` int64 of each of a clip's symbols in its recording, by the alignment, on the CPU."""
        batch = self.collate([(clip,)]).to(self.device)
        durations = durations_of(self._training.eval().scores(batch), batch.frames, batch.lengths)
        return durations[0, : int(batch.lengths)].cpu()

    @torch.no_grad()
    def predict(self, clip: int) -> Tensor:
        """Mel frames ``[frames, n_mels]`` float32 of a clip as the model would speak it with the recording's own timing
        and intonation, on the model's device: what the vocoder will be given. By itself, so that its last digits do not
        depend on which clips share its batch."""
        batch = self.collate([(clip,)]).to(self.device)
        training, model = self._training.eval(), self.module()
        durations = durations_of(training.scores(batch), batch.frames, batch.lengths)
        encoded, mask = model.encode(batch.tokens, batch.lengths, model.speakers(batch.speakers))
        prosody = training.prosody_of_symbols(batch, durations, mask.squeeze(-1))
        mel = model.decode(model.intone(encoded, prosody, mask), durations, batch.frames, batch.mel.shape[1])
        return mel[0, : self._frames[clip]]

    @torch.no_grad()
    def show(self) -> Glimpse:
        """The clip with the recording's timing and intonation; made audible by Griffin-Lim, as no vocoder is trained
        yet."""
        task, clip = self.task, self.task.shown
        heard, recorded = task.corpus.clips[clip], task.features.mel[task.features.clip(clip)].T.cpu()
        spoken = self.predict(clip).T.cpu()
        sound = GriffinLim(GriffinLimParameters(), task.run.dataset.audio)(spoken[None])[0]
        symbols = [task.symbols[symbol] for symbol in heard.symbols.tolist()]
        return Glimpse(heard.text, recorded, spoken, heard.waveform, sound, symbols, self.alignment(clip))

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.module().mel_mean.device
