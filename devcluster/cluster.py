"""A whole cluster: it is started and taken down here, and tests and the demo use it through `Cluster`."""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devcluster import addons, delivery, images, processes, seed
from devcluster import parts as cluster_parts
from devcluster.cache import locked, say
from devcluster.control_plane import Addresses, start_control_plane
from devcluster.network import lay_network
from devcluster.node import Node, sweep
from devcluster.processes import ClusterError, wait_until
from devcluster.timing import timed

DEFAULT_STATE = Path(__file__).parents[1] / ".cluster"
# Everything that `up` writes into the state folder except the logs, which `down` keeps for people to read.
_WRITTEN = ("kubeconfig", "cluster.json", "bin", "pki", "etcd", "nodes", "volumes")
# The programs that people use, which `up` links in the folder `bin`.
_FOR_PEOPLE = ("kubectl", "helm")
# The nodes advertise these, whether or not the machine has any.
GPU_RESOURCE = "nvidia.com/gpu"
GPUS_PER_NODE = 4


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A running cluster. A control plane alone has no `nodes`: pods are made there but stay Pending."""

    kubeconfig: Path
    state: Path
    nodes: tuple[str, ...] = ()
    embedded: bool = True

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as in subprocess
        """Run kubectl against this cluster and return its output. Raises ClusterError with its complaint."""
        return self._run("kubectl", *arguments, stdin=input)

    def helm(self, *arguments: str | Path) -> str:
        """Run helm against this cluster and return its output. Raises ClusterError with its complaint."""
        return self._run("helm", *arguments)

    def load_image(self, archive: Path) -> None:
        """Put an image archive (OCI or Docker) into every node. Raises ClusterError."""
        self._only_embedded()
        delivery.load_archive(self.state, archive)

    def load_project_images(self) -> images.Images:
        """Build the project's images where they are not current, put them into every node, and return their names.

        Raises ClusterError and PartsError.
        """
        self._only_embedded()
        return delivery.deliver(self.state)

    def _only_embedded(self) -> None:
        if not self.embedded:
            raise ClusterError(f"{self.kubeconfig} is a cluster of your own: load images with its own tool")

    def environment(self) -> dict[str, str]:
        """Return an environment in which kubectl, helm and any client find this cluster."""
        own_programs = not self.embedded and shutil.which("kubectl") and shutil.which("helm")
        variables = dict(os.environ) if own_programs else cluster_parts.build().environment()
        return variables | {"KUBECONFIG": str(self.kubeconfig)}

    def _run(self, program: str, *arguments: str | Path, stdin: str | None = None) -> str:
        command = [program, *map(str, arguments)]
        run = subprocess.run(
            command,
            env=self.environment(),
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise ClusterError(f"{' '.join(command)}: {run.stderr.strip()}")
        return run.stdout


def identity(state: Path) -> str:
    """Return the id that marks the processes of this folder's cluster. Each folder has an id of its own."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:8]


def up(state: Path = DEFAULT_STATE, nodes: int = 1) -> Cluster:
    """Start a cluster, or return the one that runs already with as many nodes. Raises ClusterError and PartsError.

    A start that fails or is interrupted leaves nothing running.
    """
    if nodes > 0 and os.geteuid() != 0:
        raise ClusterError("nodes need root, for namespaces and control groups; --nodes 0 runs without")
    parts = cluster_parts.build()
    with locked(f"state-{identity(state)}"):
        if running := _running(state, nodes):
            say("the cluster is up already")
            return running
        _take_down(state)
        try:
            return _start(state, parts, nodes)
        except BaseException:
            _take_down(state)
            raise


def down(state: Path = DEFAULT_STATE) -> None:
    """End the cluster and remove what it left, even after a crash. This touches no other cluster."""
    with locked(f"state-{identity(state)}"):
        _take_down(state)


def status(state: Path = DEFAULT_STATE) -> Cluster | None:
    """Return the cluster if its API server answers and no node of it has ended."""
    try:
        record = json.loads((state / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    cluster = Cluster(state / "kubeconfig", state, tuple(record["nodes"]))
    living = processes.of_cluster(identity(state))
    if not all(int((state / "nodes" / name / "pid").read_text()) in living for name in cluster.nodes):
        return None
    with contextlib.suppress(ClusterError):
        cluster.kubectl("--request-timeout=5s", "get", "--raw", "/readyz")
        return cluster
    return None


def external(kubeconfig: Path, state: Path) -> Cluster:
    """Return a cluster that someone else runs, such as kind. Raises ClusterError if it does not answer."""
    cluster = Cluster(kubeconfig.resolve(), state, embedded=False)
    return dataclasses.replace(cluster, nodes=tuple(_registered(cluster)))


def _running(state: Path, nodes: int) -> Cluster | None:
    cluster = status(state)
    return cluster if cluster and len(cluster.nodes) == nodes else None


def _start(state: Path, parts: cluster_parts.Parts, count: int) -> Cluster:
    cluster_id = identity(state)
    state = state.resolve()
    shutil.rmtree(state / "logs", ignore_errors=True)
    (state / "logs").mkdir(parents=True)
    if count == 0:
        with timed("Control plane: start"):
            start_control_plane(cluster_id, state, parts, Addresses())
            cluster = Cluster(state / "kubeconfig", state)
            cluster.kubectl("create", "-f", "-", input=addons.volumes())
    else:
        if current := images.current():
            seed.fill(parts.packages, current)
        with timed(f"Cluster of {count} node{'s' if count > 1 else ''}: start"):
            cluster = _start_with_nodes(cluster_id, state, parts, current, count)
    (state / "bin").mkdir()
    for program in _FOR_PEOPLE:
        (state / "bin" / program).symlink_to(parts.programs / program)
    # Written last: a cluster with a record is whole.
    (state / "cluster.json").write_text(json.dumps({"nodes": cluster.nodes}))
    return cluster


def introduction(cluster: Cluster) -> str:
    """Return the lines that tell a person how to use an embedded cluster, and how to end it."""
    programs = cluster.state.resolve() / "bin"
    lines = (
        f"export KUBECONFIG={cluster.kubeconfig.resolve()}",
        f"{programs / 'kubectl'} get nodes,pods -A",
        f"{programs / 'helm'} list -A",
    )
    return "\n".join(lines)


def _start_with_nodes(
    cluster_id: str, state: Path, parts: cluster_parts.Parts, current: list[images.Image], count: int
) -> Cluster:
    _make_volume_folders(state)
    with locked("network"):
        network = lay_network(cluster_id, state / "logs/switch.log", parts.environment())
    control_plane = start_control_plane(cluster_id, state, parts, network.addresses)
    nodes = [Node(state, parts, control_plane, network, index, count) for index in range(count)]
    cluster = Cluster(control_plane.kubeconfig, state, tuple(node.name for node in nodes))

    def start_node(node: Node) -> None:
        node.start_containerd(current)
        node.start_kubelet()

    with ThreadPoolExecutor() as pool:
        manifest = addons.volumes(), addons.dns(network.addresses.dns_service)
        applied = [pool.submit(cluster.kubectl, "create", "-f", "-", input=items) for items in manifest]
        for _ in pool.map(start_node, nodes):
            pass
        for future in applied:
            future.result()
    wait_until("registration of the nodes", lambda: len(_registered(cluster)) == count, patience_s=60)
    for name in cluster.nodes:
        # The scheduler counts what the node claims to have; nothing hands a device to the pod.
        gpus = json.dumps({"status": {"capacity": {GPU_RESOURCE: str(GPUS_PER_NODE)}}})
        cluster.kubectl("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={gpus}")
    cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=120s")
    cluster.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")
    return cluster


def _registered(cluster: Cluster) -> list[str]:
    return cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()


def _make_volume_folders(state: Path) -> None:
    for name in addons.volume_names():
        folder = state / "volumes" / name
        folder.mkdir(parents=True)
        os.chown(folder, addons.WORKLOAD_USER, addons.WORKLOAD_USER)


def _take_down(state: Path) -> None:
    if state.exists() and os.geteuid() not in (0, state.stat().st_uid):
        raise ClusterError(f"{state} belongs to another user: only that user, or root, may take the cluster down")
    cluster_id = identity(state)
    processes.end(cluster_id)
    sweep(cluster_id)
    for name in _WRITTEN:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
