"""What follows from the records: what is watched, what is kept of it, and which resources a change wakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import (
    CLAIM,
    CORE_SERVICE,
    DEPLOYMENT,
    JOB,
    POD,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    Key,
    Kind,
)
from tts_operator.engine.records import Child
from tts_operator.registry import KINDS, kind_registry
from tts_operator.serving.record import HASH_ANNOTATION, SERVICE_RECORD
from tts_operator.training.record import TRAINING_RECORD

BASE = Key(b.KEY.namespace, "base")
BASED = {"fromTraining": {"name": "base"}}


def training(name: str, model: Any, namespace: str = b.KEY.namespace) -> tuple[Kind, dict[str, Any]]:
    return TRAINING_RECORD.kind, b.training(
        {"metadata.name": name, "metadata.namespace": namespace, "spec.model": model}
    )


@pytest.mark.parametrize(
    ("referring", "woken"),
    [
        pytest.param(training("a", {"acoustic": BASED}), "training a", id="acoustic"),
        pytest.param(training("a", {"vocoder": BASED}), "training a", id="vocoder"),
        pytest.param(training("a", {"acoustic": BASED, "vocoder": BASED}), "training a", id="both"),
        pytest.param((SERVICE_RECORD.kind, s.service({"spec.model": BASED})), "service speak", id="service"),
        pytest.param(training("a", {"vocoder": {"fromTraining": {"name": "another"}}}), "", id="another-training"),
        pytest.param(training("a", {"acoustic": BASED}, "another-team"), "", id="another-namespace"),
        pytest.param(training("a", {"acoustic": "of any shape"}), "", id="of-any-shape"),
        pytest.param(training("a", None), "", id="no-model"),
    ],
)
def test_what_takes_a_voice_from_a_training_is_woken_by_it(referring: Any, woken: str) -> None:
    cache = Cache(KINDS.owners)
    cache.put(*referring)
    # The training's own change, whether it is made, completes or goes.
    kind, base = b.another("base")
    for affected in (cache.put(kind, base), cache.remove(kind, BASE)):
        found = {f"{controller} {key.name}" for controller, key in KINDS.wake(cache, kind, BASE, affected)}
        assert found == {"training base", *([woken] if woken else [])}


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        pytest.param(
            TRAINING_RECORD.kind, {"spec": {"suspend": True, "more": 1}, "status": {"phase": "x"}}, id="training"
        ),
        pytest.param(
            SERVICE_RECORD.kind, {"spec": {"suspend": True, "more": 1}, "status": {"phase": "x"}}, id="service"
        ),
        pytest.param(JOB, {"spec": {"suspend": True}, "status": {"phase": "x"}}, id="job"),
        pytest.param(DEPLOYMENT, {"spec": {"suspend": True, "more": 1}, "status": {"phase": "x"}}, id="deployment"),
        pytest.param(POD, {"status": {"phase": "x"}}, id="pod"),
        pytest.param(CORE_SERVICE, {}, id="core-service"),
        pytest.param(CLAIM, {}, id="claim"),
        pytest.param(SERVICE_ACCOUNT, {}, id="account"),
        pytest.param(ROLE_BINDING, {}, id="binding"),
    ],
)
def test_the_cache_keeps_what_decisions_are_based_on(kind: Kind, kept: dict[str, Any]) -> None:
    specs = {spec.kind: spec for spec in KINDS.informer_specs()}
    metadata = {"name": "a", "uid": "u", "labels": {"x": "y"}}
    written = {HASH_ANNOTATION: "digest", "kubectl.kubernetes.io/last-applied-configuration": "large"}
    body = {
        "metadata": {**metadata, "managedFields": ["large"], "annotations": written},
        "spec": {"suspend": True, "more": 1},
        "status": {"phase": "x"},
    }
    if kind == DEPLOYMENT:
        metadata = {**metadata, "annotations": {HASH_ANNOTATION: "digest"}}
    assert specs[kind].project(body) == {"metadata": metadata, **kept}
    is_resource = kind in (TRAINING_RECORD.kind, SERVICE_RECORD.kind)
    assert specs[kind].selector == ("" if is_resource else "app.kubernetes.io/managed-by=tts-operator")
    assert len(specs) == 9


def test_two_records_cannot_keep_different_parts_of_one_kind() -> None:
    another = replace(SERVICE_RECORD, children=(Child(POD),))
    with pytest.raises(ValueError, match="two records keep different parts of a Pod"):
        kind_registry((TRAINING_RECORD, another))
