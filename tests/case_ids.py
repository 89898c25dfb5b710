"""Readable ids for the cases of a table: what pytest would number (``changes0``) is named by its content (``seed=7``).

An id that a table gives by itself is left as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

LONGEST = 60
"""Characters of a value's part of an id."""


def case_id(value: Any) -> str | None:
    """The value's part of an id, or None where pytest's own is good."""
    if isinstance(value, str):
        return _shortened(value) if len(value) > LONGEST else None
    if value is None or isinstance(value, bool | int | float | complex | bytes | type):
        return None
    text = _text(value)
    return _shortened(text) if text is not None else None


def _text(value: Any) -> str | None:
    """The content in words; None for what has no content that can be read, such as a function without a name."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_inner(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return " ".join(map(_inner, value)) or "none"
    if isinstance(value, AbstractSet):
        return " ".join(sorted(map(_inner, value))) or "none"  # each worker has another order of sets
    if isinstance(value, BaseException):
        return f"{type(value).__name__} {value}".strip()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.repr]
        return " ".join(
            [type(value).__name__, *(f"{field.name}={_inner(getattr(value, field.name))}" for field in fields)]
        )
    if hasattr(value, "model_dump"):
        return " ".join([type(value).__name__, _text(value.model_dump(exclude_defaults=True)) or ""])
    if hasattr(value, "shape"):
        return f"{type(value).__name__} {'x'.join(map(str, value.shape))}"
    name = getattr(value, "__name__", None)
    return name if name and name != "<lambda>" else None


def _inner(value: Any) -> str:
    if value is None or isinstance(value, str | bool | int | float | complex | bytes):
        return str(value)
    if isinstance(value, type):
        return value.__name__
    return _text(value) or type(value).__name__


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    # Half a surrogate pair cannot be written to a file, and control characters cannot be read.
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
