"""Trainings that an earlier version began: today's code resumes from their checkpoints and goes on as they did."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import tests.checkpoints
from tests.unit.workloads import tiny_corpus
from tts_workloads.training.processes.launch import launch
from tts_workloads.training.telemetry import curve

FOLDER = Path(tests.checkpoints.__file__).parent
STORED = {"Acoustic": 4, "Vocoder": 8}
"""Steps of the stored checkpoints by the stage in whose middle they are."""


@pytest.mark.parametrize(("stage", "step"), STORED.items(), ids=STORED.keys())
def test_a_training_goes_on_from_a_stored_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, step: int
) -> None:
    workspace = tiny_corpus.write_workspace(tmp_path / "w")
    shutil.copy(FOLDER / "run.json", workspace / "run.json")
    output = workspace / "checkpoints" / "voice"
    output.mkdir()
    (path,) = FOLDER.glob(f"checkpoint-{step:09d}-*.pt")
    shutil.copy(path, output)
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(workspace / "log"))
    assert launch(workspace / "run.json", workspace) == 0
    resumed, before = curve.read(output / "report" / "curve.jsonl"), curve.read(FOLDER / "curve.jsonl")
    assert resumed[0]["stage"] == stage
    expected = [point for point in before if point["step"] > step]
    assert [sorted(point) for point in resumed] == [sorted(point) for point in expected]
    for ours, theirs in zip(resumed, expected, strict=True):
        # Another processor computes other last digits.
        assert ours["step"] == theirs["step"]
        assert [ours[name] for name in ours if name != "stage"] == pytest.approx(
            [theirs[name] for name in ours if name != "stage"], rel=1e-2, abs=1e-3
        )
