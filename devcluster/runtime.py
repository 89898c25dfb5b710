"""Runs containerd in namespaces of its own, lists the images in its store, and puts images into it.

The namespaces are a mount and a process namespace, and a network one for a node. Everything in them ends with their
first process. All that containerd and a kubelet write lies below /run, which is theirs alone: paths are short and the
same everywhere.
"""

import contextlib
import functools
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from devcluster.images import Image, blob_folder
from devcluster.oci import write_image, write_program_image
from devcluster.processes import ClusterError, start, wait_until

PAUSE_IMAGE = "localhost/pause:1"
COREDNS_IMAGE = "localhost/coredns:1"
_PROGRAM_IMAGES = {"pause": PAUSE_IMAGE, "coredns": COREDNS_IMAGE}

# Process 1 must collect processes that have ended. A shell that waits does so.
_FIRST = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done")
_PREPARE = """
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
for folder in "$1"/*/; do mkdir "/run/$(basename "$folder")"; mount --bind "$folder" "/run/$(basename "$folder")"; done
"""


class Runtime:
    """A containerd. `folder` holds its `containerd` folder and everything else that appears below its /run."""

    def __init__(self, cluster_id: str, name: str, folder: Path, logs: Path, environment: Mapping[str, str]) -> None:
        self.pid = 0
        self.name = name
        self._cluster_id = cluster_id
        self._folder = folder
        self._logs = logs
        self._environment = dict(environment)

    @classmethod
    def running(cls, folder: Path, environment: Mapping[str, str]) -> "Runtime":
        """Return the runtime that was started from this folder and still runs."""
        runtime = cls("", folder.name, folder, folder, environment)
        runtime.pid = int((folder / "pid").read_text())
        return runtime

    def make_namespaces(self, *, network: bool) -> None:
        """Start the first process and lay out /run. Raises ClusterError."""
        kinds = [*(["--net"] if network else []), "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        log = self._log("namespaces")
        outer = start(self._cluster_id, ["unshare", *kinds, *_FIRST], log, self._environment)
        children = Path(f"/proc/{outer}/task/{outer}/children")
        is_ready = functools.partial(_is_ready, children)
        wait_until(f"the first process of {self.name}", is_ready, patience_s=10, pids={outer: log})
        self.pid = int(children.read_text())
        (self._folder / "pid").write_text(str(self.pid))
        self.run(["sh", "-e", "-c", _PREPARE, "sh", self._folder])

    def start_containerd(self, cni_plugins: Path) -> int:
        """Return its process id once it answers. Raises ClusterError."""
        configuration = self._folder / "containerd.toml"
        configuration.write_text(_configuration(cni_plugins))
        pid = self.start("containerd", ["containerd", "--config", configuration])
        wait_until(f"containerd of {self.name}", self._answers, patience_s=60, pids={pid: self._log("containerd")})
        return pid

    def start(self, name: str, command: Sequence[str | Path]) -> int:
        """Start a process in the namespaces that outlives this one, and return its process id."""
        return start(self._cluster_id, inside(self.pid, command), self._log(name), self._environment)

    def run(self, command: Sequence[str | Path], stdin: IO[bytes] | None = None) -> str:
        """Run a command in the namespaces to its end and return its output. Raises ClusterError."""
        run = subprocess.run(
            inside(self.pid, command),
            env=self._environment | {"CONTAINERD_ADDRESS": "/run/containerd.sock"},
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if run.returncode:
            complaint = run.stderr.decode(errors="replace").strip()
            raise ClusterError(f"{self.name}: {' '.join(map(str, command[:4]))}: {complaint}")
        return run.stdout.decode()

    def image_names(self) -> set[str]:
        """Return the full names of the images in the store."""
        return set(self.run(["ctr", "--namespace=k8s.io", "images", "list", "--quiet"]).split())

    def load_archive(self, archive: Path) -> None:
        """Put an image archive into the store. Raises ClusterError."""
        with archive.open("rb") as stream:
            self.run(["ctr", "--namespace=k8s.io", "images", "import", "-"], stdin=stream)

    def load(self, image: Image) -> None:
        """Put a built image into the store, writing only what the store lacks: kilobytes after a change of code.

        Raises ClusterError.
        """
        if image.name in self.image_names():
            return
        present = set(self.run(["ctr", "--namespace=k8s.io", "content", "list", "--quiet"]).split())
        importing = subprocess.Popen(
            inside(self.pid, ["ctr", "--address=/run/containerd.sock", "--namespace=k8s.io", "images", "import", "-"]),
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert importing.stdin
        with contextlib.suppress(BrokenPipeError):  # then the exit status tells
            write_image(importing.stdin, image.name, image.manifest, blob_folder(), without=present)
        _, errors = importing.communicate()
        if importing.returncode:
            raise ClusterError(f"{self.name}: importing {image.name}: {errors.decode(errors='replace').strip()}")

    def load_program_images(self, programs: Path) -> None:
        """Put the cluster's own small images into the store, if they are not there. Raises ClusterError."""
        present = self.image_names()
        for program, name in _PROGRAM_IMAGES.items():
            if name not in present:
                path = self._folder / f"{program}.tar"
                write_program_image(path, name, programs / program)
                self.load_archive(path)
                path.unlink()

    def _answers(self) -> bool:
        try:
            self.run(["ctr", "version"])
        except ClusterError:
            return False
        return True

    def _log(self, name: str) -> Path:
        return self._logs / f"{self.name}-{name}.log"


def inside(pid: int, command: Sequence[str | Path]) -> list[str]:
    """Return the command as it is run in the namespaces of the process `pid`.

    `ip netns exec` does not work here: it mounts a new /sys, which hides the control groups from the kubelet.
    """
    return ["nsenter", f"--target={pid}", "--net", "--mount", "--pid", "--", *map(str, command)]


def _is_ready(children: Path) -> bool:
    # The child mounts /proc before it runs its command.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        return Path(f"/proc/{int(children.read_text())}/comm").read_text() != "unshare\n"
    return False


def _configuration(cni_plugins: Path) -> str:
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
bin_dir = "{cni_plugins}"
conf_dir = "/run/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""
