"""Two pods serve under load while one is killed and the other is asked to go: no client sees a failed request."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from devcluster import platform
from tests.e2e.conftest import Platform, eventually, service

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]

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


def needed(package: str) -> set[str]:
    """A distribution and all that it needs, as they are installed here."""
    found: set[str] = set()
    rest = [package]
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, importlib.metadata.requires(name) or ())
            rest += [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def clients(folder: Path, python: str) -> Path:
    """A folder with the clients and their packages, in the versions that are installed here, for another Python."""
    locked = [f"{name}=={importlib.metadata.version(name)}" for name in sorted(needed("openai"))]
    into = ["--target", str(folder), "--python-version", python, "--only-binary=:all:", "--no-deps"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *into, *locked], check=True)
    shutil.copy(Path(__file__).with_name("clients.py"), folder)
    return folder


def test_a_killed_pod_and_one_that_goes_lose_no_request(speech: Platform, tmp_path: Path) -> None:
    speech.wait("ttst/quick", "Complete", seconds=300)
    steady = service("steady", fromTraining={"name": "quick"})
    steady["spec"]["replicas"] = 2
    speech.apply(steady)
    platform.start_loader(speech.cluster, speech.namespace, speech.images.workload, {})
    try:
        inside = ["exec", platform.LOADER, "--", "python3"]
        python = speech.kubectl(*inside, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        platform.copy_in(speech.cluster, speech.namespace, clients(tmp_path, python), "/tmp/clients")
        first, second = eventually(lambda: both(speech), 180)
        url = speech.get("ttss/steady")["status"]["url"]
        asking = subprocess.Popen(
            ["kubectl", "-n", speech.namespace, *inside, "/tmp/clients/clients.py", url, str(SECONDS)],
            env=speech.cluster.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
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
    speech.forget("ttss/steady")
