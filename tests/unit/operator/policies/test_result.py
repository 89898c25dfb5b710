"""The result: complete with it, failed without it after the time for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.training.policies.result import Result

COMPLETED = "Complete=Completed Scheduled=Scheduled Progressing!Finished Suspended!NotSuspended"
MISSING = "Failed=ResultMissing Progressing!Finished Suspended!NotSuspended"
REPORTED = {"status.progress": {"updatedAt": b.at(-5), "result": b.result()}}


@pytest.mark.parametrize(
    ("changes", "children", "expected"),
    [
        pytest.param({}, [], "", id="no Job"),
        pytest.param({}, [b.job(), b.FINISHED], "", id="the Job is not complete yet"),
        pytest.param({}, [b.COMPLETE, b.FINISHED], COMPLETED, id="the pod says it"),
        pytest.param(REPORTED, [b.COMPLETE], COMPLETED, id="the progress says it"),
        pytest.param({}, [b.LONG_COMPLETE, b.FINISHED], COMPLETED, id="late"),
        pytest.param({}, [b.COMPLETE], "", id="awaited"),
        pytest.param({}, [b.LONG_COMPLETE], MISSING, id="missing"),
        pytest.param({}, [b.LONG_COMPLETE, b.STOLEN], MISSING, id="another training's voice"),
    ],
)
def test_what_is_found(changes: Any, children: Any, expected: str) -> None:
    assert b.found(Result(), b.seen(b.training(changes), *children)) == expected


@pytest.mark.parametrize(
    ("children", "seconds"), [([], None), ([b.job()], None), ([b.COMPLETE], 25)], ids=["no-job", "runs", "complete"]
)
def test_the_alarm(children: Any, seconds: float | None) -> None:
    expected = None if seconds is None else b.NOW + timedelta(seconds=seconds)
    assert Result().alarm(b.situation(b.seen(b.training(), *children))) == expected
