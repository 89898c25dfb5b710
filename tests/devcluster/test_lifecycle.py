"""The embedded cluster itself: what runs in it is real, and nothing of it survives `down`, whatever happened before."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import platform, processes
from devcluster.cache import cache_folder
from devcluster.cluster import Cluster, down, identity, up
from devcluster.processes import ClusterError

_CHECKOUT = Path(__file__).parents[2]
_NAMESPACE = "lifecycle"
_MACHINE_KUBELET = Path("/var/lib/kubelet")

pytestmark = pytest.mark.timeout(600)
# Tests of one group share a session's cluster; those that start their own go where there is less to do.
_ON_CONTROL_PLANE = pytest.mark.xdist_group("control-plane")
_ON_CLUSTER = pytest.mark.xdist_group("cluster")


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A state folder of a test's own cluster, taken down afterwards."""
    folder = cache_folder() / "clusters" / f"{request.node.originalname}-{os.getpid()}"
    folder.mkdir(parents=True)
    yield folder
    down(folder)
    subprocess.run(["rm", "-r", folder], check=True)


@pytest.fixture
def kernel_panic() -> Iterator[Path]:
    """The kernel's setting `kernel.panic` with a value that no kubelet would give it; the old value returns."""
    if os.geteuid() != 0:
        pytest.skip("nodes need root")
    setting = Path("/proc/sys/kernel/panic")
    before = setting.read_text()
    setting.write_text("11")
    yield setting
    setting.write_text(before)


@_ON_CONTROL_PLANE
@pytest.mark.control_plane
def test_without_nodes_controllers_work_and_pods_wait(control_plane: Cluster) -> None:
    control_plane.kubectl("create", "deployment", "waiting", "--image=localhost/none:1")
    control_plane.kubectl("wait", "--for=create", "pod", "-l", "app=waiting", "--timeout=30s")
    assert control_plane.kubectl("get", "pods", "-l", "app=waiting", "-o", "jsonpath={..phase}") == "Pending"
    control_plane.kubectl("delete", "deployment", "waiting")


@_ON_CONTROL_PLANE
@pytest.mark.control_plane
@pytest.mark.skipif("TTS_TEST_KUBECONFIG" in os.environ, reason="looks at the embedded cluster's processes")
def test_a_control_plane_needs_no_root_and_is_gone_after_down(state: Path) -> None:
    # In a user namespace without a mapping to root, processes have no rights but their user's.
    namespace = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
    verbs = " && ".join(f'"$0" -m devcluster {verb} --state "$1"' for verb in ("up --nodes 0", "status", "down"))
    subprocess.run([*namespace, "sh", "-c", verbs, sys.executable, state], cwd=_CHECKOUT, check=True)
    assert _traces(state, network="") == []


@_ON_CLUSTER
@pytest.mark.cluster
def test_a_restricted_pod_writes_to_its_claim_and_finds_services_by_name(cluster: Cluster) -> None:
    if "TTS_TEST_KUBECONFIG" in os.environ:
        pytest.skip("loads an image into the embedded cluster's nodes")
    image = cluster.load_project_images().workload
    platform.make_namespace(cluster, _NAMESPACE)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "claim"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    # The node may learn of the name server's address a moment after the pod has started.
    look_up = "until getent hosts kubernetes.default.svc.cluster.local; do sleep 1; done"
    script = f"echo kept > /claim/file && cat /claim/file && {look_up}"
    pod = platform.restricted_pod("pod", image, ["sh", "-c", script], {"claim": "/claim"})
    pod["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    for manifest in (claim, pod):
        cluster.kubectl("-n", _NAMESPACE, "create", "-f", "-", input=json.dumps(manifest))
    finished = ["wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/pod", "--timeout=120s"]
    try:
        cluster.kubectl("-n", _NAMESPACE, *finished)
    except ClusterError as error:
        pytest.fail(f"{error}\n{cluster.kubectl('-n', _NAMESPACE, 'describe', 'pod/pod')}")
    kept, service = cluster.kubectl("-n", _NAMESPACE, "logs", "pod").splitlines()
    expected = cluster.kubectl("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")
    cluster.kubectl("delete", "namespace", _NAMESPACE)
    assert kept == "kept"
    assert service.split()[0] == expected


@_ON_CLUSTER
@pytest.mark.cluster
def test_two_nodes_beside_another_cluster_leave_nothing_when_killed(cluster: Cluster, state: Path) -> None:
    if "TTS_TEST_KUBECONFIG" in os.environ:
        pytest.skip("looks at the embedded cluster's processes")
    second = up(state, nodes=2)
    ready = second.kubectl("get", "nodes", "-o", "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}")
    assert ready == "True True"
    endpoint = second.kubectl("get", "endpoints", "kubernetes", "-o", "jsonpath={..ip}")
    network = endpoint.rpartition(".0.")[0]
    assert _traces(state, network)
    for pid in processes.of_cluster(identity(state)):
        with contextlib.suppress(ProcessLookupError):  # a node's processes end with its first one
            os.kill(pid, signal.SIGKILL)
    down(state)
    assert _traces(state, network) == []
    assert cluster.kubectl("get", "--raw", "/readyz") == "ok"


@_ON_CONTROL_PLANE
@pytest.mark.cluster
def test_a_node_leaves_the_kernel_and_the_kubelets_folder_as_they_were(state: Path, kernel_panic: Path) -> None:
    before = _MACHINE_KUBELET.exists() and sorted(_MACHINE_KUBELET.rglob("*"))
    up(state, nodes=1)
    assert kernel_panic.read_text() == "11\n"
    down(state)
    assert kernel_panic.read_text() == "11\n"
    after = _MACHINE_KUBELET.exists() and sorted(_MACHINE_KUBELET.rglob("*"))
    assert after in (before, False, [])  # an empty folder stays while other clusters run


@_ON_CONTROL_PLANE
@pytest.mark.control_plane
@pytest.mark.skipif("TTS_TEST_KUBECONFIG" in os.environ, reason="looks into the embedded cluster's folder")
@pytest.mark.parametrize(("program", "arguments"), [("kubectl", ["get", "--raw", "/readyz"]), ("helm", ["list", "-q"])])
def test_people_find_kubectl_and_helm_in_the_clusters_folder(
    control_plane: Cluster, program: str, arguments: list[str]
) -> None:
    environment = {"KUBECONFIG": str(control_plane.kubeconfig), "HOME": os.environ["HOME"], "PATH": "/usr/bin:/bin"}
    subprocess.run([control_plane.state / "bin" / program, *arguments], env=environment, check=True)


@_ON_CONTROL_PLANE
@pytest.mark.cluster
@pytest.mark.parametrize("seconds", [1, 4])
def test_a_start_that_is_killed_can_be_taken_down_and_begun_again(state: Path, seconds: float) -> None:
    if os.geteuid() != 0:
        pytest.skip("nodes need root")
    starting = subprocess.Popen([sys.executable, "-m", "devcluster", "up", "--state", state], cwd=_CHECKOUT)
    time.sleep(seconds)
    starting.kill()
    starting.wait()
    up(state, nodes=1)
    down(state)
    assert _traces(state, network="") == []


def _traces(state: Path, network: str) -> list[str]:
    """Return what of a cluster is still on this machine: processes, mounts, links, routes, control groups, files."""
    cluster_id = identity(state)
    host = [Path("/proc/self/mountinfo").read_text()]
    host += [subprocess.run(["ip", *what], capture_output=True, text=True, check=True).stdout for what in _NETWORK]
    marks = [cluster_id, str(state), *([f"{network}."] if network else [])]
    found = [line for text in host for line in text.splitlines() if any(mark in line for mark in marks)]
    found += [f"process {pid}" for pid in processes.of_cluster(cluster_id)]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{cluster_id}*")]
    return found + [path.name for path in state.iterdir() if path.name != "logs"]


_NETWORK = (["-oneline", "address"], ["route", "show", "table", "all"])
