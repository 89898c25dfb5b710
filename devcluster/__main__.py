"""The command line of the embedded cluster: build, up, down, status."""

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from devcluster import capability, delivery, parts, space
from devcluster.cache import say
from devcluster.commands import PartsError
from devcluster.processes import ClusterError

_MOST_NODES = 100  # what the address ranges have room for
_DEFAULT_STATE = Path(__file__).parents[1] / ".cluster"


def main() -> int:
    """Run one command and return the exit status: 0, or 1 with one clear message."""
    arguments = _parser().parse_args()
    # A signal becomes an exception, so that everything that was begun is undone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        return int(arguments.run(arguments) or 0)
    except (ClusterError, PartsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="verb")
    build = verbs.add_parser("build", help="compile and fetch the parts into the cache")
    build.set_defaults(run=lambda _: parts.build() and None)
    can = verbs.add_parser("can-run-pods", help="tell whether nodes can run here; exit status 1 and the reason if not")
    can.set_defaults(run=_can_run_pods)
    room = verbs.add_parser("space", help="tell what will be written; exit status 1 if the disk has no room for it")
    room.add_argument("--images", action="store_true", help="the project's images too")
    room.add_argument("--lock", choices=("demo", "dev"), default="demo", help="the Python packages of this lock too")
    room.set_defaults(run=lambda chosen: say(space.check(space.needed(images_too=chosen.images, lock=chosen.lock))))
    up = verbs.add_parser("up", help="start a cluster, or keep the one that runs")
    up.add_argument(
        "--nodes", type=_count, default=1, help="0 is the control plane alone and needs no root (default: 1)"
    )
    up.set_defaults(run=_up)
    down = verbs.add_parser("down", help="end it and remove what it left, after a crash too")
    down.set_defaults(run=_down)
    status = verbs.add_parser("status", help="show nodes and pods; exit status 1 if it is not up")
    status.set_defaults(run=_status)
    guard = verbs.add_parser("guard", help="take the cluster down when a process ends")
    guard.add_argument("--pid", type=int, required=True)
    guard.set_defaults(run=_guard)
    images = verbs.add_parser("images", help="build the project's images and hand them to the cluster, if one is up")
    images.set_defaults(run=_images)
    load = verbs.add_parser("load-image", help="put an image archive into every node")
    load.add_argument("archive", type=Path)
    load.set_defaults(run=lambda chosen: delivery.load_archive(chosen.state, chosen.archive))
    for verb in (up, down, status, guard, images, load):
        verb.add_argument("--state", type=Path, default=_DEFAULT_STATE, help="state folder (default: .cluster)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_NODES:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to {_MOST_NODES}")
    return int(text)


# `build`, `images`, `can-run-pods` and `space` need the standard library alone, so that they can run before anything
# is installed. What the other verbs need is imported when they run.


def _can_run_pods(_: argparse.Namespace) -> int:
    why = capability.why_no_nodes()
    if why:
        print(why, file=sys.stderr)
    return int(why is not None)


def _images(chosen: argparse.Namespace) -> None:
    built = delivery.deliver(chosen.state)
    print(f"operator: {built.operator}\nworkload: {built.workload}")


def _up(chosen: argparse.Namespace) -> None:
    from devcluster import cluster

    print(cluster.introduction(cluster.up(chosen.state, chosen.nodes)))


def _down(chosen: argparse.Namespace) -> None:
    from devcluster import cluster

    cluster.down(chosen.state)


def _status(chosen: argparse.Namespace) -> int:
    from devcluster import cluster

    running = cluster.status(chosen.state)
    if running is None:
        say(f"no cluster is up in {chosen.state}")
        return 1
    print(f"KUBECONFIG={running.kubeconfig}")
    return subprocess.run(["kubectl", "get", "nodes,pods", "-A"], env=running.environment(), check=False).returncode


def _guard(chosen: argparse.Namespace) -> None:
    from devcluster import cluster

    with contextlib.suppress(ProcessLookupError):  # it may have ended already
        select.select([os.pidfd_open(chosen.pid)], [], [])
    cluster.down(chosen.state)


if __name__ == "__main__":
    sys.exit(main())
