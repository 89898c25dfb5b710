"""The CPUs of this machine: how many this process may use, and which number formats they compute in hardware."""

from __future__ import annotations

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
SHORT_SPIN = {"GOMP_SPINCOUNT": "1000"}
"""Environment of a process that computes beside other work, as in the workload image. Threads that wait for each other
while spinning take the CPU from the one that they wait for: a training would stand nearly still."""


def cpus() -> int:
    """Return how many CPUs this process may use, by its affinity and its container's quota; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(allowed, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup v2, or "max": no quota
        return allowed


def cpu_has_bf16(cpuinfo: Path | None = None) -> bool:
    """Return whether the CPU multiplies bf16 in hardware (AVX-512 BF16 or AMX)."""
    return bool(_flags(cpuinfo) & {"avx512_bf16", "amx_bf16"})


def cpu_is_faster_in_bf16(cpuinfo: Path | None = None) -> bool:
    """Return whether models train faster in bf16 than in fp32: with AMX, and on AMD's processors with AVX-512 BF16 (a
    step of the acoustic model 1.4 times as fast). On an Intel processor with AVX-512 BF16 alone it was 1.5 times as
    slow."""
    flags = _flags(cpuinfo)
    return "amx_bf16" in flags or ("avx512_bf16" in flags and "AuthenticAMD" in _field("vendor_id", cpuinfo))


def _flags(cpuinfo: Path | None) -> set[str]:
    return set(_field("flags", cpuinfo).split())


def _field(name: str, cpuinfo: Path | None) -> str:
    """Return the first CPU's value of a field of ``/proc/cpuinfo``, or an empty string."""
    try:
        lines = (cpuinfo or CPUINFO).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2] for line in lines if line.partition(":")[0].strip() == name), "")
