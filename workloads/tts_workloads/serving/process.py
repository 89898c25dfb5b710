"""The life of the server's process: it loads the voice in the background while health is answered, serves, drains on
SIGTERM, and ends with an exit code. What is served is in ``config``; how requests are answered is in ``http``."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
import uvicorn

from tts_api.reasons import Reason
from tts_api.report import ExitCode, ServicePerformance, TerminationMessage
from tts_workloads.exits import Exit, exit_of, write_termination_message
from tts_workloads.processors import cpus
from tts_workloads.report import SERVICE_PERFORMANCE, now, reporter_for
from tts_workloads.serving.config import ServingConfig
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.app import make_app
from tts_workloads.serving.http.connections import connection_limit, connection_protocol
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.synthesis.engines import load_voice
from tts_workloads.serving.synthesis.served_voice import ServedVoice, SynthesisSpeed

log = logging.getLogger(__name__)

DRAIN_POLL_SECONDS = 0.05
ENDING_SECONDS = 4.0
"""After the last answer, connections have this long to end, and then the engine has as long again."""
UNSENT_BYTES = 32 * 2**10
"""Bytes that the kernel accepts for a connection before it sends them. The server tells a slow reader from one that
does not read by the kernel accepting more, which it does only after a good part of what it holds has gone."""


def serve(read_config: Callable[[], ServingConfig]) -> int:
    """Serve what ``read_config`` returns until SIGTERM, and return the exit code.

    It is 0 after draining, and 64 where the voice or the run document is wrong. Nothing is raised: every error becomes
    an exit code and a termination message.
    """
    try:
        outcome = asyncio.run(_serve(read_config()))
    except Exception as error:  # noqa: BLE001 - every error becomes an exit code and a message
        outcome = exit_of(error)
    if outcome.code == ExitCode.FINISHED:
        log.info("stopped", extra={"event": "ended", "code": 0})
    else:
        log.error(
            "%s: %s", outcome.message.reason, outcome.message.message, extra={"event": "ended", "code": outcome.code}
        )
    write_termination_message(outcome.message)
    return int(outcome.code)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would stop listening before requests are finished and then end the
    process by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(config: ServingConfig) -> Exit:
    # One sentence is too little work to share. On a busy machine two threads wait for each other for longer than one
    # thread would need alone.
    torch.set_num_threads(1)
    keys = ApiKeyFolder(config.api_keys) if config.api_keys else None
    service = Service(config.model, config.limits, config.batching, keys, config.most_per_key)
    server_config = uvicorn.Config(
        make_app(service),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=round(ENDING_SECONDS),
        http=connection_protocol(connection_limit()),
    )
    server = _Server(server_config)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listening = asyncio.create_task(server.serve(sockets=[listen(config.host, config.port)]))
    loading = asyncio.create_task(asyncio.to_thread(_load, config))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({listening, loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            voice, speed = loading.result()
            # Each thread uses one CPU, since a sentence is too little work to share.
            service.start(voice, speed, threads=1 if voice.on_gpu else cpus())
            log.info(
                "ready: requests ask for the model %s%s",
                config.model,
                f", and http://{config.address}/ is a page to type and listen" if config.host else "",
                extra={"event": "ready", "model": config.model, "rtf": round(speed.real_time_factor, 4)},
            )
            _report(config, voice, speed)
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
        await _drain(service, config.limits.request_timeout_seconds)
    finally:
        server.should_exit = True
        stopping.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        if service.engine is not None:
            await asyncio.to_thread(service.engine.close, ENDING_SECONDS)
    return Exit(ExitCode.FINISHED, TerminationMessage(reason=Reason.FINISHED))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; an empty host means every address, IPv4 and IPv6.

    Raises OSError whose message says what to do.
    """
    try:
        if not host and socket.has_dualstack_ipv6():
            listening = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        else:
            listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"cannot listen on {host or '*'}:{port}: {error.strerror}; choose another port") from error
    # Each chunk must go out when it is made, and not wait until the one before is acknowledged. asyncio sets this for
    # sockets that it opened itself, but not for one that it is given.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux":
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return listening


def _load(config: ServingConfig) -> tuple[ServedVoice, SynthesisSpeed]:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    voice = load_voice(config.path, config.sha256, device)
    return voice, voice.warm_up()


def _report(config: ServingConfig, voice: ServedVoice, speed: SynthesisSpeed) -> None:
    """Report the speed in the background: a service speaks whether or not the API server answers."""
    reporter = reporter_for(config.resource, SERVICE_PERFORMANCE)
    if reporter is None:
        return
    reporter.put(
        ServicePerformance(
            sha256=voice.sha256,
            real_time_factor=round(speed.real_time_factor, 5),
            time_to_first_audio_milliseconds=round(1000 * speed.first_audio_seconds, 2),
            updated_at=now(),
        ),
        urgent=True,
    )


async def _drain(service: Service, most_seconds: float) -> None:
    """Refuse new requests and wait for those in progress, for at most ``most_seconds``."""
    service.drain()
    log.info("draining", extra={"event": "draining", "requests": service.in_progress})
    with suppress(TimeoutError):
        async with asyncio.timeout(most_seconds):
            while service.in_progress:
                await asyncio.sleep(DRAIN_POLL_SECONDS)
