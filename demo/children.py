"""Runs the demo's programs: each in a session of its own, so that it ends when the demo says so, and with it whatever
happens to the demo."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from demo import signals

_PATIENCE_SECONDS = 15.0
# Hands a request to end on to all that the program has started, and waits for the program.
_GROUP = 'trap "trap : TERM; kill 0; wait" TERM; "$@" & wait $!'


class ChildFailed(Exception):
    """A program of the demo ended with an error; the message names it and has its last lines."""


@contextmanager
def child(
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    on_line: Callable[[str], object],
) -> Iterator[subprocess.Popen[str]]:
    """Start a program and end it, with everything that it started, when the block is left.

    ``on_line`` gets each line that it prints. The kernel tells the program when the demo is killed, where it can.
    """
    setpriv = shutil.which("setpriv")
    told_of_death = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
    words = [*told_of_death, "sh", "-c", _GROUP, "sh", *map(str, command)]
    is_wanted = threading.Event()
    is_wanted.set()
    process = None
    try:
        with signals.deferred():
            process = subprocess.Popen(
                words,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            reader = threading.Thread(target=_read, args=(process.stdout, on_line, is_wanted), daemon=True)
            reader.start()
        yield process
        reader.join(_PATIENCE_SECONDS if process.poll() is not None else 0)
    finally:
        is_wanted.clear()  # what a program says while it is ended is nobody's business
        if process:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a program and what it started: politely, then at once."""
    for number, patience in ((signal.SIGTERM, _PATIENCE_SECONDS), (signal.SIGKILL, 5.0)):
        if process.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # what the program left behind


def wait_for_all(running: Mapping[str, subprocess.Popen[str]], last_lines: Mapping[str, Iterable[str]]) -> None:
    """Return when all programs have ended well. Raises ChildFailed as soon as one has not."""
    left = dict(running)
    while left:
        for name, process in list(left.items()):
            if process.poll() is None:
                continue
            if process.returncode:
                time.sleep(0.2)  # its last lines are on their way
                lines = "\n".join(last_lines.get(name, ()))
                raise ChildFailed(f"{name} failed (exit status {process.returncode}):\n{lines}".rstrip(":\n"))
            del left[name]
        time.sleep(0.1)


def _read(stream: IO[str] | None, on_line: Callable[[str], object], is_wanted: threading.Event) -> None:
    for line in stream or ():
        if is_wanted.is_set():
            on_line(line.rstrip("\n"))
