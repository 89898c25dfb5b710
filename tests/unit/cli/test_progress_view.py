"""What is shown of a training's progress: a bar on a terminal, a line a minute in a file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tts_api.report import ProgressDisplay, TrainingProgress
from tts_cli.progress_view import Bar, Lines, details
from tts_workloads.training.telemetry.progress_file import ProgressFile


def progress(stage: str = "Acoustic", step: int = 5, **changes: Any) -> TrainingProgress:
    display = ProgressDisplay(percent=f"{10 * step}%", step=f"{step}/10", loss="1.2500", eta="4m30s")
    document = {"stage": stage, "step": step, "updatedAt": "2026-01-01T00:00:00Z", "audioSecondsPerSecond": 12.4}
    return TrainingProgress.model_validate(document | {"display": display} | changes)


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        ("Preparing", ""),
        ("Acoustic", "step 5/10, loss 1.2500, reads 12 s of speech a second, left 4m30s"),
        ("Vocoder", "step 5/10, loss 1.2500, reads 12 s of speech a second, left 4m30s"),
        ("Exporting", "step 5/10"),
        ("Finished", "step 5/10"),
    ],
)
def test_each_stage_shows_what_is_its_own(stage: str, shown: str) -> None:
    assert details(progress(stage)) == shown


def test_a_file_gets_a_line_a_minute_and_one_for_each_stage() -> None:
    stream, now = io.StringIO(), [0.0]
    with Lines(stream, clock=lambda: now[0]) as lines:
        for moment, document in (
            (0.0, progress("Preparing", 0)),
            (1.0, progress("Preparing", 0)),
            (2.0, progress(step=1)),
            (61.9, progress(step=2)),
            (62.0, progress(step=3, warnings=("the disk is slow",))),
            (63.0, progress(step=4, warnings=("the disk is slow",))),
            (64.0, progress("Finished", 10)),
        ):
            now[0] = moment
            lines.show(document)
    assert stream.getvalue().splitlines() == [
        "  0% reading the corpus",
        " 10% training the acoustic model: step 1/10, loss 1.2500, reads 12 s of speech a second, left 4m30s",
        " 30% training the acoustic model: step 3/10, loss 1.2500, reads 12 s of speech a second, left 4m30s",
        "the disk is slow",
        "100% finished: step 10/10",
    ]


def test_a_terminal_gets_a_bar_and_each_warning_once() -> None:
    stream = io.StringIO()
    with Bar(Console(file=stream, force_terminal=True, width=120)) as bar:
        bar.show(progress(step=3, warnings=("the disk is slow",)))
        bar.show(progress(step=4, warnings=("the disk is slow",)))
    drawn = stream.getvalue()
    assert "training the acoustic model" in drawn
    assert "40%  step 4/10, loss 1.2500" in drawn
    assert drawn.count("the disk is slow") == 1


def test_the_file_holds_the_newest_whole_document(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, now = tmp_path / "progress.json", [0.0]
    sink = ProgressFile(path, clock=lambda: now[0])
    for moment, step, urgent, found in ((0.0, 1, False, 1), (0.1, 2, False, 1), (0.2, 3, True, 3), (0.8, 4, False, 4)):
        now[0] = moment
        sink.put(progress(step=step), urgent=urgent)
        assert TrainingProgress.model_validate_json(path.read_text()).step == found
    assert sink.close()
    ProgressFile(tmp_path / "nowhere" / "progress.json").put(progress())
    assert "the progress could not be written to" in caplog.text
