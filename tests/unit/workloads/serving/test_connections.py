"""Connections without requests and clients that do not read: how long they are kept, who goes first when there are too
many, and that nobody else notices."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tts_api.resources.service import Limits
from tts_workloads.serving.http import connections
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.process import listen

MANY = 10_000
HEAD = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


@asynccontextmanager
async def server(most: int, app: ASGIApp | None = None) -> AsyncIterator[int]:
    """A server that holds so many connections; its port."""
    config = uvicorn.Config(
        app or make_app(Service("tones", Limits())),
        log_config=None,
        access_log=False,
        lifespan="off",
        http=connections.connection_protocol(most),
        timeout_keep_alive=30,
    )
    running = uvicorn.Server(config)
    listening = listen("127.0.0.1", 0)
    serving = asyncio.create_task(running.serve([listening]))
    while not running.started:
        await asyncio.sleep(0.01)
    yield listening.getsockname()[1]
    running.should_exit = True
    await serving


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side has closed."""
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HT", HEAD[:-2], HEAD, HEAD + b"half", b"GET /healthz HTTP/1.1\r\n\r\nGET /he"]
)
def test_a_request_that_does_not_come_is_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)

    async def run() -> None:
        async with server(100) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert (await closed(reader)).count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\nGET")
            writer.close()

    asyncio.run(run())


URL, HEADERS = connections.MOST_URL_BYTES, connections.MOST_HEAD_BYTES
MUCH = 2**20


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET /healthz?{'a' * (URL - 20)} HTTP/1.1\r\n\r\n", 200),
        (f"GET /healthz?{'a' * URL} HTTP/1.1\r\n\r\n", 414),
        (f"GET /healthz?{'a' * MUCH}", 414),
        (f"GET /healthz HTTP/1.1\r\nx: {'a' * (HEADERS - 100)}\r\n\r\n", 200),
        (f"GET /healthz HTTP/1.1\r\nx: {'a' * HEADERS}\r\n\r\n", 431),
        ("GET /healthz HTTP/1.1\r\n" + "x: y\r\n" * HEADERS + "\r\n", 431),
        (f"GET /healthz HTTP/1.1\r\nx: {'a' * MUCH}", 431),
        (f"GET /healthz HTTP/1.1\r\nx: {'a' * MUCH}\r\n\r\n", 431),
        (f"GET /healthz HTTP/1.1\r\nContent-Length: {MUCH}\r\n\r\n{'a' * MUCH}", 200),
    ],
    ids=range(9),
)
def test_a_head_has_an_end(head: str, status: int) -> None:
    async def run() -> None:
        async with server(100) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
            writer.transport.set_write_buffer_limits(2 * MUCH)
            writer.write(head.encode())
            try:
                answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            except (ConnectionResetError, BrokenPipeError, asyncio.IncompleteReadError):
                assert len(head) > MUCH > HEADERS, "who goes on sending may not hear why"
                assert status != 200
                return
            assert answer.startswith(f"http/1.1 {status} ".encode())
            assert b"\r\nx-request-id: req_" in answer
            assert (b"\r\nconnection: close" in answer) == (status != 200)
            if status != 200:
                error = json.loads(await reader.readuntil(b"}}"))["error"]
                assert "bytes" in error["message"]
            writer.close()

    asyncio.run(run())


def test_a_connection_in_use_outlives_the_time_for_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)

    async def run() -> None:
        async with server(100) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(2):
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
                await asyncio.sleep(0.5)
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(("reads", "stays"), [(0, False), (8192, True)])
def test_who_reads_slowly_stays_and_who_does_not_read_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, reads: int, stays: bool
) -> None:
    monkeypatch.setattr(connections, "READER_SECONDS", 1.0)

    async def run() -> None:
        cut = asyncio.Event()

        async def endless(scope: Scope, receive: Receive, send: Send) -> None:
            sending = asyncio.create_task(send_on(send))
            while (await receive())["type"] != "http.disconnect":
                pass
            sending.cancel()
            cut.set()

        async def send_on(send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": bytes(30_000), "more_body": True})

        loop = asyncio.get_running_loop()
        async with server(100, endless) as port:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setblocking(False)
                await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                for _ in range(100 if stays else 600):
                    await asyncio.sleep(0.05)
                    if cut.is_set():
                        break
                    if reads:
                        await loop.sock_recv(client, reads)
                assert cut.is_set() != stays
            await cut.wait()

    asyncio.run(run())


def test_the_one_that_was_idle_for_longest_makes_room() -> None:
    async def run() -> None:
        async with server(3) as port, AsyncExitStack() as stack:

            async def connect() -> asyncio.StreamReader:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(writer.close)
                return reader

            readers = [await connect() for _ in range(5)]
            assert [await closed(reader) for reader in readers[:2]] == [b"", b""]
            await asyncio.sleep(0.1)
            assert not any(reader.at_eof() for reader in readers[2:])

    asyncio.run(run())


def test_ten_thousand_silent_connections_keep_nobody_from_speaking() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > MANY + 1000

    async def run() -> None:
        silent: list[socket.socket] = []
        async with server(500) as port:
            for number in range(MANY):
                one = socket.socket()
                one.setblocking(False)
                silent.append(one)
                await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port))
                if number % 1000 == 0:
                    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                        assert (await client.get("/healthz")).text == "ok"
        for one in silent:
            one.close()

    try:
        asyncio.run(run())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
