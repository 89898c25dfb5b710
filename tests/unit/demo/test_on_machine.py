"""The demo without a cluster: what it makes of the command ``tts``, for which short programs stand in."""

from __future__ import annotations

import io
import socket
import sys
from pathlib import Path

import httpx
import pytest

from demo import follow, on_machine
from demo.children import ChildFailed
from demo.on_machine import OnMachine
from demo.screen import Screen
from demo.steps import Steps

TRAINS = """
import pathlib, sys, time
words = sys.argv[1:]
assert words[:1] == ["run"] and words[1].endswith("examples/ttstraining.yaml") and words[3].endswith("corpus"), words
folder = pathlib.Path(words[words.index("--output") + 1])
(folder / ".workspace").mkdir(parents=True)
progress = '{"stage": "Vocoder", "step": 3, "totalSteps": 4, "display": {"loss": "2.5"}}'
(folder / ".workspace/progress.json").write_text(progress)
time.sleep(0.3)
(folder / "voice.pt").write_bytes(b"voice")
(folder / "report").mkdir()
"""
REFUSES = "print('tts: InvalidDataset: clip 3 has no text: write one'); raise SystemExit(64)"
SERVES = """
import http.server, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
try:
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
except OSError:
    raise SystemExit(f"tts: cannot listen on 127.0.0.1:{port}: Address already in use")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
server.RequestHandlerClass = Handler
server.serve_forever()
"""


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.05)
    return Screen(io.StringIO())


def way(tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch, program: str) -> OnMachine:
    monkeypatch.setattr(on_machine, "_tts", lambda *words: [sys.executable, "-c", program, *words])
    return OnMachine(Steps(screen), screen, tmp_path, "Pods need root: sudo gives it.")


def test_a_voice_is_trained_with_its_progress_and_fetched(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".training-1/left").mkdir(parents=True)  # by a demo that was killed
    one = way(tmp_path, screen, monkeypatch, TRAINS)
    one.train(tmp_path / "corpus")
    assert "  Vocoder 75%, Vocoder loss 2.5\n" in screen.out.getvalue()  # type: ignore[attr-defined]
    one.fetch(tmp_path)
    assert one.end(keep=True) is False
    assert {path.name for path in tmp_path.iterdir()} == {"voice.pt", "report"}
    assert one.left_out.endswith("status of a training and a service. Pods need root: sudo gives it.")


def test_what_the_command_refuses_is_told(tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    one = way(tmp_path, screen, monkeypatch, REFUSES)
    with pytest.raises(
        ChildFailed, match=r"tts run failed \(exit status 64\)\ntts: InvalidDataset: clip 3 has no text"
    ):
        one.train(tmp_path / "corpus")


def test_a_service_speaks_and_ends_with_the_block(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with way(tmp_path, screen, monkeypatch, SERVES).serving() as url:
        assert httpx.get(f"{url}/readyz").is_success
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


def test_another_port_is_taken_where_the_first_is_not_free_any_more(
    tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
        other.close()
        ports = iter([taken.getsockname()[1], free])
        monkeypatch.setattr(on_machine, "free_port", lambda: next(ports))
        with way(tmp_path, screen, monkeypatch, SERVES).serving() as url:
            assert url == f"http://127.0.0.1:{free}"


def test_a_service_that_does_not_start_is_told(tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    one = way(tmp_path, screen, monkeypatch, REFUSES)
    with pytest.raises(ChildFailed, match="clip 3 has no text"), one.serving():
        pass
    assert list(tmp_path.iterdir()) == []
