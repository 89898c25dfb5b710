"""The pod template that both kinds share: security, volumes, environment, labels.

The ``manifests`` module of a kind adds what only its pods have.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from tts_api.admission import WORKLOAD_SERVICE_ACCOUNT
from tts_api.resources.metadata import Metadata
from tts_api.resources.pods import PodTemplate
from tts_api.run import RUN_ANNOTATION, RUN_PATH

CONTAINER = "workload"
"""The name of the one container of every pod."""
USER = 10001
"""User and group id that the container runs as, and that owns the volumes."""
MANAGED_BY = {"app.kubernetes.io/managed-by": "tts-operator"}
"""The label of every object that the operator makes."""
REVISION_LABEL = "ttsoperator.dev/revision"
"""The label for a Deployment's revision of a service. A Deployment without it is the current one, as each is today."""
CURRENT_REVISION = "current"
"""The revision of a service that its spec describes: today the only one."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""The label by which Kueue takes a Job into a queue and decides when it runs."""
ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its token, as clients of Kubernetes expect it."""
TOKEN_SECONDS = 3600
"""How long a token is valid; Kubernetes renews it in the volume before that."""


def owner_reference(api_version: str, kind: str, metadata: Metadata) -> dict[str, Any]:
    """The owner reference by which Kubernetes deletes a child together with its resource."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": metadata.name,
        "uid": metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_template(
    *,
    template: PodTemplate,
    labels: Mapping[str, str],
    run: str,
    image: str,
    command: list[str],
    resources: dict[str, Any],
    claims: Mapping[str, tuple[str, bool]],
    container: Mapping[str, Any],
    pod: Mapping[str, Any],
) -> dict[str, Any]:
    """A pod template that meets the Pod Security Standard ``restricted``.

    ``run`` is the run document as JSON. ``claims`` maps a mount path to a claim's name and whether the mount is
    read-only. ``container`` and ``pod`` are merged over the members that both kinds share.
    """
    volumes, mounts = _volumes(claims)
    shared_container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - the one writable folder of the pod
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *({"name": variable.name, "value": variable.value} for variable in template.env),
        ],
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec: dict[str, Any] = {
        "serviceAccountName": WORKLOAD_SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {**shared_container, **container, "volumeMounts": [*mounts, *container.get("volumeMounts", ())]}
        ],
        **pod,
        "volumes": [*volumes, *pod.get("volumes", ())],
    }
    placement = {
        "nodeSelector": dict(template.node_selector),
        "tolerations": [toleration.to_json_object() for toleration in template.tolerations],
        "priorityClassName": template.priority_class_name,
        "runtimeClassName": template.runtime_class_name,
        "imagePullSecrets": [{"name": secret.name} for secret in template.image_pull_secrets],
    }
    spec |= {key: value for key, value in placement.items() if value}
    return {
        "metadata": {
            "labels": {**template.labels, **labels},
            "annotations": {**template.annotations, RUN_ANNOTATION: run},
        },
        "spec": spec,
    }


def _volumes(claims: Mapping[str, tuple[str, bool]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = [
        {
            "name": "run",
            "downwardAPI": {
                "items": [
                    {"path": RUN_PATH.name, "fieldRef": {"fieldPath": f"metadata.annotations['{RUN_ANNOTATION}']"}}
                ]
            },
        },
        {"name": "tmp", "emptyDir": {}},
        {
            # Only what reporting needs: a token that expires, the API server's certificate, the namespace.
            "name": "account",
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                        }
                    },
                ]
            },
        },
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "run", "mountPath": str(RUN_PATH.parent), "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - as above
        {"name": "account", "mountPath": ACCOUNT_PATH, "readOnly": True},
    ]
    names: dict[str, str] = {}
    for path, (claim, read_only) in claims.items():
        if claim not in names:
            # A claim has one volume, since corpus and checkpoints may lie on the same claim.
            names[claim] = posixpath.basename(path)
            volumes.append({"name": names[claim], "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": names[claim], "mountPath": path} | ({"readOnly": True} if read_only else {}))
    return volumes, mounts
