"""The demo on a real Kubernetes: it installs the operator's chart, and applies the manifests in examples/."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import follow
from demo.screen import Screen
from demo.steps import Steps
from devcluster import cluster as embedded
from devcluster import delivery, platform
from devcluster.cluster import Cluster
from devcluster.processes import ClusterError, tail

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
NAMESPACE = "speech"
CLAIM = "asterisk-en"
NAME = "allison"
SERVICE = f"{NAME}-serve"
TRAINING_LABEL = "ttsoperator.dev/training"
MARK = "made-by-demo"


class OnCluster:
    """One run of the demo on the embedded cluster in ``state``. Every step raises ClusterError and PartsError."""

    left_out = ""

    def __init__(self, steps: Steps, screen: Screen, state: Path = embedded.DEFAULT_STATE) -> None:
        self._steps = steps
        self._screen = screen
        self._state = state
        self._guard: subprocess.Popen[bytes] | None = None
        self._is_ours = False
        self._cluster: Cluster | None = None

    def train(self, corpus: Path) -> None:
        """Start the cluster with the operator, and train the voice on the corpus."""
        step = self._steps.step
        with step("Starting a real Kubernetes with one node"):
            cluster = self._cluster = self._start()
            self._images = delivery.deliver(self._state)
        with step("helm install tts-operator charts/tts-operator"):
            platform.install_operator(cluster, self._images)
        with step(f"Copying the corpus into the claim {CLAIM}"):
            platform.make_namespace(cluster, NAMESPACE)
            cluster.kubectl("apply", "-n", NAMESPACE, "-f", EXAMPLES / "corpus-claim.yaml")
            platform.start_loader(cluster, NAMESPACE, self._images.workload, {CLAIM: "/corpus"})
            platform.copy_in(cluster, NAMESPACE, corpus, "/corpus")
            platform.stop_loader(cluster, NAMESPACE)
        with step("kubectl apply -f examples/ttstraining.yaml -f examples/ttsservice.yaml"):
            for manifest in ("ttstraining.yaml", "ttsservice.yaml"):
                cluster.kubectl("apply", "-n", NAMESPACE, "-f", EXAMPLES / manifest)
        with step("Training the voice", draws=True):
            self._training = follow.training(
                lambda: follow.read(cluster, NAMESPACE, NAME), self._screen, self._show_resources
            )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Yield the address of the service once it speaks."""
        cluster = self._running()
        with self._steps.step("Waiting until the service speaks"):
            cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Available", "--timeout=300s", f"ttss/{NAME}")
        self._show_resources()
        with platform.port_forward(cluster, NAMESPACE, f"service/{SERVICE}", 80) as url:
            yield url

    def fetch(self, output: Path) -> None:
        """Copy the voice, as ``voice.pt``, and its report from the claim into the folder ``output``."""
        artifact = self._training["status"]["artifact"]
        folder, _, name = artifact["path"].rpartition("/")
        cluster = self._running()
        platform.start_loader(cluster, NAMESPACE, self._images.workload, {artifact["claimName"]: "/checkpoints"})
        platform.copy_out(cluster, NAMESPACE, f"/checkpoints/{folder}", output, "report", name)
        platform.stop_loader(cluster, NAMESPACE)
        if hashlib.sha256((output / name).read_bytes()).hexdigest() != artifact["sha256"]:
            raise ClusterError(f"{name} came out of the claim with another digest than {artifact['sha256']}")
        (output / name).replace(output / "voice.pt")

    def end(self, *, keep: bool) -> bool:
        """Take the cluster down unless it is to be kept or was there before; return whether it still runs."""
        runs = keep or not self._is_ours
        if not runs:
            embedded.down(self._state)
        self._dismiss_guard()
        return runs

    def abandon(self) -> None:
        """Take down what runs, after a failure or a signal. The logs stay in the state folder."""
        if self._is_ours:
            embedded.down(self._state)
        self._dismiss_guard()

    def post_mortem(self) -> list[str]:
        """Return what helps to understand a failure, while the cluster still runs. More is kept beside its logs."""
        logs = self._state / "logs"
        found = [f"Logs of the cluster: {logs}"]
        if self._cluster is None:
            return found
        with contextlib.suppress(ClusterError, OSError):
            about = self._cluster.kubectl("--request-timeout=10s", "get", "-A", "pods,events", "-o", "wide")
            (logs / "demo-pods-and-events.txt").write_text(about, encoding="utf-8")
        with contextlib.suppress(ClusterError, OSError):
            selector = f"--selector={TRAINING_LABEL}={NAME}"
            said = self._cluster.kubectl("--request-timeout=10s", "logs", "-n", NAMESPACE, selector, "--tail=200")
            (logs / "demo-training.log").write_text(said, encoding="utf-8")
            if said.strip():
                found += ["The last lines of the training's pod:", tail(logs / "demo-training.log")]
        return found

    def _running(self) -> Cluster:
        """Return the cluster that ``train`` started."""
        if self._cluster is None:
            raise ClusterError("the cluster was not started")
        return self._cluster

    def _start(self) -> Cluster:
        running = embedded.status(self._state)
        mark = self._state / MARK
        if running and mark.exists() and mark.read_text() == _fingerprint(running):
            self._screen.say("  the cluster of an earlier demo is taken down first")
            embedded.down(self._state)
        elif running and running.nodes:
            self._screen.say("  the cluster that is up is used, and left running")
            return running
        self._is_ours = True
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "devcluster", "guard", "--pid", str(os.getpid()), "--state", self._state],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        cluster = embedded.up(self._state, nodes=1)
        mark.write_text(_fingerprint(cluster))
        return cluster

    def _show_resources(self) -> None:
        self._screen.say(self._screen.bold(f"  $ kubectl get ttst,ttss -n {NAMESPACE}"))
        with contextlib.suppress(ClusterError):  # it is only to look at
            for line in self._running().kubectl("get", "-n", NAMESPACE, "ttst,ttss").splitlines():
                self._screen.say(f"  {line}")

    def _dismiss_guard(self) -> None:
        if self._guard:
            self._guard.kill()
            self._guard.wait()
            self._guard = None


def _fingerprint(cluster: Cluster) -> str:
    """Return what tells a cluster from a later one in the same folder: each has an authority of its own."""
    return hashlib.sha256(cluster.kubeconfig.read_bytes()).hexdigest()
