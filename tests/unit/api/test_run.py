"""The run document survives its journey, and its digest decides which checkpoints a run may continue."""

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
    """A run with some members replaced."""
    return TrainingRun.model_validate(BASE | changes)


def from_voice(**changes: str) -> dict[str, Any]:
    """The members of a run that starts from another training's vocoder."""
    return {
        "model": {"vocoder": {"fromTraining": {"name": "base"}}},
        "sources": {"vocoder": {"path": "base/voice.pt", "sha256": "0" * 64} | changes},
    }


def test_a_document_is_the_same_after_its_journey_as_json() -> None:
    assert TrainingRun.model_validate_json(dumps(run())) == run()


def test_a_reader_ignores_fields_that_it_does_not_know() -> None:
    assert run(fieldOfALaterVersion={"a": 1}) == run()


@pytest.mark.parametrize(
    ("changes", "continues"),
    [
        pytest.param({"output": "elsewhere"}, True, id="another folder"),
        pytest.param({"resource": {"namespace": "a", "name": "b", "uid": "c"}}, True, id="another resource"),
        pytest.param({"topology": {"nodes": 2}}, True, id="more nodes"),
        pytest.param({"training": {"maxSteps": 11}}, False, id="more steps"),
        pytest.param(from_voice(path="moved/voice.pt"), True, id="the source was moved"),
        pytest.param(from_voice(sha256="1" * 64), False, id="another source"),
        pytest.param({"model": {"acoustic": {"parameters": {"hiddenSize": 64}}}}, False, id="another size"),
        pytest.param({"dataset": BASE["dataset"] | {"audio": {"sampleRate": 16000}}}, False, id="another sample rate"),
    ],
)
def test_digest_covers_what_decides_the_result(changes: dict[str, Any], continues: bool) -> None:
    base = from_voice() if "sources" in changes else {}
    assert (digest(run(**changes)) == digest(run(**base))) is continues


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"training": {"maxSteps": 0, "vocoderMaxSteps": 1}},
            "there is no model.acoustic.fromTraining",
            id="acoustic model without steps",
        ),
        pytest.param(
            {
                "model": {"vocoder": {"architecture": "vocos"}},
                "training": {"maxSteps": 1, "vocoderMaxSteps": 0},
            },
            "there is no model.vocoder.fromTraining",
            id="vocoder without steps",
        ),
        pytest.param(
            from_voice() | {"sources": {}},
            "model.vocoder.fromTraining and sources.vocoder go together",
            id="training without its voice",
        ),
        pytest.param(
            from_voice() | {"model": {}},
            "model.vocoder.fromTraining and sources.vocoder go together",
            id="voice without its training",
        ),
    ],
)
def test_a_model_without_weights_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        run(**changes)


def test_a_model_needs_no_steps_where_it_starts_from_a_voice_or_is_not_trained() -> None:
    assert run(**from_voice(), training={"maxSteps": 1, "vocoderMaxSteps": 0}).training.vocoder_steps == 0
    assert run(model={"vocoder": {"architecture": "griffinlim"}}).training.max_steps == 10
