"""The chart: a real API server accepts what it renders, and values that cannot work are refused by name."""

from __future__ import annotations

import json
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
        ("--set", "image.repository=example.com:5000/a/b,workload.image=example.com:5000/a/b:1"),
        ("--set", "workload.image=a/b:1@sha256:" + "a" * 64),
        ("--set", "podLabels.team=speech,imagePullSecrets[0].name=registry,tolerations[0].key=gpu"),
    ],
    ids=["defaults", "replicas", "namespaces", "digest", "ports", "tag-and-digest", "lists"],
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


REFUSED = [
    # A slip on the command line; the value's place, the value and the remedy in helm's message.
    ("--set=workload.image=x:latest", 'workload.image is "x:latest": give a version or a digest instead of latest'),
    ("--set=workload.image=example.com/workload", 'workload.image is "example.com/workload": name the image'),
    ("--set=workload.image=example.com:5000/workload", 'workload.image is "example.com:5000/workload": name the image'),
    ("--set=workload.image=", 'workload.image is "": name the image of training and service pods with a tag'),
    ("--set-json=workload.image=7", "workload.image is 7: name the image of training and service pods with a tag"),
    ("--set=workload=x:1", 'workload is "x:1": give its members, as values.yaml does, such as workload.image'),
    ("--set=image.repository=", 'image.repository is "": name the operator\'s image without a tag'),
    ("--set=image.repository=a/b:1", 'image.repository is "a/b:1": name the operator\'s image without a tag'),
    ("--set=image.tag=latest", 'image.tag is "latest": give a version, such as 0.1.0'),
    ("--set-json=image.tag=0.1", 'image.tag is 0.1: put the tag in quotes, such as "0.1"'),
    ("--set=image.tag=a b", 'image.tag is "a b": a tag has letters, digits, dots, _ and -'),
    ("--set=image.digest=abc", 'image.digest is "abc": give sha256: and 64 hexadecimal digits'),
    ("--set=image.pullPolicy=always", 'image.pullPolicy is "always": choose Always, IfNotPresent or Never'),
    ("--set=replicas=-1", "replicas is -1: give a whole number from 0 to 10"),
    ("--set=replicas=11", "replicas is 11: give a whole number from 0 to 10"),
    ("--set-json=replicas=1.5", "replicas is 1.5: give a whole number from 0 to 10"),
    ("--set=replicas=two", 'replicas is "two": give a whole number from 0 to 10'),
    ("--set=logLevel=INFO", 'logLevel is "INFO": choose debug, info, warning or error'),
    ("--set=crds.install=maybe", 'crds.install is "maybe": choose true or false'),
    ("--set=podDisruptionBudget.enabled=yes", 'podDisruptionBudget.enabled is "yes": choose true or false'),
    ("--set=watchNamespaces=speech", 'watchNamespaces is "speech": list the names of namespaces, each once'),
    ("--set=watchNamespaces={a,a}", 'watchNamespaces is ["a","a"]: list the names of namespaces, each once'),
    ("--set=watchNamespaces={Speech}", 'watchNamespaces is ["Speech"]: list the names of namespaces'),
    ("--set=podLabels.a=1", "podLabels.a is 1: put the text in quotes"),
    ("--set=podAnnotations=x", 'podAnnotations is "x": give names with a text each'),
    ("--set=nodeSelector.gpu=true", "nodeSelector.gpu is true: put the text in quotes"),
    ("--set=tolerations={gpu}", 'tolerations[0] is "gpu": give it as in the spec of a pod'),
    ("--set=tolerations=gpu", 'tolerations is "gpu": give a list as in the spec of a pod'),
    ("--set=imagePullSecrets={registry}", 'imagePullSecrets[0] is "registry": give a list of names of Secrets'),
    ("--set=imagePullSecrets=registry", 'imagePullSecrets is "registry": give a list of names of Secrets'),
    ("--set=resources=1", "resources is 1: give it as in the spec of a pod"),
    ("--set=affinity=near", 'affinity is "near": give it as in the spec of a pod'),
    ("--set=priorityClassName=5", "priorityClassName is 5: give the name of a PriorityClass in quotes"),
    # Which values there are is in the schema, and its message has the name.
    ("--set=operatorImage=x", "additional properties 'operatorImage' not allowed"),
    ("--set=workload.imag=x", "at '/workload': additional properties 'imag' not allowed"),
]


@pytest.mark.parametrize(("slip", "words"), REFUSED, ids=[slip.partition("=")[2] for slip, _ in REFUSED])
def test_values_that_cannot_work_are_refused_in_words(control_plane: Cluster, slip: str, words: str) -> None:
    with pytest.raises(ClusterError) as refusal:
        render(control_plane, slip)
    assert words in str(refusal.value)


def test_there_is_a_slip_for_every_value(control_plane: Cluster) -> None:
    values = yaml.safe_load(control_plane.helm("show", "values", CHART))
    nested = ("image", "workload", "crds", "podDisruptionBudget")
    leaves = {name for name in values if name not in nested} | {
        f"{name}.{leaf}" for name in nested for leaf in values[name]
    }
    tried = {slip.split("=")[1] for slip, _ in REFUSED}
    assert leaves <= tried | {name.partition(".")[0] for name in tried}
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert {key for key, one in schema["properties"].items() if "not" in one or "pattern" in one} == set()


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
