"""The phases of a training on a real API server, its columns and its events.

The Job and its pod are made by the cluster's own controllers. The test plays the scheduler and the kubelet of the pod,
because there is no node.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from tests.integration.operator_process import SERVICE, TRAINING, apply, get, operating, until

pytestmark = [pytest.mark.control_plane, pytest.mark.xdist_group("control-plane")]

NOW = "2026-01-01T00:00:00Z"
SHA = "ab" * 32
WIDTH = 120
"""Characters of a usual terminal's line."""


@contextmanager
def watching(cluster: Cluster, namespace: str) -> Iterator[list[tuple[str, str]]]:
    """Collect phase and reason after every change of the trainings. The list is filled when the context ends."""
    columns = "custom-columns=P:.status.phase,R:.status.reason"
    found: list[tuple[str, str]] = []
    process = subprocess.Popen(
        ["kubectl", "get", "-n", namespace, "ttst", "--watch", "--no-headers", "-o", columns],
        env=cluster.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield found
    finally:
        process.terminate()
        lines = process.communicate()[0].splitlines()
        found += [(phase, why) for phase, why in map(str.split, lines) if phase != "<none>"]


def patch(cluster: Cluster, namespace: str, what: str, status: dict[str, Any]) -> None:
    body = json.dumps({"status": status})
    cluster.kubectl("patch", "-n", namespace, what, "--subresource=status", "--type=merge", "-p", body)


def pod_of(cluster: Cluster, namespace: str) -> str:
    """Wait for the pod of the training's Job and return its name."""
    selector = "batch.kubernetes.io/job-name=voice-train"

    def name() -> str:
        return cluster.kubectl(
            "get", "-n", namespace, "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}"
        )

    return str(until("a pod", name))


def bind(cluster: Cluster, namespace: str, pod: str) -> None:
    """Give the pod a node, as the scheduler would."""
    target = {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    cluster.kubectl(
        "create", "--raw", f"/api/v1/namespaces/{namespace}/pods/{pod}/binding", "-f", "-", input=json.dumps(body)
    )


def container(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": "workload", "image": "x:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}]


def shows(cluster: Cluster, namespace: str, words: str) -> bool:
    """Whether the training's status has these words."""
    return words in json.dumps((get(cluster, namespace, "ttst/voice") or {}).get("status", {}))


def reported(uid: str) -> str:
    """What a finished pod of a training says."""
    artifact = {
        "path": f"voice-{uid[:8]}/voice-{SHA[:12]}.pt",
        "sha256": SHA,
        "sizeBytes": 1,
        "sampleRate": 22050,
        "languages": ["en-us"],
        "speakers": ["one"],
    }
    return json.dumps({"schema": 1, "reason": "Finished", "step": 200, "result": {"artifact": artifact}})


def test_the_phase_goes_forward_to_the_end(api: Cluster, namespace: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log), watching(api, namespace) as seen:
        apply(api, namespace, TRAINING)
        pod = pod_of(api, namespace)
        bind(api, namespace, pod)
        running = container({"running": {"startedAt": NOW}})
        patch(api, namespace, f"pod/{pod}", {"phase": "Running", "containerStatuses": running})
        until("the phase Running", lambda: shows(api, namespace, '"phase": "Running"'), log)
        display = {"percent": "100%", "step": "200000/200000", "loss": "12.3127", "eta": "12h34m"}
        progress = {"stage": "Exporting", "step": 200, "updatedAt": NOW, "display": display}
        patch(api, namespace, "ttst/voice", {"progress": progress})
        uid = str((get(api, namespace, "ttst/voice") or {})["metadata"]["uid"])
        end = {"exitCode": 0, "startedAt": NOW, "finishedAt": NOW, "message": reported(uid)}
        # The kubelet reports the end of the container before it changes the pod's phase.
        ended = container({"terminated": end})
        patch(api, namespace, f"pod/{pod}", {"containerStatuses": ended})
        until("the end of the container", lambda: shows(api, namespace, "their result is awaited"), log)
        patch(api, namespace, f"pod/{pod}", {"phase": "Succeeded"})
        until("the phase Complete", lambda: shows(api, namespace, '"phase": "Complete"'), log)
        table = api.kubectl("get", "-n", namespace, "ttst")
    assert [phase for phase, _ in groupby(phase for phase, _ in seen)] == ["Pending", "Running", "Complete"], seen
    assert seen[-1] == ("Complete", "Completed")
    assert all(why != "<none>" for _, why in seen)
    header, row = table.splitlines()
    assert header.split() == ["NAME", "PHASE", "REASON", "PROGRESS", "STEP", "LOSS", "ETA", "GPUS", "AGE"]
    assert row.split()[:5] == ["voice", "Complete", "Completed", "100%", "200000/200000"]
    assert max(map(len, table.splitlines())) <= WIDTH
    assert "Traceback" not in log.read_text()


def test_columns_and_events_say_what_the_conditions_say(
    api: Cluster,
    namespace: str,
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with operating(api, namespace, log):
        apply(api, namespace, TRAINING, {**SERVICE, "spec": {"model": {"fromTraining": {"name": "voice"}}}})
        until("a training without a node", lambda: shows(api, namespace, "Unschedulable"), log)
        until("events of both kinds", lambda: len(told(api, namespace)) == 2, log)
    for kind, expected in (("ttst", ["Pending", "Unschedulable"]), ("ttss", ["False", "TrainingNotComplete"])):
        table = api.kubectl("get", "-n", namespace, kind).splitlines()
        assert table[1].split()[:3] == ["voice", *expected]
        assert max(map(len, table)) <= WIDTH
    for kind, notes in told(api, namespace).items():
        status = (get(api, namespace, f"{kind}/voice") or {})["status"]
        said = {condition["reason"]: condition["message"] for condition in status["conditions"]}
        assert status["reason"] in notes
        assert notes == {reason: said[reason] for reason in notes}


def told(cluster: Cluster, namespace: str) -> dict[str, dict[str, str]]:
    """The notes of the operator's events, by the kind of their resource and by their reason."""
    items = json.loads(cluster.kubectl("get", "-n", namespace, "events.v1.events.k8s.io", "-o", "json"))["items"]
    notes: dict[str, dict[str, str]] = {}
    for event in items:
        if event.get("reportingController") == "ttsoperator.dev/tts-operator":
            notes.setdefault(event["regarding"]["kind"], {})[event["reason"]] = event["note"]
    return notes
