"""The objects of a training as Kubernetes takes them. The policies decide which of them are made, and when."""

from __future__ import annotations

from typing import Any

from tts_api import API_VERSION
from tts_api.report import ExitCode
from tts_api.resources import TTSTraining
from tts_api.run import (
    CHECKPOINTS_PATH,
    DATA_PATH,
    RUN_PATH,
    SOURCES_PATH,
    ResourceReference,
    RunSource,
    RunSources,
    Topology,
    TrainingRun,
    dumps,
)
from tts_api.run_documents import training_run
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB
from tts_operator.pods import CONTAINER, MANAGED_BY, QUEUE_LABEL, owner_reference, pod_template
from tts_operator.sources import SourceTraining, SourceTrainings
from tts_operator.training.record import TRAINING_RECORD

RENDEZVOUS_PORT = 29400
GRACE_SECONDS = 60
"""How long a pod may take to finish its step and save a checkpoint when it is asked to stop."""


def child_name(training: TTSTraining) -> str:
    """The name of the training's Job, headless Service and claim."""
    return f"{training.metadata.name}-train"


def claim_name(training: TTSTraining) -> str:
    """The name of the claim for checkpoints: the user's, or the one that is made for this training."""
    return training.spec.storage.persistent_volume_claim.claim_name or child_name(training)


def output_folder(training: TTSTraining) -> str:
    """The folder of the checkpoint volume that only this training writes to.

    It contains part of the uid, because a later training of the same name may use the same claim.
    """
    return f"{training.metadata.name}-{training.metadata.uid[:8]}"


def labels(training: TTSTraining) -> dict[str, str]:
    """The labels of every child of the training."""
    return {**MANAGED_BY, "app.kubernetes.io/name": "tts-training", TRAINING_RECORD.label: training.metadata.name}


def run_document(training: TTSTraining, sources: SourceTrainings) -> TrainingRun:
    """The document that tells the pods what to train."""
    spec, metadata = training.spec, training.metadata
    nodes = spec.resources.nodes
    host = f"{child_name(training)}-0.{child_name(training)}.{metadata.namespace}.svc"
    return training_run(
        spec,
        output=output_folder(training),
        sources=RunSources(acoustic=_run_source(sources.acoustic), vocoder=_run_source(sources.vocoder)),
        topology=Topology(
            nodes=nodes,
            processes_per_node=max(1, spec.resources.gpus_per_node),
            rendezvous=f"{host}:{RENDEZVOUS_PORT}" if nodes > 1 else "",
        ),
        resource=ResourceReference(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid),
    )


def _run_source(source: SourceTraining | None) -> RunSource | None:
    return RunSource(path=source.voice.path, sha256=source.voice.sha256) if source and source.voice else None


def job(training: TTSTraining, image: str, sources: SourceTrainings) -> dict[str, Any]:
    """An Indexed Job with one pod for each node.

    What it does about an exit code follows ``tts_api.report.ExitCode``. The voice of every source must be there.
    """
    spec, metadata = training.spec, training.metadata
    policy, resources = spec.run_policy, spec.resources
    marks = labels(training)
    queue = {QUEUE_LABEL: metadata.labels[QUEUE_LABEL]} if QUEUE_LABEL in metadata.labels else {}
    amounts: dict[str, Any] = {
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
        "limits": {"memory": resources.memory},
    }
    if resources.gpus_per_node:
        amounts["limits"][resources.gpu_resource] = str(resources.gpus_per_node)
    template = pod_template(
        template=spec.template,
        labels=marks,
        run=dumps(run_document(training, sources)),
        image=image,
        command=["python3", "-m", "tts_workloads.training", "--run", str(RUN_PATH), "--workspace", "/workspace"],
        resources=amounts,
        claims={
            str(DATA_PATH): (spec.dataset.source.persistent_volume_claim.claim_name, True),
            str(CHECKPOINTS_PATH): (claim_name(training), False),
        }
        | {
            str(SOURCES_PATH / part): (source.voice.claim_name, True)
            for part, source in (("acoustic", sources.acoustic), ("vocoder", sources.vocoder))
            if source and source.voice
        },
        container={"volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]},  # noqa: S108
        pod={
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": resources.shared_memory}}],
        }
        | ({"subdomain": child_name(training)} if resources.nodes > 1 else {}),
    )
    body: dict[str, Any] = {
        "completionMode": "Indexed",
        "completions": resources.nodes,
        "parallelism": resources.nodes,
        "backoffLimit": policy.backoff_limit,
        "suspend": policy.suspend or bool(queue),
        "podFailurePolicy": {
            "rules": [
                {"action": "FailJob", "onExitCodes": _exit_codes(ExitCode.BAD_INPUT)},
                {"action": "Ignore", "onExitCodes": _exit_codes(ExitCode.INTERRUPTED)},
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": template,
    }
    if policy.active_deadline_seconds is not None:
        body["activeDeadlineSeconds"] = policy.active_deadline_seconds
    if policy.ttl_seconds_after_finished is not None:
        body["ttlSecondsAfterFinished"] = policy.ttl_seconds_after_finished
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": _metadata(training) | {"labels": marks | queue},
        "spec": body,
    }


def _exit_codes(code: ExitCode) -> dict[str, Any]:
    return {"containerName": CONTAINER, "operator": "In", "values": [int(code)]}


def headless_service(training: TTSTraining) -> dict[str, Any]:
    """The Service that gives the pods of several nodes the names by which they meet, before they are ready."""
    return {
        "apiVersion": CORE_SERVICE.api_version,
        "kind": CORE_SERVICE.name,
        "metadata": _metadata(training),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {TRAINING_RECORD.label: training.metadata.name},
            "ports": [{"name": "rendezvous", "port": RENDEZVOUS_PORT}],
        },
    }


def claim(training: TTSTraining) -> dict[str, Any]:
    """The claim for checkpoints and voice. It has an owner only if it is to be deleted with the training."""
    wanted = training.spec.storage.persistent_volume_claim
    spec: dict[str, Any] = {
        "accessModes": list(wanted.access_modes),
        "resources": {"requests": {"storage": wanted.size}},
    }
    if wanted.storage_class_name is not None:
        spec["storageClassName"] = wanted.storage_class_name
    owned = training.spec.storage.when_deleted == "Delete"
    return {
        "apiVersion": CLAIM.api_version,
        "kind": CLAIM.name,
        "metadata": _metadata(training, owned=owned),
        "spec": spec,
    }


def _metadata(training: TTSTraining, *, owned: bool = True) -> dict[str, Any]:
    owner = {"ownerReferences": [owner_reference(API_VERSION, "TTSTraining", training.metadata)]}
    return {
        "name": child_name(training),
        "namespace": training.metadata.namespace,
        "labels": labels(training),
    } | (owner if owned else {})
