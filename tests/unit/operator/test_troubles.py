"""The sentence that every trouble is told in: a message or the reason's meaning, then the remedy."""

from __future__ import annotations

import pytest

from tts_api.reasons import REASONS, Reason
from tts_operator.conditions import with_remedy

REMEDY = REASONS[Reason.REFUSED].remedy


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        pytest.param(Reason.REFUSED, "the quota is used up", f"the quota is used up. {REMEDY}", id="no full stop"),
        pytest.param(Reason.REFUSED, "the quota is used up.", f"the quota is used up. {REMEDY}", id="a full stop"),
        pytest.param(Reason.REFUSED, " the quota is used up\n", f"the quota is used up. {REMEDY}", id="spaces"),
        pytest.param(Reason.REFUSED, "", f"{REASONS[Reason.REFUSED].meaning} {REMEDY}", id="no message"),
        pytest.param(Reason.PREEMPTED, "", REASONS[Reason.PREEMPTED].meaning, id="neither message nor remedy"),
    ],
)
def test_a_message_is_followed_by_the_remedy(reason: Reason, message: str, expected: str) -> None:
    assert with_remedy(reason, message) == expected
