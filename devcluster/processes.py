"""Starts a cluster's processes, finds them again even after a crash, and ends these processes only."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_MARK = "TTS_CLUSTER_ID"


class ClusterError(RuntimeError):
    """The cluster did not come up or could not do what was asked; the message says why."""


def start(cluster_id: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str]) -> int:
    """Start a process that outlives this one, and return its process id.

    It carries the cluster's id in its environment, and so does all that it starts. So whoever takes the cluster
    down needs no record of process ids, which a crash could leave unwritten and a reboot could leave wrong.
    """
    _raise_open_files()
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment) | mark(cluster_id),
            cwd="/",
            start_new_session=True,
        )
    process.returncode = 0  # it outlives us on purpose; without this Python warns that it still runs
    return process.pid


def mark(cluster_id: str) -> dict[str, str]:
    """Return the variable that marks a process, and what it starts, as one of the cluster's."""
    return {_MARK: cluster_id}


def of_cluster(cluster_id: str) -> list[int]:
    """Return the ids of the living processes of this cluster that this user may see, pods' processes excepted."""
    wanted = f"{_MARK}={cluster_id}".encode()
    return [pid for pid in _living() if pid != os.getpid() and wanted in _environment_of(pid)]


def any_cluster_runs() -> bool:
    """Return whether a process of any cluster is alive."""
    prefix = f"{_MARK}=".encode()
    return any(variable.startswith(prefix) for pid in _living() for variable in _environment_of(pid))


def end(cluster_id: str, patience_s: float = 30) -> None:
    """Kill the cluster's processes and wait until they are gone.

    A node's processes, its pods' included, live in the node's process namespace and go with its first process.
    Raises ClusterError if some do not go.
    """
    deadline = time.monotonic() + patience_s
    seen: set[int] = set()  # one that is ending shows no environment any more, but must have ended all the same
    while found := {*of_cluster(cluster_id), *filter(alive, seen)}:
        seen |= found
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise ClusterError(f"processes {found} of the cluster do not end")
        time.sleep(0.05)


def wait_until(what: str, holds: Callable[[], bool], patience_s: float, pids: Mapping[int, Path] | None = None) -> None:
    """Return as soon as `holds()`.

    Raises ClusterError when it does not come true in time, or when one of `pids` (with their logs) has ended.
    """
    deadline = time.monotonic() + patience_s
    while not holds():
        for pid, log in (pids or {}).items():
            if not alive(pid):
                raise ClusterError(f"{log.stem} has ended while waiting for {what}:\n{tail(log)}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"{log}:\n{tail(log)}" for log in (pids or {}).values())
            raise ClusterError(f"{what}: not within {patience_s:.0f} s\n{logs}")
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Return whether a process runs. One that has ended and waits to be collected does not.

    A killed process looks as if it had ended while threads of it are still in the kernel, where they may write files.
    """
    process = Path(f"/proc/{pid}")
    try:
        # The state follows the command's name, which is in parentheses and may hold anything.
        ended = (process / "stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return not ended or len(list((process / "task").iterdir())) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def _living() -> list[int]:
    return [pid for path in Path("/proc").iterdir() if path.name.isdigit() and alive(pid := int(path.name))]


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone meanwhile, or another user's
        return []


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
