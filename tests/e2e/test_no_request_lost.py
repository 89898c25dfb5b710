"""Two pods serve under load while one is killed and the other is asked to go: no client sees a failed request."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cluster import platform
from tests.e2e.conftest import Platform, eventually
from tests.e2e.test_train_and_serve import manifest, service

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]

PACKAGES = ("openai", "jiter", "distro", "sniffio", "tqdm")
"""What OpenAI's client needs beside what the workload image has."""
SECONDS = 40


def ready(speech: Platform) -> list[str]:
    """Names of the pods that answer and are not about to go."""
    pods = speech.get("pods", "-l", "ttsoperator.dev/service=steady")["items"]
    return [
        pod["metadata"]["name"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
    ]


def both(speech: Platform) -> list[str] | None:
    found = ready(speech)
    return found if len(found) == 2 else None


def clients(folder: Path) -> Path:
    """A folder with the clients and their packages."""
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("clients.py"), folder)
    return folder


def test_a_killed_pod_and_one_that_goes_lose_no_request(speech: Platform, tmp_path: Path) -> None:
    speech.apply(manifest("quick"))
    speech.wait("ttst/quick", "Complete", seconds=300)
    steady = service("steady", fromTraining={"name": "quick"})
    steady["spec"]["replicas"] = 2
    speech.apply(steady)
    first, second = eventually(lambda: both(speech), 180)
    url = speech.get("ttss/steady")["status"]["url"]
    platform.start_loader(speech.cluster, speech.namespace, speech.images.workload, {})
    try:
        platform.copy_in(speech.cluster, speech.namespace, clients(tmp_path), "/tmp/clients")
        ask = f"PYTHONPATH=/tmp/clients:$PYTHONPATH exec python3 /tmp/clients/clients.py {url} {SECONDS}"
        asking = subprocess.Popen(
            ["kubectl", "exec", "-n", speech.namespace, platform.LOADER, "--", "sh", "-c", ask],
            env=speech.cluster.environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert asking.stdout is not None
        assert asking.stdout.readline() == "started\n"
        speech.kubectl("delete", "pod", first, "--force", "--grace-period=0")
        eventually(lambda: (found := both(speech)) and first not in found and found, 60)
        speech.kubectl("delete", "pod", second, "--wait")
        eventually(lambda: both(speech), 60)
        said, _ = asking.communicate(timeout=2 * SECONDS)
    finally:
        platform.stop_loader(speech.cluster, speech.namespace)
    seen = json.loads(said)
    assert len(seen) == 1, f"all requests have the same answer: {seen}"
    assert next(iter(seen)).endswith("bytes")
    assert sum(seen.values()) > 50
    speech.delete("ttss/steady")
