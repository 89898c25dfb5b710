"""Stall: no step for stallTimeoutSeconds, counted from the last step or from the start of the youngest pod."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.training.observe import ObservedTraining
from tts_operator.training.policies.stall import Stall

RUNS = b.pod(since=-60)
LONG = b.pod("quick-train-1-aaaaa", since=-6000)


def observed(pods: Any, progress: Any) -> ObservedTraining:
    return b.seen(
        b.training({"spec.runPolicy": {"stallTimeoutSeconds": 600}, "status.progress": progress}), b.job(), *pods
    )


@pytest.mark.parametrize(
    ("pods", "progress", "seconds"),
    [
        pytest.param([], {"updatedAt": b.at(-9)}, None, id="no pod"),
        pytest.param([b.pod(phase="Pending", waiting=("", ""))], {}, None, id="no pod runs"),
        pytest.param([RUNS], {}, 540, id="from the start"),
        pytest.param([LONG, RUNS], {}, 540, id="from the start of the youngest"),
        pytest.param([RUNS], {"updatedAt": b.at(-9), "lastStepAt": b.at(-10)}, 590, id="from the last step"),
        pytest.param([RUNS], {"updatedAt": b.at(-9)}, 591, id="from the report"),
        pytest.param([RUNS], {"updatedAt": b.at(-9), "lastStepAt": b.at(-3600)}, 540, id="a step of an earlier pod"),
        pytest.param([RUNS], {"updatedAt": "yesterday"}, 540, id="an unreadable time"),
        pytest.param([RUNS], {"updatedAt": b.at(-9), "lastStepAt": "?"}, 591, id="an unreadable time of the step"),
        pytest.param([LONG], {}, -5400, id="long ago"),
    ],
)
def test_the_alarm_and_what_is_found_after_it(pods: Any, progress: Any, seconds: float | None) -> None:
    seen = observed(pods, progress)
    expected = None if seconds is None else b.NOW + timedelta(seconds=seconds)
    assert Stall().alarm(b.situation(seen)) == expected
    if expected is not None:
        assert b.found(Stall(), seen, expected - timedelta(seconds=1)) == ""
        assert b.found(Stall(), seen, expected) == "Progressing!Stalled"
