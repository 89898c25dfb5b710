"""Decodes stored objects: from the API server's JSON to a typed resource, or to the reason why it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Resource = TypeVar("Resource", bound=BaseModel)

MAX_PROBLEMS = 5
"""How many problems of one object are reported."""


def decode(model: type[Resource], body: Mapping[str, Any]) -> tuple[Resource | None, str]:
    """The metadata and the spec of an object as a ``model``, or None and the reason: field, value and expectation.

    The status is left out: what a pod wrote there must never make the spec unreadable.
    """
    try:
        return model.model_validate({"metadata": body["metadata"], "spec": body.get("spec", {})}), ""
    except ValidationError as error:
        return None, _explain(error)


def _explain(error: ValidationError) -> str:
    """The first problems of a document, each with field, value and expectation."""
    lines = []
    for problem in error.errors()[:MAX_PROBLEMS]:
        field = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{field} is {problem['input']!r:.80}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(lines)
