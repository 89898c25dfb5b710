"""Conditions from one status to the next: what is stored, found, and written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_api.reasons import ConditionType, Reason
from tts_api.resources.training import TTSTrainingStatus
from tts_operator.conditions import Finding, condition_events, decode_conditions, encode_status, holds_in, merge

ACCEPTED = {
    "type": "Accepted",
    "status": "True",
    "reason": "Accepted",
    "message": "The spec is valid and the operator works on it.",
    "lastTransitionTime": b.at(-60),
    "observedGeneration": 1,
}
UNKNOWN = {"type": "Later", "status": "True", "reason": "NewWord", "lastTransitionTime": b.at(-60), "more": 1}
FOUND = Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED)
LOST = Finding(ConditionType.ACCEPTED, "False", Reason.REFUSED, "no")


def written(stored: dict[str, Any], *findings: Finding) -> dict[str, Any]:
    conditions = merge(decode_conditions(stored), findings, 1, b.NOW)
    return encode_status(stored, TTSTrainingStatus(conditions=conditions, gpus=2))


@pytest.mark.parametrize(
    ("stored", "findings", "expected"),
    [
        pytest.param([], [FOUND], [ACCEPTED | {"lastTransitionTime": b.at(0)}], id="new"),
        pytest.param([ACCEPTED], [FOUND], [ACCEPTED], id="as before"),
        pytest.param(
            [ACCEPTED],
            [LOST],
            [ACCEPTED | {"status": "False", "reason": "Refused", "message": "no", "lastTransitionTime": b.at(0)}],
            id="changed",
        ),
        pytest.param([ACCEPTED], [], [ACCEPTED], id="nothing found"),
        pytest.param([UNKNOWN, ACCEPTED], [FOUND], [ACCEPTED, UNKNOWN], id="of a newer version"),
        pytest.param([ACCEPTED | {"more": 1}], [FOUND], [ACCEPTED | {"more": 1}], id="a member of a newer version"),
        pytest.param([{"type": "Failed", "status": "?"}], [], [{"type": "Failed", "status": "?"}], id="unreadable"),
        pytest.param(
            [{"type": "Accepted", "status": "?"}],
            [FOUND],
            [ACCEPTED | {"lastTransitionTime": b.at(0)}],
            id="unreadable and found",
        ),
    ],
)
def test_what_is_written(stored: Any, findings: Any, expected: Any) -> None:
    assert written({"conditions": stored}, *findings)["conditions"] == expected


def test_fields_that_nobody_concludes_stay() -> None:
    stored = {"later": {"a": 1}, "image": "first:1", "gpus": 1}
    assert written(stored) == {"later": {"a": 1}, "image": "first:1", "gpus": 2, "conditions": []}


NO_TIME = {key: value for key, value in ACCEPTED.items() if key != "lastTransitionTime"}


@pytest.mark.parametrize(
    ("stored", "holds"),
    [
        pytest.param([ACCEPTED], True, id="true"),
        pytest.param([ACCEPTED | {"status": "False"}], False, id="false"),
        pytest.param([ACCEPTED | {"type": "Other"}], False, id="another type"),
        pytest.param([NO_TIME], True, id="no time"),
        pytest.param([ACCEPTED | {"reason": ""}], True, id="no reason"),
        pytest.param([ACCEPTED | {"reason": "R" * 65}], True, id="a long reason"),
        pytest.param([ACCEPTED | {"message": "x" * 2049}], True, id="a long message"),
        pytest.param([{"type": "Accepted", "status": "True"}], True, id="type and status alone"),
        pytest.param([{}], False, id="empty"),
        pytest.param([], False, id="none"),
    ],
)
def test_a_stored_condition_holds_whether_or_not_it_can_be_read(stored: Any, holds: bool) -> None:
    assert holds_in({"conditions": stored}, ConditionType.ACCEPTED) is holds


def test_a_status_full_of_conditions_of_a_newer_version_does_not_break_the_pass() -> None:
    stored = [UNKNOWN | {"type": f"Later{number}"} for number in range(16)]
    assert len(written({"conditions": stored}, FOUND)["conditions"]) == 17


def test_a_stored_condition_without_reason_is_not_told() -> None:
    bare = {"type": "Failed", "status": "True"}
    told = condition_events((bare,), (bare, UNKNOWN))
    assert [(event.reason, event.note) for event in told] == [("NewWord", "")]


def test_a_message_is_cut_where_the_schema_ends() -> None:
    (found,) = merge((), (Finding(ConditionType.FAILED, "True", Reason.DIVERGED, "x" * 5000),), 1, b.NOW)
    assert found.message == "x" * 2048


def test_a_reason_of_a_newer_version_is_told_as_it_is() -> None:
    condition = UNKNOWN | {"message": "something new"}
    assert [(event.type, event.reason) for event in condition_events((), (condition,))] == [("Normal", "NewWord")]
