"""What the status of a training says, as a table: every reason that a training can reach, from what brings it about."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.conditions import condition_events
from tts_operator.engine.actions import Create, Outcome, Verdict
from tts_operator.engine.objects import CLAIM, JOB
from tts_operator.training.conclude import conclude, current
from tts_operator.training.observe import Observed

FINISHED = b.pod(phase="Succeeded", exit_code=0, says={"reason": "Finished", "step": 100, "result": b.result()})
STOLEN = b.pod(phase="Succeeded", exit_code=0, says={"reason": "Finished", "result": b.result("other-0a1b2c3d")})
COMPLETE = b.job(condition="Complete", ended=-5)
LONG_COMPLETE = b.job(condition="Complete", ended=-100)
FAILED = b.job(condition="Failed", reason="PodFailurePolicy", message="exit code 64")
TRIED = b.job(condition="Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit")
LATE = b.job(condition="Failed", reason="DeadlineExceeded", message="Job was active longer than specified deadline")


UNBOUND = "pod has unbound immediate PersistentVolumeClaims. not found"
FROM = {"spec.model": {"vocoder": {"fromTraining": {"name": "base"}}}}
TRUTH = {"=": "True", "!": "False", "?": "Unknown"}


def says(reason: str, **more: Any) -> Any:
    return b.pod(
        phase="Failed", exit_code=64, says={"reason": reason, "message": "metadata.csv line 3: no text"}, **more
    )


def interrupted(number: int, saved: int) -> Any:
    words = {"reason": "Interrupted", "step": saved, "checkpoint": b.checkpoint(saved)}
    return b.pod(f"quick-train-0-{number}", phase="Failed", exit_code=75, ended=number, says=words)


@pytest.mark.parametrize(
    ("changes", "children", "expected"),
    [
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
        ({}, [COMPLETE, FINISHED], "Complete=Completed Failed!NotFailed Progressing!Finished Suspended!NotSuspended"),
        ({}, [COMPLETE], "Complete!NotComplete Failed!NotFailed"),
        ({}, [LONG_COMPLETE], "Complete!NotComplete Failed=ResultMissing"),
        # Another training's voice is not taken for this one's.
        ({}, [LONG_COMPLETE, STOLEN], "Failed=ResultMissing"),
        ({}, [FAILED, says("InvalidDataset")], "Failed=InvalidDataset Complete!NotComplete Progressing!Finished"),
        ({}, [FAILED, says("InvalidParameters")], "Failed=InvalidParameters"),
        ({}, [FAILED, says("Diverged")], "Failed=Diverged"),
        ({}, [FAILED, says("NeverHeardOf")], "Failed=WorkloadFailed"),
        ({}, [TRIED, b.pod(phase="Failed", exit_code=1, says="boom")], "Failed=BackoffLimitExceeded"),
        ({}, [TRIED, b.pod(phase="Failed", exit_code=137, reason="OOMKilled")], "Failed=OutOfMemory"),
        ({}, [TRIED, b.pod(phase="Failed", exit_code=137, disrupted="preempted by x")], "Failed=Preempted"),
        ({}, [TRIED], "Failed=BackoffLimitExceeded"),
        ({}, [LATE], "Failed=DeadlineExceeded"),
        ({}, [b.job(), *(interrupted(n, 40) for n in range(3))], "Failed=NoProgress"),
        ({}, [b.job(), *(interrupted(n, 40 + n) for n in range(3))], "Failed!NotFailed"),
        ({}, [b.job(), *(interrupted(n, 40) for n in range(2))], "Failed!NotFailed"),
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
    ],
)
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
        ([FAILED, says("InvalidDataset")], "Failed", "metadata.csv line 3: no text"),
        ([TRIED, b.pod(phase="Failed", exit_code=1, says="a\nboom")], "Failed", "backoff limit; the last time, pod"),
        ([TRIED, b.pod(phase="Failed", exit_code=1, says="a\nboom")], "Failed", "exit code 1: boom"),
        ([b.job(), b.pod(phase="Pending", waiting=("ErrImagePull", "no such host"))], "Progressing", b.IMAGE),
    ],
)
def test_messages_name_what_is_wrong(children: Any, condition: str, words: str) -> None:
    assert words in b.conditions(b.seen(b.training(), *children))[condition]["message"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "the TTSTraining base does not exist. Create it, or name another in spec.model."),
        ([b.another("base", "")], "the TTSTraining base is not complete; it is waited for."),
        (
            [b.another("base", "Failed")],
            "the TTSTraining base failed and leaves no voice. Repeat the training,",
        ),
    ],
)
def test_what_a_model_starts_from_is_named_while_it_is_not_there(source: Any, words: str) -> None:
    observed = b.seen(b.training(FROM), *source)
    assert b.conditions(observed)["Scheduled"]["message"].startswith(words)
    # The image is settled when the pods are made: until then a newer operator's default may be better.
    assert "image" not in status_of(observed)
    assert status_of(observed)["phase"] == "Pending"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(Verdict.CONFLICT, "NameConflict"), (Verdict.REFUSED, "Refused"), (Verdict.EXISTS, "Accepted")],
)
def test_what_the_api_server_refused_is_told(verdict: Verdict, reason: str) -> None:
    outcome = Outcome(Create(JOB, {}, b.UID), verdict, "Job quick-train exists and belongs to CronJob mine")
    accepted = b.conditions(b.seen(), (outcome,))["Accepted"]
    assert accepted["reason"] == reason
    assert ("CronJob mine" in accepted["message"]) == (reason != "Accepted")


def status_of(observed: Observed, now: Any = b.NOW) -> dict[str, Any]:
    return conclude(observed, (), b.SETTINGS, now)


def test_the_end_copies_what_the_pod_left() -> None:
    status = status_of(b.seen(b.training(), COMPLETE, FINISHED))
    assert status["phase"] == "Complete"
    assert status["artifact"] == b.result()["artifact"] | {"claimName": "quick-train"}
    assert status["evaluation"] == {"clips": 4, "melLoss": 0.5}


def test_the_result_survives_the_pod_by_its_progress() -> None:
    body = b.training({"status": {"progress": {"updatedAt": b.at(-5), "result": b.result()}}})
    assert status_of(b.seen(body, COMPLETE))["artifact"]["sha256"] == b.SHA


@pytest.mark.parametrize(
    ("changes", "children", "phase", "gpus"),
    [
        ({}, [], "Pending", 1),
        ({"spec.resources": {"nodes": 2, "gpusPerNode": 4}}, [b.job(), b.pod()], "Running", 8),
        ({}, [b.job(), FINISHED], "Running", 1),
        ({"spec.runPolicy": {"suspend": True}}, [b.job(suspend=True)], "Suspended", 1),
        ({"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}}, [b.job(suspend=True)], "Queued", 1),
        ({"spec.resources": {"gpusPerNode": 0}}, [FAILED, says("Diverged")], "Failed", 0),
    ],
)
def test_what_the_columns_show(changes: Any, children: Any, phase: str, gpus: int) -> None:
    status = status_of(b.seen(b.training(changes), *children))
    assert (status["phase"], status["gpus"], status["observedGeneration"]) == (phase, gpus, 1)
    assert status["image"] == b.IMAGE


def test_a_checkpoint_is_copied_and_progress_never_is() -> None:
    progress = {"updatedAt": b.at(-5), "step": 50, "checkpoint": b.checkpoint(40)}
    status = status_of(b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod()))
    assert status["checkpoint"] == b.checkpoint(40)
    assert "progress" not in status


def test_what_a_pod_warns_of_is_in_its_condition() -> None:
    progress = {"updatedAt": b.at(-5), "step": 7, "warnings": ["the GPU is idle", "memory grows"]}
    observed = b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod(since=-60))
    condition = next(c for c in status_of(observed)["conditions"] if c["type"] == "Progressing")
    assert (condition["status"], condition["message"]) == ("True", "the GPU is idle. memory grows")


@pytest.mark.parametrize("progress", [{"step": "many"}, {"updatedAt": "yesterday", "step": -1}, {}])
def test_what_a_pod_wrote_wrongly_breaks_nothing(progress: dict[str, Any]) -> None:
    observed = b.seen(b.training({"status": {"progress": progress}}), b.job(), b.pod(since=-60))
    assert b.conditions(observed)["Progressing"]["reason"] == "Preparing"


def test_looking_again_changes_nothing() -> None:
    body = b.training()
    for children in ([], [b.job(), b.pod()], [COMPLETE, FINISHED], [FAILED, says("Diverged")]):
        first = status_of(b.seen(body, *children))
        again = b.seen(b.training({"status": first}), *children)
        assert conclude(again, (), b.NEWER, b.NOW + timedelta(seconds=9)) == current(again) == first


def test_a_transition_time_changes_with_the_status_alone() -> None:
    first = status_of(b.seen(b.training(), b.job()))
    later = b.NOW + timedelta(seconds=30)
    found = b.conditions(b.seen(b.training({"status": first}), b.job(), b.pod()), now=later)
    assert found["Progressing"]["lastTransitionTime"] == b.at(30)
    assert found["Accepted"]["lastTransitionTime"] == b.at(0)


def test_resuming_is_told_until_the_end() -> None:
    suspended = b.training({"spec.runPolicy": {"suspend": True}})
    stopped = status_of(b.seen(suspended, b.job(suspend=True)))
    resumed = status_of(b.seen(b.training({"status": stopped}), b.job()))
    again = b.conditions(b.seen(b.training({"status": resumed}), b.job(), b.pod()))
    assert again["Suspended"]["reason"] == "Resumed"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [b.job(), b.pod(since=-9)], ["Normal Scheduled", "Normal Preparing"]),
        ([b.job(), b.pod(since=-9)], [b.job(), b.pod(since=-9)], []),
        ([b.job(), b.pod()], [COMPLETE, FINISHED], ["Normal Completed"]),
        ([b.job(), b.pod()], [FAILED, says("InvalidDataset")], ["Warning InvalidDataset"]),
        (
            [b.job()],
            [b.job(), b.pod(phase="Pending", unplaced="0/3 nodes are available")],
            ["Warning Unschedulable"],
        ),
    ],
    ids=["starts", "goes-on", "ends", "fails", "waits"],
)
def test_events_tell_what_is_new_once(before: Any, after: Any, told: list[str]) -> None:
    old = status_of(b.seen(b.training(), *before))["conditions"] if before else []
    new = status_of(b.seen(b.training({"status": {"conditions": old}}), *after))["conditions"]
    assert [f"{event.type} {event.reason}" for event in condition_events(old, new)] == told
    assert list(condition_events(new, new)) == []


def test_a_claim_that_is_to_be_deleted_has_an_owner_and_the_other_has_none() -> None:
    from tests.unit.operator.test_training_plan import planned

    def owners(when: str) -> list[Any]:
        created = planned(b.seen(b.training({"spec.storage": {"whenDeleted": when}}))).actions[0]
        assert isinstance(created, Create)
        assert created.kind == CLAIM
        found: list[Any] = created.body["metadata"].get("ownerReferences", [])
        return [owner["uid"] for owner in found]

    assert owners("Delete") == [b.UID]
    assert owners("Retain") == []
