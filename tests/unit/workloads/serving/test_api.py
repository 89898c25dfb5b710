"""The HTTP API as a caller sees it: what is spoken, what is refused and in which words."""

from __future__ import annotations

import base64
import io
import json
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import soundfile
import torch
from fastapi.testclient import TestClient

from tests.unit.workloads import tiny_voice
from tts_api.resources.service import Limits
from tts_workloads.audio import pitch
from tts_workloads.serving.http import speech_request
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.errors import RequestError
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.encoding import FORMATS
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import SynthesisSpeed

MEASURED = SynthesisSpeed(0.01, 0.01, 0.001)
ROUTE = "/v1/audio/speech"


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


@pytest.fixture(scope="module")
def service(voice: LoadedVoice) -> Iterator[Service]:
    service = Service("tones", Limits(max_input_characters=400, max_concurrent_requests=2))
    service.start(voice, MEASURED)
    yield service
    assert service.in_progress == 0
    service.engine.close()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **changes: Any) -> httpx.Response:
    """A request whose answer is a WAV unless it says otherwise."""
    body = {"model": "tones", "voice": "default", "input": "Good morning.", "response_format": "wav"}
    return client.post(ROUTE, json=body | changes)


def samples(content: bytes) -> np.ndarray:
    read, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == tiny_voice.SAMPLE_RATE
    return read


def test_a_wav_says_how_long_it_is_and_is_as_long(client: TestClient) -> None:
    answer = ask(client, response_format="wav")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (tiny_voice.SAMPLE_RATE, 1, 2)
        assert len(file.readframes(10**9)) == 2 * file.getnframes() > 2 * 800 * 5


def test_without_a_format_it_is_an_mp3(client: TestClient) -> None:
    answer = client.post(ROUTE, json={"input": "Good morning."})
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.content == ask(client, response_format="mp3").content


def decoded(content: bytes, rate: int = tiny_voice.SAMPLE_RATE) -> np.ndarray:
    """Whatever FFmpeg hears in it, at a rate, mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(io.BytesIO(content)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize(
    ("name", "media_type", "padding"),
    [("mp3", "audio/mpeg", 0.15), ("opus", "audio/ogg", 0.03), ("aac", "audio/aac", 0.15), ("flac", "audio/flac", 0.0)],
)
def test_every_format_is_the_same_sound(client: TestClient, name: str, media_type: str, padding: float) -> None:
    text = "Good morning. One, two, three. Good night."
    whole = samples(ask(client, input=text).content)
    answer = ask(client, input=text, response_format=name)
    assert answer.headers["content-type"] == media_type
    sound = decoded(answer.content)
    assert 0 <= len(sound) - len(whole) <= padding * tiny_voice.SAMPLE_RATE
    # Codecs put a little silence before the sound: where they agree best, they agree well.
    size = len(whole) + len(sound)
    overlap = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(whole, size).conj())
    assert overlap.max() / np.sqrt((sound**2).sum() * (whole**2).sum()) > 0.98


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_events_carry_the_same_bytes(client: TestClient, name: str) -> None:
    answer = ask(client, response_format=name, stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in told][-1] == "speech.audio.done"
    audio = b"".join(base64.b64decode(event["audio"]) for event in told[:-1])
    plain = ask(client, response_format=name).content
    # The serial number of an Ogg stream is drawn at random.
    assert len(audio) == len(plain)
    if name != "opus":
        assert audio == plain


def test_sound_comes_before_the_text_is_all_spoken(client: TestClient) -> None:
    for name in ("mp3", "opus", "aac", "flac", "pcm"):
        encoder = FORMATS[name].encoder(tiny_voice.SAMPLE_RATE)
        assert len(encoder.add(np.zeros(tiny_voice.SAMPLE_RATE, np.float32))) > 20, name


def test_pcm_is_the_same_sound_at_24_khz(client: TestClient) -> None:
    answer = ask(client, response_format="pcm")
    assert answer.headers["content-type"] == "audio/pcm"
    assert answer.headers["x-sample-rate"] == "24000"
    pcm = np.frombuffer(answer.content, "<i2").astype(np.float32) / 32768
    wav = samples(ask(client).content)
    assert len(pcm) == pytest.approx(len(wav) * 1.5, abs=2)
    assert np.sqrt(np.mean(pcm**2)) == pytest.approx(np.sqrt(np.mean(wav**2)), rel=0.05)


@pytest.mark.parametrize("speed", [0.25, 0.5, 2, 4.0])
def test_speed_changes_the_duration(client: TestClient, speed: float) -> None:
    normal, changed = samples(ask(client).content), samples(ask(client, speed=speed).content)
    assert len(changed) == pytest.approx(len(normal) / speed, rel=0.01)


@pytest.mark.parametrize("speed", [0.5, 1, 2])
def test_speed_leaves_the_pitch(client: TestClient, service: Service, speed: float) -> None:
    """Of a vowel that is said again and again, as one tone."""
    text = f'<speak><phoneme ph="{"AA1 " * 20}">ah</phoneme></speak>'
    sound = torch.from_numpy(samples(ask(client, input=text, speed=speed).content))
    hertz = pitch(sound, tiny_voice.SAMPLE_RATE, 160)
    tone = 0.012 * service.voice.front_end.symbols.index("AA1") * tiny_voice.SAMPLE_RATE / (2 * np.pi)
    said = hertz[hertz > 0]
    assert len(said) > 0.8 * len(hertz)
    assert said.median().item() == pytest.approx(tone, rel=0.01)


def test_long_input_is_its_sentences_one_after_the_other(client: TestClient) -> None:
    one, other = samples(ask(client, input="Good morning.").content), samples(ask(client, input="Good night.").content)
    both = samples(ask(client, input="Good morning. Good night.").content)
    assert np.array_equal(both, np.concatenate([one, other]))


@pytest.mark.parametrize("filling", [" ", "."])
def test_a_hundred_thousand_characters_are_spoken_where_they_may_be(voice: LoadedVoice, filling: str) -> None:
    service = Service("tones", Limits(max_input_characters=100_000))
    service.start(voice, MEASURED)
    text = f"Good morning. {filling * 99_974} Good night."
    assert len(text) == 100_000
    with TestClient(make_app(service)) as client:
        few = samples(ask(client, input="Good morning. Good night.").content)
        assert len(samples(ask(client, input=text).content)) >= len(few)
        answer = ask(client, input=f"{text}!")
        assert answer.status_code == 400
        assert "input has 100001 characters; at most 100000" in answer.json()["error"]["message"]
    service.engine.close()


def test_a_body_is_json_whatever_its_type_says(client: TestClient) -> None:
    body = json.dumps({"input": "Good morning.", "response_format": "wav"})
    answer = client.post(ROUTE, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.content == ask(client).content


@pytest.mark.parametrize("name", ["default", "allison", "bert", {"id": "bert"}])
def test_every_speaker_answers_to_its_name(client: TestClient, name: Any) -> None:
    assert ask(client, voice=name).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "param", "words"),
    [
        ({"input": ""}, 400, "input", "input is empty"),
        ({"input": " \n\t "}, 400, "input", "input is empty"),
        ({"input": None}, 400, "input", "input: Input should be a valid string"),
        ({"input": "a" * 401}, 400, "input", "input has 401 characters; at most 400"),
        ({"input": "你好"}, 400, "input", "no symbols for 你 好"),
        ({"input": "😀 👍🏽 🇩🇪"}, 400, "input", "no symbols for 😀 👍"),
        ({"input": "Good morning. 你好."}, 400, "input", "no symbols for 你 好"),
        ({"input": "..."}, 400, "input", "spoken"),
        ({"input": "Good\x00 morning."}, 400, "input", "input has U+0000 at character 4, which is no text"),
        ({"input": "Good \x1b[1mmorning."}, 400, "input", "U+001B"),
        ({"voice": "nobody"}, 400, "voice", "the voice 'nobody' does not exist; there are default, allison, bert"),
        ({"voice": 3}, 400, "voice", "voice: "),
        ({"voice": {"id": 3}}, 400, "voice", "voice.id: Input should be a valid string"),
        ({"voice": {"id": "bert", "pitch": 2}}, 400, "voice", "unknown parameter: voice.pitch"),
        ({"model": 1}, 400, "model", "model: Input should be a valid string"),
        ({"model": "gpt"}, 404, "model", "the model 'gpt' does not exist; this server has 'tones'"),
        ({"response_format": "midi"}, 400, "response_format", "'midi' is not supported; supported are mp3, opus, aac"),
        ({"speed": 0.1}, 400, "speed", "speed: Input should be greater than or equal to 0.25"),
        ({"speed": 5}, 400, "speed", "speed: Input should be less than or equal to 4"),
        ({"speed": "1.5"}, 400, "speed", "speed: Input should be a valid number"),
        ({"speed": True}, 400, "speed", "speed: Input should be a valid number"),
        ({"speed": 10**400}, 400, "speed", "speed: Input should be a valid number"),
        ({"instructions": False}, 400, "instructions", "instructions: Input should be a valid string"),
        ({"timestamp_granularities": [1]}, 400, "timestamp_granularities", "Input should be 'word' or 'phoneme'"),
        ({"instructions": "whisper"}, 400, "instructions", "takes no instructions"),
        ({"stream_format": "morse"}, 400, "stream_format", "stream_format: Input should be 'audio', 'sse' or 'json'"),
        ({"volume": 3}, 400, "volume", "unknown parameter: volume"),
    ],
)
def test_what_cannot_be_honoured_is_refused_in_openais_shape(
    client: TestClient, changes: dict[str, Any], status: int, param: str, words: str
) -> None:
    answer = ask(client, **changes)
    assert answer.status_code == status, answer.content[:300]
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert words in error["message"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 400, "not a JSON object"),
        (b"\xff", 400, "not JSON"),
        (b" " * 100_000, 413, "more than"),
        (rb'{"input": "Good\ud800 morning."}', 400, "U+D800"),
        (rb'{"input": "a", "voice": "\ud800"}', 400, "the voice '?' does not exist"),
        (rb'{"input": "a", "model": "\ud800"}', 404, "the model '?' does not exist"),
        (rb'{"input": "a", "\ud800": 1}', 400, "the body: Input should be a valid string"),
    ],
)
def test_a_body_that_is_none_is_refused(client: TestClient, content: bytes, status: int, words: str) -> None:
    answer = client.post(ROUTE, content=content)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", ROUTE, 405), ("GET", "/v1/nothing", 404)])
def test_even_a_wrong_path_gets_openais_shape(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]["message"]


def test_models_and_voices_are_listed(client: TestClient) -> None:
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["tones"]
    retrieved = client.get("/v1/models/tones")
    assert retrieved.json() == client.get("/v1/models").json()["data"][0]
    assert set(retrieved.json()) == {"id", "object", "created", "owned_by"}
    missing = client.get("/v1/models/other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert client.get("/v1/audio/voices").json()["voices"] == ["default", "allison", "bert"]


def test_metrics_count_what_was_spoken(client: TestClient) -> None:
    ask(client)
    ask(client, input="")
    found = client.get("/metrics").text
    for line in (
        'tts_serving_requests_total{status="200"}',
        'tts_serving_requests_total{status="400"}',
        "tts_serving_audio_seconds_total",
        "tts_serving_ready 1.0",
        "tts_serving_first_audio_seconds_bucket",
    ):
        assert line in found


def test_more_requests_than_places_are_told_to_come_back(client: TestClient, service: Service) -> None:
    places = [service.enter(None) for _ in range(2)]
    try:
        answer = ask(client)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["type"] == "rate_limit_error"
    finally:
        for place in places:
            place.end(200)
    assert ask(client).status_code == 200


def test_before_the_voice_is_there_it_is_alive_and_not_ready() -> None:
    with TestClient(make_app(Service("tones", Limits()))) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert ask(client).status_code == 503


def test_a_server_that_drains_takes_nothing_new(voice: LoadedVoice) -> None:
    service = Service("tones", Limits())
    service.start(voice, MEASURED)
    with TestClient(make_app(service)) as client:
        assert client.get("/readyz").status_code == 200
        service.drain()
        assert client.get("/readyz").status_code == 503
        answer = ask(client)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
    service.engine.close()


def test_the_text_of_a_request_is_never_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    ask(client, input="Good morning.")
    ask(client, input="secret 你好")
    assert [r for r in caplog.records if r.name == "tts_workloads.access"]
    assert "morning" not in caplog.text
    assert "secret" not in caplog.text


class Failing:
    """A voice whose device is broken."""

    def __init__(self, voice: LoadedVoice) -> None:
        self.card, self.front_end, self.on_gpu = voice.card, voice.front_end, False
        self.enter_thread, self.device_memory, self.chunk_frames = (
            voice.enter_thread,
            voice.device_memory,
            voice.chunk_frames,
        )

    def predict_mel(self, *_: Any) -> Any:
        raise RuntimeError("device lost")


class FailingLater(Failing):
    """A voice whose device breaks in the middle of a text."""

    def __init__(self, voice: LoadedVoice) -> None:
        super().__init__(voice)
        self.vocode, self._say = voice.vocode, voice.predict_mel
        self._said = 0

    def predict_mel(self, sentences: Any) -> Any:
        self._said += 1
        return self._say(sentences) if self._said == 1 else super().predict_mel()


def test_a_failure_in_the_middle_cuts_the_answer_and_is_counted(voice: LoadedVoice) -> None:
    service = Service("tones", Limits())
    service.start(FailingLater(voice), MEASURED)  # type: ignore[arg-type]
    with TestClient(make_app(service)) as client:
        with pytest.raises(RuntimeError, match="device lost"):  # the connection is closed before the last chunk
            ask(client, input="Good morning. " * 20, response_format="pcm")
        assert 'requests_total{status="500"} 1.0' in client.get("/metrics").text
    assert service.in_progress == 0
    service.engine.close()


@pytest.mark.parametrize("response_format", ["wav", "pcm"])
def test_a_failure_is_a_server_error_and_gives_its_place_back(voice: LoadedVoice, response_format: str) -> None:
    service = Service("tones", Limits(max_concurrent_requests=1))
    service.start(Failing(voice), MEASURED)  # type: ignore[arg-type]
    with TestClient(make_app(service), raise_server_exceptions=False) as client:
        for _ in range(3):
            answer = ask(client, response_format=response_format)
            assert answer.status_code == 500
            assert answer.json()["error"]["type"] == "server_error"
        assert client.get("/healthz").status_code == 200, "it may have been the requests"
        for _ in range(2):
            ask(client, response_format=response_format)
        for path in ("/healthz", "/readyz"):
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (503, "the last 5 sentences could not be made")
        assert "tts_serving_ready 0.0" in client.get("/metrics").text
    assert service.in_progress == 0
    service.engine.close()


def test_a_voice_with_another_digest_is_no_voice(tmp_path: Path) -> None:
    from tts_workloads.exits import BadInput

    path = tiny_voice.write(tmp_path / "voice.pt")
    with pytest.raises(BadInput, match=r"promised was ffff") as refusal:
        LoadedVoice(path, "f" * 64, torch.device("cpu"))
    assert refusal.value.reason == "DigestMismatch"


def test_more_work_than_may_wait_is_told_when_to_come_back(voice: LoadedVoice) -> None:
    service = Service("tones", Limits(max_queue_milliseconds=0))
    service.start(voice, SynthesisSpeed(0.01, 0.01, seconds_per_symbol=0.5))
    with TestClient(make_app(service)) as client:
        assert ask(client).status_code == 200, "nothing is being made"
        service.engine._queued_symbols += 20
        answer = ask(client)
        assert answer.status_code == 429
        assert 9 <= int(answer.headers["retry-after"]) <= 10, "20 symbols of half a second each, by the speed so far"
        service.engine._queued_symbols -= 20
        assert ask(client).status_code == 200
    service.engine.close()


class Slow:
    """A voice that takes its time."""

    def __init__(self, voice: LoadedVoice) -> None:
        self.card, self.front_end, self.on_gpu = voice.card, voice.front_end, False
        self.enter_thread, self.device_memory, self.chunk_frames = (
            voice.enter_thread,
            voice.device_memory,
            voice.chunk_frames,
        )
        self.go = threading.Event()

    def predict_mel(self, *_: Any) -> Any:
        self.go.wait(20)
        raise RuntimeError("too late")


@pytest.mark.parametrize("response_format", ["wav", "pcm"])
def test_a_request_that_takes_too_long_is_given_up(voice: LoadedVoice, response_format: str) -> None:
    service = Service("tones", Limits(request_timeout_seconds=1))
    slow = Slow(voice)
    service.start(slow, MEASURED)  # type: ignore[arg-type]
    with TestClient(make_app(service)) as client:
        answer = ask(client, response_format=response_format)
        assert answer.status_code == 504
        assert "within 1 s" in answer.json()["error"]["message"]
    assert service.in_progress == 0
    assert service.engine.seconds_of_work() == 0
    slow.go.set()
    service.engine.close()


def test_a_compressed_body_is_refused_unopened(client: TestClient) -> None:
    answer = client.post(ROUTE, content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert "not as gzip" in answer.json()["error"]["message"]


def test_a_streamed_text_begins_with_a_short_piece(client: TestClient, service: Service) -> None:
    card, front_end = service.voice.card, service.voice.front_end
    text = "When the rain had stopped at last, they went down to the river, and nobody said a word. It was late."
    asked = {"input": text, "response_format": "pcm"}
    streamed = speech_request.check(speech_request.SpeechRequest(**asked), card, front_end, "tones", 400)
    whole = speech_request.check(
        speech_request.SpeechRequest(**asked | {"response_format": "wav"}), card, front_end, "tones", 400
    )
    assert len(whole.sentences) == 2
    assert [one.symbols for one in streamed.sentences] == [
        front_end.encode(piece)
        for piece in (
            "When the rain had stopped at last,",
            "they went down to the river,",
            "and nobody said a word.",
            "It was late.",
        )
    ]


@pytest.mark.parametrize(
    ("characters", "where"), [(40, "asyncio"), (600, "text"), (5_001, "long-text"), (100_001, "long-text")]
)
def test_a_long_text_is_read_beside_the_answers_to_others(
    voice: LoadedVoice, monkeypatch: pytest.MonkeyPatch, characters: int, where: str
) -> None:
    threads: list[str] = []

    def check(*_: Any) -> speech_request.CheckedRequest:
        threads.append(threading.current_thread().name)
        raise RequestError("read")

    monkeypatch.setattr(speech_request, "check", check)
    service = Service("tones", Limits())
    service.start(voice, MEASURED)
    with TestClient(make_app(service)) as client:
        assert ask(client, input="a" * characters).status_code == 400
        assert ask(client, input="Good morning.").status_code == 400
    short, wanted = threads[1], where if where != "asyncio" else threads[1]
    assert threads[0].startswith(wanted)
    assert not short.startswith(("text", "long-text")), "nobody waits for a thread who asks for little"
    service.engine.close()
