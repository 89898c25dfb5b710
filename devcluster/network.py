"""The network between the host and the nodes: address ranges, one switch, one cable to each node.

The switch and the nodes are network namespaces without a name, held open by processes alone. When those end, the
kernel takes links, addresses, routes and packet filter rules away with them: nothing here needs to be undone.
"""

import dataclasses
import ipaddress
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devcluster.control_plane import Addresses
from devcluster.processes import ClusterError, start, wait_until


@dataclasses.dataclass(frozen=True)
class Network:
    """The addresses 10.`number`.0.0/16 of one cluster. Nodes, Services and pods each have a part of them."""

    cluster_id: str
    number: int
    switch_pid: int
    environment: Mapping[str, str]

    @property
    def addresses(self) -> Addresses:
        """The addresses that the control plane uses in this network."""
        return Addresses(f"10.{self.number}.0.1", True, f"10.{self.number}.128.0/17", f"10.{self.number}.64.0/20")

    def node_address(self, index: int) -> str:
        """The address of the node of this index."""
        return f"10.{self.number}.0.{11 + index}"

    def node_pods(self, index: int) -> str:
        """The range of the pods on the node of this index."""
        return f"10.{self.number}.{128 + index}.0/24"

    def plug_in(self, index: int, node_pid: int, count: int) -> None:
        """Connect the network namespace of `node_pid` to the switch, as node `index` of `count`."""
        self._ip(self.switch_pid, f"link add node-{index} type veth peer name eth0 netns {node_pid}")
        self._ip(self.switch_pid, f"link set node-{index} master switch up")
        self._ip(node_pid, "link set lo up")
        self._ip(node_pid, f"address add {self.node_address(index)}/24 dev eth0")
        self._ip(node_pid, "link set eth0 up")
        self._ip(node_pid, f"route add default via {self.addresses.api_server}")
        for other in range(count):
            if other != index:
                self._ip(node_pid, f"route add {self.node_pods(other)} via {self.node_address(other)}")
        self._ip(None, f"route add {self.node_pods(index)} via {self.node_address(index)}")

    def _ip(self, pid: int | None, arguments: str) -> None:
        _ip(pid, arguments, self.environment)


def lay_network(cluster_id: str, log: Path, environment: Mapping[str, str]) -> Network:
    """Choose a range that nothing on this machine uses, and put a switch with a cable to the host into it.

    The caller holds a lock: two clusters that chose at once might choose the same. Raises ClusterError.
    """
    number = _free_number(int(cluster_id, 16), environment)
    pid = start(cluster_id, ["unshare", "--net", "pause"], log, environment)
    network = Network(cluster_id, number, pid, environment)
    cable = f"tts{cluster_id}"
    _wait_for_own_network(pid)
    for where, arguments in (
        (pid, "link add switch type bridge"),
        (pid, "link set switch up"),
        (None, f"link add {cable} type veth peer name host netns {pid}"),
        (pid, "link set host master switch up"),
        (None, f"address add {network.addresses.api_server}/24 dev {cable}"),
        (None, f"link set {cable} up"),
    ):
        _ip(where, arguments, environment)
    return network


def _ip(pid: int | None, arguments: str, environment: Mapping[str, str]) -> str:
    prefix = [] if pid is None else ["nsenter", f"--target={pid}", "--net", "--"]
    command = [*prefix, "ip", *arguments.split()]
    run = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    if run.returncode:
        raise ClusterError(f"ip {arguments}: {run.stderr.strip()}")
    return run.stdout


def _free_number(seed: int, environment: Mapping[str, str]) -> int:
    used = [
        ipaddress.ip_network(route["dst"] if "/" in route["dst"] else f"{route['dst']}/32")
        for route in json.loads(_ip(None, "-json -4 route show table all", environment))
        if route["dst"] != "default"
    ]
    for step in range(100):
        number = 130 + (seed + step) % 100
        if not any(network.overlaps(ipaddress.ip_network(f"10.{number}.0.0/16")) for network in used):
            return number
    raise ClusterError("no free range among 10.130.0.0/16 to 10.229.0.0/16: the machine has routes into all of them")


def _wait_for_own_network(pid: int) -> None:
    own = Path("/proc/self/ns/net").readlink()
    wait_until("the switch", lambda: Path(f"/proc/{pid}/ns/net").readlink() != own, patience_s=10)
