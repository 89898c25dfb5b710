"""A pod's report to a real API server: applied whole, to the one resource it belongs to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from devcluster.cluster import Cluster
from tests.integration.test_manifests import ROOT, SERVICE, TRAINING
from tts_api.report import Checkpoint, ServicePerformance, TrainingProgress
from tts_api.run import ResourceReference
from tts_workloads.report import SERVICE_PERFORMANCE, TRAINING_PROGRESS, ApiServer

pytestmark = [pytest.mark.control_plane, pytest.mark.xdist_group("control-plane")]

NAMESPACE = "reports"
ACCOUNT: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tts-workload", "namespace": NAMESPACE}},
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "tts-workload", "namespace": NAMESPACE},
        "rules": [
            {
                "apiGroups": ["ttsoperator.dev"],
                "resources": ["ttstrainings/status", "ttsservices/status"],
                "verbs": ["patch"],
            }
        ],
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tts-workload", "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tts-workload"},
        "subjects": [{"kind": "ServiceAccount", "name": "tts-workload", "namespace": NAMESPACE}],
    },
]
Get = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def get(control_plane: Cluster) -> Get:
    """Both kinds, a resource of each, and how to read them."""
    for kind in ("ttstrainings", "ttsservices"):
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / f"crds/{kind}.yaml"))
        control_plane.kubectl("wait", "--for=condition=Established", f"crd/{kind}.ttsoperator.dev")
    resources = [r | {"metadata": {"name": "voice", "namespace": NAMESPACE}} for r in (TRAINING, SERVICE)]
    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([*ACCOUNT, *resources]))

    def get(what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            control_plane.kubectl("get", "-n", NAMESPACE, what, "-o", "json", "--show-managed-fields")
        )
        return found

    return get


@pytest.fixture(scope="module")
def api(control_plane: Cluster, get: Get, tmp_path_factory: pytest.TempPathFactory) -> ApiServer:
    """The API server as a pod has it: an address, a certificate, a token that may only patch statuses."""
    folder = tmp_path_factory.mktemp("serviceaccount")
    server = yaml.safe_load(control_plane.kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = server.get("certificate-authority-data")
    certificate = base64.b64decode(authority) if authority else Path(server["certificate-authority"]).read_bytes()
    (folder / "ca.crt").write_bytes(certificate)
    (folder / "token").write_text(control_plane.kubectl("create", "token", "-n", NAMESPACE, "tts-workload"))
    return ApiServer(server["server"], folder)


def reference(get: Get, what: str) -> ResourceReference:
    return ResourceReference(namespace=NAMESPACE, name="voice", uid=get(what)["metadata"]["uid"])


def progress(**changes: Any) -> TrainingProgress:
    return TrainingProgress(stage="Acoustic", step=10, total_steps=20, updated_at="2026-01-01T00:00:00Z").model_copy(
        update=changes
    )


def test_a_report_replaces_the_one_before_and_nothing_else(api: ApiServer, get: Get) -> None:
    mine = reference(get, "ttst/voice")
    checkpoint = Checkpoint(step=10, path="a/b.pt", sha256="0" * 64, saved_at="2026-01-01T00:00:00Z")
    api.apply_status(mine, TRAINING_PROGRESS, progress(validation_loss=0.5, checkpoint=checkpoint))
    assert get("ttst/voice")["status"]["progress"]["validationLoss"] == 0.5
    api.apply_status(mine, TRAINING_PROGRESS, progress(stage="Vocoder", step=11, checkpoint=checkpoint))
    found = get("ttst/voice")
    assert found["status"]["progress"] == progress(stage="Vocoder", step=11, checkpoint=checkpoint).to_json_object()
    assert list(found["status"]) == ["progress"]
    owners = {entry["manager"] for entry in found["metadata"]["managedFields"] if entry.get("subresource") == "status"}
    assert owners == {"tts-workload"}


def test_a_service_reports_what_it_measured(api: ApiServer, get: Get) -> None:
    measured = ServicePerformance(
        sha256="0" * 64, real_time_factor=0.02, time_to_first_audio_milliseconds=12.5, updated_at="2026-01-01T00:00:00Z"
    )
    api.apply_status(reference(get, "ttss/voice"), SERVICE_PERFORMANCE, measured)
    assert get("ttss/voice")["status"]["performance"] == measured.to_json_object()


def test_a_resource_that_was_deleted_is_not_made_by_a_report(api: ApiServer, get: Get) -> None:
    gone = ResourceReference(namespace=NAMESPACE, name="gone", uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        api.apply_status(gone, TRAINING_PROGRESS, progress())
