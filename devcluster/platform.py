"""What a platform team does once: it installs the chart, makes a namespace, and puts a corpus into a claim.

The demo and the end-to-end tests do it through here, with the same commands that the README gives.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devcluster.cluster import Cluster
from devcluster.images import Images
from devcluster.processes import ClusterError

CHART = Path(__file__).parents[1] / "charts" / "tts-operator"
OPERATOR_NAMESPACE = "tts-system"
LOADER = "corpus-loader"


def install_operator(cluster: Cluster, images: Images, *extra: str) -> None:
    """Install or upgrade the chart and wait until the operator is ready. Raises ClusterError with Helm's complaint."""
    repository, _, tag = images.operator.rpartition(":")
    make_namespace(cluster, OPERATOR_NAMESPACE)
    cluster.helm(
        "upgrade",
        "--install",
        "tts-operator",
        CHART,
        "--namespace",
        OPERATOR_NAMESPACE,
        "--set-string",
        f"image.repository={repository},image.tag={tag},workload.image={images.workload}",
        *extra,
        "--wait",
        "--timeout",
        "180s",
    )


def make_namespace(cluster: Cluster, name: str) -> None:
    """Make a namespace that enforces the ``restricted`` Pod Security Standard."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest))


def restricted_pod(name: str, image: str, command: list[str], claims: dict[str, str]) -> dict[str, Any]:
    """Return a pod without a token that meets the ``restricted`` standard; ``claims`` maps claim names to paths."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "runAsGroup": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": command,
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [
                        {"name": f"claim-{index}", "mountPath": path} for index, path in enumerate(claims.values())
                    ],
                }
            ],
            "volumes": [
                {"name": f"claim-{index}", "persistentVolumeClaim": {"claimName": claim}}
                for index, claim in enumerate(claims)
            ],
        },
    }


def start_loader(cluster: Cluster, namespace: str, image: str, claims: dict[str, str]) -> None:
    """Start a pod that sleeps with the claims (claim name to mount path) mounted, and wait until it runs."""
    pod = restricted_pod(LOADER, image, ["sleep", "infinity"], claims)
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(pod))
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=120s", f"pod/{LOADER}")


def stop_loader(cluster: Cluster, namespace: str) -> None:
    """Delete the pod that ``start_loader`` made."""
    cluster.kubectl("delete", "-n", namespace, "pod", LOADER, "--ignore-not-found", "--wait")


def copy_in(cluster: Cluster, namespace: str, folder: Path, path: str) -> None:
    """Copy what is in a folder to a path of the loader pod."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(folder, arcname=".")
    _exec(
        cluster, namespace, ["sh", "-c", f"mkdir -p {path} && tar -C {path} --no-same-owner -xf -"], archive.getvalue()
    )


def copy_out(cluster: Cluster, namespace: str, path: str, folder: Path, *names: str) -> None:
    """Copy what is below a path of the loader pod into a folder: files and folders of these names, or everything."""
    folder.mkdir(parents=True, exist_ok=True)
    data = _exec(cluster, namespace, ["tar", "-C", path, "-cf", "-", *(names or ["."])], b"")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(folder, filter="data")


def _exec(cluster: Cluster, namespace: str, command: list[str], data: bytes) -> bytes:
    run = subprocess.run(
        ["kubectl", "exec", "-i", "-n", namespace, LOADER, "--", *command],
        env=cluster.environment(),
        input=data,
        capture_output=True,
        check=False,
    )
    if run.returncode:
        raise ClusterError(f"{' '.join(command)} in pod {LOADER}: {run.stderr.decode().strip()}")
    return run.stdout


@contextlib.contextmanager
def port_forward(cluster: Cluster, namespace: str, target: str, port: int) -> Iterator[str]:
    """Forward a free local port to ``port`` of ``target`` (such as service/voice-serve) and yield ``http://host:port``."""
    process = subprocess.Popen(
        ["kubectl", "port-forward", "-n", namespace, target, f":{port}"],
        env=cluster.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("Forwarding from"):
            process.kill()
            raise ClusterError(f"kubectl port-forward {target}: {process.communicate()[1].strip()}")
        yield f"http://{line.split()[2]}"
    finally:
        process.terminate()
        process.communicate()
