"""Every reason is reported somewhere and explained to users, and no other reason is reported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tts_api.reasons import REASONS, Reason

ROOT = Path(__file__).parents[3]
SOURCES = {
    path.relative_to(ROOT): ast.parse(path.read_text())
    for part in ("operator/tts_operator", "workloads/tts_workloads")
    for path in sorted((ROOT / part).rglob("*.py"))
}


DOCUMENTS = (ROOT / "docs/reference.md").read_text()


USED = {
    node.attr
    for tree in SOURCES.values()
    for node in ast.walk(tree)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
}
"""Names of the members of Reason that the operator or the workloads use."""


def literal_reasons() -> Iterator[tuple[str, str]]:
    """Every reason that is written as a string, ``reason="..."`` or ``{"reason": "..."}``, with its place."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "reason" and isinstance(node.value, ast.Constant):
                yield f"{path}:{node.value.lineno}", str(node.value.value)
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    named = isinstance(key, ast.Constant) and key.value == "reason"
                    if named and isinstance(value, ast.Constant):
                        yield f"{path}:{value.lineno}", str(value.value)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_reported_and_explained_to_users(reason: Reason) -> None:
    assert reason.name in USED
    assert f"`{reason.value}`" in DOCUMENTS


def test_no_other_reason_is_reported() -> None:
    assert set(Reason.__members__) >= USED
    unknown = {where: word for where, word in literal_reasons() if word not in {reason.value for reason in REASONS}}
    assert unknown == {}
