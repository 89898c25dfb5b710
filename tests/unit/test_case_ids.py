"""The ids of tables' cases say what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.case_ids import LONGEST, case_id


@dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("short", None, id="a short text is pytest's"),
        pytest.param(7, None, id="a number is pytest's"),
        pytest.param("a " * LONGEST, "a " * 28 + "a...", id="a long text is cut"),
        pytest.param({"seed": 7, "model": {"size": 2}}, "seed=7,model=size=2", id="a dictionary by its members"),
        pytest.param({}, "none", id="an empty dictionary"),
        pytest.param([1, "b", None], "1 b None", id="a list by its items"),
        pytest.param({"b", "a"}, "a b", id="a set in order"),
        pytest.param(ValueError("no"), "ValueError no", id="an error by its message"),
        pytest.param(Point(1, 2), "Point x=1 y=2", id="a dataclass by its fields"),
        pytest.param(case_id, "case_id", id="a function by its name"),
        pytest.param(["\ud83d", "\0"], r"\ud83d \x00", id="what cannot be printed is escaped"),
        pytest.param(lambda: None, None, id="a lambda has no name"),
    ],
)
def test_a_case_is_named_by_its_content(value: Any, expected: str | None) -> None:
    assert case_id(value) == expected
