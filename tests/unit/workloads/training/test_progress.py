"""What is told while a training runs: the columns' words, the moving means, and the terminal's lines."""

from __future__ import annotations

import io

import pytest

from tests.unit.workloads.tiny_stage import Kept
from tts_workloads.training.telemetry.progress import Mean, Progress, Terminal, display, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59.4, "59s"), (60, "1m"), (90, "1m30s"), (3600, "1h"), (11040, "3h4m"), (90000, "1d1h"), (-5, "0s")],
)
def test_durations_read_as_kubectls(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("step", "total", "percent"),
    [(0, 0, "0%"), (0, 10, "0%"), (999, 1000, "99%"), (84_000, 200_000, "42%"), (7, 7, "100%")],
)
def test_hundred_percent_is_said_only_at_the_end(step: int, total: int, percent: str) -> None:
    shown = display(step, total, 0.31274, 11040)
    assert (shown.percent, shown.step, shown.loss, shown.eta) == (percent, f"{step}/{total}", "0.3127", "3h4m")


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
    return Progress(100, kept, lambda: clock[0]), kept, clock


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


def test_a_new_stage_forgets_the_pace_and_the_validation_of_the_last() -> None:
    progress, kept, clock = told()
    progress.stage("Acoustic", 0)
    clock[0] += 1.0
    step(progress, 1)
    progress.validated(0.5)
    progress.stage("Vocoder", 50)
    last = kept.urgent[-1]
    assert (last.stage, last.step, last.validation_loss, last.display.eta) == ("Vocoder", 50, None, "")
    assert last.started_at is not None


def test_a_skipped_step_keeps_the_loss() -> None:
    progress, kept, _ = told()
    progress.stage("Acoustic", 0)
    step(progress, 1, loss=3.0)
    step(progress, 2, loss=None)
    assert kept.documents[-1].loss == 3.0
    assert kept.documents[-1].step == 2


def test_a_log_gets_a_line_now_and_then_and_at_once_when_it_matters() -> None:
    stream, clock = io.StringIO(), [0.0]
    progress = Progress(100, Terminal(stream, lambda: clock[0]), lambda: clock[0])
    progress.stage("Acoustic", 0)
    for number in range(1, 21):
        clock[0] += 1.0
        step(progress, number)
    progress.stage("Vocoder", 20)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[2] == "Acoustic   10% step 10/100, loss 1.0000, 30 s of speech/s, ETA 1m30s"
