"""What a GPU says of itself, through NVML. What is made of it: ``training.watch`` and the metrics."""

from __future__ import annotations

import logging

import pynvml
import torch

from tts_api.report import GpuUsage

log = logging.getLogger(__name__)


class Gpu:
    """One GPU's own view of its load. Where it cannot be asked it says nothing: nobody's work depends on it."""

    def __init__(self, device: torch.device) -> None:
        """``device`` may be a CPU."""
        self._handle: object | None = None
        if device.type != "cuda":
            return
        try:
            pynvml.nvmlInit()
            # By its name, as the numbers of devices are counted anew where only some are visible.
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except pynvml.NVMLError as error:
            log.warning("the GPU cannot be watched: %s", error)

    def usage(self) -> GpuUsage | None:
        """Its load now."""
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
