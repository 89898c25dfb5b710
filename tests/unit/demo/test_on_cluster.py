"""Which cluster the demo uses, what it takes down, and what it fetches. The cluster itself is a stand-in."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo import on_cluster
from demo.on_cluster import OnCluster
from demo.screen import Screen
from demo.steps import Steps
from devcluster import cluster as embedded
from devcluster import platform
from devcluster.cluster import Cluster
from devcluster.processes import ClusterError

VOICE = b"a voice"


class StandIn:
    """Stands in for the embedded cluster of a state folder, and notes what is done with it."""

    def __init__(self, state: Path, *, runs: bool, nodes: tuple[str, ...] = ("node-0",)) -> None:
        self.state = state
        self.runs = runs
        self.done: list[str] = []
        self._cluster = Cluster(state / "kubeconfig", state, nodes)

    def status(self, _: Path) -> Cluster | None:
        return self._cluster if self.runs else None

    def up(self, state: Path, nodes: int) -> Cluster:
        self.done.append(f"up {nodes}")
        self.runs = True
        (state / "kubeconfig").write_text(f"authority {len(self.done)}")
        return Cluster(state / "kubeconfig", state, ("node-0",))

    def down(self, _: Path) -> None:
        self.done.append("down")
        self.runs = False


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **how: Any) -> tuple[StandIn, OnCluster]:
    cluster = StandIn(tmp_path, **how)
    (tmp_path / "kubeconfig").write_text("authority 0")
    for name in ("status", "up", "down"):
        monkeypatch.setattr(embedded, name, getattr(cluster, name))
    waits = [sys.executable, "-c", "import time; time.sleep(600)"]
    start = subprocess.Popen
    monkeypatch.setattr(on_cluster.subprocess, "Popen", lambda _, **options: start(waits, **options))
    screen = Screen(io.StringIO())
    return cluster, OnCluster(Steps(screen), screen, tmp_path)


@pytest.mark.parametrize(
    ("how", "mark", "keep", "done", "still_runs"),
    [
        pytest.param({"runs": False}, "", False, ["up 1", "down"], False, id="none"),
        pytest.param({"runs": False}, "", True, ["up 1"], True, id="none-and-kept"),
        pytest.param({"runs": True}, "authority 0", False, ["down", "up 1", "down"], False, id="of-a-killed-demo"),
        pytest.param({"runs": True}, "authority 0", True, ["down", "up 1"], True, id="of-an-earlier-demo-and-kept"),
        pytest.param({"runs": True}, "", False, [], True, id="of-make-cluster"),
        pytest.param({"runs": True}, "authority of long ago", False, [], True, id="of-make-cluster-after-a-demo"),
        pytest.param({"runs": True, "nodes": ()}, "", False, ["up 1", "down"], False, id="a-control-plane-alone"),
    ],
)
def test_the_demo_takes_down_what_demos_made(
    how: dict[str, Any],
    mark: str,
    keep: bool,
    done: list[str],
    still_runs: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, way = stand_in(tmp_path, monkeypatch, **how)
    if mark:
        (tmp_path / on_cluster.MARK).write_text(hashlib.sha256(mark.encode()).hexdigest())
    way._start()
    assert way.end(keep=keep) == still_runs
    assert (cluster.done, cluster.runs) == (done, still_runs)
    assert way._guard is None


@pytest.mark.parametrize(("runs", "done"), [(False, ["up 1", "down"]), (True, [])], ids=["its-own", "of-make-cluster"])
def test_after_a_failure_only_its_own_cluster_is_taken_down(
    runs: bool, done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, way = stand_in(tmp_path, monkeypatch, runs=runs)
    way._start()
    way.abandon()
    assert (cluster.done, way._guard) == (done, None)


@pytest.mark.parametrize("content", [VOICE, b"cut of"], ids=["whole", "damaged"])
def test_the_voice_is_fetched_under_its_stable_name_and_compared_with_its_digest(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, way = stand_in(tmp_path, monkeypatch, runs=False)
    way._cluster = way._start()
    way._images = platform.Images("operator:1", "workload:1")
    digest = hashlib.sha256(VOICE).hexdigest()
    artifact = {"path": "speech.allison/voice-1.pt", "claimName": "allison", "sha256": digest}
    way._training = {"status": {"artifact": artifact}}

    def copy_out(_: Cluster, namespace: str, path: str, folder: Path, *names: str) -> None:
        assert (namespace, path, names) == ("speech", "/checkpoints/speech.allison", ("report", "voice-1.pt"))
        (folder / "voice-1.pt").write_bytes(content)

    monkeypatch.setattr(platform, "copy_out", copy_out)
    for name in ("start_loader", "stop_loader"):
        monkeypatch.setattr(platform, name, lambda *_: None)
    if content == VOICE:
        way.fetch(tmp_path)
        assert (tmp_path / "voice.pt").read_bytes() == VOICE
    else:
        with pytest.raises(ClusterError, match="out of the claim with another digest"):
            way.fetch(tmp_path)
    way.abandon()
    assert cluster.done == ["up 1", "down"]


def test_a_failure_before_the_cluster_is_there_has_a_post_mortem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, way = stand_in(tmp_path, monkeypatch, runs=False)
    assert way.post_mortem() == [f"Logs of the cluster: {tmp_path / 'logs'}"]
