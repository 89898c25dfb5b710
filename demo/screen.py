"""Prints what the demo does, and never keeps silent for longer than a minute.

Only the standard library is needed, because the demo speaks before anything is installed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from demo import signals

HEARTBEAT_SECONDS = 60


class Screen:
    """Where the demo prints: a terminal, or a file that somebody follows."""

    def __init__(self, out: TextIO | None = None, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self._out = out
        self.is_terminal = self.out.isatty()
        self._heartbeat_seconds = heartbeat_seconds
        self._last = time.monotonic()
        self._doing = ""

    @property
    def out(self) -> TextIO:
        """The stream: standard output unless another was given, also while a bar stands in for it."""
        return self._out or sys.stdout

    def say(self, line: str = "") -> None:
        """Print one line."""
        self.out.write(f"{line}\n")
        self.out.flush()
        self._last = time.monotonic()

    def doing(self, line: str) -> None:
        """Print a line of what a step does now; the heartbeat repeats it."""
        self._doing = line.strip()
        self.say(line)

    def title(self, words: str) -> None:
        """Print the title of a step."""
        self.say(self.bold(f"▶ {words}"))

    def bold(self, words: str) -> str:
        """Return the words in bold type on a terminal, and as they are elsewhere."""
        return f"\033[1m{words}\033[0m" if self.is_terminal else words

    @contextmanager
    def heartbeat(self, title: str, *, patient: bool = False) -> Iterator[None]:
        """Print a line whenever a minute passes in which nothing else was said.

        A ``patient`` one waits half a minute longer, for a step that has a line of its own each minute.
        """
        silence = self._heartbeat_seconds * (1.5 if patient else 1)
        began, ended = time.monotonic(), threading.Event()
        self._doing = title

        def beat() -> None:
            while not ended.wait(min(1.0, silence / 4)):
                now = time.monotonic()
                if now - self._last >= silence:
                    self.say(f"  still busy after {(now - began) / 60:.0f} min: {self._doing}")

        with signals.deferred():
            thread = threading.Thread(target=beat, daemon=True)
            thread.start()
        try:
            yield
        finally:
            with signals.deferred():
                ended.set()
                thread.join()
