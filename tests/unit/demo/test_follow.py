"""What the demo says of a training, by nothing but the status of its resource."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo import follow
from demo.screen import Screen
from devcluster.processes import ClusterError


def status(stage: str, **progress: Any) -> dict[str, Any]:
    display = progress.pop("display", {})
    return {"phase": "Running", "progress": {"stage": stage, "display": display, **progress}}


STEPS = {"percent": "42%", "step": "931/2200", "loss": "1.4210", "eta": "12m15s"}
BUDGET = {"percent": "42%", "step": "931", "loss": "1.4210", "eta": "5m48s"}


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        pytest.param({}, "  Waiting for a pod", id="nothing-yet"),
        pytest.param({"phase": "Running"}, "  The pod starts", id="no-progress-yet"),
        pytest.param(status("Preparing"), "  Preparing the corpus", id="preparing"),
        pytest.param(
            status("Acoustic", step=924, totalSteps=2200, audioSecondsPerSecond=247.6, display=STEPS),
            "  Acoustic model 42%, step 931/2200, Acoustic loss 1.4210, reads 248 s of speech a second, 12m15s left",
            id="acoustic-by-steps",
        ),
        pytest.param(
            status("Vocoder", step=931, totalSteps=0, budgetSeconds=600, spentSeconds=252, display=BUDGET),
            "  Vocoder 42%, step 931, Vocoder loss 1.4210, 5m48s left",
            id="vocoder-by-budget",
        ),
        pytest.param(
            status("Vocoder", totalSteps=0, display={"percent": "42%"}), "  Vocoder 42%", id="budget-by-display-alone"
        ),
        pytest.param(
            status("Exporting", step=2200, totalSteps=2200, display={"loss": "1.2", "step": "2200/2200"}),
            "  Writing and measuring the voice 100%, step 2200/2200",
            id="exporting-has-no-loss",
        ),
        pytest.param(status("Distilling", display={}), "  Distilling", id="a-stage-that-is-not-known"),
    ],
)
def test_a_line_tells_stage_share_step_loss_speed_and_what_is_left(seen: dict[str, Any], line: str) -> None:
    assert follow.view(seen).line == line


class Clock:
    """A monotonic clock that only ``sleep`` moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def complete(kind: str = "Complete", **more: str) -> dict[str, Any]:
    return {"status": {**status("Finished"), "conditions": [{"type": kind, "status": "True", **more}]}}


def looks(*results: dict[str, Any] | Exception) -> Callable[[], dict[str, Any]]:
    """A function that returns the results in turn, and raises those that are exceptions."""
    left: Iterator[dict[str, Any] | Exception] = iter(results)

    def look() -> dict[str, Any]:
        result = next(left)
        if isinstance(result, Exception):
            raise result
        return result

    return look


def follow_to_the_end(look: Callable[[], dict[str, Any]], half_way: Callable[[], None] = lambda: None) -> list[str]:
    """Follow a training, and return the lines that a file gets."""
    out, clock = io.StringIO(), Clock()
    follow.training(look, Screen(out), half_way, clock.now, clock.sleep)
    return out.getvalue().splitlines()


def test_a_file_gets_a_line_a_minute_and_one_where_a_stage_begins() -> None:
    acoustic = [{"status": status("Acoustic", step=n, totalSteps=200)} for n in range(91)]  # three minutes
    lines = follow_to_the_end(looks(*acoustic, {"status": status("Vocoder", step=91, totalSteps=200)}, complete()))
    assert lines == [
        "  Acoustic model 0%",
        "  Acoustic model 15%",
        "  Acoustic model 30%",
        "  Acoustic model 45%",
        f"  {follow._SWITCH}",
        "  Vocoder 46%",
        "  Finished",
    ]


def test_the_middle_is_told_once() -> None:
    calls: list[int] = []
    shares = [{"status": status("Acoustic", step=step, totalSteps=10)} for step in (1, 5, 6, 7)]
    follow_to_the_end(looks(*shares, complete()), lambda: calls.append(1))
    assert calls == [1]


def test_a_server_that_is_silent_for_a_while_is_waited_for() -> None:
    silence = [ClusterError("connection refused")] * 20
    assert follow_to_the_end(looks(*silence, complete())) == ["  Finished"]


def test_a_server_that_stays_silent_ends_the_demo_with_its_error() -> None:
    with pytest.raises(ClusterError, match="connection refused"):
        follow_to_the_end(looks(*itertools.repeat(ClusterError("connection refused"), 100)))


def test_a_training_that_failed_ends_with_its_reason_and_message() -> None:
    failed = complete("Failed", reason="InvalidDataset", message="clip 3 has no text: write one")
    with pytest.raises(ClusterError, match="the training failed: InvalidDataset: clip 3 has no text: write one"):
        follow_to_the_end(looks(failed))
