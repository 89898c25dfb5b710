"""The HTTP API: what OpenAI's clients call, and what Kubernetes and Prometheus ask. Requests are checked in
``requests`` and spoken by ``engine``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from tts_api.resources.service import Batching, Limits
from tts_workloads.serving import events, openapi, requests
from tts_workloads.serving.engine import DeadlineExceeded, Engine, EngineClosed, Turn
from tts_workloads.serving.errors import RequestError, shutting_down, too_busy, too_late
from tts_workloads.serving.keys import ApiKeys
from tts_workloads.serving.layers import DISCONNECTED, SPEECH_ROUTE, AskForKey, LogAccess, NotNow
from tts_workloads.serving.metrics import Metrics
from tts_workloads.serving.page import page
from tts_workloads.serving.requests import Speech
from tts_workloads.serving.timeline import Timeline
from tts_workloads.serving.voice import Measured, Voice

log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
"""How long a body may take to come: meanwhile it holds a place."""


class Service:
    """What the routes share: the voice once it is loaded, the places, and whether the pod is about to go."""

    def __init__(
        self, model: str, limits: Limits, batching: Batching | None = None, keys: ApiKeys | None = None
    ) -> None:
        self.model, self.limits, self.batching, self.keys = model, limits, batching or Batching(), keys
        self.metrics = Metrics()
        self.voice: Voice | None = None
        self.engine: Engine | None = None
        self.created = int(time.time())
        self.draining = False
        self.in_progress = 0

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.engine is not None and not self.draining

    def start(self, voice: Voice, measured: Measured, threads: int = 1) -> None:
        """The voice has spoken: take requests, on so many threads."""
        metrics, sample_rate = self.metrics, voice.card.audio.sample_rate

        def observe(turn: Turn) -> None:
            metrics.busy_seconds.inc(turn.seconds)
            metrics.audio_seconds.inc(turn.samples / sample_rate)
            metrics.batch_size.observe(turn.batch_size)
            metrics.waited.observe(turn.waited_seconds)
            if turn.samples:
                metrics.real_time_factor.observe(turn.seconds * sample_rate / turn.samples)

        batching = self.batching
        self.voice = voice
        self.engine = engine = Engine(
            voice, threads, max_batch_size=batching.max_batch_size or (16 if voice.on_gpu else 1),
            max_wait_seconds=batching.max_wait_milliseconds / 1000, seconds_per_symbol=measured.seconds_per_symbol,
            observe=observe,
        )  # fmt: skip
        metrics.queue_depth.set_function(lambda: engine.depth)
        metrics.queue_work.set_function(engine.seconds_of_work)
        metrics.device_memory.set_function(voice.device_memory)
        metrics.ready.set(1)

    def drain(self) -> None:
        """Take no more requests; those that were accepted are finished."""
        self.draining = True
        self.metrics.ready.set(0)

    def refusal(self) -> RequestError | None:
        """Why no request is taken now."""
        if self.draining:
            return shutting_down()
        work = self.engine.seconds_of_work() if self.engine else 0.0
        busy = work > self.most_work or self.in_progress >= self.limits.max_concurrent_requests
        return too_busy(work) if busy else None

    def enter(self) -> None:
        """Take a place. Raises RequestError where there is none."""
        if (refusal := self.refusal()) is not None:
            raise refusal
        self.in_progress += 1
        self.metrics.in_progress.set(self.in_progress)

    @property
    def most_work(self) -> float:
        """Seconds of work that may wait."""
        return self.limits.max_queue_milliseconds / 1000

    def count(self, status: int) -> None:
        """Count a speech request that has ended."""
        self.metrics.requests.labels(status=str(status)).inc()
        if status == DISCONNECTED:
            self.metrics.cancellations.inc()

    def leave(self) -> None:
        """Give the place back."""
        self.in_progress -= 1
        self.metrics.in_progress.set(self.in_progress)


def make_app(service: Service) -> FastAPI:
    """The application around a service."""
    app = FastAPI(
        title="tts-operator", version="1", docs_url=None, redoc_url=None,
        description="Text to speech as OpenAI's API has it.",
    )  # fmt: skip

    @app.post(SPEECH_ROUTE, response_class=Response, **openapi.SPEECH)
    async def speech(request: Request) -> Response:
        return await _speech(service, request)

    @app.get("/v1/models", responses=openapi.refusals(401))
    async def models() -> dict[str, object]:
        entry = {"id": service.model, "object": "model", "created": service.created, "owned_by": "tts-operator"}
        return {"object": "list", "data": [entry]}

    @app.get("/v1/audio/voices", responses=openapi.refusals(401, 503))
    async def voices() -> dict[str, object]:
        card = _voice(service).card
        return {
            "voices": requests.voices(card),
            "languages": list(card.languages),
            "sample_rate": card.audio.sample_rate,
        }

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def root() -> HTMLResponse:
        return page(service.model, service.limits.max_input_characters)

    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get(
        "/readyz", response_class=PlainTextResponse,
        responses={503: {"description": "Not yet, or no more.", "content": {"text/plain": {}}}},
    )  # fmt: skip
    async def readyz() -> PlainTextResponse:
        if service.ready:
            return PlainTextResponse("ok")
        return PlainTextResponse("draining" if service.draining else "the voice is being loaded", status_code=503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    openapi.describe(app)
    _handle_errors(app)
    app.add_middleware(NotNow, service=service)
    if service.keys is not None:
        app.add_middleware(AskForKey, keys=service.keys)
    app.add_middleware(LogAccess)
    return app


async def _speech(service: Service, request: Request) -> Response:
    started = time.perf_counter()
    status = 500
    service.enter()
    streaming = False
    try:
        voice = _voice(service)
        body = await _body(request, most_bytes=65_536 + 12 * service.limits.max_input_characters)
        wanted = requests.check(
            requests.parse(body), voice.card, voice.front_end, service.model, service.limits.max_input_characters
        )
        service.metrics.characters.inc(wanted.characters)
        timeline = Timeline(voice.card, voice.front_end, wanted.timestamps)
        chunks = _encoded(service, voice, wanted, timeline, started)
        media_type = wanted.format.media_type
        if wanted.answer == "sse":
            chunks, media_type = events.from_audio(chunks, timeline), events.MEDIA_TYPE
        if wanted.streams:
            first = await anext(chunks)  # what fails at once fails with a status
            streaming, status = True, 200
            return StreamingResponse(
                _rest(service, first, chunks, started), media_type=media_type, headers=wanted.format.headers
            )
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if await request.is_disconnected():
                status = DISCONNECTED
                return Response(status_code=DISCONNECTED)
        status = 200
        if wanted.answer == "json":
            whole = events.document(bytes(content), wanted.format_name, timeline)
            return Response(whole, media_type="application/json")
        return Response(bytes(content), media_type=media_type)
    except RequestError as error:
        status = error.status
        raise
    except EngineClosed:
        status = 503
        raise shutting_down() from None
    except DeadlineExceeded:
        status = 504
        raise too_late(service.limits.request_timeout_seconds) from None
    except asyncio.CancelledError:
        status = DISCONNECTED
        raise
    finally:
        if not streaming:
            _end(service, started, status)


async def _encoded(
    service: Service, voice: Voice, wanted: Speech, timeline: Timeline, started: float
) -> AsyncIterator[bytes]:
    """The speech as bytes of its format, chunk by chunk, each of which the timeline has seen."""
    if service.engine is None:
        raise EngineClosed
    encoder = wanted.format.encoder(voice.card.audio.sample_rate)
    first = True
    spoken = service.engine.speak(
        wanted.sentences, streamed=wanted.streams, timeout_seconds=service.limits.request_timeout_seconds
    )
    async for chunk in spoken:
        if first:
            service.metrics.first_audio.observe(time.perf_counter() - started)
            first = False
        timeline.add(chunk)
        # Compressing a sentence takes milliseconds, in which nobody else would be answered.
        yield await asyncio.to_thread(encoder.add, chunk.samples)
    yield await asyncio.to_thread(encoder.finish)


async def _rest(service: Service, first: bytes, chunks: AsyncIterator[bytes], started: float) -> AsyncIterator[bytes]:
    status = DISCONNECTED
    try:
        yield first
        async for chunk in chunks:
            yield chunk
        status = 200
    finally:
        _end(service, started, status)


def _end(service: Service, started: float, status: int) -> None:
    service.leave()
    service.count(status)
    service.metrics.duration.observe(time.perf_counter() - started)


def _voice(service: Service) -> Voice:
    if service.voice is None:
        raise RequestError(
            "the voice is being loaded: try again", status=503, code="loading", kind="server_error",
            headers={"Retry-After": "1"},
        )  # fmt: skip
    return service.voice


async def _body(request: Request, most_bytes: int) -> bytes:
    """The body. Raises RequestError where it is too large, compressed, or does not come."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise RequestError(f"send the body as it is, not as {encoding}", status=415, code="unsupported_encoding")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise RequestError(f"the body has more than {most_bytes} bytes", status=413, code="body_too_large")
    except TimeoutError:
        raise RequestError(f"the body did not come within {BODY_SECONDS:g} s", status=408, code="timeout") from None
    return bytes(body)


def _handle_errors(app: FastAPI) -> None:
    """Give every error OpenAI's shape."""

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return error.response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return RequestError(f"{request.method} {request.url.path}: {error.detail}", status=error.status_code).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return RequestError(str(error.errors()[0]["msg"])).response()

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return RequestError(f"the server failed: {type(error).__name__}", status=500, kind="server_error").response()
