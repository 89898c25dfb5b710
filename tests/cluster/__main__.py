"""The command line of the embedded cluster: build, up, down, status."""

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.cluster import cluster, parts
from tests.cluster.cache import say
from tests.cluster.commands import PartsError
from tests.cluster.processes import ClusterError


def main() -> int:
    """Run one verb and return the exit status: 0, or 1 with one clear message."""
    arguments = _parser().parse_args()
    # Ending by a signal is ending in order: what was begun is taken back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return int(arguments.run(arguments) or 0)
    except (ClusterError, PartsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="verb")
    build = verbs.add_parser("build", help="compile and fetch the parts into the cache")
    build.set_defaults(run=lambda _: parts.build() and None)
    up = verbs.add_parser("up", help="start a cluster, or keep the one that runs")
    up.add_argument("--nodes", type=int, default=1, help="0 is the control plane alone and needs no root (default: 1)")
    up.set_defaults(run=lambda chosen: cluster.up(chosen.state, chosen.nodes) and None)
    down = verbs.add_parser("down", help="end it and remove what it left, after a crash too")
    down.set_defaults(run=lambda chosen: cluster.down(chosen.state))
    status = verbs.add_parser("status", help="show nodes and pods; exit status 1 if it is not up")
    status.set_defaults(run=_status)
    guard = verbs.add_parser("guard", help="take the cluster down when a process ends")
    guard.add_argument("--pid", type=int, required=True)
    guard.set_defaults(run=_guard)
    for verb in (up, down, status, guard):
        verb.add_argument("--state", type=Path, default=cluster.DEFAULT_STATE, help="state folder (default: .cluster)")
    return parser


def _status(chosen: argparse.Namespace) -> int:
    running = cluster.status(chosen.state)
    if running is None:
        say(f"no cluster is up in {chosen.state}")
        return 1
    print(f"KUBECONFIG={running.kubeconfig}")
    return subprocess.run(["kubectl", "get", "nodes,pods", "-A"], env=running.environment(), check=False).returncode


def _guard(chosen: argparse.Namespace) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended already
        select.select([os.pidfd_open(chosen.pid)], [], [])
    cluster.down(chosen.state)


if __name__ == "__main__":
    sys.exit(main())
