"""Reads a GPU's load through NVML. ``training.telemetry.resource_monitor`` samples it for reports and curves."""

from __future__ import annotations

import logging

import pynvml
import torch

from tts_api.report import GpuUsage

log = logging.getLogger(__name__)


class Gpu:
    """Reads the load of one GPU. Where it cannot be read, ``usage`` returns None, since no work depends on it."""

    def __init__(self, device: torch.device) -> None:
        """Find the device's GPU; a CPU has no usage."""
        self._handle: object | None = None
        if device.type != "cuda":
            return
        try:
            pynvml.nvmlInit()
            # By UUID: where only some devices are visible, their numbers differ from NVML's.
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except pynvml.NVMLError as error:
            log.warning("the GPU cannot be watched: %s", error)

    def usage(self) -> GpuUsage | None:
        """Return the load now; None where it cannot be read."""
        if self._handle is None:
            return None
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(self._handle)
            return GpuUsage(
                utilization_percent=int(pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu),
                memory_used_bytes=int(memory.used),
                memory_total_bytes=int(memory.total),
                temperature_celsius=int(pynvml.nvmlDeviceGetTemperature(self._handle, pynvml.NVML_TEMPERATURE_GPU)),
            )
        except pynvml.NVMLError as error:
            log.warning("the GPU is no longer watched: %s", error)
            self._handle = None
            return None
