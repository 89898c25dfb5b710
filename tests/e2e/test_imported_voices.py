"""Voices that people already have, on real pods and through OpenAI's client: Kokoro and Piper, from a claim.

The models are tiny ones in the real layouts. TTS_TEST_VOICES names a folder with a ``kokoro.voice`` and a
``piper.voice`` of your own to put in their place."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import soundfile

from devcluster import platform
from tests.e2e.conftest import Platform, eventually, service
from tests.unit.workloads import tiny_onnx
from tts_workloads.files import sha256_of
from tts_workloads.serving.importing.kokoro import import_kokoro
from tts_workloads.serving.importing.piper import import_piper
from tts_workloads.serving.importing.sources import read_packs_of, read_source
from tts_workloads.voice_file import open_imported

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster"), pytest.mark.timeout(900)]

CLAIM = "voices"
TEXT = "Good morning. It costs two dollars now."


def make(folder: Path) -> None:
    """Write ``kokoro.voice`` and ``piper.voice`` into the folder."""
    if "TTS_TEST_VOICES" in os.environ:
        for name in ("kokoro.voice", "piper.voice"):
            shutil.copy(Path(os.environ["TTS_TEST_VOICES"]) / name, folder)
        return
    made = folder.parent / "models"
    made.mkdir()
    with tiny_onnx.one_front_end():
        model = read_source(tiny_onnx.kokoro(made))
        packs, sources = read_packs_of(made / "voices-v1.0.bin")
        import_kokoro(folder / "kokoro.voice", "kokoro", model, read_source(made / "config.json"), packs, sources)
        model_path = tiny_onnx.piper(made)
        told = read_source(model_path.with_name(f"{model_path.name}.json"))
        import_piper(folder / "piper.voice", "piper", read_source(model_path), told)


@pytest.fixture(scope="module")
def voices(speech: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The voices by the name of their engine. The claim has them too."""
    folder = tmp_path_factory.mktemp("imported") / "voices"
    folder.mkdir()
    make(folder)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    speech.apply(claim)
    platform.start_loader(speech.cluster, speech.namespace, speech.images.workload, {CLAIM: "/voices"})
    try:
        platform.copy_in(speech.cluster, speech.namespace, folder, "/voices")
    finally:
        platform.stop_loader(speech.cluster, speech.namespace)
    return {name: folder / f"{name}.voice" for name in ("kokoro", "piper")}


@pytest.fixture(scope="module", params=["kokoro", "piper"])
def speaking(request: pytest.FixtureRequest, speech: Platform, voices: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """The name of a service that speaks with an imported voice, and its base URL."""
    name, path = request.param, voices[request.param]
    claimed: dict[str, Any] = {"claimName": CLAIM, "path": path.name, "sha256": sha256_of(path)}
    speech.apply(service(name, persistentVolumeClaim=claimed))
    speech.wait(f"ttss/{name}", "Available")
    with platform.port_forward(speech.cluster, speech.namespace, f"service/{name}-serve", 80) as url:
        yield name, url
    speech.forget(f"ttss/{name}")


def test_openais_client_hears_every_speaker(speaking: tuple[str, str], voices: dict[str, Path]) -> None:
    name, url = speaking
    card = open_imported(voices[name]).card
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    wanted = ["default", card.speakers[-1]]
    if "speaker_vector" in card.supports:
        wanted.append(f"{card.speakers[0]}(2)+{card.speakers[-1]}(1)")
    sounds = []
    for voice in wanted:
        answer = client.audio.speech.create(model=name, voice=voice, input=TEXT, response_format="wav")
        samples, rate = soundfile.read(io.BytesIO(answer.content))
        assert rate == card.audio.sample_rate
        assert 0.5 < len(samples) / rate < 20
        assert np.abs(samples).max() > 0.01
        sounds.append(answer.content)
    if len(card.speakers) > 1:
        assert len(set(sounds)) == len(wanted)


def test_it_streams_and_reports_as_any_voice(
    speech: Platform, speaking: tuple[str, str], voices: dict[str, Path]
) -> None:
    name, url = speaking
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    with client.audio.speech.with_streaming_response.create(
        model=name, voice="default", input=TEXT, response_format="mp3"
    ) as answer:
        assert len(b"".join(answer.iter_bytes())) > 1000
    status = eventually(
        lambda: s if (s := speech.get(f"ttss/{name}")["status"]).get("performance") else None,
        30,
        lambda: speech.get(f"ttss/{name}"),
    )
    assert status["performance"]["realTimeFactor"] > 0
    assert status["performance"]["sha256"] == sha256_of(voices[name])
