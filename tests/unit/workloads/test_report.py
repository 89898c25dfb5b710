"""Reports to the API server: one field, applied whole, by a thread that nothing waits for. The server here is a real
one."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tts_api.report import ServicePerformance, TrainingProgress
from tts_api.run import ResourceReference
from tts_workloads.report import SERVICE_PERFORMANCE, TRAINING_PROGRESS, ApiServer, Reporter, reporter_for

RESOURCE = ResourceReference(namespace="speech", name="allison", uid="1234")


class Api:
    """An API server that keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answers: list[int] = []
        self.arrived = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, dict(self.headers), body))
                outer.arrived.set()
                outer.gate.wait(10)
                code = outer.answers.pop(0) if outer.answers else 200
                self.send_response(code)
                self.end_headers()
                self.wfile.write(json.dumps({"message": "the server says so"}).encode())

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    yield api
    api.gate.set()
    api.server.shutdown()
    api.server.server_close()


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("first\n")
    return tmp_path


def progress(step: int) -> TrainingProgress:
    return TrainingProgress(step=step, total_steps=9, updated_at="2026-01-01T00:00:00Z")


def test_one_field_is_applied_whole_under_the_workloads_name(api: Api, credentials: Path) -> None:
    ApiServer(api.url, credentials).apply_status(RESOURCE, TRAINING_PROGRESS, progress(3))
    path, headers, body = api.requests[0]
    url = urlsplit(path)
    assert url.path == "/apis/ttsoperator.dev/v1alpha1/namespaces/speech/ttstrainings/allison/status"
    assert parse_qs(url.query) == {"fieldManager": ["tts-workload"], "force": ["true"]}
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert headers["Authorization"] == "Bearer first"
    assert body["metadata"] == {"name": "allison", "namespace": "speech"}
    assert list(body["status"]) == ["progress"]
    assert body["status"]["progress"]["totalSteps"] == 9


def test_the_token_is_read_anew_since_it_is_rotated(api: Api, credentials: Path) -> None:
    server = ApiServer(api.url, credentials)
    measured = ServicePerformance(
        sha256="0" * 64, real_time_factor=0.1, time_to_first_audio_milliseconds=20, updated_at="2026-01-01T00:00:00Z"
    )
    server.apply_status(RESOURCE, SERVICE_PERFORMANCE, measured)
    (credentials / "token").write_text("second")
    server.apply_status(RESOURCE, SERVICE_PERFORMANCE, measured)
    assert [headers["Authorization"] for _, headers, _ in api.requests] == ["Bearer first", "Bearer second"]
    assert "/ttsservices/allison/status" in api.requests[0][0]


def test_a_refusal_is_told_in_the_servers_words_without_the_token(api: Api, credentials: Path) -> None:
    api.answers = [403]
    with pytest.raises(httpx.HTTPStatusError, match="403 the server says so") as refusal:
        ApiServer(api.url, credentials).apply_status(RESOURCE, TRAINING_PROGRESS, progress(1))
    assert "first" not in str(refusal.value)


def steps(api: Api) -> list[int]:
    return [body["status"]["progress"]["step"] for _, _, body in api.requests]


def test_while_one_report_is_on_its_way_only_the_newest_waits(api: Api, credentials: Path) -> None:
    api.gate.clear()
    reporter = Reporter(ApiServer(api.url, credentials), RESOURCE, TRAINING_PROGRESS, interval_seconds=0.01)
    reporter.put(progress(1))
    assert api.arrived.wait(10)
    for step in range(2, 9):
        reporter.put(progress(step))  # returns although the server does not answer
    api.gate.set()
    assert reporter.close(10)
    assert steps(api) == [1, 8]


def test_an_urgent_report_does_not_wait_for_the_interval(api: Api, credentials: Path) -> None:
    reporter = Reporter(ApiServer(api.url, credentials), RESOURCE, TRAINING_PROGRESS, interval_seconds=3600)
    for step in (1, 2):
        api.arrived.clear()
        reporter.put(progress(step), urgent=True)
        assert api.arrived.wait(10)
    assert steps(api) == [1, 2]
    reporter.close(10)


def test_an_outage_is_logged_once_and_survived(api: Api, credentials: Path, caplog: pytest.LogCaptureFixture) -> None:
    api.answers = [500, 503, 200]
    reporter = Reporter(ApiServer(api.url, credentials), RESOURCE, TRAINING_PROGRESS, interval_seconds=0.01)
    reporter.put(progress(5))
    assert reporter.close(10)
    assert steps(api) == [5, 5, 5]
    assert len([record for record in caplog.records if "did not take the report" in record.message]) == 1


def test_nobody_to_reach_is_no_error(credentials: Path) -> None:
    reporter = Reporter(
        ApiServer("http://127.0.0.1:1", credentials), RESOURCE, TRAINING_PROGRESS, interval_seconds=0.01
    )
    reporter.put(progress(1))
    assert not reporter.close(0.5)


def test_outside_a_cluster_there_is_nobody_to_report_to() -> None:
    assert reporter_for(RESOURCE, TRAINING_PROGRESS) is None
    assert reporter_for(None, TRAINING_PROGRESS) is None
