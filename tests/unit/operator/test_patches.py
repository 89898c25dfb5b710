"""Merge patches: what leads from one status to another, and whether an answer holds anything new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_operator.engine.patches import difference, is_expected, merged

VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=4)


@given(OBJECTS, OBJECTS)
def test_the_difference_leads_from_one_to_the_other(current: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert merged(current, difference(current, wanted)) == wanted


@given(OBJECTS)
def test_nothing_differs_from_itself(same: dict[str, Any]) -> None:
    assert difference(same, same) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"metadata": {"generation": 2}}, False),
        ({"metadata": {"uid": "another"}}, False),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, False),
        # A pod reported while the patch was under way: that has to be looked at.
        ({"status": {"phase": "Running", "progress": {"step": 5}}}, False),
    ],
    ids=["only-ours", "spec", "recreated", "deleted", "progress"],
)
def test_an_answer_with_anything_new_is_looked_at(change: dict[str, Any], expected: bool) -> None:
    before = {"metadata": {"uid": "u", "generation": 1}, "status": {"progress": {"step": 4}}}
    stored = merged(before, {"status": {"phase": "Running"}})
    assert is_expected(before, {"phase": "Running"}, merged(stored, change)) is expected
