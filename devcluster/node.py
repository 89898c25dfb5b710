"""One node: containerd, kubelet and kube-proxy in namespaces of their own, with real pods.

A node is a process namespace too: when its first process ends, all of its processes and pods end with it, and with
them its mounts and its network. Only control groups and two folders' worth of files remain for `sweep` to remove.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from devcluster import control_groups
from devcluster.control_plane import ControlPlane
from devcluster.images import Image
from devcluster.network import Network
from devcluster.parts import CNI_PLUGINS, Parts
from devcluster.processes import any_cluster_runs, wait_until
from devcluster.runtime import Runtime
from devcluster.seed import plant

# Folders of the network plugins and of the kubelet that cannot be configured, so that each node needs its own.
_HIDDEN = (Path("/var/lib/cni/results"), Path("/var/lib/kubelet"))
# Settings of the whole machine's kernel that the kubelet makes unless it finds them made. It finds these files instead.
_SETTINGS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
_PREPARE = f"""
mkdir /run/volumes; mount --bind "$1" /run/volumes
for folder in {" ".join(map(str, _HIDDEN))}; do mount -t tmpfs tmpfs $folder; done
mount --bind /run/log /var/log
echo 1 > /proc/sys/net/ipv4/ip_forward
mkdir /run/settings
for setting in {" ".join(f"{name}={value}" for name, value in _SETTINGS.items())}; do
    name=${{setting%=*}} file=/run/settings/$(echo $setting | tr / .)
    echo ${{setting#*=}} > $file; mount --bind $file /proc/sys/$name
done
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
        self._runtime = Runtime(network.cluster_id, self.name, self._folder, state / "logs", parts.environment())

    def start_containerd(self, images: Iterable[Image]) -> None:
        """Make the namespaces, start containerd in them and see that it has these images."""
        for name in ("kubelet", "cni/networks", "log"):
            (self._folder / name).mkdir(parents=True)
        plant(self._parts.packages, self._folder / "containerd", self._network.cluster_id)
        self._runtime.make_namespaces(network=True)
        for folder in _HIDDEN:
            folder.mkdir(parents=True, exist_ok=True)
        self._runtime.run(["sh", "-e", "-c", _PREPARE, "sh", self._state / "volumes"])
        self._network.plug_in(self._index, self._runtime.pid, self._count)
        self._write_cni_configuration()
        self._runtime.start_containerd(self._parts.packages / CNI_PLUGINS)
        self._runtime.load_program_images(self._parts.programs)
        for image in images:
            self._runtime.load(image)

    def start_kubelet(self) -> None:
        """Start the kubelet and kube-proxy; the node registers itself."""
        for hierarchy in control_groups.hierarchies():
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
        self._runtime.start("kubelet", [*kubelet, f"--hostname-override={self.name}", f"--node-ip={address}"])
        self._start_proxy()

    def _start_proxy(self) -> None:
        pair = self._control_plane.authority.issue(f"kube-proxy-{self._index}", "system:kube-proxy")
        path = self._folder / "kube-proxy.kubeconfig"
        kubeconfig = self._control_plane.authority.kubeconfig(path, self._control_plane.server, pair, "kube-proxy")
        command = [
            "kube-proxy",
            "--proxy-mode=iptables",
            f"--kubeconfig={kubeconfig}",
            f"--hostname-override={self.name}",
            f"--cluster-cidr={self._network.addresses.pods}",
            # What these would set belongs to the host's network and can't be written from a node's.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
        ]
        self._runtime.start("kube-proxy", command)

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


def control_group_prefix(cluster_id: str) -> str:
    """Return what the names of a cluster's control groups and pod networks begin with."""
    return f"tts-{cluster_id}-"


def sweep(cluster_id: str) -> None:
    """Remove what the nodes of a cluster leave outside of its state folder, once their processes have ended."""
    prefix = control_group_prefix(cluster_id)
    groups = [group for hierarchy in control_groups.hierarchies() for group in hierarchy.glob(f"{prefix}*")]
    # The kernel ends the pods' processes with the node's first one, but not at once.
    wait_until(
        "the end of the pods",
        lambda: not [group for group in groups if not control_groups.removed(group)],
        patience_s=30,
    )
    if os.geteuid() != 0:
        return  # only root runs nodes, and what root left is root's to remove
    # The nodes of another cluster have a file system of their own mounted there, which removing would unmount.
    for folder in (*_HIDDEN, _HIDDEN[0].parent):
        if folder.is_dir() and not any(folder.iterdir()) and not any_cluster_runs():
            folder.rmdir()
