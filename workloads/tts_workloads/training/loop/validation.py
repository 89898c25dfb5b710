"""How a stage does on the clips held out: their losses, which of them were the best, and when no better ones are to be
expected."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tts_api.resources.training import EarlyStopping
from tts_workloads.models.stage import Batch
from tts_workloads.training.loop.precision import Format


@torch.no_grad()
def measure(
    model: nn.Module, weights: dict[str, Tensor], batches: Iterable[Batch], number_format: Format, step: int
) -> dict[str, float]:
    """Means of a model's losses by name, weighted by the batches' seconds; empty where there are no batches.

    ``weights`` are taken in place of the model's own. What the losses' weights depend on is ``step``, the same for all
    measurements that are to be compared.
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
    """Steps done when it was measured, over all stages."""
    loss: float = math.inf
    stale: int = 0
    """Validations since then."""

    def take(self, step: int, loss: float, early: EarlyStopping | None) -> bool:
        """Take a validation in; whether it is the best so far, by as much as counts."""
        better = loss < self.loss - (early.min_delta if early else 0.0)
        if better:
            self.step, self.loss, self.stale = step, loss, 0
        else:
            self.stale += 1
        return better

    def is_final(self, early: EarlyStopping | None) -> bool:
        """Whether no better one is waited for."""
        return early is not None and self.stale >= early.patience
