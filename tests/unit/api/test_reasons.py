"""Every reason has a meaning, and every reason for trouble has a remedy unless it heals by itself."""

from __future__ import annotations

import pytest

from tts_api.reasons import REASONS, Reason

WRONG = list(Reason)[list(Reason).index(Reason.INVALID_SPEC) :]
HEAL_BY_THEMSELVES = {Reason.PREEMPTED, Reason.TRAINING_NOT_COMPLETE}


@pytest.mark.parametrize("reason", Reason)
def test_reason_is_explained(reason: Reason) -> None:
    assert REASONS[reason].meaning.endswith(".")


@pytest.mark.parametrize("reason", sorted(set(WRONG) - HEAL_BY_THEMSELVES))
def test_reason_for_trouble_has_a_remedy(reason: Reason) -> None:
    assert REASONS[reason].remedy.endswith(".")
