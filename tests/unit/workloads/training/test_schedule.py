"""When a stage ends, is validated and saved: after numbers of steps, and by a budget on a clock that the test turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workloads.tiny_stage import Asked, Points, TinyStage, tiny_loop, tiny_run
from tts_workloads.exits import BadInput
from tts_workloads.models.stage import Optimisation
from tts_workloads.training import budget as budgets
from tts_workloads.training.budget import Budget
from tts_workloads.training.loop.loop import Loop
from tts_workloads.training.loop.schedule import LEAST_STEPS, Due, Position, StepSchedule, budget_seconds, written
from tts_workloads.training.loop.trainer import Interrupted

RULES = Optimisation(learning_rate=1.0, warmup_steps=10, final_learning_rate=0.1)


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (55, 0.55), (100, 0.1), (200, 0.1)]
)
def test_the_learning_rate_rises_and_falls(step: int, rate: float) -> None:
    schedule = StepSchedule(100, tiny_run().training)
    assert schedule.learning_rate(Position(step), RULES) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("training", "step", "due"),
    [
        pytest.param({}, 5, Due(0.05, validation=False, checkpoint=True), id="a checkpoint after its steps"),
        pytest.param({}, 7, Due(0.07, validation=True, checkpoint=False), id="a validation after its steps"),
        pytest.param({}, 100, Due(1.0, validation=False, checkpoint=True), id="the end after all steps"),
        pytest.param(
            {"checkpointEverySteps": None, "validation": {}},
            500,
            Due(5.0, validation=True, checkpoint=True),
            id="both after 500 steps where nothing is said",
        ),
    ],
)
def test_what_is_due_follows_from_the_step(training: dict[str, Any], step: int, due: Due) -> None:
    assert StepSchedule(100, tiny_run(**training).training).due(Position(step)) == due


class Machine:
    """A machine with a clock: each kind of work takes its seconds on it."""

    def __init__(self, folder: Path, budget: str, **seconds: float) -> None:
        self.folder, self.budget = folder, budget
        self.seconds = {"step": 1.0, "validation": 3.0, "preparing": 10.0, "finishing": 20.0, **seconds}
        self.now = 0.0
        self.curve = Points()

    def works(self, kind: str) -> None:
        self.now += self.seconds[kind]

    def attempt(self, until: float | None = None, dies: bool = False) -> Loop:
        """One attempt, which is stopped or killed at a time."""

        class Killed(BaseException):
            pass

        def stop() -> bool:
            if until is None or self.now < until:
                return False
            if dies:
                raise Killed
            return True

        clock: Callable[[], float] = lambda: self.now  # noqa: E731
        stages = [TinyStage("Acoustic", None, works=self.works), TinyStage("Vocoder", None, works=self.works)]
        budget = Budget(run_seconds(self.budget), self.folder / "voice", run_sha256="a", clock=clock)
        self.works("preparing")
        budget.tick()
        if budget.account.finish_seconds is None:
            self.works("finishing")
            budget.finish_takes(self.seconds["finishing"])
        loop = tiny_loop(self.folder, self.curve, stages, stop, budget, budget=self.budget)
        loop.clock = clock
        try:
            loop.train()
        except (Interrupted, Killed):
            return loop
        self.works("finishing")
        return loop


def run_seconds(budget: str) -> int:
    seconds = budget_seconds(tiny_run(budget=budget).training)
    assert seconds is not None
    return seconds


SHORT = {"step": 0.5, "validation": 0.5, "preparing": 8.0, "finishing": 10.0}
LONG = {"step": 5.0}
KILLED, STOPPED = (0.5, True), (0.5, False)


@pytest.mark.parametrize(
    ("budget", "seconds", "interruptions"),
    [
        pytest.param("2m", SHORT, [], id="2 minutes"),
        pytest.param("2m", SHORT, [KILLED], id="2 minutes, killed half-way"),
        pytest.param("10m", {}, [], id="10 minutes"),
        pytest.param("10m", {}, [STOPPED], id="10 minutes, stopped half-way"),
        pytest.param("10m", {}, [KILLED], id="10 minutes, killed half-way"),
        pytest.param("10m", {}, [(0.3, True), (0.45, False), (0.8, True)], id="10 minutes, three times disturbed"),
        pytest.param("30m", LONG, [], id="30 minutes"),
        pytest.param("30m", LONG, [KILLED], id="30 minutes, killed half-way"),
        pytest.param("10m", {"step": 7.0, "validation": 25.0}, [], id="a slow machine"),
        pytest.param("5h", {"step": 30.0, "validation": 60.0}, [KILLED], id="hours, killed half-way"),
    ],
)
def test_a_training_ends_when_its_budget_is_spent(
    tmp_path: Path, budget: str, seconds: dict[str, float], interruptions: list[tuple[float, bool]]
) -> None:
    machine, whole = Machine(tmp_path, budget, **seconds), run_seconds(budget)
    for share, dies in interruptions:
        machine.attempt(until=share * whole, dies=dies)
        assert machine.now < 0.9 * whole
    loop = machine.attempt()
    assert machine.now == pytest.approx(whole, rel=0.05)
    assert loop.budget is not None
    assert loop.budget.account.trained
    assert all(loop.steps[stage] > 10 for stage in ("Acoustic", "Vocoder"))
    rates = [values["learningRate"] for _, _, values in machine.curve.points if "learningRate" in values]
    assert rates[-1] < 0.1 * 0.05  # the decay of the last stage came near its end


def test_both_stages_get_their_shares_and_validations(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "10m")
    loop = machine.attempt()
    assert loop.steps["Acoustic"] == pytest.approx(loop.steps["Vocoder"], rel=0.05)
    validated = [(step, stage) for step, stage, values in machine.curve.points if "validation/loss" in values]
    for stage in ("Acoustic", "Vocoder"):
        assert 8 <= sum(name == stage for _, name in validated) <= 12
    assert validated[-1] == (sum(loop.steps.values()), "Vocoder")


def test_time_that_nobody_trains_is_free(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "10m")
    machine.attempt(until=300.0)
    machine.now += 10_000.0
    machine.attempt()
    assert machine.now == pytest.approx(10_600.0, rel=0.05)


def test_what_was_spent_is_known_after_a_kill(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "10m")
    machine.attempt(until=290.0, dies=True)
    account = budgets.read(tmp_path / "voice", "a")
    assert account.spent_seconds == pytest.approx(290.0, abs=budgets.WRITE_SECONDS + 3.0)
    assert account.finish_seconds == 20.0
    assert not account.trained


def test_an_account_that_is_torn_begins_anew(tmp_path: Path) -> None:
    (tmp_path / budgets.FILE).write_text('{"spent_sec')
    assert budgets.read(tmp_path, "a") == budgets.Account("a")


@pytest.mark.parametrize(
    ("budget", "least"),
    [
        # 10 + 20 s at the start, 3 steps of 5 s on trial and 12 more for each of two models, 20 s at the end; a tenth
        # more.
        pytest.param("1m", "4m", id="a minute"),
        pytest.param("2m", "4m", id="two minutes"),
    ],
)
def test_a_budget_without_room_for_a_validation_is_refused_with_the_least(
    tmp_path: Path, budget: str, least: str
) -> None:
    machine = Machine(tmp_path, budget, step=5.0, validation=5.0)
    with pytest.raises(BadInput, match=f"training.budget is {budget}, .* set it to at least {least}"):
        machine.attempt()


def test_the_least_that_a_refusal_names_would_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "4m", step=5.0, validation=5.0)
    loop = machine.attempt()
    assert machine.now == pytest.approx(240.0, rel=0.05)
    assert min(loop.steps.values()) >= 10


def test_a_process_that_does_not_lead_follows(tmp_path: Path) -> None:
    """Without the clock nothing is ever due, so that only the process that leads can end a stage."""
    asked = Asked(after=30)
    loop = tiny_loop(tmp_path, Points(), [TinyStage("Acoustic", None)], asked, budget="1m")
    with pytest.raises(Interrupted):
        loop.train()
    assert loop.steps == {}


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (90, "1m30s"), (3600, "1h"), (5430, "1h30m30s")])
def test_seconds_are_written_as_a_budget(seconds: int, text: str) -> None:
    assert written(seconds) == text


def test_an_account_of_another_run_is_worth_nothing(tmp_path: Path) -> None:
    Budget(600, tmp_path, run_sha256="a", clock=lambda: 100.0, age_seconds=50.0).trained()
    assert budgets.read(tmp_path, "a").trained
    assert budgets.read(tmp_path, "b") == budgets.Account("b")


def test_a_training_that_resumes_with_nothing_left_still_trains_each_model(tmp_path: Path) -> None:
    """It is not refused, and no model is left without a step."""
    machine = Machine(tmp_path, "10m")
    machine.attempt(until=250.0, dies=True)
    account = budgets.read(tmp_path / "voice", "a")
    left = replace(account, spent_seconds=590.0)
    (tmp_path / "voice" / budgets.FILE).write_text(json.dumps(asdict(left)))
    loop = machine.attempt()
    assert loop.steps["Vocoder"] == LEAST_STEPS
