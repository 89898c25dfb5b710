"""Accepted: what the API server refused is told."""

from __future__ import annotations

import pytest

from tests.unit.operator import builders as b
from tests.unit.operator import service_builders as s
from tts_operator.engine.actions import Create, Outcome, Verdict
from tts_operator.engine.objects import CORE_SERVICE, JOB


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(Verdict.CONFLICT, "NameConflict"), (Verdict.REFUSED, "Refused"), (Verdict.EXISTS, "Accepted")],
    ids=["name", "refused", "exists"],
)
def test_what_is_told_of_a_training(verdict: Verdict, reason: str) -> None:
    outcome = Outcome(Create(JOB, {}, b.UID), verdict, "Job quick-train exists and belongs to CronJob mine")
    accepted = b.conditions(b.seen(), (outcome,))["Accepted"]
    assert accepted["reason"] == reason
    assert ("CronJob mine" in accepted["message"]) == (reason != "Accepted")


@pytest.mark.parametrize(
    ("verdict", "reason"), [(Verdict.CONFLICT, "NameConflict"), (Verdict.REFUSED, "Refused")], ids=["name", "refused"]
)
def test_what_is_told_of_a_service(verdict: Verdict, reason: str) -> None:
    outcome = Outcome(Create(CORE_SERVICE, {}, s.UID), verdict, "Service speak-serve exists and is not ours")
    found = s.conditions(s.seen(), (outcome,))["Accepted"]
    assert (found["status"], found["reason"]) == ("False", reason)
    assert "speak-serve" in found["message"]
