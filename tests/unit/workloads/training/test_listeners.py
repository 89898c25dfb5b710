"""What a finished training says of its voice where something listens; nothing that goes wrong there loses it."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.workloads import tiny_corpus
from tests.unit.workloads.conftest import LISTENERS
from tts_api.report import Evaluation, TerminationMessage
from tts_workloads.training.finish import listeners
from tts_workloads.training.finish.listeners import MARK, TimeLeft, Utterance, spread
from tts_workloads.training.finish.measure import SpokenClip
from tts_workloads.training.loop.trainer import Interrupted
from tts_workloads.training.processes.launch import launch

WORDS = {"word_error_rate", "recorded_word_error_rate", "character_error_rate", "recorded_character_error_rate"}
OPINIONS = {"opinion_score", "recorded_opinion_score", "copied_opinion_score"}
SIMILARITY = {"speaker_similarity", "recorded_speaker_similarity"}
OPTIONAL = WORDS | OPINIONS | SIMILARITY | {"listened_clips"}

LOGGER = "tts_workloads.training.finish.listeners"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a training that finished without listeners, and lost its voice afterwards: run again, it
    measures and writes it without a step."""
    workspace = tiny_corpus.write_workspace(
        tmp_path_factory.mktemp("trained"),
        training__vocoderMaxSteps=None,
        model__vocoder={"architecture": "griffinlim", "parameters": {"iterations": 2}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
        assert launch(workspace / "run.json", workspace) == 0
    for voice in (workspace / "checkpoints/voice").glob("voice-*.pt"):
        voice.unlink()
    return workspace


@pytest.fixture
def workspace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(tmp_path / "copy/log"))
    return tmp_path / "copy"


def evaluated(workspace: Path) -> Evaluation:
    """How the finished voice was measured."""
    assert launch(workspace / "run.json", workspace) == 0
    said = TerminationMessage.model_validate_json((workspace / "log").read_text())
    assert (workspace / "checkpoints" / said.result.artifact.path).exists()
    assert not (workspace / "checkpoints/voice" / MARK).exists()
    return said.result.evaluation


def known(evaluation: Evaluation) -> set[str]:
    return OPTIONAL & evaluation.model_dump(exclude_none=True).keys()


def test_who_listens_is_heard(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LISTENERS:
        monkeypatch.delitem(sys.modules, name)
    evaluation = evaluated(workspace)
    assert known(evaluation) == OPTIONAL
    assert evaluation.listened_clips == evaluation.clips == 2
    assert 0.5 < evaluation.recorded_word_error_rate < 3  # tones have no words
    assert 0 < evaluation.recorded_character_error_rate < 3
    for score in (evaluation.opinion_score, evaluation.recorded_opinion_score, evaluation.copied_opinion_score):
        assert 0 < score < 3
    # The untrained voice is unlike the corpus, whose clips sound alike.
    assert 0 < evaluation.speaker_similarity < evaluation.recorded_speaker_similarity <= 1
    report = workspace / "checkpoints/voice/report"
    beside = f"{evaluation.opinion_score:g} (the recordings: {evaluation.recorded_opinion_score:g})"
    assert f"| Predicted opinion (1 to 5) | {beside} |" in (report / "model-card.md").read_text()
    alike = f"{evaluation.speaker_similarity:g} (the recordings: {evaluation.recorded_speaker_similarity:g})"
    assert f"| Similarity to the speaker (0 to 1) | {alike} |" in (report / "model-card.md").read_text()
    page = (report / "index.html").read_text()
    assert "recorded word error rate" in page
    assert "copied opinion score" in page


def test_without_listeners_it_is_said_how_to_get_them(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        evaluation = evaluated(workspace)
    assert known(evaluation) == set()
    (line,) = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert "lacks what needs faster_whisper, distillmos, resemblyzer: pip install 'tts-operator[quality]'" in line
    assert "pip install --no-deps resemblyzer==0.1.4" in line


class Broken:
    """A listener that fails as soon as it is to listen."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise RuntimeError("the model's file is broken")


class Stopped:
    """A recogniser in the midst of whose work the pod is asked to stop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def transcribe(self, *arguments: Any, **options: Any) -> None:
        raise Interrupted("stopped by SIGTERM")


class Deaf:
    """A recogniser that understands nothing."""

    loads = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        Deaf.loads += 1

    def transcribe(self, *arguments: Any, **options: Any) -> tuple[list[Any], None]:
        return [], None


class Indifferent(torch.nn.Module):
    """A predictor to whom all is the same."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        return torch.full(sound.shape[:1], 3.0)


BROKEN_WORDS = {"faster_whisper": SimpleNamespace(WhisperModel=Broken)}
BROKEN_OPINIONS = {"distillmos": SimpleNamespace(ConvTransformerSQAModel=Broken)}


@pytest.mark.parametrize(
    ("modules", "fields", "rounds"),
    [
        (BROKEN_WORDS | BROKEN_OPINIONS, set(), 0),
        (
            BROKEN_WORDS | {"distillmos": SimpleNamespace(ConvTransformerSQAModel=Indifferent)},
            OPINIONS | {"listened_clips"},
            len(OPINIONS),
        ),
    ],
)
def test_who_fails_loses_nothing_but_what_it_would_have_said(
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    modules: dict[str, Any],
    fields: set[str],
    rounds: int,
) -> None:
    shared = []
    monkeypatch.setattr(listeners, "TimeLeft", lambda *given: shared.append(given[1]) or TimeLeft(*given))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    with caplog.at_level(logging.WARNING, LOGGER):
        assert known(evaluated(workspace)) == fields
    assert "the measures of words are left out" in caplog.text
    assert shared == [rounds]  # nobody waits for a listener that is absent or broken


def test_a_recogniser_is_loaded_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Deaf))
    assert evaluated(workspace).word_error_rate == 1
    assert Deaf.loads == 1


def test_a_round_that_fails_loses_its_own_measures_alone(caplog: pytest.LogCaptureFixture) -> None:
    def copy(clip: int) -> np.ndarray:
        raise RuntimeError("the vocoder is broken")

    said = [Utterance(0, "text", np.zeros(1, np.float32))] * 4
    opinions = listeners.Listener(
        "opinions",
        lambda: None,
        lambda heard, rate: {"opinion_score": float(len(list(heard)))},
        ("", "copied_", "recorded_"),
    )
    sources = {"": said, "recorded_": said, "copied_": said}
    measures = listeners._asked([opinions], sources, copy, 16000, TimeLeft(math.inf, 3))
    assert measures == {"opinion_score": 4, "recorded_opinion_score": 4}
    assert "the vocoder is broken" in caplog.text


def test_where_a_try_died_at_it_the_next_does_without(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    mark = workspace / "checkpoints/voice" / MARK
    mark.touch()
    assert launch(workspace / "run.json", workspace) == 0
    assert f"left out now: see {mark}" in caplog.text


def test_a_pod_that_is_asked_to_stop_does_so(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Stopped))
    assert launch(workspace / "run.json", workspace) == 75
    assert not (workspace / "checkpoints/voice" / MARK).exists()


@pytest.mark.parametrize(
    ("clips", "most", "chosen"),
    [(0, 20, []), (3, 20, [0, 1, 2]), (20, 20, list(range(20))), (5, 2, [0, 3]), (50, 20, list(range(0, 50, 3)))],
)
def test_a_bounded_number_is_listened_to(clips: int, most: int, chosen: list[int]) -> None:
    spoken = [SpokenClip(clip, torch.zeros(1).numpy(), torch.zeros(1), 0.0) for clip in range(clips)]
    assert [one.clip for one in spread(spoken, most)] == chosen


@pytest.mark.parametrize(
    ("seconds", "each", "rounds"),
    [
        pytest.param(math.inf, 100.0, [10, 10, 10, 10], id="all the time"),
        pytest.param(400.0, 1.0, [10, 10, 10, 10], id="enough"),
        pytest.param(20.0, 1.0, [6, 5, 5, 5], id="half of the clips"),
        pytest.param(0.0, 1.0, [4, 4, 4, 4], id="none, so the least"),
    ],
)
def test_the_listeners_share_the_time_that_is_left(seconds: float, each: float, rounds: list[int]) -> None:
    now = [0.0]
    left = TimeLeft(seconds, 4, lambda: now[0])
    heard = []
    for _ in range(4):
        count = 0
        for _ in left.of([Utterance(0, "text", np.zeros(1, np.float32))] * 10):
            now[0] += each
            count += 1
        heard.append(count)
    assert heard == rounds
    assert left.fewest == min(rounds)
