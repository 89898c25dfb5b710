"""The loop: what is interrupted goes on as if it had not been, and what diverges is given up."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.unit.workloads.tiny_stage import Asked, Line, Points, TinyBatch, TinyStage, tiny_loop
from tts_workloads.ending import BadInput
from tts_workloads.training import loop as loop_module
from tts_workloads.training.loop import Interrupted, seed_of


def stages() -> list[TinyStage]:
    return [TinyStage("Acoustic", 20), TinyStage("Vocoder", 12)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Points, dict[str, torch.Tensor]]:
    """The curve and the weights of a training that nothing disturbed."""
    curve, trained = Points(), stages()
    tiny_loop(tmp_path_factory.mktemp("whole"), curve, trained).train()
    return curve, trained[1].model.state_dict()


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
    for name, weight in trained[1].model.state_dict().items():
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
    assert not torch.equal(trained[0].model.state_dict()["layers.0.weight"], Line().state_dict()["layers.0.weight"])


class Broken(Line):
    """A model whose loss is not a number at some steps."""

    def __init__(self, steps: range) -> None:
        super().__init__()
        self.broken = steps

    def forward(self, batch: TinyBatch, step: int) -> dict[str, torch.Tensor]:
        losses = super().forward(batch, step)
        return losses | {"loss": losses["loss"] * float("nan")} if step in self.broken else losses


def test_a_step_without_a_finite_gradient_changes_nothing(tmp_path: Path) -> None:
    stage = TinyStage(steps=10, model=Broken(range(4, 7)))
    loop = tiny_loop(tmp_path, Points(), [stage])
    loop.train()
    assert all(bool(weight.isfinite().all()) for weight in stage.model.state_dict().values())
    assert loop.progress.document.step == 10


def test_a_training_that_diverged_is_given_up_with_a_remedy(tmp_path: Path) -> None:
    stage = TinyStage(steps=100, model=Broken(range(3, 100)))
    with pytest.raises(BadInput, match=r"acoustic model.*step 28.*learningRate \(0.05\)") as refusal:
        tiny_loop(tmp_path, Points(), [stage]).train()
    assert refusal.value.reason == "Diverged"
    assert loop_module.MOST_SKIPPED_IN_A_ROW == 25


def test_seeds_differ_in_every_part() -> None:
    seeds = {seed_of(1, "Acoustic", 0, 0), seed_of(2, "Acoustic", 0, 0), seed_of(1, "Vocoder", 0, 0),
             seed_of(1, "Acoustic", 1, 0), seed_of(1, "Acoustic", 0, 1)}  # fmt: skip
    assert len(seeds) == 5
    assert seed_of(1, "Acoustic", 0, 0) in seeds
