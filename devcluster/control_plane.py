"""Starts etcd, API server, controller manager and scheduler as plain processes, which need no root."""

import dataclasses
import ipaddress
import os
import random
import socket
import subprocess
from pathlib import Path

from devcluster.certificates import Authority
from devcluster.parts import Parts
from devcluster.processes import start, wait_until


@dataclasses.dataclass(frozen=True)
class Addresses:
    """The API server's address, and the ranges of pods and Services. With nodes it must `advertise` its address."""

    api_server: str = "127.0.0.1"
    advertise: bool = False
    pods: str = "10.96.128.0/17"
    services: str = "10.96.64.0/20"

    @property
    def kubernetes_service(self) -> str:
        """The address of the Service ``kubernetes``: the first of the range."""
        return str(ipaddress.ip_network(self.services)[1])

    @property
    def dns_service(self) -> str:
        """The address of the cluster's DNS: the tenth of the range."""
        return str(ipaddress.ip_network(self.services)[10])


@dataclasses.dataclass(frozen=True)
class ControlPlane:
    """A running control plane: what a node needs to join it."""

    authority: Authority
    server: str
    kubeconfig: Path


def start_control_plane(cluster_id: str, state: Path, parts: Parts, addresses: Addresses) -> ControlPlane:
    """Start the four processes and return once the API server is ready, which takes about 4 s. Raises ClusterError."""
    authority = Authority(state / "pki")
    starting = _Starting(cluster_id, state, parts, authority, addresses)
    etcd_url = starting.etcd()
    server = starting.api_server(etcd_url)
    starting.controller_manager(server)
    starting.scheduler(server)
    admin = authority.issue("admin", "admin", "system:masters")
    kubeconfig = authority.kubeconfig(state / "kubeconfig", server, admin, f"tts-{cluster_id}")
    return ControlPlane(authority, server, kubeconfig)


class _Starting:
    """Starts the four processes, with the folders and certificates that they share."""

    def __init__(self, cluster_id: str, state: Path, parts: Parts, authority: Authority, addresses: Addresses) -> None:
        self._id = cluster_id
        self._state = state
        self._parts = parts
        self._authority = authority
        self._addresses = addresses
        self._environment = parts.environment()

    def etcd(self) -> str:
        pair = self._authority.issue("etcd", "etcd", hosts=["127.0.0.1"])
        client, peer = (f"https://127.0.0.1:{port}" for port in _free_ports("127.0.0.1", 2))
        command = [
            "etcd",
            "--name=etcd",
            f"--data-dir={self._state / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=etcd={peer}",
            "--quota-backend-bytes=4294967296",
            # A process that may write to etcd controls the cluster, so other users of this machine must not reach it.
            "--client-cert-auth",
            f"--trusted-ca-file={self._authority.pair.certificate}",
            f"--cert-file={pair.certificate}",
            f"--key-file={pair.key}",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={self._authority.pair.certificate}",
            f"--peer-cert-file={pair.certificate}",
            f"--peer-key-file={pair.key}",
        ]
        self._start("etcd", command)
        return client

    def api_server(self, etcd_url: str) -> str:
        host = self._addresses.api_server
        names = [host, "127.0.0.1", self._addresses.kubernetes_service, "localhost", "kubernetes", "kubernetes.default"]
        names += ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
        serving = self._authority.issue("kube-apiserver", "kube-apiserver", hosts=list(dict.fromkeys(names)))
        etcd = self._authority.issue("kube-apiserver-etcd", "kube-apiserver")
        kubelet = self._authority.issue("kube-apiserver-kubelet", "kube-apiserver-kubelet", "system:masters")
        account_key = self._authority.signing_key("service-accounts")
        ca = self._authority.pair.certificate
        (port,) = _free_ports(host, 1)
        command = [
            "kube-apiserver",
            f"--bind-address={host}",
            f"--secure-port={port}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            f"--client-ca-file={ca}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--etcd-servers={etcd_url}",
            f"--etcd-cafile={ca}",
            f"--etcd-certfile={etcd.certificate}",
            f"--etcd-keyfile={etcd.key}",
            f"--service-cluster-ip-range={self._addresses.services}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            f"--kubelet-certificate-authority={ca}",
            "--kubelet-preferred-address-types=InternalIP",  # else logs and exec look the node's name up in DNS
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={account_key}",
            f"--service-account-signing-key-file={account_key}",
        ]
        if self._addresses.advertise:
            command.append(f"--advertise-address={host}")
        else:
            command.append("--endpoint-reconciler-type=none")  # a loopback address is refused as an endpoint
        pid = self._start("kube-apiserver", command)
        server = f"https://{host}:{port}"
        probe = self._authority.kubeconfig(
            self._state / "pki/probe.kubeconfig",
            server,
            self._authority.issue("probe", "probe", "system:masters"),
            "probe",
        )
        get = ["kubectl", "--kubeconfig", str(probe), "--request-timeout=2s", "get", "--raw", "/readyz"]
        wait_until(
            "the API server",
            lambda: subprocess.run(get, env=self._environment, capture_output=True, check=False).returncode == 0,
            patience_s=120,
            pids={pid: self._log("kube-apiserver")},
        )
        return server

    def controller_manager(self, server: str) -> None:
        name = "kube-controller-manager"
        ca = self._authority.pair
        command = [
            name,
            f"--kubeconfig={self._kubeconfig(name, server)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--use-service-account-credentials",
            f"--root-ca-file={ca.certificate}",
            f"--service-account-private-key-file={self._state / 'pki/service-accounts.key'}",
            f"--cluster-signing-cert-file={ca.certificate}",
            f"--cluster-signing-key-file={ca.key}",
            "--allocate-node-cidrs",
            f"--cluster-cidr={self._addresses.pods}",
            "--node-cidr-mask-size=24",
            f"--service-cluster-ip-range={self._addresses.services}",
        ]
        self._start(name, command)

    def scheduler(self, server: str) -> None:
        name = "kube-scheduler"
        config = self._kubeconfig(name, server)
        self._start(name, [name, f"--kubeconfig={config}", "--leader-elect=false", "--secure-port=0"])

    def _kubeconfig(self, name: str, server: str) -> Path:
        pair = self._authority.issue(name, f"system:{name}")
        return self._authority.kubeconfig(self._state / f"pki/{name}.kubeconfig", server, pair, name)

    def _log(self, name: str) -> Path:
        return self._state / f"logs/{name}.log"

    def _start(self, name: str, command: list[str]) -> int:
        return start(self._id, command, self._log(name), self._environment)


def _free_ports(host: str, count: int) -> list[int]:
    """Return ports below the range that outgoing connections take, so that none is taken before it is used."""
    ports: list[int] = []
    candidates = random.Random(os.urandom(8))
    while len(ports) < count:
        port = candidates.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
