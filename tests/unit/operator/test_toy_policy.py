"""A policy that is added here alone: what it wants is done, what it finds is told, and its alarm is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.unit.operator import builders as b
from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.engine.actions import Action, Patch
from tts_operator.engine.objects import JOB
from tts_operator.policy import Policy
from tts_operator.training.controller import TrainingController
from tts_operator.training.observe import ObservedTraining
from tts_operator.training.policies import POLICIES
from tts_operator.training.situation import TrainingSituation

MORNING = b.NOW + timedelta(hours=8)
RUNNING = b.seen(b.training(), b.CHILD_CLAIM, b.job(), b.pod(since=-60))


class NightRest(Policy[TrainingSituation]):
    """No training runs at night."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        if situation.now < MORNING:
            yield Finding(ConditionType.SUSPENDED, "True", Reason.SUSPENDED, "At night nobody trains.", final=True)
            yield Finding(ConditionType.PROGRESSING, "False", Reason.SUSPENDED)

    def actions(self, situation: TrainingSituation, /) -> Iterator[Action]:
        if situation.now < MORNING and situation.observed.owns_job:
            yield Patch(JOB, situation.child_key, {"spec": {"suspend": True}})

    def alarm(self, situation: TrainingSituation, /) -> datetime:
        return MORNING


def controller(*policies: Policy[TrainingSituation]) -> TrainingController:
    return TrainingController(b.SETTINGS, policies)


def test_at_night_its_action_its_finding_and_its_alarm_count() -> None:
    resting = controller(NightRest(), *POLICIES)
    plan = resting.plan(RUNNING, b.NOW)
    assert [action.patch for action in plan.actions if isinstance(action, Patch)] == [{"spec": {"suspend": True}}]
    assert plan.requeue_at == MORNING
    status = resting.conclude(RUNNING, (), b.NOW)
    suspended = next(condition for condition in status["conditions"] if condition["type"] == "Suspended")
    assert (suspended["status"], suspended["message"]) == ("True", "At night nobody trains.")
    assert status["phase"] == "Suspended"


@pytest.mark.parametrize("now", [b.NOW, MORNING], ids=["night", "day"])
def test_without_it_nothing_rests(now: datetime) -> None:
    usual = controller(*POLICIES)
    assert usual.plan(RUNNING, now).actions == ()
    assert "Suspended" not in usual.conclude(RUNNING, (), now)["phase"]


def test_by_day_the_others_decide_as_they_do_without_it() -> None:
    stopped = b.seen(b.training({"spec.runPolicy": {"suspend": True}}), b.CHILD_CLAIM, b.job(), b.pod())
    for observed in (RUNNING, stopped):
        with_it, without_it = controller(NightRest(), *POLICIES), controller(*POLICIES)
        assert with_it.plan(observed, MORNING) == without_it.plan(observed, MORNING)
        assert with_it.conclude(observed, (), MORNING) == without_it.conclude(observed, (), MORNING)


def observed_after(now: datetime) -> ObservedTraining:
    status = controller(NightRest(), *POLICIES).conclude(RUNNING, (), now)
    return b.seen(b.training({"status": status}), b.CHILD_CLAIM, b.job(suspend=True))


def test_in_the_morning_the_training_is_resumed() -> None:
    plan = controller(NightRest(), *POLICIES).plan(observed_after(b.NOW), MORNING)
    assert [action.patch for action in plan.actions if isinstance(action, Patch)] == [{"spec": {"suspend": False}}]
