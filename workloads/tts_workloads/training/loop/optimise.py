"""One optimizer step of a stage: its groups of parameters, clipping, scaling, the moving average. Nothing here waits
for the device. ``trainer`` decides when to step."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tts_workloads.models.stage import Optimisation
from tts_workloads.training.loop.precision import NumberFormat


class Group:
    """Parameters with the same rules of optimisation, and the moving average of their values."""

    def __init__(self, parameters: dict[str, nn.Parameter], optimisation: Optimisation) -> None:
        self.parameters, self.optimisation = parameters, optimisation
        self.average: dict[str, Tensor] = {}
        if optimisation.average_decay is not None:
            self.average = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    def clip(self) -> Tensor:
        """Clip the gradients to the norm of the rules. Returns the norm before, a scalar on the device."""
        norm: Tensor = nn.utils.clip_grad_norm_(self.parameters.values(), self.optimisation.clip_norm)
        return norm

    @torch.no_grad()
    def follow(self, finite: Tensor) -> None:
        """Update the average, unless the step was skipped; ``finite`` is a scalar bool on the device."""
        decay = self.optimisation.average_decay
        if decay is None or not self.average:
            return
        averages = list(self.average.values())
        # If the step was skipped, the weight is 0; only the device knows whether it was.
        weight = finite * (1 - decay)
        apart = torch._foreach_sub(list(self.parameters.values()), averages)
        torch._foreach_mul_(apart, weight)
        torch._foreach_add_(averages, apart)


def groups_of(model: nn.Module, optimisation: Optimisation) -> list[Group]:
    """The groups of a module's parameters; the group of all parameters that belong to no part comes first. Raises
    ValueError for a part without parameters."""
    left = dict(model.named_parameters())
    groups = []
    for part, rules in optimisation.parts.items():
        own = {name: left.pop(name) for name in list(left) if name.startswith(f"{part}.")}
        if not own:
            raise ValueError(f"the stage's model has no parameters in {part!r}")
        groups.append(Group(own, rules))
    return [Group(left, optimisation), *groups]


class Optimiser:
    """AdamW over the training module of a stage."""

    def __init__(self, model: nn.Module, optimisation: Optimisation, number_format: NumberFormat) -> None:
        """``model`` must be on its device already."""
        self.model = model
        self.groups = groups_of(model, optimisation)
        self.scaler = number_format.scaler()
        # The fused optimizer skips a step that the device finds not finite (``found_inf``); on a CPU it is the fastest.
        self.adamw = torch.optim.AdamW(
            [
                {
                    "params": list(group.parameters.values()),
                    "lr": group.optimisation.learning_rate,
                    "betas": group.optimisation.betas,
                    "weight_decay": group.optimisation.weight_decay,
                }
                for group in self.groups
            ],
            fused=True,
        )

    def step(self, loss: Tensor, rates: list[float]) -> Tensor:
        """Do one step along the gradient of a scalar loss; ``rates`` has one learning rate for each group.

        Returns whether all gradients were finite, a scalar bool on the device. Where they were not, nothing changes but
        the scale of fp16. Processes that train together have averaged their gradients by now and decide alike.
        """
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.adamw)
        finite = torch.isfinite(torch.stack([group.clip() for group in self.groups])).all()
        for options, rate in zip(self.adamw.param_groups, rates, strict=True):
            options["lr"] = rate
        if self.scaler.is_enabled():
            self.scaler.step(self.adamw)
            self.scaler.update()
        else:
            self.adamw.found_inf = (~finite).float()  # type: ignore[attr-defined]
            self.adamw.step()
        for group in self.groups:
            group.follow(finite)
        self.adamw.zero_grad(set_to_none=True)
        return finite

    def weights(self) -> dict[str, Tensor]:
        """The weights that are measured and exported, by name: averages where they are kept, else the weights
        themselves."""
        averages = {name: value for group in self.groups for name, value in group.average.items()}
        return self.model.state_dict() | averages

    @contextmanager
    @torch.no_grad()
    def averaged(self) -> Iterator[None]:
        """A context in which the model has the averages in place of its own weights."""
        averages = [(group.parameters[name], value) for group in self.groups for name, value in group.average.items()]
        own = [parameter.clone() for parameter, _ in averages]
        try:
            for parameter, average in averages:
                parameter.copy_(average)
            yield
        finally:
            for (parameter, _), value in zip(averages, own, strict=True):
                parameter.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, as tensors and plain values. The tensors are not copies."""
        return {
            "model": self.model.state_dict(),
            "average": [group.average for group in self.groups],
            "optimizer": self.adamw.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state that ``state_dict`` returned; the state is not changed."""
        self.model.load_state_dict(state["model"])
        for group, average in zip(self.groups, state["average"], strict=True):
            for name, value in average.items():
                group.average[name].copy_(value)
        self.adamw.load_state_dict(copy.deepcopy(state["optimizer"]))
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
