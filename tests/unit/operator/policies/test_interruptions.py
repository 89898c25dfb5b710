"""Interruptions in vain: three of rank 0 in a row that left the same checkpoint end the training."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.actions import Patch
from tts_operator.engine.objects import JOB
from tts_operator.training.policies.interruptions import InterruptionsInVain

GIVEN_UP = "Failed=NoProgress Progressing!Finished Suspended!NotSuspended"
IN_VAIN = [b.interrupted(n, 40) for n in range(3)]


def failed(number: int, **options: Any) -> Any:
    return b.pod(f"quick-train-0-{number}", phase="Failed", ended=number, **options)


@pytest.mark.parametrize(
    ("children", "reported", "expected"),
    [
        pytest.param([b.job(), *IN_VAIN], 40, GIVEN_UP, id="in vain"),
        pytest.param([b.job(), *IN_VAIN], None, GIVEN_UP, id="in vain, nothing reported"),
        pytest.param([b.job(), *IN_VAIN[:2]], 40, "", id="two"),
        pytest.param([b.job(), *(b.interrupted(n, 40 + n) for n in range(3))], 42, "", id="another checkpoint each"),
        pytest.param([b.job(), *IN_VAIN], 50, "", id="a newer checkpoint is reported"),
        pytest.param([b.job(), b.interrupted(9, 39), *IN_VAIN], 40, "", id="the last one is another"),
        pytest.param([b.job(), b.interrupted(-9, 39), *IN_VAIN], 40, GIVEN_UP, id="an earlier one is another"),
        pytest.param([b.job(), *IN_VAIN[:2], failed(5, exit_code=1)], 40, "", id="a failure between"),
        pytest.param([b.job(), *(failed(n, exit_code=75, index=1) for n in range(3))], 0, "", id="of another rank"),
        pytest.param([b.job(), *(failed(n, exit_code=75) for n in range(3))], None, GIVEN_UP, id="before the first"),
        pytest.param([b.child(JOB, owner="another"), *IN_VAIN], 40, "", id="the Job of another"),
        pytest.param([], None, "", id="no Job"),
    ],
)
def test_what_is_found(children: Any, reported: int | None, expected: str) -> None:
    progress = {"updatedAt": b.at(-5)} | ({} if reported is None else {"checkpoint": b.checkpoint(reported)})
    assert b.found(InterruptionsInVain(), b.seen(b.training({"status.progress": progress}), *children)) == expected


@pytest.mark.parametrize(
    ("job", "suspend"),
    [(b.job(), [True]), (b.job(suspend=True), []), (b.COMPLETE, []), (b.TRIED, [])],
    ids=["runs", "suspended", "complete", "failed"],
)
def test_the_job_is_suspended(job: Any, suspend: list[bool]) -> None:
    actions = InterruptionsInVain().actions(b.situation(b.seen(b.training(), job, *IN_VAIN)))
    assert [action.patch["spec"]["suspend"] for action in actions if isinstance(action, Patch)] == suspend
