"""The type of an architecture: its name, whether it is trained, and its parameters with their bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from tts_api.base import Document

OF_TRAINING = "of training"
"""Marks a parameter that affects how a model is trained, but not the shape of its weights. A training that starts from
another training's model may change it."""


class Parameters(Document):
    """The parameters of one architecture.

    Every parameter is a number with bounds and a default. So ``parameters`` in a manifest is a flat map of numbers, and
    the API server can check it by CEL rules. A name that the architecture does not have is refused.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    @classmethod
    def of_training(cls) -> set[str]:
        """Names of the parameters that are marked OF_TRAINING, as manifests write them."""
        return {to_camel(name) for name, field in cls.model_fields.items() if OF_TRAINING in field.metadata}


FrameKind = Literal["mel", "world"]
"""What the frames between an acoustic model and a vocoder consist of: log-mel bands of a spectrum alone, or those of
WORLD's envelope with aperiodicity, pitch and voicing."""


@dataclass(frozen=True)
class Surroundings:
    """What the sizes of a model are chosen for where a manifest is silent."""

    corpus_seconds: float
    """Seconds of speech in the corpus."""
    on_gpu: bool
    """Whether the model is trained on a GPU."""


@dataclass(frozen=True)
class Architecture:
    """One acoustic model or vocoder."""

    name: str
    """Name in manifests and in the registry."""
    parameters: type[Parameters]
    trained: bool
    """Whether it has weights to train. Griffin-Lim and WORLD have none."""
    frames: FrameKind = "mel"
    """The frames that a vocoder turns into sound. An acoustic model predicts those of the vocoder beside it."""
    effort: float = 1.0
    """Share of a budget that its training gets, in relation to the other model's."""
    suited: Callable[[Surroundings], dict[str, float]] = lambda _: {}
    """Returns the parameters, as manifests write them, that suit a corpus and a device better than the defaults."""
