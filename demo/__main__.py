"""Runs `make demo`: it starts a real Kubernetes, installs the operator's chart, and trains and serves a voice with the
manifests in examples/.

It leaves WAVs, pictures and the model card in demo-output/, and takes the cluster down unless KEEP_CLUSTER=1.
"""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from demo import corpus as demo_corpus
from demo import follow, listen
from devcluster import cluster as embedded
from devcluster import delivery, platform
from devcluster.images import Images
from devcluster.processes import ClusterError

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "demo-output"
EXAMPLES = ROOT / "examples"
NAMESPACE = "speech"
CLAIM = "asterisk-en"
NAME = "allison"

console = Console(highlight=False)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title of a step when it begins, and how long it took."""
    console.print(f"[bold]▶ {title}[/bold]")
    start = time.monotonic()
    yield
    console.print(f"  [green]✓[/green] {time.monotonic() - start:.0f} s")


def prepare() -> tuple[Images, Path]:
    """Build Kubernetes, the images and the corpus side by side: some wait for the network while others compute."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        corpus = pool.submit(demo_corpus.prepare)
        built = delivery.deliver(embedded.DEFAULT_STATE)
        return built, corpus.result()


def main() -> int:
    started = time.monotonic()
    with step("Building Kubernetes, the images and the corpus (the first time takes minutes, later seconds)"):
        built, corpus = prepare()
    with step("Starting a real Kubernetes with one node"):
        cluster = embedded.up(nodes=1)
    try:
        with step("helm install tts-operator charts/tts-operator"):
            platform.install_operator(cluster, built)
        with step(f"Copying the corpus into the claim {CLAIM}"):
            platform.make_namespace(cluster, NAMESPACE)
            cluster.kubectl("apply", "-n", NAMESPACE, "-f", EXAMPLES / "corpus-claim.yaml")
            platform.start_loader(cluster, NAMESPACE, built.workload, {CLAIM: "/corpus"})
            platform.copy_in(cluster, NAMESPACE, corpus, "/corpus")
            platform.stop_loader(cluster, NAMESPACE)
        with step("kubectl apply -f examples/ttstraining.yaml -f examples/ttsservice.yaml"):
            for manifest in ("ttstraining.yaml", "ttsservice.yaml"):
                cluster.kubectl("apply", "-n", NAMESPACE, "-f", EXAMPLES / manifest)
        with step("Training the voice"):
            follow.training(cluster, NAMESPACE, NAME, console)
        with step("Waiting until the service speaks"):
            cluster.kubectl("wait", "-n", NAMESPACE, "--for=condition=Available", "--timeout=300s", f"ttss/{NAME}")
        console.print(cluster.kubectl("get", "-n", NAMESPACE, "ttst,ttss"), soft_wrap=True)
        with step("Speaking"):
            shutil.rmtree(OUTPUT, ignore_errors=True)
            with platform.port_forward(cluster, NAMESPACE, f"service/{NAME}-serve", 80) as url:
                listen.speak(url, OUTPUT / "speech")
        with step("Fetching pictures and model card from the claim"):
            fetch_report(cluster, built)
        with step("Measuring how well a recogniser understands the voice (offline, whisper tiny.en)"):
            listen.measure(OUTPUT / "speech", console)
    except ClusterError as error:
        console.print(f"[red]{error}[/red]")
        console.print(f"Logs of the cluster: {cluster.state / 'logs'}. `make cluster-down` takes it down.")
        return 1
    if os.environ.get("KEEP_CLUSTER") == "1":
        console.print(f"The cluster is kept: export KUBECONFIG={cluster.kubeconfig}; `make cluster-down` ends it.")
    else:
        embedded.down()
    console.print(f"Done in {(time.monotonic() - started) / 60:.1f} minutes. Look and listen: [bold]{OUTPUT}[/bold]")
    for path in (OUTPUT / "speech/greeting.wav", *sorted((OUTPUT / "report").iterdir())):
        console.print(f"  {path.relative_to(OUTPUT)}")
    return 0


def fetch_report(cluster: embedded.Cluster, built: Images) -> None:
    """Copy what the training left besides checkpoints and the voice: pictures, curve, model card and samples."""
    training = follow.read(cluster, NAMESPACE, NAME)
    artifact = training["status"]["artifact"]
    folder, _, _ = artifact["path"].rpartition("/")
    platform.start_loader(cluster, NAMESPACE, built.workload, {artifact["claimName"]: "/checkpoints"})
    platform.copy_out(cluster, NAMESPACE, f"/checkpoints/{folder}/report", OUTPUT / "report")
    platform.stop_loader(cluster, NAMESPACE)


if __name__ == "__main__":
    sys.exit(main())
