"""JSON merge patches (RFC 7396). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def merged(current: Body, patch: Body) -> dict[str, Any]:
    """The object after a merge patch."""
    result = {key: value for key, value in current.items() if patch.get(key, value) is not None}
    for key, value in patch.items():
        if isinstance(value, Mapping):
            old = current.get(key)
            result[key] = merged(old if isinstance(old, Mapping) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def difference(current: Body, wanted: Body) -> dict[str, Any]:
    """The merge patch that leads from one object to the other. Lists are replaced whole."""
    patch: dict[str, Any] = dict.fromkeys(current.keys() - wanted.keys())
    for key, value in wanted.items():
        old = current.get(key)
        if old == value:
            continue
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        patch[key] = difference(old, value) if both else value  # type: ignore[arg-type]
    return patch


def is_expected(before: Body, patch: Body, stored: Body) -> bool:
    """Whether an object that came back from a patch of its status differs from the one before by that patch alone."""
    for field in ("uid", "generation", "deletionTimestamp"):
        if before["metadata"].get(field) != stored["metadata"].get(field):
            return False
    return bool(merged(before.get("status") or {}, patch) == stored.get("status"))
