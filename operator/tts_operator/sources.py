"""The voice that a resource takes from a training: what is known of it, and what is said until it is there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from tts_api.reasons import REASONS, ConditionType, Reason
from tts_api.resources.training import VoiceArtifact
from tts_operator.conditions import holds
from tts_operator.podviews import Trouble


@dataclass(frozen=True)
class Voice:
    """A finished voice: where its file lies and what it must be."""

    claim_name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """What is known of a training that a voice is to be taken from."""

    name: str
    state: Literal["missing", "waiting", "failed", "complete"]
    voice: Voice | None = None


@dataclass(frozen=True)
class Sources:
    """What is known of the trainings that the models start from; None where a model starts from nothing."""

    acoustic: Source | None = None
    vocoder: Source | None = None

    @property
    def named(self) -> tuple[Source, ...]:
        """Those that there are."""
        return tuple(one for one in (self.acoustic, self.vocoder) if one is not None)


def source(name: str, training: Mapping[str, Any] | None) -> Source:
    """What the training of this name has to give; ``training`` is None where there is none."""
    if training is None:
        return Source(name, "missing")
    status = training.get("status") or {}
    conditions = status.get("conditions", ())
    if holds(conditions, ConditionType.FAILED):
        return Source(name, "failed")
    if not holds(conditions, ConditionType.COMPLETE):
        return Source(name, "waiting")
    try:
        artifact = VoiceArtifact.model_validate(status.get("artifact"))
    except ValidationError:
        return Source(name, "failed")
    return Source(name, "complete", Voice(artifact.claim_name, artifact.path, artifact.sha256))


def source_trouble(found: Source) -> Trouble | None:
    """Why its voice cannot be taken, or None where it can."""
    match found.state:
        case "missing":
            reason, words = Reason.MODEL_MISSING, "does not exist."
        case "waiting":
            reason, words = Reason.TRAINING_NOT_COMPLETE, "is not complete; it is waited for."
        case "failed":
            reason, words = Reason.TRAINING_FAILED, "failed and leaves no voice."
        case "complete":
            return None
    return Trouble(reason, f"the TTSTraining {found.name} {words} {REASONS[reason].remedy}".strip())
