"""Stored objects as their types. Which kinds there are is ``tts_api.resources``' affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from tts_api.resources import TTSService, TTSTraining

Resource = TypeVar("Resource", TTSTraining, TTSService)


def parse(kind: type[Resource], body: Mapping[str, Any]) -> tuple[Resource | None, str]:
    """The object as its type, or the reason why it is not of it: field, value and what is expected.

    The status is not parsed: what a pod wrote must never make the spec unreadable.
    """
    try:
        return kind.model_validate({"metadata": body["metadata"], "spec": body.get("spec", {})}), ""
    except ValidationError as error:
        return None, _explain(error)


def _explain(error: ValidationError) -> str:
    """The first problems of a document, each with field, value and expectation."""
    lines = []
    for problem in error.errors()[:5]:
        field = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{field} is {problem['input']!r:.80}: {problem['msg']}")
    return "; ".join(lines)
