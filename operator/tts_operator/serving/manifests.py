"""The objects of a service as Kubernetes takes them. The policies decide which of them are made, and when.

Only the current revision of a service is made. Its Deployment selects pods by the label ``ttsoperator.dev/service``
alone, and Kubernetes lets nobody change a selector, so the pods of a second Deployment must not carry this label. They
need a label of their own, which the Service in front must then select, too, and names that the kind's ``pod_suffix`` in
``tts_api.kinds`` admits. The second Deployment itself may carry it: ``serving.observe`` reads Deployments by revision.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tts_api import API_VERSION
from tts_api.resources import TTSService
from tts_api.run import API_KEYS_PATH, CHECKPOINTS_PATH, RUN_PATH, ResourceReference, RunVoice, ServiceRun, dumps
from tts_api.run_documents import service_run
from tts_operator.engine.objects import CORE_SERVICE, DEPLOYMENT
from tts_operator.pods import MANAGED_BY, owner_reference, pod_template
from tts_operator.serving.record import HASH_ANNOTATION, SERVICE_RECORD
from tts_operator.sources import VoiceReference

HTTP_PORT = 80
ENDING_SECONDS = 10
"""How long a pod may take to end, in addition to the time that its last request may take."""
API_KEYS = {"name": "api-keys"}
START_SECONDS = 600
"""How long a pod may take to load the voice and speak for the first time."""


def child_name(service: TTSService) -> str:
    """The name of the service's Deployment and Service."""
    return f"{service.metadata.name}-serve"


def selector(service: TTSService) -> dict[str, str]:
    """The labels by which the Deployment and the Service select the pods. They can never change."""
    return {SERVICE_RECORD.label: service.metadata.name}


def labels(service: TTSService) -> dict[str, str]:
    """The labels of every child of the service."""
    return {**MANAGED_BY, "app.kubernetes.io/name": "tts-service", **selector(service)}


def url(service: TTSService) -> str:
    """The address at which the service is reached inside the cluster."""
    return f"http://{child_name(service)}.{service.metadata.namespace}.svc"


def run_document(service: TTSService, voice: VoiceReference) -> ServiceRun:
    """The document that tells the pods what to serve."""
    metadata = service.metadata
    return service_run(
        service.spec,
        RunVoice(name=metadata.name, path=voice.path, sha256=voice.sha256),
        resource=ResourceReference(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid),
    )


def deployment(service: TTSService, image: str, voice: VoiceReference) -> dict[str, Any]:
    """The Deployment, with its digest as an annotation."""
    spec = service.spec
    run = run_document(service, voice)
    amounts: dict[str, Any] = {
        "requests": {"cpu": spec.resources.cpu, "memory": spec.resources.memory},
        "limits": {"memory": spec.resources.memory},
    }
    if spec.resources.gpus:
        amounts["limits"][spec.resources.gpu_resource] = str(spec.resources.gpus)
    template = pod_template(
        template=spec.template,
        labels=labels(service),
        run=dumps(run),
        image=image,
        command=["python3", "-m", "tts_workloads.serving", "--run", str(RUN_PATH), "--workspace", "/workspace"],
        resources=amounts,
        claims={str(CHECKPOINTS_PATH): (voice.claim_name, True)},
        container={
            "ports": [{"name": "http", "containerPort": run.port}],
            "startupProbe": _probe("/healthz", period=2, failures=START_SECONDS // 2),
            "livenessProbe": _probe("/healthz", period=10, failures=6),
            "readinessProbe": _probe("/readyz", period=2, failures=3),
            "volumeMounts": [{**API_KEYS, "mountPath": str(API_KEYS_PATH), "readOnly": True}] if spec.api_keys else [],
        },
        pod={
            "terminationGracePeriodSeconds": spec.limits.request_timeout_seconds + ENDING_SECONDS,
            "volumes": [{**API_KEYS, "secret": {"secretName": spec.api_keys.secret_name}}] if spec.api_keys else [],
        },
    )
    body: dict[str, Any] = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": _metadata(service),
        "spec": {
            "replicas": spec.replicas,
            "selector": {"matchLabels": selector(service)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": spec.rollout.max_unavailable},
            },
            "progressDeadlineSeconds": spec.rollout.progress_deadline_seconds,
            "template": template,
        },
    }
    body["metadata"]["annotations"] = {HASH_ANNOTATION: digest(body)}
    return body


def service_object(service: TTSService) -> dict[str, Any]:
    """The Service in front of the pods."""
    return {
        "apiVersion": CORE_SERVICE.api_version,
        "kind": CORE_SERVICE.name,
        "metadata": _metadata(service),
        "spec": {
            "selector": selector(service),
            "ports": [{"name": "http", "port": HTTP_PORT, "targetPort": "http"}],
        },
    }


def digest(body: dict[str, Any]) -> str:
    """The first 16 hexadecimal digits of an object's SHA-256, for comparison."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def _metadata(service: TTSService) -> dict[str, Any]:
    return {
        "name": child_name(service),
        "namespace": service.metadata.namespace,
        "labels": labels(service),
        "ownerReferences": [owner_reference(API_VERSION, "TTSService", service.metadata)],
    }


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    get = {"path": path, "port": "http"}
    return {"httpGet": get, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 5}
