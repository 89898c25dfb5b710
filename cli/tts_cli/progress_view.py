"""Shows the progress of a training: a bar on a terminal, a line a minute in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tts_api.report import TrainingProgress

LINE_SECONDS = 60.0
"""Time between two lines of the same stage."""
SAID = {
    "Preparing": "reading the corpus",
    "Acoustic": "training the acoustic model",
    "Vocoder": "training the vocoder",
    "Exporting": "measuring and writing the voice",
    "Finished": "finished",
}
"""What each stage does, in the words of the lines."""


class ProgressView(Protocol):
    """Where progress is shown."""

    def __enter__(self) -> Self:
        """Begin to show it."""

    def __exit__(self, *exception: object) -> None:
        """Leave the terminal as it was."""

    def show(self, document: TrainingProgress) -> None:
        """Show the newest progress."""

    def note(self, text: str) -> None:
        """Say something besides."""


def view_for(stream: TextIO | None = None) -> ProgressView:
    """Return the view that suits a stream, standard output if absent."""
    stream = stream or sys.stdout
    return Bar(Console(file=stream)) if stream.isatty() else Lines(stream)


def details(document: TrainingProgress) -> str:
    """Return step, loss, speed and time left, as far as they are known."""
    shown, trains = document.display, document.stage in {"Acoustic", "Vocoder"}
    speed = document.audio_seconds_per_second
    known = (
        ("step ", shown.step if document.stage != "Preparing" else ""),
        ("loss ", shown.loss if trains else ""),  # another stage would show that of the stage before
        ("", f"reads {speed:.0f} s of speech a second" if speed and trains else ""),
        ("left ", shown.eta if trains else ""),
    )
    return ", ".join(name + value for name, value in known if value)


class Bar:
    """A progress bar on a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[details]}"),
            console=console,
        )
        self._task = self._progress.add_task(SAID["Preparing"], total=100, details="")
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def show(self, document: TrainingProgress) -> None:
        """Move the bar."""
        percent = float(document.display.percent.rstrip("%") or 0)
        self._progress.update(
            self._task, completed=percent, description=SAID[document.stage], details=details(document)
        )
        for warning in set(document.warnings) - self._warned:
            self._warned.add(warning)
            self.note(warning)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Lines:
    """A line a minute, and one where a stage begins."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._stage, self._said = "", float("-inf")
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def show(self, document: TrainingProgress) -> None:
        """Print a line, if a minute has passed or the stage is another one."""
        if document.stage != self._stage or self._clock() - self._said >= LINE_SECONDS:
            self._stage, self._said = document.stage, self._clock()
            known = details(document)
            self.note(f"{document.display.percent or '0%':>4} {SAID[document.stage]}{': ' if known else ''}{known}")
        for warning in set(document.warnings) - self._warned:
            self._warned.add(warning)
            self.note(warning)

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, file=self._stream, flush=True)
