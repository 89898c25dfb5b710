"""The pytest fixtures `control_plane` and `cluster`. TTS_TEST_KUBECONFIG puts a cluster of your own in their place."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.cache import cache_folder
from devcluster.cluster import Cluster, down, external, up

_CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """Start a cluster without nodes, which needs no root. Everything in it is real, but no pod runs."""
    yield from _cluster(nodes=0)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Start a cluster whose one node runs pods. Where that is impossible, the test is skipped."""
    if "TTS_TEST_KUBECONFIG" not in os.environ and (sys.platform != "linux" or os.geteuid() != 0):
        pytest.skip("running pods needs root on Linux (or a cluster of your own, named by TTS_TEST_KUBECONFIG)")
    yield from _cluster(nodes=1)


def _cluster(nodes: int) -> Iterator[Cluster]:
    state = cache_folder() / "clusters" / uuid.uuid4().hex[:8]
    state.mkdir(parents=True)
    if named := os.environ.get("TTS_TEST_KUBECONFIG"):
        yield external(Path(named), state)
        shutil.rmtree(state)
        return
    # Takes the cluster down should this process be killed; `down` ends it with the other processes of the cluster.
    guard = subprocess.Popen(
        [sys.executable, "-m", "devcluster", "guard", "--state", str(state), "--pid", str(os.getpid())],
        cwd=_CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(_CHECKOUT)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield up(state, nodes)
    finally:
        down(state)
        guard.terminate()
        guard.wait()
        shutil.rmtree(state)
