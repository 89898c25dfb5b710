"""Warns when a training uses its machine badly: an idle GPU, memory that never stops growing. It decides from samples
and never stops the training."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch

from tts_api.report import GpuUsage
from tts_workloads.gpu import Gpu

log = logging.getLogger(__name__)

SAMPLE_SECONDS = 10.0
IDLE_SECONDS = 600.0
"""How long a GPU must be nearly idle before there is a warning."""
IDLE_PERCENT = 30.0
LEAK_SECONDS = 1800.0
LEAK_PARTS = 6
"""Number of parts of ``LEAK_SECONDS``; memory leaks if it grows from each part to the next."""
LEAK_BYTES = 512 * 2**20
"""Least growth that is worth a warning."""


@dataclass(frozen=True)
class Sample:
    """The use of the machine at one moment."""

    at: float
    """Seconds of a clock that never goes back."""
    gpu_percent: int | None
    """Utilisation of the GPU, 0 to 100; None without a GPU."""
    memory: dict[str, int]
    """Bytes of memory that this process uses, by place: ``host`` and ``gpu``."""


def warnings_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The warnings that these samples give reason for. The oldest sample comes first."""
    if not samples:
        return ()
    return (*_idle(samples), *(words for where in samples[-1].memory for words in _leak(samples, where)))


def _idle(samples: Sequence[Sample]) -> list[str]:
    now = samples[-1].at
    recent = [s.gpu_percent for s in samples if s.at > now - IDLE_SECONDS and s.gpu_percent is not None]
    if now - samples[0].at < IDLE_SECONDS or not recent:
        return []
    busy = sum(recent) / len(recent)
    if busy >= IDLE_PERCENT:
        return []
    words = (
        f"the GPU computed in {busy:.0f}% of the last {IDLE_SECONDS / 60:.0f} minutes: raise "
        "spec.training.batchSeconds, or give the pods more CPUs (spec.resources.cpu)"
    )
    return [words]


def _leak(samples: Sequence[Sample], where: str) -> list[str]:
    now = samples[-1].at
    if now - samples[0].at < LEAK_SECONDS:
        return []
    parts: list[list[int]] = [[] for _ in range(LEAK_PARTS)]
    for sample in samples:
        part = LEAK_PARTS - 1 - int((now - sample.at) / LEAK_SECONDS * LEAK_PARTS)
        if part >= 0 and where in sample.memory:
            parts[part].append(sample.memory[where])
    if not all(parts):
        return []
    # The least of each part counts, because memory that is freed again is no leak.
    least = [min(part) for part in parts]
    grown = least[-1] - least[0]
    if grown < LEAK_BYTES or any(later <= earlier for earlier, later in pairwise(least)):
        return []
    name = "the GPU's memory" if where == "gpu" else "memory"
    words = (
        f"{name} in use grew by {grown / 2**20:.0f} MiB in the last {LEAK_SECONDS / 60:.0f} minutes, without a stop: "
        "if it goes on, the process will be killed and resume from its last checkpoint"
    )
    return [words]


class ResourceMonitor:
    """Takes samples while a training steps."""

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.monotonic) -> None:
        self._gpu, self._device, self._clock = Gpu(device), device, clock
        self._samples: deque[Sample] = deque(maxlen=int(1.2 * LEAK_SECONDS / SAMPLE_SECONDS))
        self._last = float("-inf")
        self.usage: GpuUsage | None = None
        """Use of the GPU in the last sample."""
        self.warnings: tuple[str, ...] = ()
        """The present warnings."""

    def restart(self) -> None:
        """Forget the samples, because another stage needs other memory."""
        self._samples.clear()

    def look(self, *, settled: bool) -> None:
        """Take a sample, if the last one is old enough. ``settled`` tells whether everything that stays in memory has
        been computed: growth before that is no leak."""
        now = self._clock()
        if now - self._last < SAMPLE_SECONDS:
            return
        self._last = now
        self.usage = self._gpu.usage()
        percent = None if self.usage is None else self.usage.utilization_percent
        self._samples.append(Sample(now, percent, self._memory() if settled else {}))
        before, self.warnings = self.warnings, warnings_of(self._samples)
        if self.warnings and not before:
            log.warning("%s", ". ".join(self.warnings), extra={"event": "warning"})

    def _memory(self) -> dict[str, int]:
        memory = {}
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            memory["host"] = pages * os.sysconf("SC_PAGE_SIZE")
        except OSError:  # not Linux
            pass
        if self._device.type == "cuda":
            memory["gpu"] = torch.cuda.memory_allocated(self._device)
        return memory
