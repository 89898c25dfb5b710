"""A training from its run document to its voice, in this process: what it leaves, and what it says when it cannot."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from tests.unit.workloads import tiny_corpus
from tts_api.report import TerminationMessage
from tts_api.run import TrainingRun, digest
from tts_workloads.files import sha256_of
from tts_workloads.run_document import read_run
from tts_workloads.training import budget, probe
from tts_workloads.training.finish import rehearsal
from tts_workloads.training.processes import worker
from tts_workloads.training.processes.launch import launch, part_of
from tts_workloads.training.telemetry import curve
from tts_workloads.voice_file import open_voice


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of a training that finished."""
    workspace = tiny_corpus.write_workspace(tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
        assert launch(workspace / "run.json", workspace) == 0
    return workspace


def words(workspace: Path) -> TerminationMessage:
    return TerminationMessage.model_validate_json((workspace / "log").read_text())


def test_the_last_words_name_the_voice_and_it_has_that_digest(trained: Path) -> None:
    said = words(trained)
    assert said.reason == "Finished"
    assert said.result is not None
    artifact = said.result.artifact
    voice = trained / "checkpoints" / artifact.path
    assert sha256_of(voice) == artifact.sha256
    assert artifact.sha256[:12] in voice.name
    assert voice.stat().st_size == artifact.size_bytes
    assert (artifact.sample_rate, artifact.languages, artifact.speakers) == (16000, ("en-us",), ("default",))
    assert said.checkpoint is not None
    assert said.checkpoint.step == said.step == 10


def test_it_was_measured_on_clips_it_had_not_heard(trained: Path) -> None:
    evaluation = words(trained).result.evaluation
    assert evaluation.clips == 2
    assert evaluation.mel_loss > 0
    assert evaluation.mel_cepstral_distortion > 0
    assert evaluation.real_time_factor > 0


def test_the_card_says_where_the_voice_comes_from(trained: Path) -> None:
    artifact = words(trained).result.artifact
    card = open_voice(trained / "checkpoints" / artifact.path, artifact.sha256).card
    run = TrainingRun.model_validate_json((trained / "run.json").read_text())
    assert card.provenance.run_sha256 == digest(run)
    assert card.provenance.steps == 10
    assert card.provenance.clips == 18
    assert card.provenance.torch == torch.__version__
    assert card.evaluation == words(trained).result.evaluation
    assert card.front_end.name == "en-us"


def test_it_leaves_pictures_samples_and_a_page_for_people(trained: Path) -> None:
    report = trained / "checkpoints" / "voice" / "report"
    for name in ("alignment.png", "loss.png", "mel.png"):
        assert (report / name).read_bytes().startswith(b"\x89PNG")
    page = (report / "model-card.md").read_text()
    assert "Mel-cepstral distortion" in page
    whole = (report / "index.html").read_text()
    assert whole.count("data:image/png;base64,") == 3
    assert whole.count("data:audio/wav;base64,") == 4
    assert json.loads((report / "voice.json").read_text())["format"] == 1
    samples = sorted((report / "samples").iterdir())
    assert len(samples) == 4
    assert {soundfile.info(path).samplerate for path in samples} == {16000}
    steps = [point["step"] for point in curve.read(report / "curve.jsonl") if "loss" in point]
    assert steps == list(range(1, 11))


def test_features_are_kept_no_longer_than_they_are_needed(trained: Path) -> None:
    assert not list((trained / "checkpoints/voice/features").iterdir())


def test_the_voice_speaks_without_model_code(trained: Path) -> None:
    waveform = probe.speak(trained / "checkpoints" / words(trained).result.artifact.path)
    assert waveform.dtype == torch.float32
    assert bool(waveform.isfinite().all())
    assert waveform.numel() > 1000


def test_run_again_it_changes_nothing_and_says_the_same(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a pod that was killed when it had reported and not yet ended: the corpus is not even read."""
    before = words(trained)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(trained / "log"))
    (trained / "data").rename(trained / "gone")
    try:
        assert launch(trained / "run.json", trained) == 0
    finally:
        (trained / "gone").rename(trained / "data")
    assert words(trained) == before


def test_a_budget_gives_a_voice_and_the_settings_that_were_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path, training={"budget": "8h", "validation": {"clips": 2}})
    ticks = itertools.count()
    clocked = functools.partial(budget.Budget, clock=lambda: next(ticks) * 100.0)  # eight hours go by in 288 looks
    monkeypatch.setattr(worker, "Budget", clocked)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 0, (workspace / "log").read_text()
    said, folder = words(workspace), workspace / "checkpoints" / "voice"
    run = read_run(TrainingRun, workspace / "run.json")
    assert said.result is not None
    card = open_voice(workspace / "checkpoints" / said.result.artifact.path).card
    assert card.settings is not None
    assert (card.settings.device, card.settings.batch_seconds) == ("cpu", 16.0)
    assert card.settings.acoustic_parameters == card.model.acoustic.parameters
    assert card.provenance.steps == said.step > 2
    assert budget.read(folder, digest(run)).trained
    assert budget.read(folder, digest(run)).finish_seconds
    assert not (folder / rehearsal.FOLDER).exists()
    assert part_of(run, workspace, 0) == "alone"


def test_a_voice_that_was_lost_is_written_again_without_a_step(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(trained, workspace)
    voice = workspace / "checkpoints" / words(workspace).result.artifact.path
    voice.write_bytes(b"torn")
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    curve_before = (workspace / "checkpoints/voice/report/curve.jsonl").read_text()
    assert launch(workspace / "run.json", workspace) == 0
    artifact = words(workspace).result.artifact
    assert sha256_of(workspace / "checkpoints" / artifact.path) == artifact.sha256
    assert (workspace / "checkpoints/voice/report/curve.jsonl").read_text() == curve_before
    assert len(list((workspace / "checkpoints/voice").glob("voice-*.pt"))) == 1


def test_a_volume_that_is_full_at_the_samples_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(trained, workspace)
    (workspace / "checkpoints" / words(workspace).result.artifact.path).unlink()
    sample = next((workspace / "checkpoints/voice/report/samples").glob("*-spoken.wav"))
    before = sample.read_bytes()
    sample.with_name(f".{sample.name}.{os.getpid()}.tmp").symlink_to("/dev/full")
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 1
    assert words(workspace).reason == "StorageFull"
    assert sample.name in words(workspace).message
    assert sample.read_bytes() == before


def test_a_folder_of_another_training_is_not_continued(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(trained, workspace)
    (workspace / "run.json").write_text(json.dumps(tiny_corpus.run_document(training__seed=2)))
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    (settings,) = (workspace / "checkpoints/voice").glob("settings-*.json")
    chosen = settings.read_text()
    assert launch(workspace / "run.json", workspace) == 64
    assert words(workspace).reason == "CheckpointMismatch"
    assert settings.read_text() == chosen, "what was chosen for the run that owns the folder stays"


@pytest.mark.parametrize(
    "vocoder",
    [
        pytest.param({"architecture": "griffinlim", "parameters": {"iterations": 2}}, id="griffinlim"),
        pytest.param({"architecture": "world", "parameters": {"sharpness": 0.5}}, id="world"),
    ],
)
def test_a_vocoder_without_weights_needs_no_second_stage(
    vocoder: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path / "w", model__vocoder=vocoder, training__vocoderMaxSteps=None)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 0
    assert words(workspace).step == 6
    points = curve.read(workspace / "checkpoints/voice/report/curve.jsonl")
    assert {point["stage"] for point in points} == {"Acoustic"}


@pytest.mark.parametrize(
    ("changes", "spoil", "reason", "message"),
    [
        ({}, lambda w: shutil.rmtree(w / "data" / "tones"), "InvalidDataset", "tones"),
        ({}, lambda w: (w / "data/tones/metadata.csv").write_text("no separator\n"), "InvalidDataset", "line 1"),
        ({}, lambda w: (w / "data/tones/wavs/clip03.wav").write_bytes(b"noise" * 99), "InvalidDataset", "clip03.wav"),
        (
            {"model__acoustic__parameters": {"hiddenSize": 7}},
            None,
            "InvalidParameters",
            "acoustic.parameters.hiddenSize",
        ),
        ({"model__acoustic__parameters": {"size": 64}}, None, "InvalidParameters", "acoustic.parameters.size"),
        ({}, lambda w: (w / "run.json").write_text("{"), "InvalidRun", "not valid"),
        ({}, lambda w: (w / "run.json").unlink(), "InvalidRun", "cannot be read"),
        ({"schema": 2}, None, "InvalidRun", "schema 2"),
        ({"training__maxSteps": 0}, None, "InvalidRun", "training.maxSteps"),
        (
            {"dataset__audio__nFFT": 1023},
            None,
            "InvalidRun",
            "dataset.audio.nFFT is 1023: nFFT must be even",
        ),
        (
            {"dataset__audio__hopLength": 700},
            None,
            "InvalidRun",
            "hopLength must be at most half of nFFT, or frames do not overlap (hopLength is 700, nFFT 1024)",
        ),
        ({"dataset__audio__nFFT": 500}, None, "InvalidRun", "hopLength is 256, nFFT 500"),
        (
            {"dataset__audio": {"sampleRate": 48000, "nFFT": 256, "hopLength": 128, "nMels": 128}},
            None,
            "InvalidParameters",
            "nMels is 128, but nFFT 256 at 48000 Hz leaves 34 bands empty: set nMels to 42, or give a larger nFFT",
        ),
    ],
)
def test_what_is_wrong_with_a_run_is_said_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], spoil: Any, reason: str, message: str
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path / "w", **changes)
    if spoil is not None:
        spoil(workspace)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 64
    said = words(workspace)
    assert said.reason == reason
    assert message in said.message


def test_a_refused_corpus_leaves_every_problem_until_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path / "w", output="voices/tones", training__maxSteps=1)
    metadata = workspace / "data/tones/metadata.csv"
    whole = metadata.read_text()
    metadata.write_text("no separator\n" * 30 + whole)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 64
    said = words(workspace)
    assert said.reason == "InvalidDataset"
    assert "30 problems (in full: voices/tones/report/problems.txt on the checkpoint volume)" in said.message
    problems = workspace / "checkpoints/voices/tones/report/problems.txt"
    lines = problems.read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == [f"metadata.csv line {number}" for number in range(1, 31)]
    assert all(line in caplog.text for line in lines)

    metadata.write_text(whole)
    assert launch(workspace / "run.json", workspace) == 0
    assert not problems.exists()


def test_a_refusal_is_said_where_there_is_no_room_to_write_it_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path / "w")
    (workspace / "data/tones/metadata.csv").write_text("no separator\n")
    report = workspace / "checkpoints/voice/report"
    report.mkdir(parents=True)
    (report / f".problems.txt.{os.getpid()}.tmp").symlink_to("/dev/full")
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 64
    said = words(workspace)
    assert said.reason == "InvalidDataset"
    assert "1 problem: metadata.csv line 1" in said.message


@pytest.mark.parametrize(
    ("topology", "steps_saved", "node", "part"),
    [
        ({}, None, 0, "alone"),
        ({"nodes": 2, "rendezvous": "a:1"}, None, 0, "together"),
        ({"processesPerNode": 2}, 8, 0, "together"),
        # All steps are done: the others' pods may have finished, and would never be met.
        ({"nodes": 2, "rendezvous": "a:1"}, 10, 0, "alone"),
        ({"nodes": 2, "rendezvous": "a:1"}, 10, 1, "none"),
    ],
)
def test_a_pods_part(tmp_path: Path, topology: dict[str, Any], steps_saved: int | None, node: int, part: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps(tiny_corpus.run_document(topology=topology)))
    if steps_saved is not None:
        (tmp_path / "checkpoints/voice").mkdir(parents=True)
        (tmp_path / f"checkpoints/voice/checkpoint-{steps_saved:09d}-{'0' * 16}.pt").touch()
    assert part_of(read_run(TrainingRun, tmp_path / "run.json"), tmp_path, node) == part


def test_an_untrained_voice_speaks_too(tmp_path: Path) -> None:
    probe.write(tmp_path / "voice.pt")
    assert probe.written_on(tmp_path / "voice.pt") == torch.__version__
    assert float(probe.speak(tmp_path / "voice.pt").abs().max()) > 0
