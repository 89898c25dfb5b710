"""The loop: what is interrupted goes on as if it had not been, and what diverges is given up."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tests.unit.workloads.tiny_stage import Asked, Line, Points, TinyBatch, TinyStage, tiny_loop
from tts_workloads.exits import BadInput
from tts_workloads.training.loop.guard import MOST_BAD_IN_A_ROW
from tts_workloads.training.loop.loop import Loop
from tts_workloads.training.loop.schedule import Position, StepSchedule
from tts_workloads.training.loop.trainer import Interrupted, seed_of


def stages() -> list[TinyStage]:
    return [TinyStage("Acoustic", 20), TinyStage("Vocoder", 12)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Points, dict[str, torch.Tensor]]:
    """The curve and the weights of a training that nothing disturbed."""
    curve, trained = Points(), stages()
    tiny_loop(tmp_path_factory.mktemp("whole"), curve, trained).train()
    return curve, trained[1].training_module.state_dict()


def test_the_loss_falls(whole: tuple[Points, dict[str, torch.Tensor]]) -> None:
    losses = whole[0].losses()
    assert losses[20, "loss"] < 0.5 * losses[1, "loss"]
    assert losses[20, "validation/loss"] < losses[7, "validation/loss"]


@pytest.mark.parametrize("looks", [0, 1, 4, 5, 6, 13, 20, 21, 27, 31])
def test_a_stopped_training_goes_on_exactly(
    tmp_path: Path, whole: tuple[Points, dict[str, torch.Tensor]], looks: int
) -> None:
    curve = Points()
    with pytest.raises(Interrupted):
        tiny_loop(tmp_path, curve, stages(), Asked(after=looks)).train()
    trained = stages()
    resumed = tiny_loop(tmp_path, curve, trained)
    resumed.train()
    assert curve.losses() == whole[0].losses()
    for name, weight in trained[1].training_module.state_dict().items():
        assert torch.equal(weight, whole[1][name])
    assert resumed.progress.document.checkpoint is not None
    assert resumed.progress.document.checkpoint.step == 32


def test_a_killed_training_loses_at_most_an_interval(
    tmp_path: Path, whole: tuple[Points, dict[str, torch.Tensor]]
) -> None:
    """Nothing is saved at the moment of death: the last interval is done again, and comes out the same."""

    class Killed(BaseException):
        pass

    def kill() -> bool:
        if loop.current is not None and loop.current.place.step == 13:
            raise Killed
        return False

    curve = Points()
    loop = tiny_loop(tmp_path, curve, stages(), kill)
    with pytest.raises(Killed):
        loop.train()
    again = tiny_loop(tmp_path, curve, stages())
    state = again.resume()
    assert state is not None
    assert state["step"] == 10
    tiny_loop(tmp_path, curve, stages()).train()
    assert curve.losses() == whole[0].losses()


def test_a_finished_training_does_no_step_again(tmp_path: Path) -> None:
    tiny_loop(tmp_path, Points(), stages()).train()
    curve, trained = Points(), stages()
    tiny_loop(tmp_path, curve, trained).train()
    assert curve.points == []
    assert not torch.equal(
        trained[0].training_module.state_dict()["layers.0.weight"], Line().state_dict()["layers.0.weight"]
    )


class Broken(Line):
    """A model whose loss is multiplied at some steps."""

    def __init__(self, steps: range, factor: float = math.nan) -> None:
        super().__init__()
        self.broken, self.factor = steps, factor

    def forward(self, batch: TinyBatch, step: int) -> dict[str, torch.Tensor]:
        losses = super().forward(batch, step)
        broken = self.training and step in self.broken
        return losses | {"loss": losses["loss"] * self.factor} if broken else losses


def test_a_step_without_a_finite_gradient_changes_nothing(tmp_path: Path) -> None:
    stage = TinyStage(steps=10, training_module=Broken(range(4, 7)))
    loop = tiny_loop(tmp_path, Points(), [stage])
    loop.train()
    assert all(bool(weight.isfinite().all()) for weight in stage.training_module.state_dict().values())
    assert loop.progress.document.step == 10


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e4])
def test_a_training_that_goes_wrong_backs_off_to_its_last_good_checkpoint(tmp_path: Path, factor: float) -> None:
    curve = Points()
    stage = TinyStage(steps=60, training_module=Broken(range(13, 13 + MOST_BAD_IN_A_ROW), factor))
    loop = tiny_loop(tmp_path, curve, [stage], keepCheckpoints=1)
    seen: dict[int, torch.Tensor] = {}

    def look() -> bool:
        assert loop.current is not None
        if loop.current.place.step in {10, 40}:
            seen[loop.current.place.step] = stage.training_module.state_dict()["layers.0.weight"].clone()
        return False

    loop.stop = look
    loop.train()
    # The last bad step is the 38th; its numbers are read while the 39th is computed.
    rates = {step: values["learningRate"] for step, _, values in curve.points if "learningRate" in values}
    schedule = StepSchedule(60, loop.run.training)
    planned = {step: schedule.learning_rate(Position(step - 1), stage.optimisation) for step in rates}
    assert [step for step in rates if rates[step] == planned[step]] == list(range(1, 40))
    assert [step for step in rates if rates[step] == planned[step] / 2] == list(range(40, 61))
    # One step away from where it was good: the momentum of fewer steps than Adam forgets in makes it a long one.
    assert float((seen[40] - seen[10]).abs().max()) < 5 * rates[40]
    losses = curve.losses()
    assert losses[60, "validation/loss"] < losses[7, "validation/loss"]


@pytest.mark.parametrize("looks", [20, 36, 37, 38, 39, 40, 45])
def test_backing_off_is_the_same_after_a_resume(tmp_path: Path, looks: int) -> None:
    def stage() -> TinyStage:
        return TinyStage(steps=50, training_module=Broken(range(13, 13 + MOST_BAD_IN_A_ROW), 1e4))

    whole, parts = Points(), Points()
    tiny_loop(tmp_path / "whole", whole, [stage()], keepCheckpoints=1).train()
    with pytest.raises(Interrupted):
        tiny_loop(tmp_path / "parts", parts, [stage()], Asked(after=looks), keepCheckpoints=1).train()
    tiny_loop(tmp_path / "parts", parts, [stage()], keepCheckpoints=1).train()
    assert parts.losses() == whole.losses()


def test_a_training_that_diverged_is_given_up_with_a_remedy(tmp_path: Path) -> None:
    stage = TinyStage(steps=400, training_module=Broken(range(3, 400)))
    with pytest.raises(
        BadInput, match=r"acoustic model at step \d+.*halved 5 times.*learningRate \(0.0015\)"
    ) as refusal:
        tiny_loop(tmp_path, Points(), [stage]).train()
    assert refusal.value.reason == "Diverged"


EARLY = {"precision": "fp32", "earlyStopping": {"patience": 2, "minDelta": 0.02}, "validation": {"everySteps": 4}}


def patient() -> list[TinyStage]:
    return [TinyStage("Acoustic", 400), TinyStage("Vocoder", 12)]


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> tuple[Points, Loop, dict[str, torch.Tensor]]:
    """A training whose first stage is stopped early."""
    curve, trained = Points(), patient()
    loop = tiny_loop(tmp_path_factory.mktemp("early"), curve, trained, **EARLY)
    loop.train()
    return curve, loop, trained[0].training_module.state_dict()


def test_a_model_that_gets_no_better_is_done_and_has_its_best_weights(
    early: tuple[Points, Loop, dict[str, torch.Tensor]],
) -> None:
    curve, loop, weights = early
    measured = {
        step: v["validation/loss"] for step, name, v in curve.points if "validation/loss" in v and name == "Acoustic"
    }
    best, last = loop.best["Acoustic"], max(measured)
    assert last == best + 2 * 4 < 400
    assert all(loss > measured[best] - 0.02 for loss in measured.values())
    assert loop.steps == {"Acoustic": last, "Vocoder": 12}
    stage = TinyStage()
    stage.training_module.load_state_dict(weights)
    held_out = next(iter(stage.validation()))
    with torch.no_grad():
        assert float(stage.training_module.eval()(held_out, 0)["loss"]) == pytest.approx(measured[best], rel=1e-5)


def test_steps_that_early_stopping_spares_count_as_done(early: tuple[Points, Loop, dict[str, torch.Tensor]]) -> None:
    curve, loop, _ = early
    assert min(step for step, name, _ in curve.points if name == "Vocoder") == 401
    assert loop.progress.document.step == loop.progress.document.total_steps == 412


def test_the_best_checkpoint_outlives_newer_ones(early: tuple[Points, Loop, dict[str, torch.Tensor]]) -> None:
    _, loop, weights = early
    found = loop.checkpoints.at(loop.best["Acoustic"])
    assert found is not None
    averages = loop.checkpoints.load(found.path)["average"][0]
    assert torch.equal(averages["layers.0.weight"], weights["layers.0.weight"])


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95, 1.0, 1.05])
def test_early_stopping_is_the_same_after_a_resume(
    tmp_path: Path, early: tuple[Points, Loop, dict[str, torch.Tensor]], share: float
) -> None:
    curve, loop, weights = early
    points, trained = Points(), patient()
    stop = Asked(after=round(share * loop.steps["Acoustic"]))
    with pytest.raises(Interrupted):
        tiny_loop(tmp_path, points, trained, stop, **EARLY).train()
    trained = patient()
    tiny_loop(tmp_path, points, trained, **EARLY).train()
    assert points.losses() == curve.losses()
    assert torch.equal(trained[0].training_module.state_dict()["layers.0.weight"], weights["layers.0.weight"])


def test_seeds_differ_in_every_part() -> None:
    seeds = {
        seed_of(1, "Acoustic", 0, 0),
        seed_of(2, "Acoustic", 0, 0),
        seed_of(1, "Vocoder", 0, 0),
        seed_of(1, "Acoustic", 1, 0),
        seed_of(1, "Acoustic", 0, 1),
    }
    assert len(seeds) == 5
    assert seed_of(1, "Acoustic", 0, 0) in seeds


def test_what_is_shown_is_what_would_be_exported(tmp_path: Path) -> None:
    stage = TinyStage()
    loop = tiny_loop(tmp_path, Points(), [stage])
    loop.train()
    assert len(stage.shown) == 3  # validations at steps 7, 14 and 20
    assert torch.equal(stage.shown[-1], loop.finished["Acoustic"]["layers.0.weight"])


def test_the_speed_of_a_later_stage_is_tried_and_nothing_changes(tmp_path: Path) -> None:
    trained, plain = [TinyStage("Acoustic", 4), TinyStage("Vocoder", 100)], TinyStage("Vocoder", 100)
    before = {name: value.clone() for name, value in trained[1].training_module.state_dict().items()}
    loop = tiny_loop(tmp_path, Points(), trained, Asked(after=2))
    with pytest.raises(Interrupted):
        loop.train()
    assert loop.progress.document.display.eta  # the vocoder's steps are in it, though none was done
    for name, value in trained[1].training_module.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in trained[1].training_module.parameters())
    assert torch.equal(plain.training_module.state_dict()["layers.0.weight"], before["layers.0.weight"])
