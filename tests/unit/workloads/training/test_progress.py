"""What is told while a training runs: the columns' words, the moving means, and the terminal's lines."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workloads.tiny_stage import Kept
from tts_api.report import TrainingProgress
from tts_workloads.training.budget import Budget
from tts_workloads.training.telemetry.progress import Mean, Progress, display, duration
from tts_workloads.training.telemetry.sinks import Logged, Terminal


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59.4, "59s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (11040, "3h4m"), (90000, "1d1h"), (-5, "0s")],
)
def test_durations_read_as_kubectls(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("document", "percent", "steps"),
    [
        pytest.param({"total_steps": 10}, "0%", "0/10", id="nothing done"),
        pytest.param({"step": 999, "total_steps": 1000}, "99%", "999/1000", id="nearly done"),
        pytest.param({"step": 84_000, "total_steps": 200_000}, "42%", "84000/200000", id="in between"),
        pytest.param({"step": 7, "total_steps": 7}, "100%", "7/7", id="all steps done"),
        pytest.param({"step": 12, "budget_seconds": 600, "spent_seconds": 150}, "25%", "12", id="of a budget"),
        pytest.param({"step": 12, "budget_seconds": 600, "spent_seconds": 640}, "99%", "12", id="over its budget"),
        pytest.param(
            {"stage": "Finished", "step": 12, "budget_seconds": 600, "spent_seconds": 580}, "100%", "12", id="finished"
        ),
    ],
)
def test_hundred_percent_is_said_only_at_the_end(document: dict[str, Any], percent: str, steps: str) -> None:
    shown = display(TrainingProgress(updated_at="2026-01-01T00:00:00Z", **document), 0.31274, 11040)
    assert (shown.percent, shown.step, shown.loss, shown.eta) == (percent, steps, "0.3127", "3h4m")


def test_a_mean_starts_at_its_first_value_and_follows() -> None:
    mean = Mean()
    assert mean.value is None
    mean.add(8.0)
    assert mean.value == pytest.approx(8.0)
    for _ in range(200):
        mean.add(2.0)
    assert mean.value == pytest.approx(2.0, abs=0.01)


def told() -> tuple[Progress, Kept, list[float]]:
    clock, kept = [0.0], Kept()
    return Progress({"Acoustic": 100}, kept, lambda: clock[0]), kept, clock


def step(progress: Progress, number: int, loss: float | None = 1.0) -> None:
    progress.step(number, epoch=0, loss=loss, learning_rate=0.001, audio_seconds=30.0)


def test_time_left_is_steps_left_at_the_pace_of_steps_alone() -> None:
    progress, kept, clock = told()
    progress.stage("Acoustic", 0)
    for number in range(1, 11):
        clock[0] += 2.0
        step(progress, number)
    clock[0] += 500.0
    progress.validated(0.9)  # a validation is no step and says nothing about the pace
    clock[0] += 2.0
    step(progress, 11)
    last = kept.documents[-1]
    assert last.display.eta == duration(89 * 2)
    assert last.audio_seconds_per_second == pytest.approx(15.0)
    assert last.validation_loss == 0.9
    assert last.last_step_at is not None


def test_each_stage_counts_at_its_own_pace(tmp_path: Path) -> None:
    clock, kept = [0.0], Kept()
    progress = Progress({"Acoustic": 50, "Vocoder": 100}, kept, lambda: clock[0])
    progress.stage("Acoustic", 0)
    clock[0] += 2.0
    step(progress, 1)
    assert kept.documents[-1].display.eta == ""  # nobody knows the vocoder's pace
    progress.expect("Vocoder", 0.5)
    clock[0] += 2.0
    step(progress, 2)
    assert kept.documents[-1].display.eta == duration(48 * 2.0 + 100 * 0.5)
    progress.stage("Vocoder", 50)
    assert kept.documents[-1].display.eta == duration(100 * 0.5)
    clock[0] += 1.0
    step(progress, 51)
    assert kept.documents[-1].display.eta == duration(99 * 1.0)


def test_what_is_left_of_a_budget_is_the_time_left(tmp_path: Path) -> None:
    clock, kept = [0.0], Kept()
    budget = Budget(600, tmp_path, run_sha256="a", clock=lambda: clock[0])
    progress = Progress({}, kept, lambda: clock[0], budget)
    progress.stage("Acoustic", 0)
    clock[0] += 150.0
    step(progress, 1)
    last = kept.documents[-1]
    assert (last.budget_seconds, last.spent_seconds, last.total_steps) == (600, 150, 0)
    assert (last.display.eta, last.display.percent) == ("7m30s", "25%")


def test_a_new_stage_forgets_the_loss_and_the_validation_of_the_last() -> None:
    progress, kept, clock = told()
    progress.stage("Acoustic", 0)
    clock[0] += 1.0
    step(progress, 1)
    progress.validated(0.5)
    progress.stage("Vocoder", 50)
    last = kept.urgent[-1]
    assert (last.stage, last.step, last.loss, last.validation_loss) == ("Vocoder", 50, None, None)
    assert last.started_at is not None
    step(progress, 51, loss=0.25)
    progress.stage("Exporting", 100)
    assert kept.urgent[-1].loss == 0.25  # the training's last loss stays to be seen


def test_a_skipped_step_keeps_the_loss() -> None:
    progress, kept, _ = told()
    progress.stage("Acoustic", 0)
    step(progress, 1, loss=3.0)
    step(progress, 2, loss=None)
    assert kept.documents[-1].loss == 3.0
    assert kept.documents[-1].step == 2


def test_a_file_gets_a_line_a_minute_and_one_at_each_stage() -> None:
    stream, clock = io.StringIO(), [0.0]
    progress = Progress({"Acoustic": 100, "Vocoder": 100}, Terminal(stream, lambda: clock[0]), lambda: clock[0])
    progress.expect("Vocoder", 0.5)
    progress.stage("Acoustic", 0)
    for number in range(1, 71):
        clock[0] += 2.0
        step(progress, number)
    progress.stage("Vocoder", 100)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[1] == "Acoustic   15% step 30/200, acoustic loss 1.0000, reads 15 s of speech a second, ETA 3m10s"
    assert lines[3].startswith("Vocoder    50% step 100/200")


def test_a_pod_logs_a_line_a_minute_and_reports_everything(caplog: pytest.LogCaptureFixture) -> None:
    kept, clock = Kept(), [0.0]
    progress = Progress({"Acoustic": 100}, Logged(kept, lambda: clock[0]), lambda: clock[0])
    with caplog.at_level("INFO"):
        progress.stage("Acoustic", 0)
        for number in range(1, 71):
            clock[0] += 1.0
            step(progress, number)
    assert [record.getMessage() for record in caplog.records] == [
        "Acoustic    0% step 0/100",
        "Acoustic   60% step 60/100, acoustic loss 1.0000, reads 30 s of speech a second, ETA 40s",
    ]
    assert len(kept.documents) == 71
