"""A service's limits and batching as flags of the command line, made from the fields of a TTSService that they are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from tts_api.resources.service import Batching, Limits


def add(parser: argparse.ArgumentParser) -> None:
    """A flag for each field."""
    group = parser.add_argument_group("limits, with --voice")
    for flag, name, description, default in _fields():
        told = "" if default is None else f" (default: {default})"
        group.add_argument(flag, dest=name, metavar="NUMBER", help=f"{description}{told}".replace("%", "%%"))


def chosen(arguments: argparse.Namespace) -> tuple[Limits, Batching]:
    """What the flags say. Raises ValueError with the flag, its value and what it may be."""
    given = {name: value for _, name, _, _ in _fields() if (value := getattr(arguments, name)) is not None}
    try:
        return Limits.model_validate(given), Batching.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = next(flag for flag, name, _, _ in _fields() if name in first["loc"])
        raise ValueError(f"{flag} {first['input']}: {first['msg']}") from None


def given(arguments: argparse.Namespace) -> list[str]:
    """The flags that there are."""
    return [flag for flag, name, _, _ in _fields() if getattr(arguments, name) is not None]


def _fields() -> Iterator[tuple[str, str, str, object]]:
    """Flag, name, description and default."""
    models: tuple[type[BaseModel], ...] = (Limits, Batching)
    for model in models:
        for name, field in model.model_fields.items():
            yield f"--{name.replace('_', '-')}", name, " ".join((field.description or "").split()), field.default
