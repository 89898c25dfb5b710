"""The server as a process: OpenAI's own client, draining on SIGTERM, and the exit codes of the contract."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import soundfile

from tests.unit.workloads import tiny_voice
from tests.unit.workloads.tiny_tones import Tones
from tts_workloads.files import sha256_of


def run_document(path: Path, sha256: str, **changes: Any) -> dict[str, Any]:
    return {"schema": 1, "voice": {"name": "tones", "path": path.name, "sha256": sha256}, "port": free_port()} | changes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A server process and where it listens."""

    process: subprocess.Popen[str]
    url: str
    termination_log: Path

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Exit code, last words and log of a process that ends by itself."""
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, json.loads(self.termination_log.read_text()), log


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers in a workspace, and kills what is left of them."""
    servers: list[Server] = []

    def start(voice: Path, document: dict[str, Any]) -> Server:
        run = tmp_path / f"run-{len(servers)}.json"
        run.write_text(json.dumps(document))
        log = tmp_path / f"termination-{len(servers)}.log"
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tts_workloads.serving",
                "--run",
                run,
                "--workspace",
                voice.parent.parent,
                "--host",
                "127.0.0.1",
            ],
            env=os.environ
            | {
                "TTS_TERMINATION_LOG": str(log),
                "PYTHONPATH": os.pathsep.join(sys.path),
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",  # it logs as in a pod
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        servers.append(Server(process, f"http://127.0.0.1:{document.get('port')}", log))
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace") / "checkpoints"
    folder.mkdir()
    return tiny_voice.write(folder / "voice.pt", Tones(slowness=10))


def test_openais_client_speaks_and_sigterm_finishes_what_was_accepted(
    voice: Path, start: Callable[..., Server]
) -> None:
    limits = {"maxInputCharacters": 20_000, "maxConcurrentRequests": 2}
    server = start(voice, run_document(voice, sha256_of(voice), limits=limits))
    wait_for(server.ready)
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
    answer = client.audio.speech.create(model="tones", voice="default", input="Good morning.", response_format="wav")
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == tiny_voice.SAMPLE_RATE
    assert len(samples) > 0
    assert [model.id for model in client.models.list()] == ["tones"]
    with pytest.raises(openai.BadRequestError) as refusal:
        client.audio.speech.create(model="tones", voice="default", input=" ")
    assert refusal.value.param == "input"
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="other", voice="default", input="Good morning.")
    with client.audio.speech.with_streaming_response.create(
        model="tones", voice="default", input="Good morning. " * 5, response_format="pcm", speed=2.0
    ) as stream:
        assert len(b"".join(stream.iter_bytes())) > 0

    # Two long requests take both places; a third is told to come back; then the pod is asked to go.
    long = "Good morning, everyone. " * 400
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(httpx.post(f"{server.url}/v1/audio/speech", json={"input": long}, timeout=120))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: "in_progress 2.0" in httpx.get(f"{server.url}/metrics").text)
    with pytest.raises(openai.RateLimitError) as busy:
        client.audio.speech.create(model="tones", voice="default", input="Good morning.")
    assert int(busy.value.response.headers["retry-after"]) >= 1
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: httpx.get(f"{server.url}/readyz").status_code == 503)
    with pytest.raises(openai.InternalServerError):
        client.audio.speech.create(model="tones", voice="default", input="Good morning.")
    for thread in threads:
        thread.join()
    code, words, log = server.end()
    assert code == 0
    assert words["reason"] == "Finished"
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(soundfile.read(io.BytesIO(answers[0].content))[0]) > 400 * len(samples)
    records = [json.loads(line) for line in log.splitlines()]
    assert {"ready", "request", "draining", "ended"} <= {record.get("event") for record in records}
    assert "morning" not in log


def broken_card(path: Path) -> Path:
    """A voice of a later format."""
    return tiny_voice.write(path, format=2)


def other_front_end(path: Path) -> Path:
    from tts_workloads import text

    known = text.describe(text.for_training("en-us"))
    return tiny_voice.write(path, front_end=known.model_copy(update={"name": "xx-yy"}))


def mute(path: Path) -> Path:
    return tiny_voice.write(path, Tones(loudness=math.nan))


def no_archive(path: Path) -> Path:
    path.write_bytes(b"this is no voice" * 1000)
    return path


@pytest.mark.parametrize(
    ("make", "changes", "reason", "words"),
    [
        (tiny_voice.write, {"voice": {"name": "a", "path": "voice.pt", "sha256": "f" * 64}}, "DigestMismatch", "promi"),
        (lambda path: path, {}, "ModelMissing", "there is no voice at"),
        (no_archive, {}, "UnsupportedVoice", "is not a voice"),
        (broken_card, {}, "UnsupportedVoice", "format 2"),
        (other_front_end, {}, "UnsupportedVoice", "xx-yy"),
        (mute, {}, "UnsupportedVoice", "makes no sound"),
        (lambda path: path, {"voice": {}}, "InvalidRun", "voice.name: Field required"),
        (lambda path: path, {"schema": 9}, "InvalidRun", "schema 9"),
    ],
)
def test_a_voice_that_cannot_be_served_is_named_and_never_ready(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make: Any,
    changes: Any,
    reason: str,
    words: str,
) -> None:
    """In this process, since a process for each would only cost time."""
    from tts_workloads.serving.config import from_run
    from tts_workloads.serving.process import serve

    (tmp_path / "checkpoints").mkdir()
    path = make(tmp_path / "checkpoints" / "voice.pt")
    sha256 = sha256_of(path) if path.exists() else "0" * 64
    (tmp_path / "run.json").write_text(json.dumps(run_document(path, sha256, **changes)))
    monkeypatch.setenv("TTS_TERMINATION_LOG", str(tmp_path / "log"))
    assert serve(lambda: from_run(tmp_path / "run.json", tmp_path, "127.0.0.1", None)) == 64
    said = json.loads((tmp_path / "log").read_text())
    assert said["reason"] == reason
    assert words in said["message"]


def test_a_port_that_is_taken_is_a_failure(voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tts_workloads.serving.config import from_file
    from tts_workloads.serving.process import serve

    monkeypatch.setenv("TTS_TERMINATION_LOG", str(tmp_path / "log"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert serve(lambda: from_file(voice, "127.0.0.1", taken.getsockname()[1])) == 1
    assert "cannot listen on 127.0.0.1:" in json.loads((tmp_path / "log").read_text())["message"]


def test_half_a_body_and_a_reader_that_does_not_read_hold_nobody_up(voice: Path, start: Callable[..., Server]) -> None:
    server = start(voice, run_document(voice, sha256_of(voice), limits={"maxInputCharacters": 100_000}))
    wait_for(server.ready)
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    body = json.dumps({"input": "Good morning, everyone. " * 2000, "response_format": "pcm"}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    half, deaf = socket.create_connection(address), socket.create_connection(address)
    with half, deaf:
        half.sendall(head + body[:20])
        deaf.sendall(head + body)
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        answer = client.audio.speech.create(model="tones", voice="default", input="Good morning.")
        assert len(answer.content) > 0
        half.settimeout(30)
        assert b" 408 " in half.recv(65536)
    wait_for(lambda: "in_progress 0.0" in httpx.get(f"{server.url}/metrics").text)
    assert 'requests_total{status="499"} 1.0' in httpx.get(f"{server.url}/metrics").text


def test_a_pod_that_drains_does_not_wait_for_who_does_not_read(voice: Path, start: Callable[..., Server]) -> None:
    limits = {"maxInputCharacters": 100_000, "requestTimeoutSeconds": 2}
    server = start(voice, run_document(voice, sha256_of(voice), limits=limits))
    wait_for(server.ready)
    body = json.dumps({"input": "Good morning, everyone. " * 2000, "response_format": "pcm"}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as deaf:
        deaf.sendall(head + body)
        assert deaf.recv(12) == b"HTTP/1.1 200"
        server.process.send_signal(signal.SIGTERM)
        code, words, _ = server.end()
        assert (code, words["reason"]) == (0, "Finished")
