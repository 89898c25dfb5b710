"""One step of the optimizer: groups go their own ways in one backward, and what is not finite changes nothing."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tts_workloads.models.stage import Optimisation
from tts_workloads.training.loop.optimise import Optimiser
from tts_workloads.training.loop.precision import NumberFormat

CPU = torch.device("cpu")
RULES = Optimisation(learning_rate=0.1, warmup_steps=0, average_decay=0.5, weight_decay=0.0)
JUDGE = replace(RULES, average_decay=None)


class Pair(nn.Module):
    """A maker and a judge of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maker, self.judge = nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        loss: Tensor = self.judge(self.maker(x)).square().mean()
        return loss


def make(optimisation: Optimisation) -> tuple[Pair, Optimiser]:
    model = Pair()
    return model, Optimiser(model, optimisation, NumberFormat(CPU, None))


def values(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def moved(module: nn.Module, before: list[Tensor]) -> bool:
    return not all(torch.equal(a, b) for a, b in zip(values(module), before, strict=True))


@pytest.mark.parametrize(("maker_rate", "judge_rate"), [(0.1, 0.0), (0.0, 0.1), (0.1, 0.1)])
def test_each_group_has_its_own_learning_rate(maker_rate: float, judge_rate: float) -> None:
    model, optimiser = make(replace(RULES, parts={"judge": JUDGE}))
    maker, judge = values(model.maker), values(model.judge)
    assert optimiser.step(model(torch.ones(3, 2)), [maker_rate, judge_rate])
    assert moved(model.maker, maker) == (maker_rate > 0)
    assert moved(model.judge, judge) == (judge_rate > 0)


def test_each_group_is_clipped_by_itself() -> None:
    model, optimiser = make(replace(RULES, clip_norm=1e-3, parts={"judge": replace(JUDGE, clip_norm=math.inf)}))
    model(torch.ones(3, 2)).backward()
    judge = [parameter.grad.clone() for parameter in model.judge.parameters() if parameter.grad is not None]
    norms = [float(group.clip()) for group in optimiser.groups]
    assert min(norms) > 1e-3
    left = torch.stack([p.grad.norm() for p in model.maker.parameters() if p.grad is not None]).norm()
    assert float(left) == pytest.approx(1e-3, rel=1e-3)
    for parameter, gradient in zip(model.judge.parameters(), judge, strict=True):
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)


def test_only_groups_with_a_decay_are_averaged() -> None:
    model, optimiser = make(replace(RULES, parts={"judge": JUDGE}))
    before = model.maker.weight.detach().clone()
    optimiser.step(model(torch.ones(3, 2)), [0.1, 0.1])
    weights = optimiser.weights()
    assert torch.allclose(weights["maker.weight"], (before + model.maker.weight) / 2)
    assert torch.equal(weights["judge.weight"], model.judge.weight)
    assert weights.keys() == model.state_dict().keys()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_changes_nothing(bad: float) -> None:
    model, optimiser = make(RULES)
    optimiser.step(model(torch.ones(3, 2)), [0.1])
    before, moments = values(model), optimiser.adamw.state_dict()["state"][0]
    moments = {name: value.clone() for name, value in moments.items()}
    averages = {name: value.clone() for name, value in optimiser.weights().items()}
    assert moved(model, list(averages.values())), "the average is on its way still"
    assert not optimiser.step(model(torch.ones(3, 2)) * bad, [0.1])
    assert not moved(model, before)
    after = optimiser.adamw.state_dict()["state"][0]
    assert all(torch.equal(moments[name], after[name]) for name in moments)
    assert all(torch.equal(averages[name], value) for name, value in optimiser.weights().items())
    assert optimiser.step(model(torch.ones(3, 2)), [0.1])
    assert moved(model, before)


def test_in_fp16_a_good_step_moves_the_weights_and_a_bad_one_halves_the_scale_alone() -> None:
    model = Pair()
    optimiser = Optimiser(model, RULES, NumberFormat(CPU, torch.float16))
    before, scale = values(model), optimiser.scaler.get_scale()
    assert optimiser.step(model(torch.ones(3, 2)), [0.1])
    assert moved(model, before)
    assert optimiser.scaler.get_scale() == scale > 1

    before, averages = values(model), {name: value.clone() for name, value in optimiser.weights().items()}
    moments = {name: value.clone() for name, value in optimiser.adamw.state_dict()["state"][0].items()}
    assert not optimiser.step(model(torch.ones(3, 2)) * math.inf, [0.1])
    assert optimiser.scaler.get_scale() == scale / 2
    assert not moved(model, before)
    assert all(torch.equal(averages[name], value) for name, value in optimiser.weights().items())
    after = optimiser.adamw.state_dict()["state"][0]
    assert all(torch.equal(moments[name], after[name]) for name in moments)
    assert optimiser.step(model(torch.ones(3, 2)), [0.1])
    assert moved(model, before)


def test_a_step_in_fp16_is_that_of_fp32_whatever_the_scale() -> None:
    (model, optimiser), other = make(RULES), Pair()
    scaled = Optimiser(other, RULES, NumberFormat(CPU, torch.float16))
    for one, with_optimiser in ((model, optimiser), (other, scaled)):
        with_optimiser.step(one(torch.ones(3, 2)), [0.1])
    for one, two in zip(values(model), values(other), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-6)


def test_the_scale_of_fp16_is_part_of_the_state() -> None:
    model, resumed = Pair(), Optimiser(Pair(), RULES, NumberFormat(CPU, torch.float16))
    optimiser = Optimiser(model, RULES, NumberFormat(CPU, torch.float16))
    optimiser.step(model(torch.ones(3, 2)) * math.inf, [0.1])
    assert resumed.scaler.get_scale() != optimiser.scaler.get_scale()
    resumed.load_state_dict(optimiser.state_dict())
    assert resumed.scaler.get_scale() == optimiser.scaler.get_scale()


def test_a_group_that_is_not_finite_holds_the_others_back() -> None:
    model, optimiser = make(replace(RULES, parts={"judge": JUDGE}))
    maker, judge = values(model.maker), values(model.judge)
    with torch.no_grad():
        model.judge.bias.fill_(math.nan)
    judge = values(model.judge)
    assert not optimiser.step(model.maker(torch.ones(3, 2)).sum() + model.judge.bias.square().sum(), [0.1, 0.1])
    assert not moved(model.maker, maker)
    assert torch.equal(model.judge.weight, judge[0])


def test_a_part_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'jury'"):
        make(replace(RULES, parts={"jury": JUDGE}))


def test_a_state_goes_on_where_it_was() -> None:
    model, optimiser = make(replace(RULES, parts={"judge": JUDGE}))
    other, resumed = make(replace(RULES, parts={"judge": JUDGE}))
    optimiser.step(model(torch.ones(3, 2)), [0.1, 0.2])
    resumed.load_state_dict(optimiser.state_dict())
    for one, with_optimiser in ((model, optimiser), (other, resumed)):
        with_optimiser.step(one(torch.ones(3, 2)), [0.1, 0.2])
    assert not moved(other, values(model))
    for name, weight in optimiser.weights().items():
        assert torch.equal(weight, resumed.weights()[name])


def test_the_average_takes_the_weights_place_for_a_while() -> None:
    model, optimiser = make(replace(RULES, parts={"judge": JUDGE}))
    optimiser.step(model(torch.ones(3, 2)), [0.1, 0.1])
    maker, judge = values(model.maker), values(model.judge)
    with suppress(KeyError), optimiser.averaged():
        assert all(torch.equal(value, optimiser.weights()[name]) for name, value in model.named_parameters())
        assert moved(model.maker, maker)
        assert not moved(model.judge, judge)
        raise KeyError  # whatever happens meanwhile
    assert not moved(model.maker, maker)
