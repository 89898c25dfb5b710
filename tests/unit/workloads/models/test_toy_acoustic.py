"""A second acoustic model, added in this file alone: it is trained, exported and served, its card says what it
supports, and nothing outside the file knows of it."""

# No postponed annotations: TorchScript reads those of the model.

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.unit.workloads import tiny_corpus
from tts_api import architectures
from tts_api.report import TerminationMessage
from tts_api.voice import Capability
from tts_workloads import models
from tts_workloads.models.acoustic.utterances import UtteranceBatch, UtteranceStage
from tts_workloads.models.layers import expand
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence
from tts_workloads.training.processes.launch import launch
from tts_workloads.training.telemetry import curve

SYMBOL_FRAMES = 8


class Buzzer(nn.Module):
    """Every symbol has a spectrum of its own and lasts as long as every other."""

    def __init__(self, symbols: int, speakers: int, n_mels: int) -> None:
        super().__init__()
        self.symbols, self.speakers = nn.Embedding(symbols, 8), nn.Embedding(speakers, 8)
        self.mel = nn.Linear(8, n_mels)
        self.symbol_frames = SYMBOL_FRAMES

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        speaker: Tensor,
        speed: Tensor,
        pitch: Tensor,
        energy: Tensor,
        noise: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        inside = torch.arange(tokens.shape[1], device=tokens.device)[None, :] < lengths[:, None]
        durations, frames = inside.long() * self.symbol_frames, lengths * self.symbol_frames
        return self.spoken(tokens, speaker, durations, int(frames.max())).transpose(1, 2), frames, durations

    def spoken(self, tokens: Tensor, speaker: Tensor, durations: Tensor, longest: int) -> Tensor:
        return expand(self.mel(self.symbols(tokens) + speaker.unsqueeze(1)), durations, longest)


class BuzzerTraining(nn.Module):
    def __init__(self, model: Buzzer) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: UtteranceBatch, step: int) -> dict[str, Tensor]:
        return {"loss": (self.timed(batch) - batch.mel).abs().mean()}

    def timed(self, batch: UtteranceBatch) -> Tensor:
        """The frames of a batch, where all symbols of a recording last equally long."""
        places = torch.arange(batch.tokens.shape[1] + 1, device=batch.tokens.device)[None, :]
        ends = places.minimum(batch.lengths[:, None]) * batch.frames[:, None] // batch.lengths[:, None]
        speaker = self.model.speakers(batch.speakers)
        return self.model.spoken(batch.tokens, speaker, torch.diff(ends, dim=1), batch.mel.shape[1])


class BuzzerStage(UtteranceStage):
    supports: Sequence[Capability] = ("durations",)

    def __init__(self, task: models.Task) -> None:
        torch.manual_seed(task.run.training.seed)
        n_mels = task.run.dataset.audio.n_mels
        self._training = BuzzerTraining(Buzzer(len(task.symbols), len(task.corpus.speakers), n_mels))
        super().__init__(task, self._training)

    @property
    def exported(self) -> Buzzer:
        return self._training.model

    @property
    def speakers(self) -> nn.Embedding:
        return self._training.model.speakers

    @torch.no_grad()
    def predict(self, clip: int) -> Tensor:
        return self._training.timed(self.alone(clip))[0, : self.task.features.counts[clip]]


class BuzzerParameters(architectures.Parameters):
    """It has none."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a finished training of the toy."""
    model = {"architecture": "buzzer"}
    workspace = tiny_corpus.write_workspace(tmp_path_factory.mktemp("buzzer"), model__acoustic=model)
    with pytest.MonkeyPatch.context() as patch:
        architecture = architectures.Architecture("buzzer", BuzzerParameters, trained=True)
        patch.setitem(architectures.ACOUSTIC_MODELS, "buzzer", architecture)
        patch.setitem(models.ACOUSTIC_MODELS, "buzzer", BuzzerStage)
        patch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
        assert launch(workspace / "run.json", workspace) == 0, (workspace / "log").read_text()
    return workspace


@pytest.fixture
def voice(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> LoadedVoice:
    architecture = architectures.Architecture("buzzer", BuzzerParameters, trained=True)
    monkeypatch.setitem(architectures.ACOUSTIC_MODELS, "buzzer", architecture)
    result = TerminationMessage.model_validate_json((workspace / "log").read_text()).result
    assert result is not None
    return LoadedVoice(workspace / "checkpoints" / result.artifact.path, result.artifact.sha256, torch.device("cpu"))


def test_the_toy_was_trained(workspace: Path) -> None:
    points = curve.read(workspace / "checkpoints/voice/report/curve.jsonl")
    losses = [point["loss"] for point in points if point["stage"] == "Acoustic" and "loss" in point]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert sum(point["stage"] == "Vocoder" and "loss" in point for point in points) == 4


def test_the_card_says_what_the_toy_supports_and_how_good_it_is(voice: LoadedVoice) -> None:
    assert voice.card.supports == ("durations",)
    assert voice.card.model.acoustic.name == "buzzer"
    assert voice.card.evaluation is not None
    assert voice.card.evaluation.mel_loss is not None
    assert voice.card.evaluation.duration_error_milliseconds is None, "it does not know how long symbols last"


def test_the_toy_leaves_a_report_without_an_alignment(workspace: Path) -> None:
    report = workspace / "checkpoints/voice/report"
    assert not (report / "alignment.png").exists()
    assert "alignment.png" not in (report / "index.html").read_text()


def test_the_toy_speaks_and_at_the_speed_that_is_asked_for(voice: LoadedVoice) -> None:
    voice.warm_up()
    symbols = voice.front_end.encode("Good morning.")
    slow, fast = (voice.vocode(voice.predict_mel([Sentence(symbols, speed=speed)]), [None])[0] for speed in (1.0, 2.0))
    assert len(slow) == len(symbols) * SYMBOL_FRAMES * voice.card.audio.hop_length
    assert len(fast) == pytest.approx(len(slow) / 2, rel=0.1)
    assert np.abs(slow).max() > 0
