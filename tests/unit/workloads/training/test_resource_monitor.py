"""What is said of a machine that a training does not use as it should, and that a GPU which cannot be asked harms
nobody. NVML is the boundary here: no GPU is needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from tests.unit.workloads.tiny_stage import Kept
from tts_api.report import GpuUsage
from tts_workloads.gpu import Gpu
from tts_workloads.training.telemetry.progress import Progress
from tts_workloads.training.telemetry.resource_monitor import ResourceMonitor, Sample, warnings_of

MIB = 2**20
CUDA = torch.device("cuda", 0)


def samples(
    seconds: int, percent: int | None = 90, memory: Any = lambda at: 1000 * MIB, every: int = 10
) -> list[Sample]:
    return [Sample(float(at), percent, {"host": int(memory(at))}) for at in range(0, seconds + 1, every)]


@pytest.mark.parametrize(
    ("percent", "seconds", "warned"), [(5, 590, False), (5, 600, True), (30, 900, False), (None, 900, False)]
)
def test_a_gpu_with_little_to_do_is_named(percent: int | None, seconds: int, warned: bool) -> None:
    words = " ".join(warnings_of(samples(seconds, percent)))
    assert ("the GPU computed in 5% of the last 10 minutes" in words) is warned
    assert ("spec.training.batchSeconds" in words) is warned


@pytest.mark.parametrize(
    ("memory", "warned"),
    [
        (lambda at: 1000 * MIB + at * MIB, True),
        (lambda at: 1000 * MIB + at * MIB + (at % 20) * 100 * MIB, True),
        (lambda at: 1000 * MIB + at * MIB // 10, False),  # too little to matter
        (lambda at: 1000 * MIB + min(at, 1200) * MIB, False),  # it has stopped
        (lambda at: 1000 * MIB + (at % 300) * 10 * MIB, False),  # it comes and goes
    ],
)
def test_memory_that_never_stops_growing_is_named(memory: Any, warned: bool) -> None:
    assert bool(warnings_of(samples(1800, memory=memory))) is warned
    assert warnings_of(samples(1700, memory=memory)) == (), "half an hour is waited for"


class Nvml:
    """A GPU's driver."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.broken = False
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2"))
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 7)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", self.asked)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", self.memory)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", lambda handle: SimpleNamespace(gpu=12))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetTemperature", lambda handle, sensor: 61)

    def asked(self, uuid: str) -> str:
        assert uuid == "GPU-1-2"
        return "handle"

    def memory(self, handle: str) -> Any:
        if self.broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(used=3, total=80)


USAGE = GpuUsage(utilization_percent=12, memory_used_bytes=3, memory_total_bytes=80, temperature_celsius=61)


def test_a_gpu_that_is_lost_is_asked_no_more(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    nvml = Nvml(monkeypatch)
    gpu = Gpu(CUDA)
    assert gpu.usage() == USAGE
    nvml.broken = True
    assert [gpu.usage(), gpu.usage()] == [None, None]
    assert caplog.text.count("no longer watched") == 1


def test_without_nvml_nothing_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def no_library() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_library)
    assert Gpu(CUDA).usage() is None
    assert "cannot be watched" in caplog.text
    assert Gpu(torch.device("cpu")).usage() is None


def test_the_progress_has_the_gpu_and_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    Nvml(monkeypatch)
    clock, kept = [0.0], Kept()
    progress = Progress({"Acoustic": 1000}, kept, lambda: clock[0])
    progress.monitor = ResourceMonitor(CUDA, lambda: clock[0])
    progress.stage("Acoustic", 0)
    for step in range(1, 62):
        clock[0] += 10.0
        progress.step(step, epoch=1, loss=1.0, learning_rate=1e-3, audio_seconds=10.0)
    assert kept.documents[-2].warnings == ()
    told = kept.documents[-1]
    assert told.gpu == USAGE
    assert [words[:26] for words in told.warnings] == ["the GPU computed in 12% of"]
    progress.stage("Vocoder", 62)
    progress.step(63, epoch=0, loss=1.0, learning_rate=1e-3, audio_seconds=10.0)
    clock[0] += 10.0
    progress.step(64, epoch=0, loss=1.0, learning_rate=1e-3, audio_seconds=10.0)
    assert kept.documents[-1].warnings == ()
