"""The chart: a real API server accepts what it renders, and values that cannot work are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from devcluster.platform import CHART
from devcluster.processes import ClusterError
from tts_api.admission import WORKLOAD_SERVICE_ACCOUNT
from tts_operator.registry import KINDS

pytestmark = [pytest.mark.control_plane, pytest.mark.xdist_group("control-plane")]


def render(cluster: Cluster, *arguments: str) -> list[dict[str, Any]]:
    text = cluster.helm("template", "tts-operator", CHART, "--namespace", "tts-system", *arguments)
    return [document for document in yaml.safe_load_all(text) if document]


def find(documents: list[dict[str, Any]], kind: str, name: str = "tts-operator") -> dict[str, Any]:
    return next(d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name)


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("--set", "replicas=2,podDisruptionBudget.enabled=true"),
        ("--set", "watchNamespaces={default,kube-public}"),
        ("--set", "image.digest=sha256:" + "a" * 64, "--set", "priorityClassName=system-cluster-critical"),
    ],
    ids=["defaults", "replicas", "namespaces", "digest"],
)
def test_what_is_rendered_is_taken_by_the_api_server(control_plane: Cluster, values: tuple[str, ...]) -> None:
    rendered = render(control_plane, *values)
    namespaced = [document for document in rendered if document["kind"] != "CustomResourceDefinition"]
    control_plane.kubectl("create", "namespace", "tts-system", "--dry-run=server")
    for document in namespaced:
        # The namespace of the release does not exist here: what lies in it is checked in one that does.
        if document["metadata"].get("namespace") == "tts-system":
            document["metadata"]["namespace"] = "default"
        control_plane.kubectl(
            "create", "--dry-run=server", "--validate=strict", "-f", "-", input=yaml.safe_dump(document)
        )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("workload.image=example.com/workload", "/workload/image"),
        ("workload.image=example.com/workload:latest", "/workload/image"),
        ("image.tag=latest", "/image/tag"),
        ("image.digest=abc", "/image/digest"),
        ("replicas=-1", "/replicas"),
        ("logLevel=loud", "/logLevel"),
        ("operatorImage=x", "operatorImage"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(control_plane: Cluster, value: str, words: str) -> None:
    with pytest.raises(ClusterError) as refusal:
        render(control_plane, "--set", value)
    assert words in str(refusal.value)


def test_only_the_watched_namespaces_are_opened(control_plane: Cluster) -> None:
    rendered = render(control_plane, "--set", "watchNamespaces={speech}")
    assert not [d for d in rendered if d["kind"] == "ClusterRoleBinding"]
    assert [d["metadata"]["namespace"] for d in rendered if d["kind"] == "RoleBinding"] == ["speech", "tts-system"]


def test_the_operator_reads_no_secret_and_binds_one_role(control_plane: Cluster) -> None:
    rules = find(render(control_plane), "ClusterRole")["rules"]
    assert not [rule for rule in rules if {"secrets", "configmaps", "*"} & set(rule["resources"])]
    assert [rule["resourceNames"] for rule in rules if "bind" in rule["verbs"]] == [["tts-operator-workload"]]


def test_the_operator_may_watch_every_kind_that_the_records_name(control_plane: Cluster) -> None:
    rules = find(render(control_plane), "ClusterRole")["rules"]
    watched = {
        (group, resource)
        for rule in rules
        if {"get", "list", "watch"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert {(spec.kind.group, spec.kind.plural) for spec in KINDS.informer_specs()} == watched


def test_the_operators_pod_meets_the_restricted_standard(control_plane: Cluster) -> None:
    template = find(render(control_plane), "Deployment")["spec"]["template"]
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    }
    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(namespace))
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"]["name"], pod["metadata"]["namespace"] = "operator", "strict"
    pod["spec"]["serviceAccountName"] = "default"
    control_plane.kubectl("create", "--dry-run=server", "-f", "-", input=yaml.safe_dump(pod))


def test_uninstalling_keeps_the_definitions(control_plane: Cluster) -> None:
    definitions = [d for d in render(control_plane) if d["kind"] == "CustomResourceDefinition"]
    assert len(definitions) == 2
    assert all(d["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for d in definitions)
    assert not [
        d for d in render(control_plane, "--set", "crds.install=false") if d["kind"] == "CustomResourceDefinition"
    ]


def test_the_workloads_role_reports_and_nothing_else(control_plane: Cluster) -> None:
    role = find(render(control_plane), "ClusterRole", "tts-operator-workload")
    assert role["rules"] == [
        {
            "apiGroups": ["ttsoperator.dev"],
            "resources": ["ttstrainings/status", "ttsservices/status"],
            "verbs": ["patch"],
        }
    ]
    policies = [d for d in render(control_plane) if d["kind"] == "ValidatingAdmissionPolicy"]
    assert len(policies) == 2
    assert all(WORKLOAD_SERVICE_ACCOUNT in p["spec"]["matchConditions"][0]["expression"] for p in policies)
