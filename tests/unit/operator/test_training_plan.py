"""What a training needs done, as a table: no cluster, no clock."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_api.run import RUN_ANNOTATION, TrainingRun
from tts_operator.engine.actions import Create
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import CLAIM, JOB, ROLE_BINDING, SERVICE_ACCOUNT


def test_rights_come_before_the_pods_that_need_them() -> None:
    kinds = [action.kind for action in b.planned(b.seen(access=False)).actions]
    assert kinds == [SERVICE_ACCOUNT, ROLE_BINDING, CLAIM, JOB]


@pytest.mark.parametrize(
    "ended",
    [
        pytest.param(b.true("Complete"), id="complete"),
        pytest.param(b.true("Failed"), id="failed"),
        pytest.param({"type": "Complete", "status": "True"}, id="complete, and no more can be read"),
        pytest.param({"type": "Failed", "status": "True"}, id="failed, and no more can be read"),
    ],
)
def test_a_finished_training_is_looked_at_no_more(ended: Any) -> None:
    done = b.training({"status": {"conditions": [ended]}})
    assert b.planned(b.seen(done, access=False)) == Plan()


def test_the_image_that_was_resolved_first_stays() -> None:
    def image(changes: dict[str, Any]) -> str:
        created = b.planned(b.seen(b.training(changes), b.CHILD_CLAIM)).actions[0]
        assert isinstance(created, Create)
        name: str = created.body["spec"]["template"]["spec"]["containers"][0]["image"]
        return name

    assert image({}) == b.IMAGE
    assert image({"spec.image": "mine:2"}) == "mine:2"
    assert image({"spec.image": "mine:2", "status": {"image": "first:1"}}) == "first:1"


def test_the_pod_is_told_everything_in_its_run_document() -> None:
    changes = {"spec.resources": {"nodes": 2, "gpusPerNode": 4}, "spec.training": {"maxSteps": 7, "seed": 3}}
    created = b.planned(b.seen(b.training(changes), b.CHILD_CLAIM, b.CHILD_SERVICE)).actions[0]
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
    created = b.planned(b.seen(b.training(), b.CHILD_CLAIM)).actions[0]
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
    assert b.planned(b.seen(body, b.CHILD_CLAIM, *children)).requeue_at == expected
