"""Trainings that another resource takes a voice from, read from their objects.

What is reported about a voice that cannot be taken is in ``tts_operator.troubles``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from tts_api.reasons import ConditionType
from tts_api.resources.references import FromTraining
from tts_api.resources.training import VoiceArtifact
from tts_operator.conditions import holds_in
from tts_operator.engine.cache import Cache
from tts_operator.engine.objects import Key
from tts_operator.training.record import TRAINING_RECORD


@dataclass(frozen=True)
class VoiceReference:
    """Where the file of a finished voice lies, and the digest that it must have."""

    claim_name: str
    path: str
    """The file inside the claim's volume, relative."""
    sha256: str


@dataclass(frozen=True)
class SourceTraining:
    """The facts about a training that a voice is taken from."""

    name: str
    state: Literal["missing", "waiting", "failed", "complete"]
    voice: VoiceReference | None = None
    """The voice that it left, where ``state`` is complete."""


@dataclass(frozen=True)
class SourceTrainings:
    """The facts about the trainings that the models start from; None for a model that starts from nothing."""

    acoustic: SourceTraining | None = None
    vocoder: SourceTraining | None = None

    @property
    def named(self) -> tuple[SourceTraining, ...]:
        """The trainings that the spec names."""
        return tuple(source for source in (self.acoustic, self.vocoder) if source is not None)

    @property
    def first_without_voice(self) -> SourceTraining | None:
        """The first training that is named and has no voice to give yet; None where each has one."""
        return next((source for source in self.named if source.state != "complete"), None)


def read_source(reference: FromTraining | None, namespace: str, cache: Cache) -> SourceTraining | None:
    """Read the facts about the training that a reference names; None without a reference."""
    if reference is None:
        return None
    return source_training(reference.name, cache.get(TRAINING_RECORD.kind, Key(namespace, reference.name)))


def source_training(name: str, body: Mapping[str, Any] | None) -> SourceTraining:
    """Read the facts about a training. ``body`` is its object, or None where there is no training of the name."""
    if body is None:
        return SourceTraining(name, "missing")
    status = body.get("status") or {}
    if holds_in(status, ConditionType.FAILED):
        return SourceTraining(name, "failed")
    if not holds_in(status, ConditionType.COMPLETE):
        return SourceTraining(name, "waiting")
    try:
        artifact = VoiceArtifact.model_validate(status.get("artifact"))
    except ValidationError:
        return SourceTraining(name, "failed")
    return SourceTraining(name, "complete", VoiceReference(artifact.claim_name, artifact.path, artifact.sha256))
