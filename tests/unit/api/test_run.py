"""The run document: the same for the same spec, and its digest says whether a checkpoint may be continued."""

from __future__ import annotations

from typing import Any

import pytest

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
        ({"model": {"acoustic": {"parameters": {"hiddenSize": 64}}}}, False),
        ({"dataset": BASE["dataset"] | {"audio": {"sampleRate": 16000}}}, False),
    ],
)
def test_digest_covers_what_decides_the_result(changes: dict[str, Any], continues: bool) -> None:
    assert (digest(run(**changes)) == digest(run())) is continues
