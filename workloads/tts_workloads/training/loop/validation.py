"""The losses of a stage on the held-out clips: how they are measured, which were the best, and when to stop early."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tts_api.resources.training_options import EarlyStopping
from tts_workloads.models.stage import Batch
from tts_workloads.training.loop.precision import NumberFormat


@torch.no_grad()
def measure(
    model: nn.Module, weights: dict[str, Tensor], batches: Iterable[Batch], number_format: NumberFormat, step: int
) -> dict[str, float]:
    """The means of a model's losses by name, weighted by the seconds of the batches; empty where there are no batches.

    ``weights`` replace the model's own. Losses depend on ``step``: give the same one to all measurements that are to be
    compared.
    """
    model.eval()
    sums: dict[str, Tensor] = {}
    seconds = 0.0
    for on_host in batches:
        batch = on_host.to(number_format.device)
        with number_format.autocast():
            losses = functional_call(model, weights, (batch, step))
        for name, value in losses.items():
            sums[name] = sums.get(name, torch.zeros_like(value)) + value * batch.seconds
        seconds += batch.seconds
    return {name: float(value) / seconds for name, value in sums.items()}


@dataclass
class Best:
    """The best validation of a stage so far."""

    step: int | None = None
    """Number of steps done when it was measured, over all stages; None before the first validation."""
    loss: float = math.inf
    stale: int = 0
    """Number of validations since then."""

    def take(self, step: int, loss: float, early: EarlyStopping | None) -> bool:
        """Observe a validation. Returns whether it is the best so far, by at least ``min_delta`` of early stopping."""
        better = loss < self.loss - (early.min_delta if early else 0.0)
        if better:
            self.step, self.loss, self.stale = step, loss, 0
        else:
            self.stale += 1
        return better

    def is_final(self, early: EarlyStopping | None) -> bool:
        """Whether the stage is to be stopped early."""
        return early is not None and self.stale >= early.patience
