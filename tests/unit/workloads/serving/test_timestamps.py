"""Timestamps of words and phonemes: that each tone of the tiny voice sounds when they say, whole and streamed."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_voice
from tts_api.resources.service import Limits
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import SynthesisSpeed

ROUTE = "/v1/audio/speech"
TEXT = "Good morning. [pause:0.5s] It costs $2 now."
WORDS = ["Good", "morning.", "It", "costs", "$2", "now."]
RATE = tiny_voice.SAMPLE_RATE


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


@pytest.fixture(scope="module")
def client(voice: LoadedVoice) -> Iterator[TestClient]:
    service = Service("tones", Limits())
    service.start(voice, SynthesisSpeed(0.01, 0.01, 0.001))
    with TestClient(make_app(service)) as client:
        yield client
    service.engine.close()


def ask(client: TestClient, **changes: Any) -> Any:
    body = {"input": TEXT, "response_format": "wav", "timestamp_granularities": ["word", "phoneme"]}
    answer = client.post(ROUTE, json=body | changes)
    assert answer.status_code == 200, answer.text
    return answer


def pitch(sound: np.ndarray) -> float:
    """The loudest frequency in radians per sample."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    return float(np.argmax(spectrum)) * 2 * np.pi / (8 * len(sound))


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_each_phoneme_sounds_when_it_is_said_to(client: TestClient, voice: LoadedVoice, speed: float) -> None:
    document = ask(client, stream_format="json", speed=speed).json()
    sound, rate = soundfile.read(io.BytesIO(base64.b64decode(document["audio"])))
    assert (document["format"], rate) == ("wav", RATE)
    assert document["duration"] == pytest.approx(len(sound) / rate, abs=1e-3)
    symbols = voice.front_end.symbols
    for said in document["phonemes"]:
        begin, end = round(said["start"] * RATE), round(said["end"] * RATE)
        assert end - begin == pytest.approx(RATE * 0.05 / speed, abs=16)
        assert pitch(sound[begin:end]) == pytest.approx(0.012 * symbols.index(said["phoneme"]), abs=0.008), said


def test_words_begin_and_end_with_their_phonemes(client: TestClient) -> None:
    document = ask(client, stream_format="json").json()
    assert [word["word"] for word in document["words"]] == WORDS
    starts, ends = ({one[edge] for one in document["phonemes"]} for edge in ("start", "end"))
    assert {word["start"] for word in document["words"]} <= starts
    assert {word["end"] for word in document["words"]} <= ends
    between = document["words"][2]["start"] - document["words"][1]["end"]
    assert between == pytest.approx(0.05 + 0.5, abs=2e-3), "the full stop and the pause"


@pytest.mark.parametrize("name", ["wav", "mp3", "pcm"])
def test_events_tell_the_same_before_the_sound(client: TestClient, name: str) -> None:
    whole = ask(client, stream_format="json").json()
    answer = ask(client, stream_format="sse", response_format=name)
    told = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    times = [event for event in told if event["type"] == "speech.audio.timestamps"]
    assert len(times) == 2, "one for each sentence"
    assert [word for event in times for word in event["words"]] == whole["words"]
    assert [phoneme for event in times for phoneme in event["phonemes"]] == whole["phonemes"]
    assert told[0] == times[0]


def test_only_what_is_asked_for_is_told(client: TestClient) -> None:
    plain = ask(client, stream_format="json", timestamp_granularities=[]).json()
    assert set(plain) == {"audio", "format", "duration"}
    words = ask(client, stream_format="json", timestamp_granularities=["word"]).json()
    assert set(words) == {*plain, "words"}
    assert words["audio"] == plain["audio"]
    assert b"timestamps" not in ask(client, stream_format="sse", timestamp_granularities=[]).content


def test_given_phonemes_are_told_with_what_was_written(client: TestClient) -> None:
    text = '<speak>Say <phoneme ph="T AH0 M EY1 T OW2">tomato soup</phoneme>, please.</speak>'
    document = ask(client, stream_format="json", input=text).json()
    assert [word["word"] for word in document["words"]] == ["Say", "tomato soup,", "please."]
    assert [one["phoneme"] for one in document["phonemes"]][2:8] == ["T", "AH0", "M", "EY1", "T", "OW2"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"timestamp_granularities": ["word"]}, ("stream_format", "'sse' or 'json'")),
        ({"timestamp_granularities": ["sentence"], "stream_format": "sse"}, ("timestamp_granularities", "word")),
        ({"timestamp_granularities": "word", "stream_format": "sse"}, ("timestamp_granularities", "list")),
        ({"stream_format": "xml"}, ("stream_format", "json")),
    ],
)
def test_what_cannot_be_had_is_refused(client: TestClient, body: dict[str, Any], names: tuple[str, str]) -> None:
    answer = client.post(ROUTE, json={"input": "Good morning."} | body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == names[0]
    assert names[1] in error["message"]
