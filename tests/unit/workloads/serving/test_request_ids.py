"""What a request is called: in its answer, in the log, in events; and that the log never says what was in it."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_voice
from tests.unit.workloads.live_server import live
from tests.unit.workloads.serving.test_api import ROUTE, Failing, FailingLater
from tts_api.resources.service import Limits
from tts_workloads import logs
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice

MADE = re.compile(r"req_[0-9a-f]{32}")


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a pod would log."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)  # whatever ran before in this process
    root = logging.getLogger()
    before, stream = root.handlers[:], io.StringIO()
    level = root.level
    logs.configure(stream=stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def records(logged: io.StringIO, request_id: str) -> list[dict[str, Any]]:
    return [one for line in logged.getvalue().splitlines() if (one := json.loads(line)).get("request_id") == request_id]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a-b_c.d:9", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("two words", False),
        ('"}{"', False),
        ("é", False),
        ("-a", False),
        (None, False),
    ],
)
def test_a_name_that_can_stand_anywhere_is_kept(given: str | None, kept: bool) -> None:
    headers = {} if given is None else {"X-Request-Id": given.encode()}
    with TestClient(make_app(Service("tones", Limits()))) as client:
        for path in ("/healthz", "/v1/models", "/nothing"):
            answered = client.get(path, headers=headers).headers.get_list("x-request-id")
            assert answered == [given] if kept else MADE.fullmatch(answered[0])


@pytest.mark.parametrize(("key", "status"), [("none", 401), ("k", 429)])
def test_who_is_not_let_in_has_one(tmp_path: Path, key: str, status: int) -> None:
    (tmp_path / "anna").write_text("k")
    service = Service("tones", Limits(max_concurrent_requests=1), keys=ApiKeyFolder(tmp_path))
    service.enter("anna")
    with TestClient(make_app(service)) as client:
        answer = client.post(ROUTE, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status
        assert MADE.fullmatch(answer.headers["x-request-id"])


def test_openais_client_knows_it_and_the_log_has_it(voice: LoadedVoice, logged: io.StringIO) -> None:
    with live(Service("tones", Limits()), voice) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
        named = client.models.retrieve("tones")._request_id
        with pytest.raises(openai.BadRequestError) as refusal:
            client.audio.speech.create(model="tones", voice="default", input="secret 你好")
        spoken = client.audio.speech.with_raw_response.create(model="tones", voice="default", input="Good morning.")
    for name, path, status in (
        (named, "/v1/models/tones", 200),
        (refusal.value.request_id, ROUTE, 400),
        (spoken.headers["x-request-id"], ROUTE, 200),
    ):
        (record,) = records(logged, str(name))
        assert (record["message"].split()[1], record["status"]) == (path, status)
    assert not re.search("secret|你|morning", logged.getvalue(), re.IGNORECASE)


@pytest.mark.parametrize("response_format", ["wav", "pcm"])
def test_a_failures_traceback_has_it_and_the_connection_is_said_to_close(
    voice: LoadedVoice, logged: io.StringIO, response_format: str
) -> None:
    service = Service("tones", Limits())
    with live(service, Failing(voice)) as url, httpx.Client() as client:  # type: ignore[arg-type]
        body = {"input": "Secret.", "response_format": response_format}
        for name in ("one", "other"):  # the second of which a connection that is closed in silence would fail
            answer = client.post(url + ROUTE, json=body, headers={"X-Request-Id": name})
            assert answer.status_code == 500
            assert answer.headers["connection"] == "close"
            assert answer.headers["x-request-id"] == name
            assert f"request {name}" in answer.json()["error"]["message"]
    for name in ("one", "other"):
        found = records(logged, name)
        assert ["device lost" in record.get("exc_info", "") for record in found].count(True) == 2, "engine and server"
        assert [record["status"] for record in found if record.get("event") == "request"] == [500]
    assert "Secret" not in logged.getvalue()


class Illiterate(Failing):
    """A voice that fails to read."""

    def __init__(self, voice: LoadedVoice) -> None:
        super().__init__(voice)
        self.front_end: Any = self

    def sentences(self, text: str) -> list[str]:
        raise KeyError(text)


@pytest.mark.parametrize("length", [1, 100])
def test_a_text_that_cannot_be_analysed_is_a_failure_that_tells_nobody_of_it(
    voice: LoadedVoice, logged: io.StringIO, length: int
) -> None:
    service = Service("tones", Limits())
    with live(service, Illiterate(voice)) as url:  # type: ignore[arg-type]
        answer = httpx.post(url + ROUTE, json={"input": "Secret. " * length}, headers={"X-Request-Id": "mine"})
        assert answer.status_code == 500
        assert "AnalysisFailed; its log has more of request mine" in answer.json()["error"]["message"]
        assert 'requests_total{status="500"} 1.0' in httpx.get(f"{url}/metrics").text
    found = "".join(record.get("exc_info", "") for record in records(logged, "mine"))
    assert "AnalysisFailed: KeyError" in found
    assert "in sentences" in found, "where it failed"
    assert "Secret" not in logged.getvalue()
    assert service.in_progress == 0


def test_events_say_that_they_break_off(voice: LoadedVoice, logged: io.StringIO) -> None:
    body = {"input": "Good morning. " * 20, "response_format": "pcm", "stream_format": "sse"}
    told = bytearray()

    def read(url: str) -> None:
        with httpx.stream("POST", url + ROUTE, json=body, headers={"X-Request-Id": "mine"}) as answer:
            for piece in answer.iter_raw():
                told.extend(piece)

    failing: Any = FailingLater(voice)
    with live(Service("tones", Limits()), failing) as url, pytest.raises(httpx.RemoteProtocolError):
        read(url)
    events = [json.loads(line.removeprefix("data: ")) for line in told.decode().split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "error"
    assert events[-1]["request_id"] == "mine"
    assert events[-1]["error"]["type"] == "server_error"
    assert [one["status"] for one in records(logged, "mine") if one.get("event") == "request"] == [500]


def test_the_log_says_of_a_client_that_went_what_the_metrics_say(voice: LoadedVoice, logged: io.StringIO) -> None:
    service = Service("tones", Limits(max_input_characters=100_000))
    body = {"input": "Good morning. " * 2000, "response_format": "pcm"}
    with live(service, voice) as url:
        with httpx.stream("POST", url + ROUTE, json=body, headers={"X-Request-Id": "mine"}) as answer:
            next(answer.iter_raw())
        while service.in_progress:
            time.sleep(0.01)
        assert 'requests_total{status="499"} 1.0' in httpx.get(f"{url}/metrics").text
    assert [record["status"] for record in records(logged, "mine")] == [499]
