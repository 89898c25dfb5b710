"""What a training needs done, as a table: no cluster, no clock."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_api.run import RUN_ANNOTATION, TrainingRun
from tts_operator.engine.actions import Create, Patch
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import CLAIM, JOB, ROLE_BINDING, SERVICE, SERVICE_ACCOUNT
from tts_operator.training.observe import Observed
from tts_operator.training.plan import plan

SUSPEND = {"spec.runPolicy": {"suspend": True}}
QUEUED = {"metadata.labels": {"kueue.x-k8s.io/queue-name": "gpu"}}
INTERRUPTED_IN_VAIN = [
    b.pod(f"quick-train-0-{n}", phase="Failed", exit_code=75, ended=n, says={"reason": "Interrupted", "step": 4})
    for n in range(3)
]


def planned(observed: Observed, now: Any = b.NOW) -> Plan:
    return plan(observed, b.SETTINGS, now)


@pytest.mark.parametrize(
    ("changes", "children", "created"),
    [
        ({}, [], [CLAIM, JOB]),
        ({}, [b.CHILD_CLAIM], [JOB]),
        ({}, [b.CHILD_CLAIM, b.job()], []),
        ({"spec.storage": {"persistentVolumeClaim": {"claimName": "mine"}}}, [], [JOB]),
        ({"spec.resources": {"nodes": 2}}, [b.CHILD_CLAIM], [SERVICE, JOB]),
        ({"spec.resources": {"nodes": 2}}, [b.CHILD_CLAIM, b.CHILD_SERVICE], [JOB]),
        # A Job of the name that another controls is asked for again, so that the API server says whose it is.
        ({}, [b.CHILD_CLAIM, b.child(JOB, owner="another")], [JOB]),
        ({"spec.training": {"maxSteps": "many"}}, [], []),
    ],
    ids=["new", "claim", "all", "own-claim", "nodes", "nodes-service", "foreign-job", "unreadable"],
)
def test_what_is_missing_is_created_and_nothing_else(changes: Any, children: Any, created: list[Any]) -> None:
    actions = planned(b.seen(b.training(changes), *children)).actions
    assert all(isinstance(action, Create) for action in actions)
    assert [action.kind for action in actions] == created


def test_rights_come_before_the_pods_that_need_them() -> None:
    kinds = [action.kind for action in planned(b.seen(access=False)).actions]
    assert kinds == [SERVICE_ACCOUNT, ROLE_BINDING, CLAIM, JOB]


FROM = {"spec.model": {"acoustic": {"fromTraining": {"name": "one"}}, "vocoder": {"fromTraining": {"name": "two"}}}}
WHOLE = {"spec.model": {"acoustic": {"fromTraining": {"name": "one"}}, "vocoder": {"fromTraining": {"name": "one"}}}}


@pytest.mark.parametrize(
    ("changes", "children", "created"),
    [
        pytest.param(FROM, [], [], id="neither is there"),
        pytest.param(FROM, [b.another("one")], [], id="one is not there"),
        pytest.param(FROM, [b.another("one"), b.another("two", "")], [], id="one goes on"),
        pytest.param(FROM, [b.another("one"), b.another("two", "Failed")], [], id="one failed"),
        pytest.param(FROM, [b.another("one"), b.another("two", sha256="?")], [], id="one left nothing readable"),
        pytest.param(FROM, [b.another("one"), b.another("two")], [CLAIM, JOB], id="both are complete"),
        pytest.param(WHOLE, [b.another("one")], [CLAIM, JOB], id="one gives both"),
        pytest.param(FROM, [b.CHILD_CLAIM, b.job()], [], id="gone when the Job was made"),
        pytest.param(FROM, [b.child(JOB, owner="another")], [], id="a Job that another controls"),
    ],
)
def test_no_job_before_the_voices_it_starts_from(changes: Any, children: Any, created: list[Any]) -> None:
    assert [action.kind for action in planned(b.seen(b.training(changes), *children)).actions] == created


def test_a_job_whose_sources_were_deleted_is_still_suspended() -> None:
    actions = planned(b.seen(b.training(FROM | SUSPEND), b.CHILD_CLAIM, b.job(suspend=False))).actions
    assert [action.patch for action in actions if isinstance(action, Patch)] == [{"spec": {"suspend": True}}]


@pytest.mark.parametrize(
    ("changes", "claims", "mounts"),
    [
        (
            FROM,
            {"corpus": "data", "quick-train": "checkpoints", "one-train": "acoustic", "two-train": "vocoder"},
            {"sources/acoustic": "acoustic", "sources/vocoder": "vocoder"},
        ),
        (
            WHOLE,
            {"corpus": "data", "quick-train": "checkpoints", "one-train": "acoustic"},
            {"sources/acoustic": "acoustic", "sources/vocoder": "acoustic"},
        ),
        # On the claim that this training writes to: one volume, which a pod may mount several times.
        (
            WHOLE | {"spec.storage": {"persistentVolumeClaim": {"claimName": "one-train"}}},
            {"corpus": "data", "one-train": "checkpoints"},
            {"sources/acoustic": "checkpoints", "sources/vocoder": "checkpoints"},
        ),
    ],
    ids=["two-claims", "one-claim", "own-claim"],
)
def test_the_voices_it_starts_from_are_mounted_and_cannot_be_written(
    changes: Any, claims: dict[str, str], mounts: dict[str, str]
) -> None:
    observed = b.seen(b.training(changes), b.another("one"), b.another("two", sha256="cd" * 32))
    created = planned(observed).actions[-1]
    assert isinstance(created, Create)
    pod = created.body["spec"]["template"]["spec"]
    named = {v["persistentVolumeClaim"]["claimName"]: v["name"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert named == claims
    found = {m["mountPath"]: m for m in pod["containers"][0]["volumeMounts"]}
    for path, volume in mounts.items():
        mount = found[f"/workspace/{path}"]
        assert (mount["name"], mount["readOnly"]) == (volume, True)
    assert "readOnly" not in found["/workspace/checkpoints"]
    annotations = created.body["spec"]["template"]["metadata"]["annotations"]
    run = TrainingRun.model_validate_json(annotations[RUN_ANNOTATION])
    assert run.sources.acoustic is not None
    assert run.sources.vocoder is not None
    assert run.sources.acoustic.path == f"one-folder/voice-{b.SHA[:12]}.pt"
    assert run.sources.acoustic.sha256 == b.SHA
    assert run.sources.vocoder.sha256 == (b.SHA if changes is not FROM else "cd" * 32)


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
        ({}, [b.job(suspend=False), *INTERRUPTED_IN_VAIN], True),
        ({}, [b.job(suspend=True), *INTERRUPTED_IN_VAIN], None),
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
    actions = planned(b.seen(b.training(changes), b.CHILD_CLAIM, *children)).actions
    patches = [action.patch for action in actions if isinstance(action, Patch)]
    assert patches == ([] if suspend is None else [{"spec": {"suspend": suspend}}])


@pytest.mark.parametrize("ended", ["Complete", "Failed"])
def test_a_finished_training_is_looked_at_no_more(ended: str) -> None:
    done = b.training({"status": {"conditions": [b.true(ended)]}})
    assert planned(b.seen(done, access=False)) == Plan()


def test_the_image_that_was_resolved_first_stays() -> None:
    def image(changes: dict[str, Any]) -> str:
        created = planned(b.seen(b.training(changes), b.CHILD_CLAIM)).actions[0]
        assert isinstance(created, Create)
        name: str = created.body["spec"]["template"]["spec"]["containers"][0]["image"]
        return name

    assert image({}) == b.IMAGE
    assert image({"spec.image": "mine:2"}) == "mine:2"
    assert image({"spec.image": "mine:2", "status": {"image": "first:1"}}) == "first:1"


def test_the_pod_is_told_everything_in_its_run_document() -> None:
    changes = {"spec.resources": {"nodes": 2, "gpusPerNode": 4}, "spec.training": {"maxSteps": 7, "seed": 3}}
    created = planned(b.seen(b.training(changes), b.CHILD_CLAIM, b.CHILD_SERVICE)).actions[0]
    assert isinstance(created, Create)
    template = created.body["spec"]["template"]
    run = TrainingRun.model_validate(json.loads(template["metadata"]["annotations"][RUN_ANNOTATION]))
    assert (run.training.max_steps, run.training.seed, run.output) == (7, 3, b.FOLDER)
    assert (run.topology.nodes, run.topology.processes_per_node) == (2, 4)
    assert run.topology.rendezvous == "quick-train-0.quick-train.speech.svc:29400"
    assert run.resource is not None
    assert run.resource.uid == b.UID
    assert template["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "4"


def test_every_pod_meets_the_restricted_standard() -> None:
    created = planned(b.seen(b.training(), b.CHILD_CLAIM)).actions[0]
    assert isinstance(created, Create)
    spec = created.body["spec"]["template"]["spec"]
    container = spec["containers"][0]["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    ("children", "status", "seconds"),
    [
        ([b.job()], {}, None),
        ([b.job(), b.pod(since=-60)], {}, 540),
        ([b.job(), b.pod(since=-60)], {"progress": {"updatedAt": b.at(-9), "lastStepAt": b.at(-10)}}, 590),
        # Long stalled: there is nothing more to wait for but the slow listing.
        ([b.job(), b.pod(since=-6000)], {}, None),
        ([b.job(condition="Complete", ended=-10)], {}, 20),
    ],
    ids=["no-pod", "pod-starts", "pod-steps", "stalled", "result-awaited"],
)
def test_when_to_look_again_though_nothing_happens(children: Any, status: Any, seconds: float | None) -> None:
    body = b.training({"spec.runPolicy": {"stallTimeoutSeconds": 600}, "status": status})
    expected = None if seconds is None else b.NOW + timedelta(seconds=seconds)
    assert planned(b.seen(body, b.CHILD_CLAIM, *children)).requeue_at == expected
