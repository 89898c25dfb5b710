"""What every golden status says in its column, its conditions and its events: the same, and with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tts_api.reasons import REASONS
from tts_operator.conditions import condition_events

GOLDEN = Path(__file__).parent / "golden"
STATUSES: dict[str, dict[str, Any]] = {
    path.name.removesuffix(".out.yaml"): yaml.safe_load(path.read_text())["status"]
    for path in sorted(GOLDEN.glob("*.out.yaml"))
}
KNOWN = {name: status for name, status in STATUSES.items() if name != "training-finished"}
"""The statuses that this version wrote. A finished training keeps what an earlier version wrote."""
FROM_A_POD = {"InvalidDataset", "DigestMismatch", "WorkloadFailed", "CrashLoop", "BackoffLimitExceeded"}
"""Reasons whose message is a pod's own sentence, or says how a pod ended."""

REMEDIES = {explanation.remedy for explanation in REASONS.values() if explanation.remedy}


@pytest.mark.parametrize("name", KNOWN)
def test_conditions_of_one_reason_say_the_same(name: str) -> None:
    said: dict[str, set[str]] = {}
    for condition in KNOWN[name]["conditions"]:
        said.setdefault(condition["reason"], set()).add(condition["message"])
    assert {reason: len(messages) for reason, messages in said.items()} == dict.fromkeys(said, 1)


@pytest.mark.parametrize("name", KNOWN)
def test_an_event_says_what_the_condition_says(name: str) -> None:
    conditions = KNOWN[name]["conditions"]
    said = {condition["reason"]: condition["message"] for condition in conditions}
    events = list(condition_events((), conditions))
    assert {event.reason: event.note for event in events} == {event.reason: said[event.reason] for event in events}
    for event in events:
        if event.type == "Warning" and event.reason not in FROM_A_POD:
            assert any(remedy in event.note for remedy in REMEDIES)


@pytest.mark.parametrize("name", KNOWN)
def test_the_column_shows_a_reason_of_the_conditions(name: str) -> None:
    status = KNOWN[name]
    assert status["reason"] in {condition["reason"] for condition in status["conditions"]}


@pytest.mark.parametrize("name", [name for name in KNOWN if name.startswith("training-")])
def test_the_reason_explains_the_phase(name: str) -> None:
    status = KNOWN[name]
    by_type = {condition["type"]: condition for condition in status["conditions"]}
    explains = {"Failed": "Failed", "Complete": "Complete", "Suspended": "Suspended", "Queued": "Suspended"}
    refused = by_type["Accepted"]["status"] == "False"
    expected = "Accepted" if refused else explains.get(status["phase"], "Progressing")
    assert status["reason"] == by_type[expected]["reason"]
