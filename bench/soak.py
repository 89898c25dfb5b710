"""Measures whether the server's memory grows: ``python -m bench.soak --voice voice.pt --minutes 60``.

It sends mixed traffic at a steady rate: every format, whole and streamed, short and long, clients that disconnect in
the middle of their answer, and requests that are refused. It prints the process's memory every minute.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bench.serving import Server, connections, ours
from bench.tables import commit
from tts_workloads.processors import cpus
from tts_workloads.quality.recognise import EVERYDAY

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
WARM_UP_MINUTES = 5


async def one(server: Server, client: aiohttp.ClientSession, draw: random.Random, seen: Counter[str]) -> None:
    """Send one request of a random kind, and count its outcome in ``seen``."""
    kind = draw.choices(("spoken", "long", "cancelled", "refused"), (70, 5, 15, 10))[0]
    text = " ".join(draw.sample(EVERYDAY, 20 if kind == "long" else 1))
    body = {"input": text, "response_format": draw.choice(FORMATS), "speed": draw.choice((0.8, 1.0, 1.5))}
    body["stream_format"] = draw.choice(("audio", "sse"))
    if kind == "refused":
        body |= draw.choice(({"input": ""}, {"voice": "nobody"}, {"speed": 9}, {"response_format": "8track"}))
    try:
        async with client.post(f"{server.url}/v1/audio/speech", json=body) as response:
            async for _ in response.content.iter_any():
                if kind == "cancelled":
                    break
            seen[f"{kind} {response.status}"] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        seen[f"{kind} {type(error).__name__}"] += 1


async def soak(server: Server, minutes: float, rate: float) -> None:
    """Send ``rate`` requests a second for so many minutes, and print the memory."""
    draw, seen, began = random.Random(1), Counter[str](), time.monotonic()
    warm = 0.0
    print("| minute | requests | memory |\n| --- | --- | --- |")
    async with connections() as client, asyncio.TaskGroup() as group:
        minute, at = 1, began
        while at < began + 60 * minutes:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            group.create_task(one(server, client, draw, seen))
            at += draw.expovariate(rate)
            if at >= began + 60 * minute:
                print(f"| {minute} | {sum(seen.values())} | {server.memory_mib():.1f} MiB |", flush=True)
                warm = server.memory_mib() if minute == WARM_UP_MINUTES else warm
                minute += 1
    end = server.memory_mib()
    print(f"\n{dict(sorted(seen.items()))}")
    if warm:
        print(
            f"Memory after {WARM_UP_MINUTES} minutes {warm:.1f} MiB, at the end {end:.1f} MiB: {end / warm - 1:+.1%}."
        )


def main() -> None:
    """Print the memory minute by minute, and the outcomes of the requests."""
    parser = argparse.ArgumentParser(description="Ask a server for speech for a long time.")
    parser.add_argument("--voice", type=Path, required=True, help="a voice's file")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second")
    options = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {cpus()} cores, {options.rate:g} requests/s\n")
    with tempfile.TemporaryDirectory() as folder, ours(options.voice, Path(folder), 5000) as server:
        asyncio.run(soak(server, options.minutes, options.rate))


if __name__ == "__main__":
    main()
