"""The number format of the forward pass on a device, and the scaling of gradients that fp16 needs."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch.amp.grad_scaler import GradScaler

from tts_api.resources.training_options import Precision
from tts_workloads.processors import cpu_has_bf16, cpu_is_faster_in_bf16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NumberFormat:
    """The number format of the forward pass. Weights, optimizer and losses are always float32."""

    device: torch.device
    dtype: torch.dtype | None
    """The format that autocast uses. None computes in float32, with TF32 in matrix products where the GPU has it."""

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        return torch.autocast(self.device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None)

    def scaler(self) -> GradScaler:
        """The gradient scaler. It is enabled for fp16 only, whose gradients underflow."""
        return GradScaler(self.device.type, enabled=self.dtype is torch.float16)


def choose(precision: Precision, device: torch.device) -> NumberFormat:
    """The format for a device. ``auto`` takes bf16 on a GPU that computes it in hardware and on a CPU that is faster in
    it, else fp32.

    A format that a CPU would only emulate (fp16, and bf16 without AVX-512 BF16 or AMX) is about a hundred times slower:
    it is replaced by fp32, with a warning.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        # Batches have few distinct shapes, so that it pays to try the algorithms once for each.
        torch.backends.cudnn.benchmark = True
        has_bf16 = torch.cuda.get_device_capability(device) >= (8, 0)
        if precision == "auto":
            return NumberFormat(device, torch.bfloat16 if has_bf16 else None)
        if precision == "bf16" and not has_bf16:
            log.warning("precision bf16 was asked for, but this GPU only emulates it: training in fp32")
            return NumberFormat(device, None)
        return NumberFormat(device, {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision])
    if (precision == "auto" and cpu_is_faster_in_bf16()) or (precision == "bf16" and cpu_has_bf16()):
        return NumberFormat(device, torch.bfloat16)
    if precision in {"bf16", "fp16"}:
        log.warning("precision %s was asked for, but this CPU only emulates it: training in fp32", precision)
    return NumberFormat(device, None)
