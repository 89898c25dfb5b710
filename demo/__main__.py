"""Begins `make demo`: says what it will take, installs and builds what is missing, and hands over to ``demo.run``.

It needs the standard library alone, because it speaks before anything is installed. With root, where pods can run, the
demo needs a cluster and few Python packages; elsewhere it needs PyTorch here and no cluster.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import NoReturn

from demo import costs, lock, signals
from demo.children import ChildFailed, child, wait_for_all
from demo.screen import Screen
from demo.steps import Steps
from devcluster import capability, space
from devcluster.cache import cache_folder
from devcluster.commands import PartsError

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "demo-output"
PACKAGES = ("crds", "operator", "workloads", "cli", "")
LEAST_FREE_BYTES = 10**9
"""What the checkout's own file system has to have free, for the cluster's state and the results."""


def main() -> int:
    """Return the exit status, unless the demo goes on as ``demo.run`` in this same process."""
    signals.raise_stopped()
    screen = Screen()
    return signals.until_stopped(lambda: begin(screen), screen.say)


def begin(screen: Screen) -> int:
    """Return 1 with one message if the demo cannot go on as ``demo.run``. Raises Stopped."""
    try:
        lock.take(OUTPUT)
        why = capability.why_no_nodes()
        announce(screen, why)
        steps = Steps(screen)
        environment = _environment()
        with steps.step(
            "Installing Python packages and the corpus"
            if why
            else "Building Kubernetes and the images; installing Python packages and the corpus"
        ):
            prepare(screen, environment, has_pods=why is None)
        hand_over(steps, why, environment)
    except (lock.Refused, PartsError, ChildFailed, OSError) as error:
        for line in [f"make demo: {error}", *costs.full([ROOT, cache_folder()])]:
            screen.say(line)
        return 1


def hand_over(steps: Steps, why: str | None, environment: dict[str, str]) -> NoReturn:
    """Become ``demo.run`` with the installed Python. The lock goes along, and signals wait until they are handled."""
    signals.hold()
    python = _python(why is None)
    state = json.dumps({"steps": steps.to_json(), "why": why})
    os.execve(python, [python, "-m", "demo.run", state], environment)  # noqa: S606 - no shell is wanted


def announce(screen: Screen, why: str | None) -> None:
    """Say what the demo will do and take. Raises Refused and PartsError where it cannot succeed."""
    if why is None:
        title = "A real Kubernetes starts here, trains a voice from 20 minutes of speech, and lets it speak."
        needs = space.needed(images_too=True, lock="demo")
        minutes = costs.WITH_CLUSTER
    else:
        title = f"Pods cannot run here: {why}\nThe voice is trained and speaks on this machine, without a cluster."
        needs = space.needed(programs_too=False, images_too=False, lock="dev")
        minutes = costs.WITHOUT_CLUSTER
    for line in costs.announcement(needs, minutes, title):
        screen.say(line)
    refuse_without_corpus(shutil.which, cache_folder())
    screen.say(space.check(needs))
    free = shutil.disk_usage(ROOT).free
    if free < LEAST_FREE_BYTES:
        raise lock.Refused(
            f"{ROOT} has {free / 1e9:.1f} GB free, and the demo needs {LEAST_FREE_BYTES / 1e9:.0f} GB there: make room"
        )


def refuse_without_corpus(which: Callable[[str], str | None], cache: Path) -> None:
    """Raise Refused where the corpus can be neither fetched nor found in the cache."""
    lacks = [program for program in ("apt-get", "dpkg-deb") if which(program) is None]
    if lacks and not any(cache.glob("asterisk-en-*")):
        raise lock.Refused(
            f"the corpus is made of Debian packages, and {' and '.join(lacks)} is not here: run the demo on Debian or "
            "Ubuntu, or train with a corpus of your own (docs/laptop.md)"
        )


def prepare(screen: Screen, environment: dict[str, str], *, has_pods: bool) -> None:
    """Install and build side by side: some of it waits for the network while the rest computes. Raises ChildFailed."""
    last: dict[str, deque[str]] = {}

    def told(name: str, line: str) -> None:
        last[name].append(line)
        screen.doing(f"  {line}")

    with ExitStack() as running:

        def start(name: str, command: Sequence[str | Path]) -> dict[str, Popen[str]]:
            last[name] = deque(maxlen=15)
            return {name: running.enter_context(child(command, environment, functools.partial(told, name)))}

        building = start("building Kubernetes", [sys.executable, "-m", "devcluster", "images"]) if has_pods else {}
        installing = start("installing Python packages", _install(has_pods))
        wait_for_all(installing, last)
        corpus = start("the corpus", [_python(has_pods), "-m", "demo.corpus", "--cached"])
        wait_for_all({**building, **corpus}, last)


def _install(has_pods: bool) -> list[str]:
    return ["make", "--no-print-directory", "-C", str(ROOT), "venv-demo" if has_pods else "venv"]


def _python(has_pods: bool) -> str:
    return str(ROOT / (".venv-demo" if has_pods else ".venv") / "bin/python")


def _environment() -> dict[str, str]:
    """Return the environment of everything that the demo starts: where its packages are, and the table of times."""
    times = OUTPUT / ".parts.jsonl"
    times.unlink(missing_ok=True)
    # A `make` of its own asks the one above for nothing.
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    path = os.pathsep.join(str(ROOT / package) for package in PACKAGES)
    return {**own, "PYTHONPATH": path, "TTS_TIMES": str(times), "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    sys.exit(main())
