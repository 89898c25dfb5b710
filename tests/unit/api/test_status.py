"""What the operator writes into a status has a typed field, and the types write the same JSON again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tts_api.kinds import CUSTOM_KINDS, SERVICE, TRAINING, CustomKind
from tts_api.resources.service import ServedModel, TTSServiceStatus
from tts_api.resources.training import TTSTrainingStatus, VoiceArtifact

SHA = "0" * 64
NOW = "2026-01-01T00:00:00Z"
CONDITION = {
    "type": "Accepted",
    "status": "True",
    "reason": "Accepted",
    "message": "",
    "lastTransitionTime": NOW,
    "observedGeneration": 1,
}
ARTIFACT = {
    "path": "voice/voice.pt",
    "sha256": SHA,
    "sizeBytes": 1,
    "sampleRate": 22050,
    "languages": ["en-us"],
    "speakers": ["a"],
}
FULL: dict[str, tuple[CustomKind, dict[str, Any]]] = {
    "TTSTraining": (
        TRAINING,
        {
            "observedGeneration": 1,
            "phase": "Complete",
            "reason": "Completed",
            "conditions": [CONDITION],
            "image": "registry.example.com/tts-workload:1",
            "gpus": 2,
            "checkpoint": {"step": 1, "path": "voice/1.pt", "sha256": SHA, "savedAt": NOW},
            "evaluation": {"clips": 2, "melLoss": 0.5},
            "artifact": ARTIFACT | {"claimName": "voice-train"},
        },
    ),
    "TTSService": (
        SERVICE,
        {
            "observedGeneration": 1,
            "reason": "Available",
            "conditions": [CONDITION],
            "url": "http://voice.speech.svc:8000",
            "replicas": 2,
            "readyReplicas": 1,
            "selector": "app=voice",
            "image": "registry.example.com/tts-workload:1",
            "model": {"name": "voice", "sha256": SHA, "ready": True},
        },
    ),
}
"""For each kind a status in which the operator has written every field of its own."""


@pytest.mark.parametrize("name", FULL)
def test_a_status_is_the_same_after_it_was_read_and_written(name: str) -> None:
    kind, status = FULL[name]
    assert kind.status.model_validate(status).to_json_object() == status


@pytest.mark.parametrize("name", FULL)
def test_the_table_has_every_field_that_the_operator_owns(name: str) -> None:
    kind, status = FULL[name]
    assert set(status) == set(kind.operator_owned_fields)
    assert {one.name for one in CUSTOM_KINDS} == set(FULL)


def test_a_status_can_be_written_by_the_names_of_its_members() -> None:
    artifact = VoiceArtifact.model_validate(ARTIFACT | {"claimName": "voice-train"})
    training = TTSTrainingStatus(observed_generation=1, phase="Complete", gpus=2, artifact=artifact)
    assert training.to_json_object() == {
        "observedGeneration": 1,
        "phase": "Complete",
        "conditions": [],
        "gpus": 2,
        "artifact": ARTIFACT | {"claimName": "voice-train"},
    }
    service = TTSServiceStatus(ready_replicas=0, model=ServedModel(name="voice", sha256=SHA))
    assert service.to_json_object() == {
        "conditions": [],
        "readyReplicas": 0,
        "model": {"name": "voice", "sha256": SHA, "ready": False},
    }


def test_a_phase_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="'Pending', 'Queued', 'Running', 'Suspended', 'Complete' or 'Failed'"):
        TTSTrainingStatus.model_validate({"phase": "Done"})
