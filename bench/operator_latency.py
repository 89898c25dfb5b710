"""Measures the time from `kubectl apply` to the Job and to the first status, and its cost, and compares both with a
bare kopf handler.

    python -m bench.operator_latency [--sizes 500 3000] [--rounds 1]

Each contender gets a fresh control plane without nodes. Eight threads create the trainings as fast as the API server
takes them; other processes watch Jobs and trainings and note when each was seen. CPU and memory are the operator's own,
from /proc; writes are as the API server counts them. The table is printed as Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import platform as machine
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from bench.tables import commit
from devcluster import cluster as embedded

ROOT = Path(__file__).parents[1]
GROUP, VERSION, PLURAL = "ttsoperator.dev", "v1alpha1", "ttstrainings"
NAMESPACE = "default"
THREADS = 8
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Contender:
    """An operator under test: how to start it, and whether it writes a status."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    writes_status: bool


CONTENDERS = (
    Contender("bare kopf handler", (sys.executable, "-m", "bench.bare_handler"), {}, writes_status=False),
    Contender(
        "tts-operator",
        (sys.executable, "-m", "tts_operator"),
        {
            "TTS_OPERATOR_NAMESPACE": NAMESPACE,
            "TTS_OPERATOR_WORKLOAD_IMAGE": "localhost/nothing:1",
            "TTS_OPERATOR_WORKLOAD_CLUSTER_ROLE": "tts-workload",
        },
        writes_status=True,
    ),
)


@dataclass(frozen=True)
class Row:
    """One line of the table. Latencies in seconds, CPU in milliseconds for each object, memory in MiB."""

    contender: str
    objects: int
    jobs_per_second: float
    to_job: list[float]
    to_status: list[float]
    cpu_milliseconds: float
    writes: float
    memory: float

    def markdown(self) -> str:
        """The line as Markdown, in the columns of ``HEADER``."""
        return (
            f"| {self.contender} | {self.objects} | {self.jobs_per_second:.0f} | {quantiles(self.to_job)} "
            f"| {quantiles(self.to_status) if self.to_status else '-'} | {self.cpu_milliseconds:.1f} ms "
            f"| {self.writes:.2f} | {self.memory:.0f} MiB |"
        )


HEADER = (
    "| what | objects | Jobs/s | apply to Job p50 / p95 / p99 | apply to status p50 / p95 / p99 "
    "| operator's CPU an object | API writes an object | memory |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def quantiles(values: list[float]) -> str:
    """The quantiles p50, p95 and p99 of values in seconds, as text."""
    cut = statistics.quantiles(values, n=100, method="inclusive")
    return " / ".join(f"{cut[q - 1]:.2f}" for q in (50, 95, 99)) + " s"


def training(index: int) -> dict[str, Any]:
    """The TTSTraining of this number, as the API server takes it."""
    claim = {"persistentVolumeClaim": {"claimName": "corpus"}}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TTSTraining",
        "metadata": {"name": f"voice-{index}"},
        "spec": {
            "dataset": {"format": "ljspeech", "source": claim},
            "training": {"maxSteps": 1000},
            # The training names a claim, because the bare handler makes none either.
            "storage": {"persistentVolumeClaim": {"claimName": "checkpoints"}},
        },
    }


def observe(kubeconfig: str, kind: str, count: int, ready: Any, results: Any) -> None:
    """Put into ``results`` when each object was first seen, by index, in wall-clock seconds. Has its own process."""
    config.load_kube_config(kubeconfig)
    seen: dict[int, float] = {}
    if kind == "job":
        source, arguments = client.BatchV1Api().list_namespaced_job, (NAMESPACE,)
    else:
        source = client.CustomObjectsApi().list_namespaced_custom_object
        arguments = (GROUP, VERSION, NAMESPACE, PLURAL)
    ready.set()
    while len(seen) < count:
        with contextlib.suppress(client.ApiException):  # the storage of a new kind takes a moment: watch again
            follow(source, arguments, kind, count, seen)
    results.put((kind, seen))


def follow(source: Any, arguments: tuple[str, ...], kind: str, count: int, seen: dict[int, float]) -> None:
    """Watch until everything was seen or the watch ends."""
    for event in watch.Watch().stream(source, *arguments, timeout_seconds=PATIENCE_SECONDS):
        now = time.time()
        body = event["raw_object"]
        found = re.fullmatch(r"voice-(\d+)(-train)?", body["metadata"]["name"])
        if found and (kind == "job" or body.get("status", {}).get("conditions")):
            seen.setdefault(int(found[1]), now)
        if len(seen) == count:
            return


OURS = re.compile(r'resource="(ttstrainings|jobs|services|persistentvolumeclaims|serviceaccounts|rolebindings)"')
WRITE = re.compile(r'verb="(POST|PUT|PATCH|APPLY|DELETE)"')


def writes(cluster: embedded.Cluster) -> float:
    """Return the writes to the resources that an operator of trainings touches, as the API server counted them.

    It leaves out the status of Jobs, which the Job controller writes, and events and leases, which others write too.
    """
    total = 0.0
    for line in cluster.kubectl("get", "--raw", "/metrics").splitlines():
        labels, _, value = line.removeprefix("apiserver_request_total{").rpartition("} ")
        ours = line.startswith("apiserver_request_total{") and OURS.search(labels) and WRITE.search(labels)
        if ours and not ('resource="jobs"' in labels and 'subresource="status"' in labels):
            total += float(value)
    return total


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has taken so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """The most resident memory that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def measure(contender: Contender, count: int) -> Row:
    """Measure one contender on a fresh control plane."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = embedded.up(Path(folder) / "cluster", nodes=0)
        try:
            return _measure(contender, count, cluster)
        finally:
            embedded.down(cluster.state)


def _measure(contender: Contender, count: int, cluster: embedded.Cluster) -> Row:
    cluster.kubectl(
        "apply", "--server-side", "-f", ROOT / "crds/ttstrainings.yaml", "-f", ROOT / "crds/ttsservices.yaml"
    )
    cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=30s", f"crd/{PLURAL}.{GROUP}", f"crd/ttsservices.{GROUP}"
    )
    cluster.kubectl("create", "clusterrole", "tts-workload", "--verb=patch", f"--resource={PLURAL}.{GROUP}/status")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    kinds = ("job", "status") if contender.writes_status else ("job",)
    watchers = []
    for kind in kinds:
        ready = context.Event()
        arguments = (str(cluster.kubeconfig), kind, count, ready, results)
        watchers.append(context.Process(target=observe, args=arguments, daemon=True))
        watchers[-1].start()
        ready.wait()
    log = cluster.state / "operator.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            contender.command,
            env=os.environ | cluster.environment() | contender.environment,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            warm_up(cluster)
            before, cpu = writes(cluster), cpu_seconds(process.pid)
            asked = create(cluster, count)
            seen = dict(results.get(timeout=PATIENCE_SECONDS) for _ in kinds)
            time.sleep(3)  # what is still written after the last first status is part of the cost
            spent = cpu_seconds(process.pid) - cpu
            done = writes(cluster) - before - count
            row = Row(
                contender.name,
                count,
                count / (max(seen["job"].values()) - min(asked.values())),
                [seen["job"][i] - asked[i] for i in range(count)],
                [seen["status"][i] - asked[i] for i in range(count)] if contender.writes_status else [],
                1000 * spent / count,
                done / count,
                memory_mib(process.pid),
            )
        except Exception:
            print(log.read_text()[-3000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
    return row


def warm_up(cluster: embedded.Cluster) -> None:
    """Create one training before the clock runs, so that objects made once for each namespace are not measured."""
    body = training(0)
    body["metadata"]["name"] = "warm-up"
    cluster.kubectl("apply", "-f", "-", input=json.dumps(body))
    deadline = time.monotonic() + 60
    while "warm-up-train" not in cluster.kubectl("get", "jobs", "-o", "name"):
        if time.monotonic() > deadline:
            raise TimeoutError("the operator made no Job for the first training")
        time.sleep(0.2)
    time.sleep(2)


def create(cluster: embedded.Cluster, count: int) -> dict[int, float]:
    """Create the trainings with eight threads. Return the time of each request, in wall-clock seconds."""
    local = threading.local()
    configuration = client.Configuration()
    config.load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    asked: dict[int, float] = {}

    def one(index: int) -> None:
        if not hasattr(local, "api"):
            local.api = client.CustomObjectsApi(client.ApiClient(configuration))
        asked[index] = time.time()
        local.api.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, training(index))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(count)))
    return asked


def main() -> None:
    """Measure every contender with every number of objects, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 3000])
    parser.add_argument("--rounds", type=int, default=1, help="repeat the whole comparison; every run is a row")
    options = parser.parse_args()
    where = f"commit {commit()}, {os.cpu_count()} cores, Python {machine.python_version()}"
    print(f"{time.strftime('%Y-%m-%d')}, {where}\n\n{HEADER}")
    for size in options.sizes:
        for _ in range(options.rounds):
            for contender in CONTENDERS:
                print(measure(contender, size).markdown(), flush=True)


if __name__ == "__main__":
    main()
