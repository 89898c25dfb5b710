"""The run document: the same for the same spec, and its digest says whether a checkpoint may be continued."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tts_api.run import TrainingRun, digest, dumps

BASE: dict[str, Any] = {
    "schema": 1,
    "output": "voice-12345678",
    "dataset": {"format": "ljspeech", "path": "corpus", "language": "en-us", "audio": {}},
    "model": {},
    "training": {"maxSteps": 10},
}


def run(**changes: Any) -> TrainingRun:
    return TrainingRun.model_validate(BASE | changes)


def from_voice(**changes: str) -> dict[str, Any]:
    """What a run says that starts from another training's vocoder."""
    return {
        "model": {"vocoder": {"fromTraining": {"name": "base"}}},
        "sources": {"vocoder": {"path": "base/voice.pt", "sha256": "0" * 64} | changes},
    }


def test_document_survives_the_journey() -> None:
    assert TrainingRun.model_validate_json(dumps(run())) == run()


def test_reader_ignores_fields_it_does_not_know() -> None:
    assert run(fieldOfALaterVersion={"a": 1}) == run()


@pytest.mark.parametrize(
    ("changes", "continues"),
    [
        ({"output": "elsewhere"}, True),
        ({"resource": {"namespace": "a", "name": "b", "uid": "c"}}, True),
        ({"topology": {"nodes": 2}}, True),
        ({"training": {"maxSteps": 11}}, False),
        (from_voice(path="moved/voice.pt"), True),
        (from_voice(sha256="1" * 64), False),
        ({"model": {"acoustic": {"parameters": {"hiddenSize": 64}}}}, False),
        ({"dataset": BASE["dataset"] | {"audio": {"sampleRate": 16000}}}, False),
    ],
)
def test_digest_covers_what_decides_the_result(changes: dict[str, Any], continues: bool) -> None:
    base = from_voice() if "sources" in changes else {}
    assert (digest(run(**changes)) == digest(run(**base))) is continues


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"maxSteps": 0, "vocoderMaxSteps": 1}}, "there is no model.acoustic.fromTraining"),
        ({"training": {"maxSteps": 1, "vocoderMaxSteps": 0}}, "there is no model.vocoder.fromTraining"),
        (from_voice() | {"sources": {}}, "model.vocoder.fromTraining and sources.vocoder go together"),
        (from_voice() | {"model": {}}, "model.vocoder.fromTraining and sources.vocoder go together"),
    ],
)
def test_each_model_has_weights_from_somewhere(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        run(**changes)
    assert run(**from_voice(), training={"maxSteps": 1, "vocoderMaxSteps": 0}).training.vocoder_steps == 0
    assert run(model={"vocoder": {"architecture": "griffinlim"}}).training.max_steps == 10
