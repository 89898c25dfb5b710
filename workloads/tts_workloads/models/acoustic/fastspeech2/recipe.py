"""How ``fastspeech2`` is trained: its losses, and the alignment that is learned with it. The exported part is in
``model``; the batches are those of ``acoustic.utterances``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tts_api.architectures import FastSpeech2Parameters
from tts_api.voice import Capability
from tts_workloads.models.acoustic.alignment import Aligner, binarisation_loss, durations_of, forward_sum_loss
from tts_workloads.models.acoustic.fastspeech2.model import FastSpeech2, Prosody
from tts_workloads.models.acoustic.utterances import UtteranceBatch, UtteranceStage
from tts_workloads.models.layers import mask_of
from tts_workloads.models.task import Task

BINARISATION_STEPS = (300, 600)
"""Steps between which the weight of the binarisation loss rises from 0: earlier, the loss would harden an alignment
that is still a guess."""
WEIGHTS = {
    "mel": 1.0,
    "duration": 0.1,
    "pitch": 0.1,
    "voicing": 0.1,
    "energy": 0.1,
    "alignment": 0.5,
    "binarisation": 0.5,
    "pitch_curve": 0.2,
    "voicing_curve": 0.2,
    "aperiodicity": 0.2,
}
"""Weight of each loss."""


class FastSpeech2Training(nn.Module):
    """The acoustic model with its aligner and its losses."""

    def __init__(self, model: FastSpeech2, channels: int, n_mels: int) -> None:
        super().__init__()
        self.model = model
        self.aligner = Aligner(channels, n_mels)

    def forward(self, batch: UtteranceBatch, step: int) -> dict[str, Tensor]:
        """The losses of a batch by name, scalars in float32. ``step`` counts from 0."""
        model = self.model
        scores = self.scores(batch)
        durations = durations_of(scores, batch.frames, batch.lengths)
        encoded, mask = model.encode(batch.tokens, batch.lengths, model.speakers(batch.speakers))
        inside = mask.squeeze(-1)
        real = self.prosody_of_symbols(batch, durations, inside)
        predicted = model.predict_prosody(encoded, mask)
        logarithms = model.durations(encoded, mask).squeeze(-1).float()
        made = model.decode(model.add_prosody(encoded, real, mask), durations, batch.frames, batch.mel.shape[1])
        spoken = mask_of(batch.frames, batch.mel.shape[1])
        symbols = inside.sum()
        voiced = inside * real.voicing
        losses = {
            "mel": ((made[:, :, : batch.mel.shape[2]] - batch.mel).abs() * spoken).sum()
            / (spoken.sum() * batch.mel.shape[2]),
            "duration": ((logarithms - durations.clamp_min(1).log()).square() * inside).sum() / symbols,
            "pitch": ((predicted.pitch - real.pitch).square() * voiced).sum() / voiced.sum().clamp_min(1.0),
            "voicing": F.binary_cross_entropy_with_logits(predicted.voicing, real.voicing, inside, reduction="sum")
            / symbols,
            "energy": ((predicted.energy - real.energy).square() * inside).sum() / symbols,
            "alignment": forward_sum_loss(scores, *batch.on_host),
            "binarisation": binarisation_loss(scores, durations, batch.frames),
            **self.losses_of_source(made, batch, spoken.squeeze(-1)),
        }
        first, last = BINARISATION_STEPS
        ramp = min(1.0, max(0.0, (step - first) / (last - first)))
        weights = WEIGHTS | {"binarisation": WEIGHTS["binarisation"] * ramp}
        return {"loss": torch.stack([weights[name] * loss for name, loss in losses.items()]).sum(), **losses}

    def losses_of_source(self, made: Tensor, batch: UtteranceBatch, spoken: Tensor) -> dict[str, Tensor]:
        """The losses of what frames ``[batch, frames, channels]`` hold beside the mel bands, none where they hold
        nothing else. ``spoken`` is ``[batch, frames]`` with 1 where there is a frame."""
        if self.model.source is None:
            return {}
        voiced = (batch.log_pitch > 0).float()
        count = voiced.sum().clamp_min(1.0)
        # A vocoder's pitch glides into a vowel from the frame before it, and out of it to the frame behind it.
        beside = torch.maximum(F.pad(batch.log_pitch[:, 1:], (0, 1)), F.pad(batch.log_pitch[:, :-1], (1, 0)))
        curve = torch.where(batch.log_pitch > 0, batch.log_pitch, beside)
        heard = (curve > 0).float() * spoken
        aperiodicity, log_pitch, voicing = made[:, :, batch.mel.shape[2] : -2], made[:, :, -2], made[:, :, -1]
        off = (log_pitch - curve).abs() / self.model.pitch_std
        noise = (aperiodicity - batch.aperiodicity).abs().sum(-1) / max(1, aperiodicity.shape[2])
        wrong = F.binary_cross_entropy_with_logits(voicing, voiced, spoken, reduction="sum")
        return {
            "pitch_curve": (off * heard).sum() / heard.sum().clamp_min(1.0),
            "voicing_curve": wrong / spoken.sum(),
            "aperiodicity": (noise * voiced).sum() / count,
        }

    def scores(self, batch: UtteranceBatch) -> Tensor:
        """Log-scores ``[batch, frames, symbols]`` float32 of how well each symbol fits each frame."""
        heard = batch.mel if batch.heard is None else batch.heard
        scores: Tensor = self.aligner(self.model.embedding(batch.tokens), batch.lengths, heard, batch.frames)
        return scores

    def prosody_of_symbols(self, batch: UtteranceBatch, durations: Tensor, inside: Tensor) -> Prosody:
        """The prosody of the recording, symbol by symbol: means over the symbol's frames; pitch over its voiced ones.

        ``durations`` are frames ``[batch, symbols]`` int64, ``inside`` is ``[batch, symbols]`` with 1 where there is a
        symbol."""
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


class FastSpeech2Stage(UtteranceStage):
    """The training of ``fastspeech2``."""

    supports: Sequence[Capability] = ("speed", "pitch", "energy", "durations", "speaker_vector")

    def __init__(self, task: Task) -> None:
        parameters = FastSpeech2Parameters.model_validate(task.run.model.acoustic.parameters)
        torch.manual_seed(task.run.training.seed)
        n_mels = task.run.dataset.audio.n_mels
        model = FastSpeech2(
            parameters,
            symbols=len(task.symbols),
            speakers=len(task.corpus.speakers),
            n_mels=n_mels,
            aperiodicity_bands=_aperiodicity_bands(task),
        )
        _set_statistics(model, task)
        self._training = FastSpeech2Training(model, parameters.hidden_size, n_mels)
        super().__init__(task, self._training)

    @property
    def exported(self) -> FastSpeech2:
        """The model without its aligner."""
        return self._training.model

    @property
    def speakers(self) -> nn.Embedding:
        """The table of speaker vectors."""
        return self._training.model.speakers

    @torch.no_grad()
    def alignment(self, clip: int) -> Tensor:
        """The soft alignment of a clip, ``[frames, symbols]`` float32, on the CPU; its rows sum to 1."""
        batch = self.alone(clip)
        scores = self._training.eval().scores(batch)[0, : int(batch.frames), : int(batch.lengths)]
        return F.softmax(scores, -1).cpu()

    @torch.no_grad()
    def durations(self, clip: int) -> Tensor:
        """How many frames each symbol of a clip lasts by the hard alignment, ``[symbols]`` int64, on the CPU."""
        batch = self.alone(clip)
        durations = durations_of(self._training.eval().scores(batch), batch.frames, batch.lengths)
        return durations[0, : int(batch.lengths)].cpu()

    @torch.no_grad()
    def predict(self, clip: int) -> Tensor:
        """Frames ``[frames, channels]`` float32 of a clip with the timing and the prosody of its recording."""
        batch = self.alone(clip)
        training, model = self._training.eval(), self._training.model
        durations = durations_of(training.scores(batch), batch.frames, batch.lengths)
        encoded, mask = model.encode(batch.tokens, batch.lengths, model.speakers(batch.speakers))
        prosody = training.prosody_of_symbols(batch, durations, mask.squeeze(-1))
        made = model.decode(model.add_prosody(encoded, prosody, mask), durations, batch.frames, batch.mel.shape[1])
        return made[0, : self.task.features.counts[clip]]

    def training_only(self) -> Mapping[str, Tensor]:
        """The weights of the aligner."""
        return {f"aligner.{name}": tensor for name, tensor in self._training.aligner.state_dict().items()}


def _aperiodicity_bands(task: Task) -> int | None:
    analysis = task.features.analysis
    return analysis.aperiodicity_bands if analysis.pitched else None


def _set_statistics(model: FastSpeech2, task: Task) -> None:
    """Set the means and deviations by which the model normalises pitch, energy and mel frames."""
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
