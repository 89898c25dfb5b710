"""The fixtures of the tests that run the operator against a real API server."""

from __future__ import annotations

import json
import uuid

import pytest

from devcluster.cluster import Cluster
from tests.integration.operator_process import ROOT


@pytest.fixture(scope="module")
def api(control_plane: Cluster) -> Cluster:
    """Return a cluster whose API server knows the custom kinds and the role of the workload pods."""
    definitions = [ROOT / f"crds/{plural}.yaml" for plural in ("ttstrainings", "ttsservices")]
    control_plane.kubectl("apply", "--server-side", *(part for path in definitions for part in ("-f", path)))
    names = [f"crd/{plural}.ttsoperator.dev" for plural in ("ttstrainings", "ttsservices")]
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "tts-workload"},
        "rules": [{"apiGroups": ["ttsoperator.dev"], "resources": ["ttstrainings/status"], "verbs": ["patch"]}],
    }
    control_plane.kubectl("apply", "-f", "-", input=json.dumps(role))
    return control_plane


@pytest.fixture
def namespace(api: Cluster) -> str:
    """Make a namespace for one test."""
    name = f"live-{uuid.uuid4().hex[:8]}"
    api.kubectl("create", "namespace", name)
    return name
