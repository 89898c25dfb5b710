"""The order of the policies is their precedence: the fold over toy policies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.unit.operator import builders as b
from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.engine.actions import Action, Patch
from tts_operator.engine.objects import JOB
from tts_operator.policy import Policy, fold_findings, fold_plan

PENDING = Finding(ConditionType.SCHEDULED, "False", Reason.PENDING)
PLACED = Finding(ConditionType.SCHEDULED, "True", Reason.SCHEDULED)
FAILED = Finding(ConditionType.FAILED, "True", Reason.DIVERGED, final=True)
NOT_FAILED = Finding(ConditionType.FAILED, "False", Reason.NOT_FAILED)


class Says(Policy[object]):
    """Finds what it is told to, patches the Job with its name, and wants to be asked again after some seconds."""

    def __init__(self, name: str, *findings: Finding, after: float | None = None) -> None:
        self.name, self.found, self.after = name, findings, after

    def findings(self, _situation: object, /) -> tuple[Finding, ...]:
        return self.found

    def actions(self, _situation: object, /) -> Iterator[Action]:
        yield Patch(JOB, b.KEY, {"by": self.name})

    def alarm(self, _situation: object, /) -> datetime | None:
        return None if self.after is None else b.NOW + timedelta(seconds=self.after)


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param((), (NOT_FAILED,), id="none"),
        pytest.param((Says("a", PENDING), Says("b", PLACED)), (PENDING, NOT_FAILED), id="the first counts"),
        pytest.param((Says("a"), Says("b", PLACED)), (PLACED, NOT_FAILED), id="who finds nothing leaves it to others"),
        pytest.param((Says("a", FAILED), Says("b", PLACED)), (FAILED,), id="none is asked after a final finding"),
        pytest.param((Says("a", PLACED), Says("b", FAILED)), (PLACED, FAILED), id="those before it are"),
    ],
)
def test_findings(policies: tuple[Says, ...], expected: tuple[Finding, ...]) -> None:
    assert fold_findings(policies, None, (NOT_FAILED,)) == expected


@pytest.mark.parametrize(
    ("policies", "by", "seconds"),
    [
        pytest.param((), [], None, id="none"),
        pytest.param((Says("a"), Says("b")), ["a"], None, id="the first action on an object counts"),
        pytest.param((Says("a", after=9), Says("b", after=5)), ["a"], 5, id="the earliest alarm"),
        pytest.param((Says("a", after=-1), Says("b", after=0)), ["a"], None, id="alarms that are over"),
        pytest.param((Says("a", FAILED, after=9), Says("b", after=5)), ["a"], 9, id="the final one is the last"),
    ],
)
def test_actions_and_alarms(policies: tuple[Says, ...], by: list[str], seconds: float | None) -> None:
    plan = fold_plan(policies, None, b.NOW)
    assert [action.patch["by"] for action in plan.actions if isinstance(action, Patch)] == by
    assert plan.requeue_at == (None if seconds is None else b.NOW + timedelta(seconds=seconds))


def test_a_policy_says_nothing_unless_it_is_told_to() -> None:
    class Silent(Policy[object]):
        pass

    assert fold_findings((Silent(),), None) == ()
    assert fold_plan((Silent(),), None, b.NOW).actions == ()
