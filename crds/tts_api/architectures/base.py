"""What an architecture tells the API: its name, whether it is trained, and its parameters with their bounds."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from tts_api.base import Document


class Parameters(Document):
    """The parameters of one architecture. Every one is a number with bounds and a default, so that a manifest's
    ``parameters`` is a flat map of numbers which the API server can check by rule."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


@dataclass(frozen=True)
class Architecture:
    """One acoustic model or vocoder by name."""

    name: str
    parameters: type[Parameters]
    trained: bool
    """Whether it has weights to train; Griffin-Lim has none."""
