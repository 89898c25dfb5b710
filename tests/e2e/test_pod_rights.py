"""What a workload pod may write, tried from inside a real one: its own progress, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import Platform, eventually
from tests.e2e.test_bad_days import pod, slow

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(600)]

# Runs in the pod: sends one patch with the pod's own token and prints the status code and the API server's words.
PATCH = """
import json, pathlib, ssl, sys, urllib.error, urllib.request
account = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
path, kind, body = sys.argv[1:]
request = urllib.request.Request(
    "https://kubernetes.default.svc" + path, data=body.encode(), method="PATCH",
    headers={"Authorization": "Bearer " + (account / "token").read_text(), "Content-Type": kind},
)
try:
    answer = urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account / "ca.crt"))
    print(json.dumps([answer.status, ""]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, json.loads(error.read())["message"]]))
"""
PROGRESS = {"progress": {"step": 1, "totalSteps": 2, "updatedAt": "2026-01-01T00:00:00Z"}}
CONDITION = {
    "type": "Complete",
    "status": "True",
    "reason": "Forged",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def inmate(speech: Platform) -> Any:
    """A running training pod, and another training beside it."""
    speech.apply(slow("mine"), slow("other") | {"spec": slow("other")["spec"] | {"runPolicy": {"suspend": True}}})
    yield eventually(lambda: pod(speech, "mine"), 180)["metadata"]["name"]
    speech.forget("ttst/mine", "ttst/other", "pvc/mine-train", "pvc/other-train")


def patch(
    speech: Platform, inmate: str, path: str, body: dict[str, Any], kind: str = "application/merge-patch+json"
) -> Any:
    root = f"/apis/ttsoperator.dev/v1alpha1/namespaces/{speech.namespace}/"
    return json.loads(speech.kubectl("exec", inmate, "--", "python3", "-c", PATCH, root + path, kind, json.dumps(body)))


@pytest.mark.parametrize(
    ("path", "body", "code", "words"),
    [
        ("ttstrainings/mine/status", {"status": PROGRESS}, 200, ""),
        (
            "ttstrainings/mine/status",
            {"status": {"conditions": [CONDITION]}},
            422,
            "conditions belongs to the operator",
        ),
        ("ttstrainings/mine/status", {"status": {"phase": "Complete"}}, 422, "phase belongs to the operator"),
        ("ttstrainings/mine/status", {"status": {"gpus": 99}}, 422, "gpus belongs to the operator"),
        ("ttstrainings/mine/status", {"status": {"image": "evil/image:1"}}, 422, "image belongs to the operator"),
        ("ttstrainings/mine/status", {"status": {"conditions": None}}, 422, "conditions belongs to the operator"),
        ("ttstrainings/other/status", {"status": PROGRESS}, 422, "may only report to the resource"),
        ("ttstrainings/mine", {"spec": {"runPolicy": {"suspend": True}}}, 403, "cannot patch resource"),
        ("ttstrainings/mine", {"metadata": {"labels": {"a": "b"}}}, 403, "cannot patch resource"),
    ],
)
def test_a_pod_writes_its_own_progress_and_nothing_else(
    speech: Platform, inmate: str, path: str, body: dict[str, Any], code: int, words: str
) -> None:
    got, message = patch(speech, inmate, path, body)
    assert got == code, message
    assert words in message


def test_a_pod_reads_no_secret(speech: Platform, inmate: str) -> None:
    account = f"system:serviceaccount:{speech.namespace}:tts-workload"
    for verb, what in (
        ("get", "secrets"),
        ("list", "pods"),
        ("create", "pods"),
        ("get", "ttstrainings.ttsoperator.dev"),
    ):
        answer = speech.cluster.kubectl("get", "--raw", "/readyz") and speech.kubectl(
            "create",
            "-o",
            "jsonpath={.status.allowed}",
            "-f",
            "-",
            input=json.dumps(
                {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SubjectAccessReview",
                    "spec": {
                        "user": account,
                        "resourceAttributes": {
                            "namespace": speech.namespace,
                            "verb": verb,
                            "resource": what.split(".")[0],
                            "group": what.partition(".")[2],
                        },
                    },
                }
            ),
        )
        assert answer != "true", (verb, what)
