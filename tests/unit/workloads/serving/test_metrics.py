"""What a pod tells Prometheus and the status: every metric is in the documentation, and each is what it says."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_voice
from tests.unit.workloads.serving.test_api import MEASURED, ROUTE
from tts_api.resources.service import Batching, Limits
from tts_api.voice import VocoderCard
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceMel
from tts_workloads.serving.synthesis.served_voice import WARM_UP_ROUNDS, SynthesisSpeed

DOCS = Path(__file__).parents[4] / "docs/operations.md"


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


@pytest.fixture
def service(voice: LoadedVoice) -> Iterator[Service]:
    service = Service("tones", Limits())
    service.start(voice, MEASURED)
    yield service
    service.engine.close()


def value(service: Service, name: str, **labels: str) -> float:
    found = service.metrics.registry.get_sample_value(f"tts_serving_{name}", labels)
    assert found is not None, name
    return found


def ask(service: Service, **body: Any) -> int:
    with TestClient(make_app(service)) as client:
        return client.post(ROUTE, json=body).status_code


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    rows = re.findall(r"^\| `(tts_serving_\w+)` \| (\w+) \| (?:`(\w+)`)? ?\|", DOCS.read_text(), re.MULTILINE)
    registry = Service("tones", Limits()).metrics.registry
    made = {
        (f"{one.name}_total" if one.type == "counter" else one.name, one.type)
        for one in registry.collect()
        if one.name.startswith("tts_")
    }
    assert {(name, kind) for name, kind, _ in rows} == made
    assert {name: label for name, _, label in rows if label} == {"tts_serving_requests_total": "status"}


def test_a_process_has_its_metrics() -> None:
    registry = Service("tones", Limits()).metrics.registry
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        assert (registry.get_sample_value(name) or 0) > 0


class Held:
    """A voice on a GPU that waits until it is let go."""

    on_gpu = True

    def __init__(self, voice: LoadedVoice) -> None:
        self.card, self.front_end = voice.card, voice.front_end
        self.enter_thread, self.vocode, self.chunk_frames = voice.enter_thread, voice.vocode, voice.chunk_frames
        self.begun, self.go, self._say = threading.Event(), threading.Event(), voice.predict_mel

    def device_memory(self) -> int:
        return 12345

    def predict_mel(self, sentences: Any) -> Any:
        self.begun.set()
        assert self.go.wait(60)
        return self._say(sentences)


def test_the_queue_is_seen_as_it_is(voice: LoadedVoice) -> None:
    held: Any = Held(voice)
    service = Service("tones", Limits(), Batching(max_batch_size=2))
    service.start(held, SynthesisSpeed(0.01, 0.01, seconds_per_symbol=0.5))
    assert [value(service, f"queue_{name}") for name in ("depth", "seconds", "age_seconds")] == [0, 0, 0]
    sentence = Sentence(voice.front_end.encode("Good morning."))

    async def speak() -> int:
        return sum([len(chunk.samples) async for chunk in service.engine.speak([sentence], streamed=False)])

    async def run() -> list[int]:
        first = asyncio.create_task(speak())
        await asyncio.to_thread(held.begun.wait, 60)
        others = [asyncio.create_task(speak()) for _ in range(3)]
        while service.engine.depth < 3:
            await asyncio.sleep(0.01)
        assert value(service, "queue_depth") == 3
        assert value(service, "queue_seconds") == pytest.approx(4 * len(sentence.symbols) * 0.5)
        age = value(service, "queue_age_seconds")
        assert 0 < age < value(service, "queue_age_seconds"), "nothing is made, and it grows"
        held.go.set()
        return await asyncio.gather(first, *others)

    samples = sum(asyncio.run(run()))
    service.engine.close()
    assert [value(service, f"queue_{name}") for name in ("depth", "seconds", "age_seconds")] == [0, 0, 0]
    assert value(service, "audio_seconds_total") == pytest.approx(samples / tiny_voice.SAMPLE_RATE)
    assert (value(service, "batch_size_count"), value(service, "batch_size_sum")) == (3, 4), "one, two, and one"
    assert value(service, "turn_wait_seconds_count") == 3
    assert value(service, "turn_wait_seconds_sum") > 0
    assert value(service, "real_time_factor_count") == 3
    assert value(service, "busy_seconds_total") > 0
    assert value(service, "device_memory_bytes") == 12345


def test_what_is_spoken_is_counted_and_what_is_refused_is_not(service: Service) -> None:
    assert ask(service, input="Good morning.") == 200
    assert ask(service, input="Good\x00morning.") == 400
    assert value(service, "input_characters_total") == len("Good morning.")
    assert value(service, "requests_total", status="200") == value(service, "requests_total", status="400") == 1
    assert value(service, "request_seconds_count") == 2
    assert value(service, "ready") == 1
    service.drain()
    assert value(service, "ready") == 0


@pytest.mark.parametrize("answer", ["audio", "sse", "json"])
@pytest.mark.parametrize("response_format", ["wav", "pcm", "mp3"])
def test_the_first_bytes_are_measured_once_in_every_format(service: Service, answer: str, response_format: str) -> None:
    assert ask(service, input="One. Two. Three.", response_format=response_format, stream_format=answer) == 200
    assert ask(service, input="", response_format=response_format, stream_format=answer) == 400
    assert value(service, "first_audio_seconds_count") == 1
    assert value(service, "first_audio_seconds_sum") > 0


def test_who_goes_and_who_has_no_key_is_counted(tmp_path: Path) -> None:
    (tmp_path / "anna").write_text("k")
    service = Service("tones", Limits(), keys=ApiKeyFolder(tmp_path))
    assert ask(service, input="Good morning.") == 401
    with TestClient(make_app(service)) as client:
        assert client.get("/v1/models").status_code == 401
    assert value(service, "requests_total", status="401") == 1, "of speech"
    place = service.enter(None)
    assert value(service, "requests_in_progress") == 1
    place.end(499)
    assert value(service, "requests_in_progress") == 0
    assert value(service, "cancellations_total") == value(service, "requests_total", status="499") == 1


class Recorded(LoadedVoice):
    """A voice that notes how many frames it is asked for."""

    asked: list[Sequence[int | None]]

    def vocode(self, mels: Sequence[SentenceMel], frames: Sequence[int | None]) -> list[Samples]:
        self.asked.append(frames)
        return super().vocode(mels, frames)


@pytest.mark.parametrize(("field", "first"), [(0, 64), (None, None)])
def test_the_first_audio_is_measured_as_a_request_gets_it(tmp_path: Path, field: int | None, first: int | None) -> None:
    card = VocoderCard(receptive_field_frames=field)
    voice = Recorded(tiny_voice.write(tmp_path / "voice.pt", vocoder=card), None, torch.device("cpu"))
    voice.asked = []
    measured = voice.warm_up()
    assert voice.chunk_frames(0) == first
    assert voice.asked[0] == [first]
    assert voice.asked[1] == [None]
    assert len(voice.asked) == WARM_UP_ROUNDS * (2 if first is None else 3), "two sentences, the first of them in two"
    assert measured.first_audio_seconds > 0
