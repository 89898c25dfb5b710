"""One node: containerd, kubelet and kube-proxy in namespaces of their own, with real pods.

A node is a process namespace too: when its first process ends, all of its processes and pods end with it, and with
them its mounts and its network. Only control groups and two folders' worth of files remain for `sweep` to remove.
"""

import functools
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.network import Network, inside
from tests.cluster.parts import Parts
from tests.cluster.processes import ClusterError, start, tail, wait_until

_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_CNI_RESULTS = Path("/var/lib/cni/results")
PAUSE_IMAGE = "localhost/pause:1"

# Everything that a node writes lies below /run, which is its own: short paths, equal on all nodes.
_PREPARE = """
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
for name in kubelet containerd cni; do mkdir /run/$name; mount --bind "$1/$name" /run/$name; done
mkdir /run/volumes; mount --bind "$2" /run/volumes
mount --bind "$1/log" /var/log
echo 1 > /proc/sys/net/ipv4/ip_forward
"""


class Node:
    """A node that is being started or runs. Every method raises ClusterError if what it starts does not start."""

    def __init__(
        self, state: Path, parts: Parts, control_plane: ControlPlane, network: Network, index: int, count: int
    ) -> None:
        self.name = f"node-{index}"
        self._index = index
        self._count = count
        self._state = state
        self._folder = state / "nodes" / self.name
        self._parts = parts
        self._control_plane = control_plane
        self._network = network
        self._control_group = f"{control_group_prefix(network.cluster_id)}{index}"
        self._pid = 0

    def start_containerd(self) -> None:
        """Make the namespaces and start containerd in them."""
        for name in ("kubelet", "containerd", "cni/networks", "log"):
            (self._folder / name).mkdir(parents=True)
        self._pid = self._first_process()
        (self._folder / "pid").write_text(str(self._pid))
        self._run(["sh", "-e", "-c", _PREPARE, "sh", self._folder, self._state / "volumes"])
        self._network.plug_in(self._index, self._pid, self._count)
        self._write_cni_configuration()
        config = self._folder / "containerd.toml"
        config.write_text(_containerd_configuration(self._parts))
        pid = self._start("containerd", ["containerd", "--config", config])
        ready = functools.partial(self._succeeds, ["ctr", "version"])
        wait_until(f"containerd of {self.name}", ready, patience_s=60, pids={pid: self._log("containerd")})

    def start_kubelet(self) -> None:
        """Start the kubelet and kube-proxy; the node registers itself."""
        for hierarchy in _hierarchies():
            (hierarchy / self._control_group).mkdir(exist_ok=True)
        authority = self._control_plane.authority
        address = self._network.node_address(self._index)
        pair = authority.issue(self.name, f"system:node:{self.name}", "system:nodes", hosts=[address, self.name])
        kubeconfig = authority.kubeconfig(
            self._folder / "kubelet.kubeconfig", self._control_plane.server, pair, self.name
        )
        configuration = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(authority.pair.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pair.certificate),
            "tlsPrivateKeyFile": str(pair.key),
            "containerRuntimeEndpoint": "unix:///run/containerd.sock",
            "podLogsDir": "/var/log/pods",
            "clusterDNS": [self._network.addresses.dns_service],
            "clusterDomain": "cluster.local",
            "resolvConf": "",  # names outside the cluster are nobody's business here
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._control_group}",
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "makeIPTablesUtilChains": False,
            # An image that was handed in can't be pulled again, so none may ever be collected.
            "evictionHard": dict.fromkeys(
                (
                    "memory.available",
                    "nodefs.available",
                    "nodefs.inodesFree",
                    "imagefs.available",
                    "imagefs.inodesFree",
                ),
                "0%",
            ),
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        }
        config = self._folder / "kubelet.json"
        config.write_text(json.dumps(configuration, indent=2))
        kubelet = ["kubelet", f"--config={config}", f"--kubeconfig={kubeconfig}", "--root-dir=/run/kubelet"]
        self._start("kubelet", [*kubelet, f"--hostname-override={self.name}", f"--node-ip={address}"])
        self._start_proxy()

    def load_image(self, archive: Path) -> None:
        """Put an image archive into the node's image store."""
        self._run(["ctr", "--namespace=k8s.io", "images", "import", archive])

    def _start_proxy(self) -> None:
        pair = self._control_plane.authority.issue(f"kube-proxy-{self._index}", "system:kube-proxy")
        path = self._folder / "kube-proxy.kubeconfig"
        kubeconfig = self._control_plane.authority.kubeconfig(path, self._control_plane.server, pair, "kube-proxy")
        command = [
            "kube-proxy", "--proxy-mode=iptables", f"--kubeconfig={kubeconfig}", f"--hostname-override={self.name}",
            f"--cluster-cidr={self._network.addresses.pods}",
            # What these would set belongs to the host's network and can't be written from a node's.
            "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
        ]  # fmt: skip
        self._start("kube-proxy", command)

    def _first_process(self) -> int:
        namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        log = self._log("node")
        outer = start(self._network.cluster_id, ["unshare", *namespaces, "pause"], log, self._parts.environment())
        children = Path(f"/proc/{outer}/task/{outer}/children")
        wait_until(f"the first process of {self.name}", lambda: bool(_first_word(children)), 10, pids={outer: log})
        pid = int(_first_word(children))
        # The child unshares nothing more, but mounts /proc before it becomes `pause`.
        command = Path(f"/proc/{pid}/comm")
        wait_until(f"the first process of {self.name}", lambda: command.read_text() == "pause\n", 10, pids={outer: log})
        return pid

    def _write_cni_configuration(self) -> None:
        plugin = {
            "type": "ptp",  # unlike a bridge it routes every packet, so that kube-proxy's rules see every packet
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni/networks",
                "ranges": [[{"subnet": self._network.node_pods(self._index)}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        configuration = {"cniVersion": "1.0.0", "name": self._control_group, "plugins": [plugin]}
        (self._folder / "cni/10-pods.conflist").write_text(json.dumps(configuration))

    def _start(self, name: str, command: Sequence[str | Path]) -> int:
        environment = self._parts.environment()
        return start(self._network.cluster_id, inside(self._pid, command), self._log(name), environment)

    def _run(self, command: Sequence[str | Path]) -> None:
        run = subprocess.run(
            inside(self._pid, command), env=_with_runtime(self._parts.environment()),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if run.returncode:
            raise ClusterError(f"{self.name}: {command[0]}: {run.stderr.strip()}\n{tail(self._log('containerd'))}")

    def _succeeds(self, command: Sequence[str]) -> bool:
        try:
            self._run(command)
        except ClusterError:
            return False
        return True

    def _log(self, name: str) -> Path:
        return self._state / f"logs/{self.name}-{name}.log"


def control_group_prefix(cluster_id: str) -> str:
    """Return what the names of a cluster's control groups and pod networks begin with."""
    return f"tts-{cluster_id}-"


def sweep(cluster_id: str) -> None:
    """Remove what the nodes of a cluster leave outside of its state folder, once their processes have ended."""
    prefix = control_group_prefix(cluster_id)
    for hierarchy in _hierarchies():
        for group in hierarchy.glob(f"{prefix}*"):
            for inner in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                inner.rmdir()
            group.rmdir()
    for result in _CNI_RESULTS.glob(f"{prefix}*"):
        result.unlink()
    for folder in (_CNI_RESULTS, _CNI_RESULTS.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _hierarchies() -> list[Path]:
    """Return the roots of the control group hierarchies: one in version 2, one for each controller in version 1."""
    if (_CONTROL_GROUPS / "cgroup.controllers").exists():
        return [_CONTROL_GROUPS]
    return [path for path in _CONTROL_GROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _containerd_configuration(parts: Parts) -> str:
    return f"""
version = 2
root = "/run/containerd"
state = "/run/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
address = "/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE runc cannot lower oom_score_adj and no pod would start.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{parts.cni_plugins}"
conf_dir = "/run/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def _first_word(path: Path) -> str:
    try:
        return (path.read_text().split() or [""])[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _with_runtime(environment: Mapping[str, str]) -> dict[str, str]:
    return dict(environment) | {"CONTAINERD_ADDRESS": "/run/containerd.sock"}
