"""Suspension: what the Job's suspend becomes, and what the user is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.actions import Patch
from tts_operator.engine.objects import JOB
from tts_operator.training.policies.suspension import Suspension

SUSPEND = {"spec.runPolicy": {"suspend": True}}


QUEUED = {"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}}


@pytest.mark.parametrize(
    ("changes", "children", "suspend"),
    [
        ({}, [b.job(suspend=False)], None),
        (SUSPEND, [b.job(suspend=False)], True),
        (SUSPEND, [b.job(suspend=True)], None),
        ({}, [b.job(suspend=True)], False),
        (QUEUED, [b.job(suspend=True)], None),
        (QUEUED | SUSPEND, [b.job(suspend=False)], None),
        (SUSPEND, [b.job(suspend=False, condition="Complete")], None),
        (SUSPEND, [b.job(suspend=False, condition="Failed", reason="BackoffLimitExceeded")], None),
        ({}, [b.job(suspend=False), *(b.interrupted(n, 4) for n in range(3))], True),
        ({}, [b.job(suspend=True), *(b.interrupted(n, 4) for n in range(3))], None),
        (SUSPEND, [b.child(JOB, owner="another", spec={"suspend": False})], None),
    ],
    ids=[
        "runs",
        "suspend",
        "suspended",
        "resume",
        "queue-decides",
        "queue-decides-2",
        "complete",
        "failed",
        "in-vain",
        "in-vain-stopped",
        "foreign",
    ],
)
def test_the_jobs_suspension(changes: Any, children: Any, suspend: bool | None) -> None:
    actions = b.planned(b.seen(b.training(changes), b.CHILD_CLAIM, *children)).actions
    patches = [action.patch for action in actions if isinstance(action, Patch)]
    assert patches == ([] if suspend is None else [{"spec": {"suspend": suspend}}])


def test_resuming_is_told_until_the_end() -> None:
    suspended = b.training({"spec.runPolicy": {"suspend": True}})
    stopped = b.concluded(b.seen(suspended, b.job(suspend=True)))
    resumed = b.concluded(b.seen(b.training({"status": stopped}), b.job()))
    again = b.conditions(b.seen(b.training({"status": resumed}), b.job(), b.pod()))
    assert again["Suspended"]["reason"] == "Resumed"


@pytest.mark.parametrize(
    ("changes", "children", "expected"),
    [
        pytest.param({}, [], "Suspended!NotSuspended", id="before the Job"),
        pytest.param({}, [b.job()], "Suspended!NotSuspended", id="runs"),
        pytest.param(SUSPEND, [], "Suspended=Suspended Scheduled!Suspended Progressing!Suspended", id="no Job yet"),
        pytest.param(
            SUSPEND,
            [b.job(suspend=True)],
            "Suspended=Suspended Scheduled!Suspended Progressing!Suspended",
            id="stopped",
        ),
        pytest.param(SUSPEND, [b.job()], "Suspended!NotSuspended", id="still runs"),
        pytest.param(
            QUEUED, [b.job(suspend=True)], "Suspended=Queued Scheduled!Queued Progressing!Queued", id="in a queue"
        ),
        pytest.param(
            QUEUED | SUSPEND,
            [b.job(suspend=True)],
            "Suspended=Suspended Scheduled!Suspended Progressing!Suspended",
            id="stopped in a queue",
        ),
        pytest.param({"status": {"conditions": [b.true("Suspended")]}}, [b.job()], "Suspended!Resumed", id="resumed"),
    ],
)
def test_what_is_found(changes: Any, children: Any, expected: str) -> None:
    assert b.found(Suspension(), b.seen(b.training(changes), *children)) == expected
