"""The OpenAPI document, and the server against every request that can be made up from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
import torch
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.unit.workloads import tiny_voice
from tts_api.resources.service import Limits
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import SynthesisSpeed

ROUTE, MODEL = "/v1/audio/speech", "/v1/models/{name}"
load_all_checks()
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> OpenApiSchema:
    path: Path = tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt")
    service = Service("tones", Limits(max_input_characters=400))
    service.start(LoadedVoice(path, None, torch.device("cpu")), SynthesisSpeed(0.01, 0.01, 0.001))
    return schemathesis.openapi.from_asgi("/openapi.json", make_app(service))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_asked_has_a_documented_answer(api: OpenApiSchema, mode: GenerationMode) -> None:
    """Requests that the document allows, and such as break it in every way that schemathesis knows."""
    paths = set()
    for result in api.get_all_operations():
        operation = result.ok()
        paths.add(operation.path)
        if mode.is_negative and operation.path != ROUTE:
            continue  # nothing is sent there that could be wrong

        @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        ask()
    assert paths == {ROUTE, MODEL, "/v1/models", "/v1/audio/voices", "/healthz", "/readyz", "/metrics"}


def test_the_document_names_what_a_client_may_send() -> None:
    document = make_app(Service("tones", Limits())).openapi()
    speech = document["paths"]["/v1/audio/speech"]["post"]
    reference = speech["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    wanted = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert wanted["required"] == ["input"]
    assert wanted["properties"]["response_format"]["enum"] == ["mp3", "opus", "aac", "flac", "wav", "pcm"]
    assert {"200", "400", "401", "404", "413", "429", "503"} <= set(speech["responses"])
    assert "audio/mpeg" in speech["responses"]["200"]["content"]
    for status in ("429", "503"):
        assert speech["responses"][status]["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert "headers" not in speech["responses"]["400"]


@pytest.mark.parametrize("keys", [False, True])
def test_the_document_says_where_a_key_is_wanted(tmp_path: Path, keys: bool) -> None:
    document = make_app(Service("tones", Limits(), keys=ApiKeyFolder(tmp_path) if keys else None)).openapi()
    wanted = {path for path, one in document["paths"].items() for operation in one.values() if "security" in operation}
    api = {ROUTE, MODEL, "/v1/models", "/v1/audio/voices"}
    assert wanted == (api if keys else set())
    assert "422" not in {
        status for one in document["paths"].values() for each in one.values() for status in each["responses"]
    }
    schemes = document["components"].get("securitySchemes", {})
    assert [(one["type"], one["scheme"]) for one in schemes.values()] == ([("http", "bearer")] if keys else [])
