"""The clock of a training with a budget: how much is spent over all attempts, and how much is left. How a stage follows
the clock is in ``schedule``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tts_workloads.files import write_bytes

FILE = "budget.json"
WRITE_SECONDS = 5.0
"""Least time between two writings: the most that a kill hides from the next attempt."""


@dataclass(frozen=True)
class Account:
    """What an attempt leaves for the next one."""

    run: str = ""
    """Digest of the run; an account of another run is worth nothing."""
    spent_seconds: float = 0.0
    finish_seconds: float | None = None
    """How long it takes to measure and write the voice; None before that was tried."""
    write_seconds: float = 0.0
    """How much of that comes after the measures."""
    trained: bool = False
    """Whether all models are trained, so that only the voice is missing."""


def read(folder: Path, run_sha256: str) -> Account:
    """The account of a run in its folder; a new one where there is none, where it cannot be read, or where it is that
    of another run."""
    new = Account(run_sha256)
    try:
        account = Account(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return new
    return account if account.run == run_sha256 else new


class Budget:
    """The budget of a run, and the clock of this attempt. Only the process that leads has one."""

    def __init__(
        self,
        seconds: float,
        folder: Path,
        *,
        run_sha256: str,
        clock: Callable[[], float] = time.monotonic,
        age_seconds: float = 0.0,
    ) -> None:
        """``age_seconds`` is how long this attempt has run already. ``clock`` counts seconds; one that stands still
        while the machine sleeps does not charge the sleep."""
        self.seconds, self._folder, self._clock = seconds, folder, clock
        self.account = read(folder, run_sha256)
        self._began = clock() - age_seconds - self.account.spent_seconds
        self._written = float("-inf")

    @property
    def spent(self) -> float:
        """Seconds spent, over all attempts."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds left; negative where more was spent."""
        return self.seconds - self.spent

    @property
    def left_to_train(self) -> float:
        """Seconds left without those that the voice needs in the end."""
        return self.left - (self.account.finish_seconds or 0.0)

    def tick(self) -> None:
        """Write down what is spent, if the last time is long enough ago."""
        if self._clock() - self._written >= WRITE_SECONDS:
            self._write()

    @property
    def left_to_measure(self) -> float:
        """Seconds left without those that it takes to write the voice."""
        return self.left - self.account.write_seconds

    def finish_takes(self, seconds: float, write_seconds: float = 0.0) -> None:
        """Write down how long it takes to measure and write the voice, and how much of that comes after the
        measures."""
        self.account = replace(self.account, finish_seconds=seconds, write_seconds=write_seconds)
        self._write()

    def trained(self) -> None:
        """Write down that all models are trained."""
        self.account = replace(self.account, trained=True)
        self._write()

    def close(self) -> None:
        """Write down what is spent when the attempt ends."""
        self._write()

    def _write(self) -> None:
        self.account = replace(self.account, spent_seconds=round(self.spent, 3))
        self._folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self._folder / FILE, json.dumps(asdict(self.account)).encode())
        self._written = self._clock()


def process_age() -> float:
    """Seconds since this process was started; 0 where the system does not tell."""
    try:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
