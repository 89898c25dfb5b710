"""Every field of a spec has an effect: the operator makes something else when it changes, and the pods read what they
are given."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.unit.operator import builders as b
from tts_api import API_VERSION
from tts_api.resources.service import TTSServiceSpec
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import ServiceRun, TrainingRun
from tts_operator.engine.actions import Apply, Create
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import Key
from tts_operator.registry import KINDS
from tts_operator.serving.observe import observe as observe_service
from tts_operator.serving.plan import plan as plan_service
from tts_operator.serving.record import SERVICE_RECORD
from tts_operator.training.plan import plan as plan_training
from tts_operator.training.record import TRAINING_RECORD

WORKLOADS = Path(__file__).parents[3] / "workloads/tts_workloads"
DOCUMENTS = Path(__file__).parents[3] / "crds/tts_api"
TOLERATION = {"key": "a", "effect": "NoExecute"}
POD: dict[str, Any] = {
    "template.nodeSelector": {"gpu": "h200"},
    "template.tolerations": [{"operator": "Exists"}],
    "template.tolerations.key": [TOLERATION | {"key": "b"}],
    "template.tolerations.operator": [TOLERATION | {"operator": "Exists"}],
    "template.tolerations.value": [TOLERATION | {"value": "c"}],
    "template.tolerations.effect": [TOLERATION | {"effect": "NoSchedule"}],
    "template.tolerations.tolerationSeconds": [TOLERATION | {"tolerationSeconds": 5}],
    "template.priorityClassName": "high",
    "template.runtimeClassName": "nvidia",
    "template.env": [{"name": "A", "value": "1"}],
    "template.env.name": [{"name": "B", "value": "1"}],
    "template.env.value": [{"name": "A", "value": "2"}],
    "template.labels": {"team": "speech"},
    "template.annotations": {"team": "speech"},
    "template.imagePullSecrets": [{"name": "a"}],
    "template.imagePullSecrets.name": [{"name": "b"}],
    "image": "registry.example.com/other:2",
}
"""A second value for each field that both kinds have. The value of a field in a list is the whole list."""
TRAINING: dict[str, Any] = POD | {
    "dataset.format": "manifest",
    "dataset.source.persistentVolumeClaim.claimName": "another",
    "dataset.source.persistentVolumeClaim.path": "inside",
    "dataset.maxInvalidClips": 5,
    "dataset.audio.sampleRate": 16000,
    "dataset.audio.nFFT": 2048,
    "dataset.audio.hopLength": 128,
    "dataset.audio.nMels": 40,
    "model.acoustic.parameters": {"hiddenSize": 64},
    "model.acoustic.fromTraining.name": "other",
    "model.vocoder.architecture": "griffinlim",
    "model.vocoder.fromTraining.name": "other",
    "model.vocoder.parameters": {"layers": 2},
    "training.budget": "45m",
    "training.maxSteps": 7,
    "training.vocoderMaxSteps": 8,
    "training.batchSeconds": 9,
    "training.precision": "fp16",
    "training.learningRate": 0.01,
    "training.seed": 5,
    "training.checkpointEverySteps": 6,
    "training.keepCheckpoints": 4,
    "training.validation.clips": 3,
    "training.validation.everySteps": 2,
    "training.augmentation.gainDecibels": 3,
    "training.augmentation.speed": 0.1,
    "training.augmentation.noise": 0.1,
    "training.augmentation.masked": 0.1,
    "training.earlyStopping.patience": 2,
    "training.earlyStopping.minDelta": 0.5,
    "resources.nodes": 2,
    "resources.gpusPerNode": 2,
    "resources.gpuResource": "amd.com/gpu",
    "resources.cpu": "1",
    "resources.memory": "1Gi",
    "resources.sharedMemory": "2Gi",
    "storage.persistentVolumeClaim.claimName": "mine",
    "storage.persistentVolumeClaim.size": "1Gi",
    "storage.persistentVolumeClaim.storageClassName": "fast",
    "storage.persistentVolumeClaim.accessModes": ["ReadWriteMany"],
    "storage.whenDeleted": "Delete",
    "runPolicy.suspend": True,
    "runPolicy.backoffLimit": 0,
    "runPolicy.activeDeadlineSeconds": 60,
    "runPolicy.ttlSecondsAfterFinished": 60,
    "runPolicy.stallTimeoutSeconds": 60,
}
SERVICE: dict[str, Any] = POD | {
    "model.fromTraining.name": "another",
    "model.persistentVolumeClaim.claimName": "another",
    "model.persistentVolumeClaim.path": "other.pt",
    "model.persistentVolumeClaim.sha256": "cd" * 32,
    "replicas": 3,
    "resources.gpus": 0,
    "resources.gpuResource": "amd.com/gpu",
    "resources.cpu": "1",
    "resources.memory": "1Gi",
    "limits.maxInputCharacters": 10,
    "limits.maxConcurrentRequests": 11,
    "limits.maxQueueMilliseconds": 12,
    "limits.requestTimeoutSeconds": 13,
    "batching.maxBatchSize": 2,
    "batching.maxWaitMilliseconds": 3,
    "apiKeys.secretName": "keys",
    "apiKeys.maxConcurrentRequests": 14,
    "rollout.maxUnavailable": 1,
    "rollout.progressDeadlineSeconds": 20,
}
INSTEAD_OF = {"training.budget": "maxSteps"}
"""Fields that may be given only without another field of the same object."""
ONE_VALUE = {"dataset.language", "model.acoustic.architecture"}
"""Fields that have only one value so far, so that there is no second one to try."""


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The path of every field that has no members. A list of objects counts as a field, and so do its members."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        inner = [
            a for a in (field.annotation, *parts(field.annotation)) if isinstance(a, type) and issubclass(a, BaseModel)
        ]
        many = "tuple" in str(field.annotation)
        if many or not inner:
            yield path
        for document in inner:
            yield from leaves(document, f"{path}.")


def parts(annotation: Any) -> Iterator[Any]:
    """Every type inside an annotation."""
    for part in get_args(annotation):
        yield part
        yield from parts(part)


def test_the_tables_have_every_field() -> None:
    assert set(leaves(TTSTrainingSpec)) == set(TRAINING) | ONE_VALUE
    assert set(leaves(TTSServiceSpec)) == set(SERVICE)


def written(spec: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The spec with one field changed. A path into a list replaces the whole list."""
    for listed in ("template.tolerations", "template.env", "template.imagePullSecrets"):
        path = listed if path.startswith(listed) else path
    changed = b.merged(spec, {path: value})
    if path in INSTEAD_OF:
        del changed["training"][INSTEAD_OF[path]]
    return changed


def made(actions: Any, requeue_at: Any = None) -> str:
    bodies = [action.body for action in actions if isinstance(action, Create | Apply)]
    return json.dumps([bodies, str(requeue_at)], sort_keys=True)


def made_for_training(spec: dict[str, Any]) -> str:
    """What the operator makes for a training, beside two complete trainings, and when it looks again."""
    others = (b.another("one"), b.another("other"))
    running = b.seen(b.training({"spec": spec}), b.CHILD_CLAIM, b.job(), b.pod(), *others)
    alarm = plan_training(running, b.SETTINGS, b.NOW).requeue_at
    new = b.seen(b.training({"spec": spec}), *others)
    return made(plan_training(new, b.SETTINGS, b.NOW).actions, alarm)


def made_for_service(spec: dict[str, Any]) -> str:
    """What the operator makes for a service, beside two complete trainings."""
    cache = Cache(KINDS.owners)
    for name in ("quick", "another"):
        artifact = b.result()["artifact"] | {"claimName": f"{name}-train"}
        done = {"status": {"artifact": artifact, "conditions": [b.true("Complete")]}}
        cache.put(TRAINING_RECORD.kind, b.training({"metadata.name": name, "metadata.uid": name} | done))
    metadata = {"name": "voice", "namespace": b.KEY.namespace, "uid": "u", "generation": 1, "resourceVersion": "1"}
    cache.put(SERVICE_RECORD.kind, {"apiVersion": API_VERSION, "metadata": metadata, "spec": spec})
    observed = observe_service(Key(b.KEY.namespace, "voice"), cache)
    assert observed is not None
    assert observed.service is not None, observed.invalid
    return made(plan_service(observed, b.SETTINGS, b.NOW).actions)


LISTS: dict[str, Any] = {
    "template.tolerations": [TOLERATION],
    "template.env": [{"name": "A", "value": "1"}],
    "template.imagePullSecrets": [{"name": "a"}],
}


def with_lists(spec: dict[str, Any], path: str) -> dict[str, Any]:
    """The spec, with the lists where the path leads into one, so that there is a member to change."""
    return b.merged(spec, LISTS) if path.count(".") == 2 and path.startswith("template.") else spec


@pytest.mark.parametrize("path", sorted(path for path in POD if path.rpartition(".")[0] in LISTS))
def test_a_row_for_a_list_changes_only_the_member_that_it_names(path: str) -> None:
    listed, _, member = path.rpartition(".")
    (before,), (after,) = LISTS[listed], POD[path]
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == {member}


@pytest.mark.parametrize("path", sorted(TRAINING))
def test_each_field_of_a_training_acts(path: str) -> None:
    spec = with_lists(b.training()["spec"], path)
    if path.endswith("fromTraining.name"):
        spec = written(spec, path, "one")
    if path.startswith("training.earlyStopping."):
        spec = written(spec, "training.earlyStopping.patience", 3)
    assert made_for_training(written(spec, path, TRAINING[path])) != made_for_training(spec)


@pytest.mark.parametrize("path", sorted(SERVICE))
def test_each_field_of_a_service_acts(path: str) -> None:
    claimed = {"persistentVolumeClaim": {"claimName": "voices", "path": "voice.pt", "sha256": b.SHA}}
    spec = {"model": claimed if "persistentVolumeClaim" in path else {"fromTraining": {"name": "quick"}}}
    spec = with_lists(spec, path)
    if path.startswith("apiKeys."):
        spec = written(spec, "apiKeys.secretName", "others")
    assert made_for_service(written(spec, path, SERVICE[path])) != made_for_service(spec)


def members(model: type[BaseModel]) -> Iterator[str]:
    """The Python name of every member of a document, however deep."""
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *parts(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from members(part)


def test_what_travels_to_a_pod_is_read_there() -> None:
    sources = [ast.parse(path.read_text()) for path in WORKLOADS.rglob("*.py")]
    read = {node.attr for source in sources for node in ast.walk(source) if isinstance(node, ast.Attribute)}
    # Reading a property of a document counts as reading the fields that the property reads.
    for node in (node for path in DOCUMENTS.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name in read
            and "property" in map(ast.unparse, node.decorator_list)
        ):
            read |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    assert sorted({*members(TrainingRun), *members(ServiceRun)} - read) == []
