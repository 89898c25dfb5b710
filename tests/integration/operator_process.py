"""Runs the operator as a process against the control plane, and reads what its tests need from the API server."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devcluster.cluster import Cluster
from devcluster.processes import ClusterError

ROOT = Path(__file__).parents[2]
CHILDREN = "jobs,services,persistentvolumeclaims,deployments"
PATIENCE_SECONDS = 60
TRAINING: dict[str, Any] = {
    "apiVersion": "ttsoperator.dev/v1alpha1",
    "kind": "TTSTraining",
    "metadata": {"name": "voice"},
    "spec": {
        "dataset": {"format": "ljspeech", "source": {"persistentVolumeClaim": {"claimName": "corpus"}}},
        "training": {"maxSteps": 100},
        "storage": {"whenDeleted": "Delete"},
    },
}
SERVICE: dict[str, Any] = {
    "apiVersion": "ttsoperator.dev/v1alpha1",
    "kind": "TTSService",
    "metadata": {"name": "voice"},
    "spec": {"model": {"persistentVolumeClaim": {"claimName": "voices", "path": "voice.pt", "sha256": "0" * 64}}},
}


def start(cluster: Cluster, namespace: str, log: Path, identity: str = "one") -> subprocess.Popen[bytes]:
    """Start an operator that looks after one namespace and has its lease there. It appends its log to ``log``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "NAMESPACE": namespace,
        "IDENTITY": identity,
        "PORT": str(port),
        "WATCH_NAMESPACES": json.dumps([namespace]),
        "WORKLOAD_IMAGE": "localhost/nothing:1",
        "WORKLOAD_CLUSTER_ROLE": "tts-workload",
        "LEASE_DURATION_SECONDS": "3",
        "LEASE_RENEW_SECONDS": "2",
        "LEASE_RETRY_SECONDS": "0.5",
    }
    environment = os.environ | cluster.environment() | {f"TTS_OPERATOR_{name}": text for name, text in settings.items()}
    paths = os.pathsep.join(str(ROOT / part) for part in ("crds", "operator"))
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tts_operator"],
            env=environment | {"PYTHONPATH": paths},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def operating(cluster: Cluster, namespace: str, log: Path, identity: str = "one") -> Iterator[subprocess.Popen[bytes]]:
    """Run an operator while the context lasts, and kill it without warning at its end."""
    process = start(cluster, namespace, log, identity)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(what: str, look: Callable[[], Any], log: Path | None = None) -> Any:
    """Return what ``look`` gives, once it is true. Raises AssertionError with the end of the operator's log."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    words = log.read_text()[-3000:] if log else ""
    raise AssertionError(f"{what} did not come about\n{words}")


def apply(cluster: Cluster, namespace: str, *bodies: dict[str, Any]) -> None:
    """Apply manifests into a namespace."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(listed))


def get(cluster: Cluster, namespace: str, what: str) -> dict[str, Any] | None:
    """Return an object, or None if there is none."""
    try:
        found: dict[str, Any] = json.loads(cluster.kubectl("get", "-n", namespace, what, "-o", "json"))
    except ClusterError as error:
        if "NotFound" in str(error):
            return None
        raise
    return found


def reason(cluster: Cluster, namespace: str, what: str, condition: str) -> tuple[str, str]:
    """Return status and reason of one condition. Both are empty until it has been written."""
    body = get(cluster, namespace, what) or {}
    conditions = {c["type"]: c for c in body.get("status", {}).get("conditions", ())}
    found = conditions.get(condition, {"status": "", "reason": ""})
    return found["status"], found["reason"]


def versions(cluster: Cluster, namespace: str, kinds: str = f"ttstrainings,ttsservices,{CHILDREN}") -> dict[str, str]:
    """Return the resource version of each object, by kind and name."""
    items = json.loads(cluster.kubectl("get", "-n", namespace, kinds, "-o", "json"))["items"]
    return {f"{i['kind']}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}
