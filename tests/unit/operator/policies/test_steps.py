"""Steps: whether the corpus is prepared or steps are done, and the warnings of the pod."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.training.policies.steps import Steps


@pytest.mark.parametrize(
    ("progress", "expected", "message"),
    [
        ({}, "Progressing=Preparing", ""),
        ({"updatedAt": b.at(-5)}, "Progressing=Preparing", ""),
        ({"updatedAt": b.at(-5), "step": 7}, "Progressing=Running", ""),
        ({"updatedAt": b.at(-5), "step": -1}, "Progressing=Preparing", ""),
        ({"updatedAt": b.at(-5), "step": 7, "warnings": ["idle", "memory"]}, "Progressing=Running", "idle. memory"),
    ],
    ids=["nothing", "no-step", "steps", "unreadable", "warnings"],
)
def test_what_is_found(progress: Any, expected: str, message: str) -> None:
    observed = b.seen(b.training({"status.progress": progress}), b.job(), b.pod())
    assert b.found(Steps(), observed) == expected
    assert [finding.message for finding in Steps().findings(b.situation(observed))] == [message]
