"""The manifests that every cluster starts with: the default storage class, its volumes, and CoreDNS where pods run."""

import json
from typing import Any

from devcluster.runtime import COREDNS_IMAGE

VOLUME_COUNT = 48
# The user that every workload pod runs as. The kubelet does not change the owner of a folder on the host.
WORKLOAD_USER = 10001

_COREFILE = """.:1053 {
    errors
    health :8080
    ready :8181
    kubernetes cluster.local in-addr.arpa {
        ttl 1
    }
}
"""
_LABELS = {"k8s-app": "kube-dns"}


def volumes() -> str:
    """Return a default StorageClass and volumes that any node can mount, as a manifest.

    Nothing provisions volumes here, and each volume is used once, so there are more volumes than the tests make claims.
    The capacity is nominal: the folder of a volume has no limit.
    """
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "Immediate",
    }
    return _manifest([storage_class, *(_volume(name) for name in volume_names())])


def volume_names() -> list[str]:
    """Return the names of the volumes, which are their folders' names too."""
    return [f"volume-{index:02d}" for index in range(VOLUME_COUNT)]


def _volume(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"],  # the nodes share one file system
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "standard",
            "hostPath": {"path": f"/run/volumes/{name}"},
        },
    }


def dns(service_address: str) -> str:
    """Return CoreDNS as a Deployment behind the Service `kube-dns` at `service_address`, as a manifest.

    It only answers for the cluster's names. It listens on a high port, so that it needs no capability.
    """
    metadata = {"name": "coredns", "namespace": "kube-system"}
    container = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    ports = [
        {"name": f"dns-{name}", "protocol": name.upper(), "port": 53, "targetPort": 1053} for name in ("udp", "tcp")
    ]
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"}
    subject = {"kind": "ServiceAccount", **metadata}
    return _manifest(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"Corefile": _COREFILE}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "coredns"},
                "rules": rules,
            },
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "coredns"},
                "roleRef": role,
                "subjects": [subject],
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": metadata,
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": _LABELS},
                    "template": {"metadata": {"labels": _LABELS}, "spec": pod},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata | {"name": "kube-dns"},
                "spec": {"selector": _LABELS, "clusterIP": service_address, "ports": ports},
            },
        ]
    )


def _manifest(items: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
