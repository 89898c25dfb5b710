"""What clients do in the middle of things: they go, they stop reading, they send half of what they promised."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import torch
from starlette.requests import Request

from tests.unit.workloads import tiny_voice
from tts_api.resources.service import Limits
from tts_workloads.serving.http import clients
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.clients import BESIDE_BYTES, BodyReader
from tts_workloads.serving.http.errors import RequestError
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.served_voice import SynthesisSpeed

ROUTE = "/v1/audio/speech"
TEXT = "Good morning. " * 20
Sender = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> LoadedVoice:
    return LoadedVoice(tiny_voice.write(tmp_path_factory.mktemp("voice") / "voice.pt"), None, torch.device("cpu"))


class Waiting:
    """A voice that says nothing until it may."""

    def __init__(self, voice: LoadedVoice) -> None:
        self._voice, self.may = voice, threading.Event()
        self.said = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._voice, name)

    def predict_mel(self, sentences: Any) -> Any:
        assert self.may.wait(20)
        self.said += len(sentences)
        return self._voice.predict_mel(sentences)


@pytest.fixture
def waiting(voice: LoadedVoice) -> Waiting:
    one = Waiting(voice)
    one.may.set()
    return one


@pytest.fixture
def service(waiting: Waiting) -> Iterator[Service]:
    service = Service("tones", Limits())
    service.start(waiting, SynthesisSpeed(0.01, 0.01, 0.001))  # type: ignore[arg-type]
    yield service
    waiting.may.set()
    assert service.in_progress == 0
    service.engine.close()


class Client:
    """A client that sends a body, in these pieces, and then waits until it goes."""

    def __init__(self, *pieces: bytes, whole: bool = True) -> None:
        self.pieces, self.whole = list(pieces), whole
        self.gone = asyncio.Event()
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or not self.whole}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        found: int = self.sent[0]["status"]
        return found

    @property
    def audio(self) -> int:
        """Bytes of its answer."""
        return sum(len(message["body"]) for message in self.sent[1:])

    async def ask(self, app: Any) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": ROUTE,
            "raw_path": ROUTE.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"x")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }
        await asyncio.wait_for(app(scope, self.receive, self.send), 20)


def body(text: str = TEXT, **changes: Any) -> bytes:
    return json.dumps({"input": text, "response_format": "pcm"} | changes).encode()


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def counted(service: Service, status: int) -> float:
    return service.metrics.registry.get_sample_value("tts_serving_requests_total", {"status": str(status)}) or 0.0


FORMS = pytest.mark.parametrize(
    "form", [{}, {"stream_format": "sse"}, {"stream_format": "json"}, {"response_format": "wav"}]
)


@FORMS
@pytest.mark.parametrize("when", ["body", "waiting", "head", "middle"])
def test_a_client_that_goes_leaves_no_place_and_no_work(
    service: Service, waiting: Waiting, caplog: pytest.LogCaptureFixture, form: dict[str, Any], when: str
) -> None:
    """While it sends its body, waits for its first sound, is sent the head of its answer, and in the middle of that."""

    async def run() -> None:
        client = Client(body(**form)[: 20 if when == "body" else None], whole=when != "body")
        stuck = {"head": 1, "middle": 2}.get(when)

        async def send(message: Any) -> None:
            client.sent.append(message)
            if len(client.sent) == stuck:
                await asyncio.sleep(3600)  # the buffers are full

        client.send = send  # type: ignore[method-assign]
        waiting.may.clear() if when == "waiting" else waiting.may.set()
        asking = asyncio.create_task(client.ask(make_app(service)))
        if when == "waiting":
            await until(lambda: service.engine.seconds_of_work() > 0 and service.engine.depth == 0)
        elif stuck is None:
            await until(lambda: not client.pieces)
        else:
            await until(lambda: len(client.sent) == stuck)
        client.gone.set()
        await asking
        assert service.in_progress == 0
        assert service.engine.seconds_of_work() == 0
        assert counted(service, 499) == 1
        if when in {"body", "waiting"}:
            assert [message.get("status") for message in client.sent] == [499, None], "which nobody gets"
        waiting.may.set()
        await until(lambda: not service.engine._batch_started)
        if when == "waiting":
            assert waiting.said == 1, "what was in the making, and nothing behind it"

    asyncio.run(run())
    assert not [record for record in caplog.records if record.exc_info]


@FORMS
def test_a_place_is_held_until_the_answer_has_gone(service: Service, form: dict[str, Any]) -> None:
    async def run() -> None:
        client, taken = Client(body(**form)), asyncio.Semaphore(0)

        async def send(message: Any) -> None:
            await taken.acquire()
            client.sent.append(message)

        client.send = send  # type: ignore[method-assign]
        asking = asyncio.create_task(client.ask(make_app(service)))
        for _ in range(2):
            taken.release()
        await until(lambda: len(client.sent) == 2)
        await asyncio.sleep(0.05)
        assert service.in_progress == 1
        while not asking.done():
            taken.release()
            await asyncio.sleep(0.001)
        await asking
        assert client.status == 200
        assert client.sent[-1].get("more_body", False) is False
        length = dict(client.sent[0]["headers"]).get(b"content-length")
        assert length is None or int(length) == client.audio
        assert max(len(message["body"]) for message in client.sent[1:]) <= 2**17
        assert counted(service, 200) == 1

    asyncio.run(run())


def test_who_is_slower_than_the_sound_is_given_up(service: Service) -> None:
    """And gets no end that says that it was whole."""

    service.limits = Limits(request_timeout_seconds=1)

    async def run() -> None:
        client = Client(body())

        async def send(message: Any) -> None:
            client.sent.append(message)
            await asyncio.sleep(0 if len(client.sent) < 3 else 3600)  # always some bytes, never enough

        client.send = send  # type: ignore[method-assign]
        await client.ask(make_app(service))
        assert client.status == 200
        assert client.sent[-1]["more_body"]
        assert counted(service, 504) == 1
        assert service.engine.seconds_of_work() == 0

    asyncio.run(run())


def test_who_listens_as_it_plays_is_not_given_up(service: Service) -> None:
    """Though it takes longer than a request may: its own sound does not count."""
    service.limits = Limits(request_timeout_seconds=1)

    async def run() -> None:
        client, rate = Client(body("Good morning. Good morning. Good morning.")), 2 * 24_000

        async def send(message: Any) -> None:
            client.sent.append(message)
            await asyncio.sleep(len(message.get("body", b"")) / rate)

        client.send = send  # type: ignore[method-assign]
        await client.ask(make_app(service))
        assert client.audio / rate > 1.2 * service.limits.request_timeout_seconds
        assert not client.sent[-1].get("more_body", False)
        assert counted(service, 200) == 1

    asyncio.run(run())


def test_half_a_body_holds_no_place(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "BODY_SECONDS", 0.3)

    async def run() -> None:
        app, halves = make_app(service), [Client(body()[:20], whole=False) for _ in range(100)]
        asking = [asyncio.create_task(half.ask(app)) for half in halves]
        await until(lambda: not any(half.pieces for half in halves))
        assert service.in_progress == 0
        other = Client(body("Good morning."))
        await other.ask(app)
        assert (other.status, other.audio > 0) == (200, True)
        await asyncio.gather(*asking)
        assert {half.status for half in halves} == {408}
        assert counted(service, 408) == 100

    asyncio.run(run())


def test_of_too_many_bodies_the_one_that_has_been_coming_for_longest_goes() -> None:
    async def run() -> None:
        bodies = BodyReader(most_bytes=3 * BESIDE_BYTES + 2000)

        def read(client: Client) -> asyncio.Task[bytes]:
            return asyncio.create_task(bodies.read(Request({"type": "http", "headers": []}, client.receive), 1000))

        halves = [read(Client(body()[:20], whole=False)) for _ in range(4)]
        await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
        assert [half.done() for half in halves] == [True, False, False, False]
        with pytest.raises(RequestError, match="too many others") as refusal:
            await halves[0]
        assert refusal.value.status == 408
        assert await read(Client(b"a" * 500, b"b" * 500)) == b"a" * 500 + b"b" * 500
        with pytest.raises(RequestError, match="more than 1000 bytes"):
            await read(Client(b"a" * 500, b"b" * 501))
        for half in halves:
            half.cancel()

    asyncio.run(run())


def test_what_cannot_be_made_is_refused_before_its_body_comes(service: Service) -> None:
    async def run() -> None:
        service.drain()
        client = Client(body()[:20], whole=False)
        await client.ask(make_app(service))
        assert (client.status, len(client.pieces)) == (503, 1)

    asyncio.run(run())
