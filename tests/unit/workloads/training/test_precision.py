"""Which number format is chosen for a device, by what the device can do. The device is played at torch's border."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tts_api.resources.training_options import Precision
from tts_workloads.training.loop.precision import choose

CUDA = torch.device("cuda")
VOLTA, TURING, AMPERE, HOPPER = (7, 0), (7, 5), (8, 0), (9, 0)


@pytest.fixture(autouse=True)
def switches() -> Iterator[None]:
    """The process's switches as they were before."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = False
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = before[1:]


@pytest.mark.parametrize(
    ("precision", "capability", "dtype", "warned"),
    [
        ("auto", VOLTA, None, False),
        ("auto", TURING, None, False),
        ("auto", AMPERE, torch.bfloat16, False),
        ("auto", HOPPER, torch.bfloat16, False),
        ("bf16", TURING, None, True),
        ("bf16", AMPERE, torch.bfloat16, False),
        ("fp16", VOLTA, torch.float16, False),
        ("fp16", HOPPER, torch.float16, False),
        ("fp32", HOPPER, None, False),
    ],
)
def test_what_a_gpu_computes_in(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    precision: Precision,
    capability: tuple[int, int],
    dtype: torch.dtype | None,
    warned: bool,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    chosen = choose(precision, CUDA)
    assert (chosen.device, chosen.dtype) == (CUDA, dtype)
    assert ("only emulates it" in caplog.text) is warned
    # What stays in float32 is multiplied in TF32 where the GPU has it.
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("precision", "processor", "dtype", "warned"),
    [
        ("auto", "GenuineIntel amx_bf16 avx512_bf16", torch.bfloat16, False),
        ("auto", "AuthenticAMD avx512_bf16", torch.bfloat16, False),
        ("auto", "GenuineIntel avx512_bf16", None, False),
        ("auto", "AuthenticAMD avx2", None, False),
        ("bf16", "GenuineIntel avx512_bf16", torch.bfloat16, False),
        ("bf16", "AuthenticAMD avx2", None, True),
        ("fp16", "AuthenticAMD avx512_bf16", None, True),
        ("fp32", "AuthenticAMD avx512_bf16", None, False),
    ],
)
def test_what_a_cpu_computes_in(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    precision: Precision,
    processor: str,
    dtype: torch.dtype | None,
    warned: bool,
) -> None:
    vendor, _, flags = processor.partition(" ")
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags}\n\nprocessor: 1\n")
    monkeypatch.setattr("tts_workloads.processors.CPUINFO", tmp_path / "cpuinfo")
    assert choose(precision, torch.device("cpu")).dtype == dtype
    assert ("only emulates it" in caplog.text) is warned
    assert torch.get_float32_matmul_precision() == "highest"
