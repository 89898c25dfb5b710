"""Availability: whether enough pods speak, and if not, why."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import service_builders as s
from tts_operator.serving.policies.availability import Availability

QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
CANNOT_PULL = s.pod(phase="Pending", waiting=("ErrImagePull", "no such host"))
NO_NODE = s.pod("b", phase="Pending", unplaced="0/3 nodes are available")


@pytest.mark.parametrize(
    ("replicas", "ready", "pods", "expected"),
    [
        pytest.param(1, 1, [], "Available=Available", id="speaks"),
        pytest.param(3, 2, [], "Available!Pending", id="too few yet"),
        pytest.param(3, 2, [s.pod()], "Available!Starting", id="one starts"),
        pytest.param(0, 0, [], "Available!ScaledToZero", id="scaled to zero"),
        pytest.param(1, 0, [], "Available!Pending", id="no pod yet"),
        pytest.param(1, 0, [NO_NODE], "Available!Unschedulable", id="no node"),
        pytest.param(3, 2, [s.pod(ready=True), NO_NODE], "Available!Unschedulable", id="no node for one"),
        pytest.param(
            1, 0, [s.pod(phase="Pending", waiting=("ErrImagePull", "x"))], "Available!ImagePullFailed", id="image"
        ),
        pytest.param(1, 0, [s.pod(exit_code=1)], "Available!WorkloadFailed", id="ended once"),
        pytest.param(1, 0, [s.pod(exit_code=1, restarting=True)], "Available!CrashLoop", id="ends again and again"),
        pytest.param(1, 0, [s.pod(exit_code=137, reason="OOMKilled")], "Available!OutOfMemory", id="memory"),
    ],
)
def test_what_is_found(replicas: int, ready: int, pods: Any, expected: str) -> None:
    body = s.service({"spec.replicas": replicas})
    observed = s.seen(body, s.deployment(body, readyReplicas=ready), *pods)
    assert s.found(Availability(), observed) == expected


def test_a_quota_is_told_where_no_pod_says_more() -> None:
    made = s.deployment(readyReplicas=0, conditions=[QUOTA])
    assert s.found(Availability(), s.seen(None, made)) == "Available!Refused"
    assert s.found(Availability(), s.seen(None, made, NO_NODE)) == "Available!Unschedulable"
    assert s.found(Availability(), s.seen()) == "Available!Pending"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param({}, "Available!Starting", id="never"),
        pytest.param({"status": "True", "reason": "Available"}, "Available!Unavailable", id="spoke"),
        pytest.param({"status": "False", "reason": "Unavailable"}, "Available!Unavailable", id="missed since"),
        pytest.param({"status": "False", "reason": "CrashLoop"}, "Available!Starting", id="crashed"),
    ],
)
def test_pods_start_until_one_has_spoken_and_are_missed_afterwards(before: Any, expected: str) -> None:
    conditions = [{"type": "Available", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z", **before}]
    body = s.service({"status": {"conditions": conditions if before else []}})
    assert s.found(Availability(), s.seen(body, s.deployment(readyReplicas=0), s.pod())) == expected
