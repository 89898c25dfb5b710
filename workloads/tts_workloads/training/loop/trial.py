"""Measures how long a step of a stage takes before the stage begins, so that the time left is known from the start."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from tts_workloads.models.stage import Stage
from tts_workloads.training.loop.precision import NumberFormat

STEPS = 3
"""Steps that are tried. The last one counts, because libraries choose their algorithms in the first ones."""
WORTHWHILE_STEPS = 100
"""Steps of a stage from which a trial is worth its time."""


def seconds_per_step(stage: Stage, number_format: NumberFormat, clock: Callable[[], float] = time.monotonic) -> float:
    """Return the seconds that a forward and a backward pass of a batch take. Weights and buffers stay as they are; the
    global random generator does not."""
    module, device = stage.training_module.to(number_format.device), number_format.device
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.train()
    seconds = 0.0
    for _ in range(STEPS):
        began = clock()
        batch = stage.trial().to(device)
        with number_format.autocast():
            loss: torch.Tensor = module(batch, 0)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = clock() - began
    module.zero_grad(set_to_none=True)
    module.load_state_dict(before)
    return seconds
