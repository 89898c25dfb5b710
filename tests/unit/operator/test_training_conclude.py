"""What the status of a training says, as a table: every reason that a training can reach, from what brings it about."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.conditions import condition_events
from tts_operator.training.conclude import conclude, current

UNBOUND = "pod has unbound immediate PersistentVolumeClaims. not found"
FROM = {"spec.model": {"vocoder": {"fromTraining": {"name": "base"}}}}
TRUTH = {"=": "True", "!": "False", "?": "Unknown"}


CASES: Any = [
    ({}, [], "Accepted=Accepted Scheduled!Pending Progressing?Pending Suspended!NotSuspended"),
    ({}, [b.job(), b.pod(phase="Pending", unplaced="Insufficient nvidia.com/gpu")], "Scheduled!Unschedulable"),
    (
        {},
        [b.job(), b.pod(phase="Pending", unplaced='persistentvolumeclaim "corpus" not found')],
        "Scheduled!ClaimMissing Progressing!ClaimMissing",
    ),
    (
        {},
        [b.job(), b.pod(phase="Pending", unplaced="0/1 nodes are available: " + UNBOUND)],
        "Scheduled!ClaimUnbound Progressing!ClaimUnbound",
    ),
    (
        {},
        [b.job(), b.pod(phase="Pending", waiting=("ImagePullBackOff", f"Back-off pulling {b.IMAGE}"))],
        "Scheduled=Scheduled Progressing!ImagePullFailed",
    ),
    ({}, [b.job(), b.pod(phase="Pending", waiting=("CreateContainerError", "x"))], "Progressing!WorkloadFailed"),
    ({}, [b.job(), b.pod(since=-60)], "Scheduled=Scheduled Progressing=Preparing"),
    (
        {"status.progress": {"updatedAt": b.at(-5), "step": 7}},
        [b.job(), b.pod(since=-60)],
        "Scheduled=Scheduled Progressing=Running",
    ),
    ({}, [b.job(), b.pod(since=-7200)], "Progressing!Stalled Failed!NotFailed"),
    ({"spec.runPolicy": {"suspend": True}}, [b.job(suspend=True)], "Suspended=Suspended Progressing!Suspended"),
    (
        {"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}},
        [b.job(suspend=True)],
        "Suspended=Queued Scheduled!Queued",
    ),
    ({}, [b.COMPLETE, b.FINISHED], "Complete=Completed Failed!NotFailed Progressing!Finished Suspended!NotSuspended"),
    ({}, [b.COMPLETE], "Complete!NotComplete Failed!NotFailed"),
    ({}, [b.LONG_COMPLETE], "Complete!NotComplete Failed=ResultMissing"),
    # Another training's voice is not taken for this one's.
    ({}, [b.LONG_COMPLETE, b.STOLEN], "Failed=ResultMissing"),
    ({}, [b.FAILED, b.says("InvalidDataset")], "Failed=InvalidDataset Complete!NotComplete Progressing!Finished"),
    ({}, [b.FAILED, b.says("InvalidParameters")], "Failed=InvalidParameters"),
    ({}, [b.FAILED, b.says("Diverged")], "Failed=Diverged"),
    ({}, [b.FAILED, b.says("NeverHeardOf")], "Failed=WorkloadFailed"),
    ({}, [b.TRIED, b.pod(phase="Failed", exit_code=1, says="boom")], "Failed=BackoffLimitExceeded"),
    ({}, [b.TRIED, b.pod(phase="Failed", exit_code=137, reason="OOMKilled")], "Failed=OutOfMemory"),
    ({}, [b.TRIED, b.pod(phase="Failed", exit_code=137, disrupted="preempted by x")], "Failed=Preempted"),
    ({}, [b.TRIED], "Failed=BackoffLimitExceeded"),
    ({}, [b.LATE], "Failed=DeadlineExceeded"),
    ({}, [b.job(), *(b.interrupted(n, 40) for n in range(3))], "Failed=NoProgress"),
    ({}, [b.job(), *(b.interrupted(n, 40 + n) for n in range(3))], "Failed!NotFailed"),
    ({}, [b.job(), *(b.interrupted(n, 40) for n in range(2))], "Failed!NotFailed"),
    ({"spec.training": {"maxSteps": "many"}}, [], "Accepted!InvalidSpec"),
    ({"spec.training": {"maxSteps": 0}}, [], "Accepted!InvalidSpec"),
    ({"spec.dataset.audio": {"nFFT": 1023}}, [], "Accepted!InvalidSpec"),
    ({"spec.dataset.audio": {"nFFT": 512, "hopLength": 300}}, [], "Accepted!InvalidSpec"),
    (FROM, [], "Accepted=Accepted Scheduled!ModelMissing Progressing!ModelMissing Suspended!NotSuspended"),
    (FROM, [b.another("base", "")], "Scheduled!TrainingNotComplete Progressing!TrainingNotComplete"),
    (FROM, [b.another("base", "Failed")], "Scheduled!TrainingFailed Failed!NotFailed"),
    (FROM, [b.another("base")], "Scheduled!Pending Progressing?Pending"),
    (FROM, [b.job(), b.pod(since=-60)], "Scheduled=Scheduled Progressing=Preparing"),
    (FROM | {"spec.runPolicy": {"suspend": True}}, [], "Suspended=Suspended Scheduled!ModelMissing"),
]


@pytest.mark.parametrize(("changes", "children", "expected"), CASES, ids=[expected for _, _, expected in CASES])
def test_conditions(changes: Any, children: Any, expected: str) -> None:
    found = b.conditions(b.seen(b.training(changes), *children))
    for word in expected.split():
        kind, sign, reason = re.split("([=!?])", word)
        assert (found[kind]["status"], found[kind]["reason"]) == (TRUTH[sign], reason)
    assert all(condition["message"] for condition in found.values())


@pytest.mark.parametrize(
    ("children", "condition", "words"),
    [
        ([b.job(), b.pod(phase="Pending", unplaced='persistentvolumeclaim "corpus" not found')], "Scheduled", "corpus"),
        ([b.FAILED, b.says("InvalidDataset")], "Failed", "metadata.csv line 3: no text"),
        ([b.TRIED, b.pod(phase="Failed", exit_code=1, says="a\nboom")], "Failed", "backoff limit. The last time: Pod"),
        ([b.TRIED, b.pod(phase="Failed", exit_code=1, says="a\nboom")], "Failed", "exit code 1: boom"),
        ([b.job(), b.pod(phase="Pending", waiting=("ErrImagePull", "no such host"))], "Progressing", b.IMAGE),
    ],
    ids=["claim", "dataset", "often", "last-line", "image"],
)
def test_messages_name_what_is_wrong(children: Any, condition: str, words: str) -> None:
    assert words in b.conditions(b.seen(b.training(), *children))[condition]["message"]


def test_the_end_copies_what_the_pod_left() -> None:
    status = b.concluded(b.seen(b.training(), b.COMPLETE, b.FINISHED))
    assert status["phase"] == "Complete"
    assert status["artifact"] == b.result()["artifact"] | {"claimName": "quick-train"}
    assert status["evaluation"] == {"clips": 4, "melLoss": 0.5}


def test_the_result_survives_the_pod_by_its_progress() -> None:
    body = b.training({"status": {"progress": {"updatedAt": b.at(-5), "result": b.result()}}})
    assert b.concluded(b.seen(body, b.COMPLETE))["artifact"]["sha256"] == b.SHA


@pytest.mark.parametrize(
    ("changes", "children", "phase", "gpus"),
    [
        ({}, [], "Pending", 1),
        ({"spec.resources": {"nodes": 2, "gpusPerNode": 4}}, [b.job(), b.pod()], "Running", 8),
        ({}, [b.job(), b.FINISHED], "Running", 1),
        ({"spec.runPolicy": {"suspend": True}}, [b.job(suspend=True)], "Suspended", 1),
        ({"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}}, [b.job(suspend=True)], "Queued", 1),
        ({"spec.resources": {"gpusPerNode": 0}}, [b.FAILED, b.says("Diverged")], "Failed", 0),
    ],
    ids=["new", "runs", "pod-ended", "suspended", "queued", "failed"],
)
def test_what_the_columns_show(changes: Any, children: Any, phase: str, gpus: int) -> None:
    status = b.concluded(b.seen(b.training(changes), *children))
    assert (status["phase"], status["gpus"], status["observedGeneration"]) == (phase, gpus, 1)
    assert status["image"] == b.IMAGE


def test_a_checkpoint_is_copied_and_progress_never_is() -> None:
    progress = {"updatedAt": b.at(-5), "step": 50, "checkpoint": b.checkpoint(40)}
    status = b.concluded(b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod()))
    assert status["checkpoint"] == b.checkpoint(40)
    assert "progress" not in status


def test_what_a_pod_warns_of_is_in_its_condition() -> None:
    progress = {"updatedAt": b.at(-5), "step": 7, "warnings": ["the GPU is idle", "memory grows"]}
    observed = b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod(since=-60))
    condition = next(c for c in b.concluded(observed)["conditions"] if c["type"] == "Progressing")
    assert (condition["status"], condition["message"]) == ("True", "the GPU is idle. memory grows")


@pytest.mark.parametrize(
    "progress", [{"step": "many"}, {"updatedAt": "yesterday", "step": -1}, {}], ids=["text", "negative", "empty"]
)
def test_what_a_pod_wrote_wrongly_breaks_nothing(progress: dict[str, Any]) -> None:
    observed = b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod(since=-60))
    assert b.conditions(observed)["Progressing"]["reason"] == "Preparing"


def test_looking_again_changes_nothing() -> None:
    body = b.training()
    for children in ([], [b.job(), b.pod()], [b.COMPLETE, b.FINISHED], [b.FAILED, b.says("Diverged")]):
        first = b.concluded(b.seen(body, *children))
        again = b.seen(b.training({"status": first}), *children)
        assert conclude(again, (), b.NEWER, b.NOW + timedelta(seconds=9)) == current(again) == first


def test_a_transition_time_changes_with_the_status_alone() -> None:
    first = b.concluded(b.seen(b.training(), b.job()))
    later = b.NOW + timedelta(seconds=30)
    found = b.conditions(b.seen(b.training({"status": first}), b.job(), b.pod()), now=later)
    assert found["Progressing"]["lastTransitionTime"] == b.at(30)
    assert found["Accepted"]["lastTransitionTime"] == b.at(0)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [b.job(), b.pod(since=-9)], ["Normal Scheduled", "Normal Preparing"]),
        ([b.job(), b.pod(since=-9)], [b.job(), b.pod(since=-9)], []),
        ([b.job(), b.pod()], [b.COMPLETE, b.FINISHED], ["Normal Completed"]),
        ([b.job(), b.pod()], [b.FAILED, b.says("InvalidDataset")], ["Warning InvalidDataset"]),
        (
            [b.job()],
            [b.job(), b.pod(phase="Pending", unplaced="0/3 nodes are available")],
            ["Warning Unschedulable"],
        ),
    ],
    ids=["starts", "goes-on", "ends", "fails", "waits"],
)
def test_events_tell_what_is_new_once(before: Any, after: Any, told: list[str]) -> None:
    old = b.concluded(b.seen(b.training(), *before))["conditions"] if before else []
    new = b.concluded(b.seen(b.training({"status": {"conditions": old}}), *after))["conditions"]
    assert [f"{event.type} {event.reason}" for event in condition_events(old, new)] == told
    assert list(condition_events(new, new)) == []
