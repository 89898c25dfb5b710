"""The platform the end-to-end tests run on: a cluster with a node, the operator by its chart, a small real corpus."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from demo import corpus
from devcluster import platform
from devcluster.cluster import Cluster
from devcluster.images import Images

ROOT = Path(__file__).parents[2]
MANIFESTS = Path(__file__).parent / "manifests"
CORPUS_CLIPS = 64

T = TypeVar("T")


@dataclass(frozen=True)
class Platform:
    """A cluster with the operator on it, and one namespace that enforces the restricted standard."""

    cluster: Cluster
    images: Images
    namespace: str = "speech"

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002
        return self.cluster.kubectl("-n", self.namespace, *arguments, input=input)

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(manifests))

    def get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *what, "-o", "json"))
        return found

    def delete(self, *what: str) -> None:
        self.kubectl("delete", *what, "--ignore-not-found", "--wait", "--timeout=120s")

    def forget(self, *what: str) -> None:
        """Delete what no later test asks for, without waiting for its pods to end."""
        self.kubectl("delete", *what, "--ignore-not-found", "--wait=false")

    def wait(self, resource: str, condition: str, status: str = "True", seconds: float = 240) -> dict[str, Any]:
        """The condition, once it has the status. Fails the test with every condition when the time is over."""
        return eventually(
            lambda: self._condition(resource, condition, status), seconds, lambda: self.conditions(resource)
        )

    def _condition(self, resource: str, kind: str, status: str) -> dict[str, Any] | None:
        found = self.conditions(resource).get(kind, {})
        return found if found.get("status") == status else None

    def conditions(self, resource: str) -> dict[str, dict[str, Any]]:
        status = self.get(resource).get("status", {})
        return {c["type"]: c for c in status.get("conditions", [])}


def manifest(name: str, **spec: Any) -> dict[str, Any]:
    """The quick training under another name, with members of its spec replaced."""
    document: dict[str, Any] = yaml.safe_load((MANIFESTS / "training.yaml").read_text())
    document["metadata"]["name"] = name
    for path, value in spec.items():
        *parents, leaf = path.split("__")
        node = document["spec"]
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return document


def service(name: str, **model: Any) -> dict[str, Any]:
    return {
        "apiVersion": "ttsoperator.dev/v1alpha1",
        "kind": "TTSService",
        "metadata": {"name": name},
        "spec": {"model": model, "resources": {"gpus": 0, "cpu": "100m", "memory": "2Gi"}},
    }


def eventually(look: Callable[[], T | None], seconds: float, story: Callable[[], Any] = lambda: "") -> T:
    """What ``look`` finds, asked again until it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"not seen within {seconds} s: {json.dumps(story(), indent=1, default=str)}")
        time.sleep(0.5)


@pytest.fixture(scope="session")
def speech(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """The platform with a claim ``asterisk-en`` that holds a small part of the real corpus, and some broken ones."""
    if "TTS_TEST_KUBECONFIG" in os.environ:
        built = Images(os.environ["TTS_TEST_OPERATOR_IMAGE"], os.environ["TTS_TEST_WORKLOAD_IMAGE"])
    else:
        built = cluster.load_project_images()
    platform.install_operator(cluster, built)
    ready = Platform(cluster, built)
    platform.make_namespace(cluster, ready.namespace)
    ready.kubectl("apply", "-f", ROOT / "examples/corpus-claim.yaml")
    corpora = tmp_path_factory.mktemp("corpora")
    small_corpus(corpus.prepare(), corpora)
    broken_corpora(corpora)
    platform.start_loader(cluster, ready.namespace, built.workload, {"asterisk-en": "/corpus"})
    platform.copy_in(cluster, ready.namespace, corpora, "/corpus")
    platform.stop_loader(cluster, ready.namespace)
    # What several modules need is trained while the first of them tests something else.
    ready.apply(manifest("quick"))
    return ready


def small_corpus(whole: Path, folder: Path) -> None:
    """The first clips of the corpus, laid out at the root of ``folder`` as the examples expect it."""
    lines = (whole / "metadata.csv").read_text().splitlines()[:CORPUS_CLIPS]
    (folder / "wavs").mkdir(parents=True)
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    for line in lines:
        name = f"{line.split('|')[0]}.wav"
        (folder / "wavs" / name).write_bytes((whole / "wavs" / name).read_bytes())


def broken_corpora(folder: Path) -> None:
    """Corpora that a user gets wrong, each in a folder of its own."""
    (folder / "empty").mkdir()
    (folder / "empty" / "metadata.csv").write_text("")
    malformed = folder / "malformed"
    (malformed / "wavs").mkdir(parents=True)
    (malformed / "metadata.csv").write_text("no separator here\nmissing-audio|hello there\n")
    unreadable = folder / "unreadable"
    (unreadable / "wavs").mkdir(parents=True)
    (unreadable / "metadata.csv").write_text("noise|hello there\n")
    (unreadable / "wavs" / "noise.wav").write_bytes(b"this is no sound" * 100)
