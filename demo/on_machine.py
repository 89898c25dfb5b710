"""The demo without a cluster: the same two manifests, through the command ``tts`` on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from demo import follow
from demo.children import ChildFailed, child
from demo.last_lines import free_port
from demo.screen import Screen
from demo.steps import Steps

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PROGRESS = ".workspace/progress.json"
"""Where ``tts run`` keeps the newest progress in its output folder."""
_PATIENCE_SECONDS = 180.0
_TRIES = 3


class OnMachine:
    """One run of the demo on this machine alone. ``why`` is the sentence that says why pods cannot run, and what they
    need. Every step raises ChildFailed."""

    def __init__(self, steps: Steps, screen: Screen, output: Path, why: str) -> None:
        self._steps = steps
        self._screen = screen
        self._folder = output / f".training-{os.getpid()}"
        self.left_out = (
            "This demo ran without a cluster: you have not seen pods, kubectl, or the operator's status of a training "
            f"and a service. {why}"
        )

    def train(self, corpus: Path) -> None:
        """Train the voice on the corpus with ``tts run``. Its progress is shown as a cluster's would be."""
        for old in self._folder.parent.glob(".training-*"):
            shutil.rmtree(old, ignore_errors=True)
        with self._steps.step("Training the voice: tts run examples/ttstraining.yaml", draws=True):
            manifest = EXAMPLES / "ttstraining.yaml"
            command = [*_tts("run"), manifest, "--data", corpus, "--output", self._folder]
            said: deque[str] = deque(maxlen=15)
            with child(command, os.environ, said.append) as process:
                follow.training(lambda: self._look(process, said), self._screen)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Yield the address of the server once it speaks."""
        with contextlib.ExitStack() as stack:
            with self._steps.step("Waiting until the service speaks: tts run examples/ttsservice.yaml"):
                url = self._started(stack)
            yield url

    def fetch(self, output: Path) -> None:
        """Put the voice and its report into the folder ``output``."""
        (self._folder / "voice.pt").replace(output / "voice.pt")
        (self._folder / "report").replace(output / "report")

    def end(self, *, keep: bool) -> bool:
        """Remove the checkpoints; nothing runs any more, and there is no cluster to keep."""
        del keep
        self.abandon()
        return False

    def abandon(self) -> None:
        """Remove what a run leaves besides its results."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def post_mortem(self) -> list[str]:
        """Return what helps to understand a failure: the end of the training's log."""
        log = self._folder / "training.log"
        return log.read_text(errors="replace").splitlines()[-10:] if log.exists() else []

    def _look(self, process: subprocess.Popen[str], said: Iterable[str]) -> dict[str, Any]:
        """Return the training as a cluster's status would have it. Raises ChildFailed when it has failed."""
        if process.poll():
            raise _failed(process, said)
        progress: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            progress = json.loads((self._folder / PROGRESS).read_text())
        ended = {"type": "Complete", "status": str(process.poll() == 0)}
        return {"status": {"phase": "Running", "progress": progress, "conditions": [ended]}}

    def _started(self, stack: contextlib.ExitStack) -> str:
        """Start the server, on another port if one is taken meanwhile, and return its address."""
        for last_try in (*[False] * (_TRIES - 1), True):
            port = free_port()
            said: deque[str] = deque(maxlen=15)
            command = [*_tts("run"), EXAMPLES / "ttsservice.yaml", "--voice", self._folder / "voice.pt", "--port", port]
            server = child([str(word) for word in command], os.environ, said.append)
            process = stack.enter_context(server)
            url = f"http://127.0.0.1:{port}"
            if _speaks(url, process):
                return url
            if process.poll() is None:
                raise ChildFailed(f"the service at {url} does not answer within {_PATIENCE_SECONDS:.0f} s")
            if last_try or "cannot listen" not in "\n".join(said):
                raise _failed(process, said)
        raise AssertionError("the last try returns or raises")


def _failed(process: subprocess.Popen[str], said: Iterable[str]) -> ChildFailed:
    time.sleep(0.2)  # its last lines are on their way
    return ChildFailed("\n".join([f"tts run failed (exit status {process.returncode})", *said]))


def _tts(*words: str) -> list[str | Path]:
    return [sys.executable, "-m", "tts_cli", *words]


def _speaks(url: str, process: subprocess.Popen[str]) -> bool:
    """Return whether the server answers in time; at once if it has ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return True
        time.sleep(0.2)
    return False
