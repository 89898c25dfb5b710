"""The server's life: what is served, loading in the background while health is answered, draining on SIGTERM, and the
exit code."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
import uvicorn

from tts_api.reasons import Reason
from tts_api.report import ExitCode, ServicePerformance, TerminationMessage
from tts_api.resources.service import Batching, Limits
from tts_api.run import API_KEYS_PATH, ResourceReference, ServiceRun
from tts_workloads.exits import Ending, ending_of, write_termination_message
from tts_workloads.processors import cpus
from tts_workloads.report import SERVICE_PERFORMANCE, now, reporter_for
from tts_workloads.run_document import read_run
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.connections import limited, most_connections
from tts_workloads.serving.http.keys import ApiKeys
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.voice import Measured, Voice

log = logging.getLogger(__name__)

DRAIN_POLL_SECONDS = 0.05
ENDING_SECONDS = 4.0
"""How long, once nobody is answered any more, connections are given to end, and then the engine."""
UNSENT_BYTES = 32 * 2**10
"""What the kernel takes of an answer beside what is under way: that it takes more is how a slow reader is told from one
that does not read, and it does so only when a good part of what it holds has gone."""


@dataclass(frozen=True)
class Served:
    """What is served and where."""

    model: str
    path: Path
    sha256: str | None
    host: str
    port: int
    limits: Limits
    batching: Batching = field(default_factory=Batching)
    api_keys: Path | None = None
    """Folder of the keys that requests must have one of."""
    most_per_key: int | None = None
    """Requests of one key at a time."""
    resource: ResourceReference | None = None


def from_file(
    path: Path,
    host: str,
    port: int,
    api_keys: Path | None = None,
    limits: Limits | None = None,
    batching: Batching | None = None,
) -> Served:
    """A voice's file by itself; its digest is whatever it is."""
    return Served(path.stem, path, None, host, port, limits or Limits(), batching or Batching(), api_keys)


def from_run(path: Path, workspace: Path, host: str, port: int | None) -> Served:
    """What a run document says. Raises BadInput where it is missing, malformed, or of a later schema."""
    run = read_run(ServiceRun, path)
    voice = run.voice
    return Served(
        voice.name,
        workspace / "checkpoints" / voice.path,
        voice.sha256,
        host,
        port or run.port,
        run.limits,
        run.batching,
        API_KEYS_PATH if run.api_keys else None,
        run.max_concurrent_requests_per_key,
        run.resource,
    )


def serve(what: Callable[[], Served]) -> int:
    """Serve until SIGTERM. Returns 0 after draining, 64 where the voice or the request for it is wrong."""
    try:
        ending = asyncio.run(_serve(what()))
    except Exception as error:  # noqa: BLE001 - every error becomes an exit code and a message
        ending = ending_of(error)
    if ending.code == ExitCode.FINISHED:
        log.info("stopped", extra={"event": "ended", "code": 0})
    else:
        log.error(
            "%s: %s", ending.message.reason, ending.message.message, extra={"event": "ended", "code": ending.code}
        )
    write_termination_message(ending.message)
    return int(ending.code)


class _Server(uvicorn.Server):
    """uvicorn, but for the signals: it would end by the signal itself, and stop listening before the rest is
    finished."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(served: Served) -> Ending:
    # One sentence is too little work to share: where another process wants a CPU too, two threads wait for each other
    # longer than one takes for it all.
    torch.set_num_threads(1)
    keys = ApiKeys(served.api_keys) if served.api_keys else None
    service = Service(served.model, served.limits, served.batching, keys, served.most_per_key)
    config = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=round(ENDING_SECONDS),
        http=limited(most_connections()),
    )
    server = _Server(config)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = asyncio.create_task(server.serve(sockets=[listen(served.host, served.port)]))
    loading = asyncio.create_task(asyncio.to_thread(_load, served))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({listening, loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            voice, measured = loading.result()
            # Each thread is one CPU: a sentence is too little work to share.
            service.start(voice, measured, threads=1 if voice.on_gpu else cpus())
            log.info(
                "ready", extra={"event": "ready", "model": served.model, "rtf": round(measured.real_time_factor, 4)}
            )
            _report(served, voice, measured)
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        await _drain(service, served.limits.request_timeout_seconds)
    finally:
        server.should_exit = True
        stopping.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        if service.engine is not None:
            await asyncio.to_thread(service.engine.close, ENDING_SECONDS)
    return Ending(ExitCode.FINISHED, TerminationMessage(reason=Reason.FINISHED))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; without a host on every address of both families. Raises OSError with what to do."""
    try:
        if not host and socket.has_dualstack_ipv6():
            listening = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"cannot listen on {host or '*'}:{port}: {error.strerror}; choose another port") from error
    # A chunk goes out when it is made, and does not wait until the one before is acknowledged. asyncio sees to that
    # for its own sockets alone.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return listening


def _load(served: Served) -> tuple[Voice, Measured]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    voice = Voice(served.path, served.sha256, device)
    return voice, voice.warm_up()


def _report(served: Served, voice: Voice, measured: Measured) -> None:
    """Report what was measured. In the background: a service speaks whether or not the API server listens."""
    reporter = reporter_for(served.resource, SERVICE_PERFORMANCE)
    if reporter is None:
        return
    reporter.put(
        ServicePerformance(
            sha256=voice.sha256,
            real_time_factor=round(measured.real_time_factor, 5),
            time_to_first_audio_milliseconds=round(1000 * measured.first_audio_seconds, 2),
            updated_at=now(),
        ),
        urgent=True,
    )


async def _drain(service: Service, most_seconds: float) -> None:
    """Refuse what comes, finish what was accepted, and give up what takes longer than a request may."""
    service.drain()
    log.info("draining", extra={"event": "draining", "requests": service.in_progress})
    with suppress(TimeoutError):
        async with asyncio.timeout(most_seconds):
            while service.in_progress:
                await asyncio.sleep(DRAIN_POLL_SECONDS)
