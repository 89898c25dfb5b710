"""The status of a service, as tables: every condition with every reason it can have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_api.report import ExitCode
from tts_operator.conditions import condition_events
from tts_operator.serving.conclude import conclude
from tts_operator.serving.observe import ObservedService

NONE_READY = {"readyReplicas": 0, "unavailableReplicas": 1}
REFUSED_VOICE: dict[str, Any] = {
    "exit_code": int(ExitCode.BAD_INPUT),
    "says": {"schema": 1, "reason": "DigestMismatch", "message": "voice.pt has another digest"},
}
CRASHED: dict[str, Any] = {"exit_code": 1, "says": "Segmentation fault"}


def failing(*pods: object, **status: object) -> ObservedService:
    return s.seen(None, s.FRONT, s.deployment(**{**NONE_READY, **status}), *pods)  # type: ignore[arg-type]


SCALED = s.service({"spec.replicas": 0})
THREE = s.service({"spec.replicas": 3})
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out."}
QUOTA = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}


@pytest.mark.parametrize(
    ("observed", "condition", "status", "reason", "part"),
    [
        pytest.param(s.seen(), "Accepted", "True", "Accepted", "", id="good"),
        pytest.param(
            s.seen(s.service({"spec": {"model": 5}})),
            "Accepted",
            "False",
            "InvalidSpec",
            "spec.model is 5",
            id="of another shape",
        ),
        pytest.param(
            s.seen(s.service({"spec.replicas": "many"})),
            "Accepted",
            "False",
            "InvalidSpec",
            "spec.replicas is 'many'",
            id="unreadable",
        ),
        pytest.param(s.seen(), "ModelReady", "True", "ModelFound", "", id="voice on a claim"),
        pytest.param(
            s.seen(s.from_training()), "ModelReady", "False", "ModelMissing", "quick does not exist", id="no training"
        ),
        pytest.param(
            s.seen(s.from_training(), s.trained("")),
            "ModelReady",
            "False",
            "TrainingNotComplete",
            "quick",
            id="training goes on",
        ),
        pytest.param(
            s.seen(s.from_training(), s.trained("Failed")),
            "ModelReady",
            "False",
            "TrainingFailed",
            "quick",
            id="training failed",
        ),
        pytest.param(
            s.seen(s.from_training(), s.trained(sha256="?")),
            "ModelReady",
            "False",
            "TrainingFailed",
            "quick",
            id="complete without a readable voice",
        ),
        pytest.param(s.seen(s.from_training(), s.trained()), "ModelReady", "True", "ModelFound", "", id="trained"),
        pytest.param(s.seen(s.from_training()), "Available", "False", "ModelMissing", "quick", id="nothing to speak"),
        pytest.param(s.seen(s.from_training()), "Progressing", "False", "ModelMissing", "", id="nothing to make"),
        pytest.param(s.seen(), "Available", "False", "Pending", "", id="before the Deployment"),
        pytest.param(s.seen(), "Progressing", "Unknown", "Pending", "", id="before the Deployment, progress"),
        pytest.param(s.seen(None, s.FRONT, s.deployment()), "Available", "True", "Available", "1 of 1", id="speaks"),
        pytest.param(s.seen(None, s.FRONT, s.deployment()), "Progressing", "False", "RolledOut", "", id="rolled out"),
        pytest.param(
            s.seen(THREE, s.FRONT, s.deployment(THREE, readyReplicas=2, replicas=3)),
            "Available",
            "False",
            "Pending",
            "2 of 3",
            id="too few",
        ),
        pytest.param(
            s.seen(THREE, s.FRONT, s.deployment(THREE, replicas=3)),
            "Progressing",
            "True",
            "RollingOut",
            "1 of 3",
            id="rolling out",
        ),
        pytest.param(
            s.seen(None, s.FRONT, s.deployment(observedGeneration=0)),
            "Progressing",
            "True",
            "RollingOut",
            "",
            id="the Deployment's controller has not looked yet",
        ),
        pytest.param(
            s.seen(SCALED, s.FRONT, s.deployment(SCALED, replicas=0, readyReplicas=0)),
            "Available",
            "False",
            "ScaledToZero",
            "",
            id="scaled to zero",
        ),
        pytest.param(failing(), "Available", "False", "Pending", "0 of 1", id="no pod yet"),
        pytest.param(failing(s.pod()), "Available", "False", "Starting", "0 of 1", id="loads the voice"),
        pytest.param(
            failing(conditions=[LATE]), "Progressing", "False", "ProgressDeadlineExceeded", "timed out", id="deadline"
        ),
        pytest.param(
            s.seen(
                None,
                s.FRONT,
                s.deployment(unavailableReplicas=1, conditions=[LATE]),
                s.pod("old", ready=True),
                s.pod("new", phase="Pending", waiting=("ErrImagePull", "no such tag")),
            ),
            "Progressing",
            "False",
            "ProgressDeadlineExceeded",
            "no such tag",
            id="deadline while an older pod speaks",
        ),
        pytest.param(failing(conditions=[QUOTA]), "Available", "False", "Refused", "exceeded quota", id="quota"),
        pytest.param(
            failing(s.pod(phase="Pending", unplaced="0/3 nodes are available")),
            "Available",
            "False",
            "Unschedulable",
            "0/3 nodes",
            id="no node",
        ),
        pytest.param(
            failing(s.pod(phase="Pending", unplaced='persistentvolumeclaim "voices" not found')),
            "Available",
            "False",
            "ClaimMissing",
            "voices does not exist",
            id="no claim",
        ),
        pytest.param(
            failing(s.pod(phase="Pending", waiting=("ImagePullBackOff", "no such tag"))),
            "Available",
            "False",
            "ImagePullFailed",
            "no such tag",
            id="no image",
        ),
        pytest.param(
            failing(s.pod(exit_code=137, reason="OOMKilled")), "Available", "False", "OutOfMemory", "", id="memory"
        ),
        pytest.param(
            failing(s.pod(**CRASHED)), "Available", "False", "WorkloadFailed", "Segmentation fault", id="ended once"
        ),
        pytest.param(
            failing(s.pod(restarting=True, **CRASHED)),
            "Available",
            "False",
            "CrashLoop",
            "Segmentation fault",
            id="ends again and again",
        ),
        pytest.param(
            failing(s.pod(**REFUSED_VOICE)),
            "ModelReady",
            "False",
            "DigestMismatch",
            "another digest",
            id="the pod refuses the voice",
        ),
        pytest.param(
            failing(s.pod(**CRASHED)), "ModelReady", "True", "ModelFound", "", id="a crash says nothing about the voice"
        ),
    ],
)
def test_conditions(observed: ObservedService, condition: str, status: str, reason: str, part: str) -> None:
    found = s.conditions(observed)[condition]
    assert (found["status"], found["reason"]) == (status, reason)
    assert part in found["message"]
    assert found["message"]


def test_one_pod_may_be_missing_where_the_rollout_says_so() -> None:
    body = s.service({"spec.replicas": 3, "spec.rollout.maxUnavailable": 1})
    found = s.conditions(s.seen(body, s.FRONT, s.deployment(body, replicas=3, readyReplicas=2)))["Available"]
    assert (found["status"], found["message"]) == ("True", "2 of 3 pods speak.")


def test_the_rest_of_the_status() -> None:
    performance = {"performance": {"realTimeFactor": 0.1}}
    observed = s.seen(s.service({"status": performance}), s.FRONT, s.deployment())
    status = conclude(observed, (), b.SETTINGS, b.NOW)
    assert status.pop("conditions")
    assert status == {
        "observedGeneration": 1,
        "reason": "Available",
        "url": "http://speak-serve.speech.svc",
        "selector": "ttsoperator.dev/service=speak",
        "replicas": 1,
        "readyReplicas": 1,
        "image": b.IMAGE,
        "model": {"name": "speak", "sha256": b.SHA, "ready": True},
    }, "performance belongs to the pods and is left to them"


def test_a_transition_time_changes_only_with_the_status() -> None:
    first = conclude(s.seen(None, s.FRONT, s.deployment()), (), b.SETTINGS, b.NOW)
    again = s.seen(s.service({"status": first}), s.FRONT, s.deployment())
    assert conclude(again, (), b.SETTINGS, b.NOW.replace(hour=20)) == first


def test_a_second_pod_that_fails_takes_nothing_from_the_one_that_speaks() -> None:
    pods = s.pod("speaks", ready=True), s.pod("fails", **REFUSED_VOICE)
    found = s.conditions(s.seen(None, s.FRONT, s.deployment(), *pods))
    assert (found["ModelReady"]["reason"], found["Available"]["reason"]) == ("ModelFound", "Available")


def test_events_tell_what_is_new_once() -> None:
    new = conclude(s.seen(None, s.FRONT, s.deployment()), (), b.SETTINGS, b.NOW)["conditions"]
    assert [event.reason for event in condition_events((), new)] == ["RolledOut", "Available"]
    assert list(condition_events(new, new)) == []
