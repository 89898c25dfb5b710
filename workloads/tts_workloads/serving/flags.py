"""Command line flags for a service's limits and batching, generated from the fields of a TTSService."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from tts_api.resources.service import Batching, Limits


def add(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field to the parser."""
    group = parser.add_argument_group("limits, with --voice")
    for flag, name, description, default in _fields():
        told = "" if default is None else f" (default: {default})"
        group.add_argument(flag, dest=name, metavar="NUMBER", help=f"{description}{told}".replace("%", "%%"))


def chosen(arguments: argparse.Namespace) -> tuple[Limits, Batching]:
    """Return the limits and the batching that the flags set. Raises ValueError with the flag, its value and what is
    allowed."""
    given = {name: value for _, name, _, _ in _fields() if (value := getattr(arguments, name)) is not None}
    try:
        return Limits.model_validate(given), Batching.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = next(flag for flag, name, _, _ in _fields() if name in first["loc"])
        raise ValueError(f"{flag} {first['input']}: {first['msg']}") from None


def given(arguments: argparse.Namespace) -> list[str]:
    """Return the flags that were given on the command line."""
    return [flag for flag, name, _, _ in _fields() if getattr(arguments, name) is not None]


def _fields() -> Iterator[tuple[str, str, str, object]]:
    """Yield flag, field name, description and default of each field."""
    models: tuple[type[BaseModel], ...] = (Limits, Batching)
    for model in models:
        for name, field in model.model_fields.items():
            yield f"--{name.replace('_', '-')}", name, " ".join((field.description or "").split()), field.default
