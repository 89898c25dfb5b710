"""A Job that failed: for which reason the training is given up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.objects import JOB
from tts_operator.training.policies.job_failure import JobFailure

CONDITIONS = [{"type": "Failed", "status": "True", "reason": "PodFailurePolicy", "lastTransitionTime": b.at(-1)}]


@pytest.mark.parametrize(
    ("children", "reason"),
    [
        pytest.param([], "", id="no Job"),
        pytest.param([b.job(), b.says("Diverged")], "", id="the Job goes on"),
        pytest.param([b.COMPLETE, b.says("Diverged")], "", id="the Job is complete"),
        pytest.param([b.child(JOB, owner="another", status={"conditions": CONDITIONS})], "", id="the Job of another"),
        pytest.param([b.FAILED, b.says("InvalidDataset")], "InvalidDataset", id="dataset"),
        pytest.param([b.FAILED, b.says("InvalidParameters")], "InvalidParameters", id="parameters"),
        pytest.param([b.FAILED, b.says("NeverHeardOf")], "WorkloadFailed", id="a word that is not ours"),
        pytest.param([b.FAILED], "BackoffLimitExceeded", id="no pod left"),
        pytest.param([b.TRIED], "BackoffLimitExceeded", id="too often, no pod left"),
        pytest.param([b.TRIED, b.pod(phase="Failed", exit_code=1)], "BackoffLimitExceeded", id="too often"),
        pytest.param([b.TRIED, b.pod(phase="Failed", exit_code=137, reason="OOMKilled")], "OutOfMemory", id="memory"),
        pytest.param([b.TRIED, b.pod(phase="Failed", exit_code=9, disrupted="by x")], "Preempted", id="preempted"),
        pytest.param([b.TRIED, b.pod(phase="Failed")], "Preempted", id="the node is lost"),
        pytest.param([b.LATE, b.says("Diverged")], "DeadlineExceeded", id="deadline"),
        pytest.param(
            [b.FAILED, b.says("Diverged", ended=-9), b.pod("b", phase="Failed", exit_code=137, reason="OOMKilled")],
            "OutOfMemory",
            id="the last pod counts",
        ),
    ],
)
def test_what_is_found(children: Any, reason: str) -> None:
    expected = f"Failed={reason} Progressing!Finished Suspended!NotSuspended" if reason else ""
    assert b.found(JobFailure(), b.seen(b.training(), *children)) == expected
