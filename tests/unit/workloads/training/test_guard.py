"""When a training backs off and when it is given up, by the numbers of its steps."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from tts_workloads.training.loop.guard import FIRST_STEPS, LATE, MOST_BACK_OFFS, MOST_BAD_IN_A_ROW, Diverged, Guard

GOOD = [4.0] * FIRST_STEPS


def seen(losses: list[float]) -> Guard:
    guard = Guard()
    for step, loss in enumerate(losses):
        guard.take(step, loss, finite=math.isfinite(loss))
    return guard


@pytest.mark.parametrize(
    ("losses", "due"),
    [
        ([], None),
        ([4.0] * 100, None),
        ([*GOOD, *[math.nan] * (MOST_BAD_IN_A_ROW - 1)], None),
        ([*GOOD, *[math.nan] * MOST_BAD_IN_A_ROW], FIRST_STEPS + MOST_BAD_IN_A_ROW - 1 + LATE),
        ([math.nan] * MOST_BAD_IN_A_ROW, MOST_BAD_IN_A_ROW - 1 + LATE),
        # One good step in between, and all is well.
        ([*GOOD, *[math.inf] * (MOST_BAD_IN_A_ROW - 1), 4.0, *[math.inf] * (MOST_BAD_IN_A_ROW - 1)], None),
        # Ten times what it began with is an explosion, twice is not.
        ([*GOOD, *[41.0] * MOST_BAD_IN_A_ROW], FIRST_STEPS + MOST_BAD_IN_A_ROW - 1 + LATE),
        ([*GOOD, *[39.0] * 100], None),
        # What it began with is not known yet.
        ([4.0, *[500.0] * (FIRST_STEPS - 1), *[600.0] * 100], None),
    ],
)
def test_back_off_is_due_after_so_many_bad_steps_in_a_row(losses: list[float], due: int | None) -> None:
    guard = seen(losses)
    assert guard.due == due
    if due is not None:
        assert [guard.must_back_off(step) for step in (due - 1, due, due + 1)] == [False, True, True]


def test_a_finite_loss_with_a_gradient_that_is_not_counts_as_bad() -> None:
    guard = seen(GOOD)
    guard.take(10, 4.0, finite=False)
    assert guard.bad == 1


def test_each_back_off_halves_the_rate_until_the_training_is_given_up() -> None:
    guard = seen([*GOOD, *[99.0] * MOST_BAD_IN_A_ROW])
    rates = []
    for _ in range(MOST_BACK_OFFS):
        guard.back_off()
        rates.append(guard.rate)
        assert (guard.bad, guard.due) == (0, None)
    assert rates == [0.5, 0.25, 0.125, 0.0625, 0.03125]
    with pytest.raises(Diverged, match=r"99 \(at first 4\).*halved 5 times"):
        guard.back_off()


def test_its_state_is_plain() -> None:
    guard = seen([*GOOD, math.nan])
    again = Guard(**asdict(guard))
    again.take(11, math.nan, finite=False)
    assert again.bad == 2
