"""A whole cluster: up, down, and what tests and the demo do with one that runs."""

import contextlib
import dataclasses
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from tests.cluster import parts as cluster_parts
from tests.cluster import processes
from tests.cluster.cache import locked, say
from tests.cluster.control_plane import Addresses, start_control_plane
from tests.cluster.processes import ClusterError

DEFAULT_STATE = Path(__file__).parents[2] / ".cluster"
# All that `up` writes into the state folder but for the logs, which outlive it: someone may want to read them.
_WRITTEN = ("kubeconfig", "cluster.json", "pki", "etcd", "nodes", "volumes")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """A running cluster. `nodes` is empty where it is a control plane alone: pods are made there but stay Pending."""

    kubeconfig: Path
    state: Path
    nodes: tuple[str, ...] = ()

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as in subprocess
        """Run kubectl against this cluster and return its output. Raises ClusterError with its complaint."""
        return self._run("kubectl", *arguments, stdin=input)

    def helm(self, *arguments: str | Path) -> str:
        """Run helm against this cluster and return its output. Raises ClusterError with its complaint."""
        return self._run("helm", *arguments)

    def environment(self) -> dict[str, str]:
        """Return an environment in which kubectl, helm and any client find this cluster."""
        return cluster_parts.build().environment() | {"KUBECONFIG": str(self.kubeconfig)}

    def _run(self, program: str, *arguments: str | Path, stdin: str | None = None) -> str:
        command = [program, *map(str, arguments)]
        run = subprocess.run(
            command, env=self.environment(), input=stdin or "", capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise ClusterError(f"{' '.join(command)}: {run.stderr.strip()}")
        return run.stdout


def identity(state: Path) -> str:
    """Return the id that the cluster of this state folder marks its processes with: another folder, another id."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:8]


def up(state: Path = DEFAULT_STATE, nodes: int = 1) -> Cluster:
    """Start a cluster, or return the one that runs already with as many nodes. Raises ClusterError and PartsError.

    A start that fails or is interrupted leaves nothing running.
    """
    parts = cluster_parts.build()
    with locked(f"state-{identity(state)}"):
        if running := _running(state, nodes):
            say(f"the cluster is up already: {running.kubeconfig}")
            return running
        _take_down(state)
        try:
            return _start(state, parts, nodes)
        except BaseException:
            _take_down(state)
            raise


def down(state: Path = DEFAULT_STATE) -> None:
    """End the cluster and remove what it left, also after a crash of anything. Other clusters are not touched."""
    with locked(f"state-{identity(state)}"):
        _take_down(state)


def status(state: Path = DEFAULT_STATE) -> Cluster | None:
    """Return the cluster if it runs and its API server answers."""
    try:
        record = json.loads((state / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    cluster = Cluster(state / "kubeconfig", state, tuple(record["nodes"]))
    with contextlib.suppress(ClusterError):
        cluster.kubectl("--request-timeout=5s", "get", "--raw", "/readyz")
        return cluster
    return None


def external(kubeconfig: Path, state: Path) -> Cluster:
    """Return a cluster that someone else runs, such as kind. Raises ClusterError if it does not answer."""
    cluster = Cluster(kubeconfig.resolve(), state)
    return dataclasses.replace(cluster, nodes=tuple(cluster.kubectl("get", "nodes", "-o", "name").split()))


def _running(state: Path, nodes: int) -> Cluster | None:
    cluster = status(state)
    return cluster if cluster and len(cluster.nodes) == nodes else None


def _start(state: Path, parts: cluster_parts.Parts, nodes: int) -> Cluster:
    cluster_id = identity(state)
    (state / "logs").mkdir(parents=True, exist_ok=True)
    addresses = Addresses()
    say("starting the control plane")
    start_control_plane(cluster_id, state, parts, addresses)
    names: list[str] = []
    # Written last: a cluster with a record is whole.
    (state / "cluster.json").write_text(json.dumps({"id": cluster_id, "nodes": names}))
    say(f"the cluster is up: export KUBECONFIG={state / 'kubeconfig'}")
    return Cluster(state / "kubeconfig", state, tuple(names))


def _take_down(state: Path) -> None:
    processes.end(identity(state))
    for name in _WRITTEN:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
