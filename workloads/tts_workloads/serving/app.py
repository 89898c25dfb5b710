"""The HTTP API: what OpenAI's clients call, and what Kubernetes and Prometheus ask. Requests are checked in
``requests`` and spoken by ``engine``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from tts_workloads.logs import request_id
from tts_workloads.serving import events, openapi, requests
from tts_workloads.serving.engine import DeadlineExceeded, EngineClosed
from tts_workloads.serving.errors import AnalysisFailed, RequestError, failed, no_such_model, shutting_down, too_late
from tts_workloads.serving.layers import (
    DISCONNECTED,
    SPEECH_ROUTE,
    AskForKey,
    LogAccess,
    NameRequests,
    NotNow,
    ended_as,
    holder_of,
)
from tts_workloads.serving.page import page
from tts_workloads.serving.requests import Speech
from tts_workloads.serving.service import Place, Service
from tts_workloads.serving.timeline import Timeline
from tts_workloads.serving.voice import Voice

SHORT_CHARACTERS = 500
"""Up to this an input's words and sounds are found within some milliseconds."""
BODY_SECONDS = 10.0
"""How long a body may take to come: meanwhile it holds a place."""


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
        return {"object": "list", "data": [openapi.Model(id=service.model, created=service.created)]}

    @app.get("/v1/models/{name}", responses=openapi.refusals(401, 404))
    async def model(name: str) -> openapi.Model:
        if name != service.model:
            raise no_such_model(name, service.model)
        return openapi.Model(id=service.model, created=service.created)

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

    @app.get("/healthz", response_class=PlainTextResponse, responses=openapi.words(503, "It must be started again."))
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse(service.trouble or "ok", status_code=503 if service.trouble else 200)

    @app.get("/readyz", response_class=PlainTextResponse, responses=openapi.words(503, "Not yet, or no more."))
    async def readyz() -> PlainTextResponse:
        if service.ready:
            return PlainTextResponse("ok")
        why = "draining" if service.draining else service.trouble or "the voice is being loaded"
        return PlainTextResponse(why, status_code=503)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    openapi.describe(app, keys=service.keys is not None)
    _handle_errors(app)
    app.add_middleware(NotNow, service=service)
    if service.keys is not None:
        app.add_middleware(AskForKey, keys=service.keys, service=service)
    app.add_middleware(LogAccess)
    app.add_middleware(NameRequests)
    return app


async def _speech(service: Service, request: Request) -> Response:
    place, status, streaming = service.enter(holder_of(request.scope)), 500, False
    try:
        voice = _voice(service)
        body = await _body(request, most_bytes=65_536 + 12 * service.limits.max_input_characters)
        wanted = await _checked(service, voice, body)
        service.metrics.characters.inc(wanted.characters)
        timeline = Timeline(voice.card, voice.front_end, wanted.timestamps)
        chunks = _encoded(service, voice, wanted, timeline)
        if wanted.answer == "sse":
            chunks = events.from_audio(chunks, timeline, partial(_refusal, service))
        if wanted.streams:
            first = await anext(chunks)  # what fails at once fails with a status
            streaming = True
            return _Streamed(place, first, chunks, wanted)
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
        return Response(bytes(content), media_type=wanted.format.media_type)
    except RequestError as error:
        status = error.status
        raise
    except (EngineClosed, DeadlineExceeded) as error:
        refusal = _refusal(service, error)
        status = refusal.status
        raise refusal from None
    except asyncio.CancelledError:
        status = DISCONNECTED
        raise
    finally:
        if not streaming:
            place.end(status)


def _refusal(service: Service, error: Exception) -> RequestError:
    """What an error in the making is to the caller."""
    if isinstance(error, EngineClosed):
        return shutting_down()
    if isinstance(error, DeadlineExceeded):
        return too_late(service.limits.request_timeout_seconds)
    return failed(error, request_id.get())


async def _checked(service: Service, voice: Voice, body: bytes) -> Speech:
    """What a body asks for. Raises RequestError."""
    asked, limits = requests.parse(body), service.limits
    check = partial(requests.check, asked, voice.card, voice.front_end, service.model, limits.max_input_characters)
    # To read a long text takes long enough for others to notice.
    try:
        return await asyncio.to_thread(check) if len(asked.input) > SHORT_CHARACTERS else check()
    except RequestError:
        raise
    except Exception as error:  # noqa: BLE001 - its message may be words of the text, which no log may have
        raise AnalysisFailed(type(error).__name__).with_traceback(error.__traceback__) from None


async def _encoded(service: Service, voice: Voice, wanted: Speech, timeline: Timeline) -> AsyncIterator[bytes]:
    """The speech as bytes of its format, chunk by chunk, each of which the timeline has seen."""
    if service.engine is None:
        raise EngineClosed
    encoder = wanted.format.encoder(voice.card.audio.sample_rate)
    spoken = service.engine.speak(
        wanted.sentences, streamed=wanted.streams, timeout_seconds=service.limits.request_timeout_seconds
    )
    async for chunk in spoken:
        timeline.add(chunk)
        # Compressing a sentence takes milliseconds, in which nobody else would be answered.
        yield await asyncio.to_thread(encoder.add, chunk.samples)
    yield await asyncio.to_thread(encoder.finish)


class _Streamed(StreamingResponse):
    """An answer that is sent while it is made. Gives the place back however it ends, even where it never begins."""

    def __init__(self, place: Place, first: bytes, chunks: AsyncIterator[bytes], wanted: Speech) -> None:
        media_type = events.MEDIA_TYPE if wanted.answer == "sse" else wanted.format.media_type
        super().__init__(self._all(first, chunks), media_type=media_type, headers=wanted.format.headers)
        self._place, self._outcome = place, DISCONNECTED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.end(self._outcome)
            ended_as(scope, self._outcome)

    async def _all(self, first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            yield first
            async for chunk in chunks:
                yield chunk
        except DeadlineExceeded:
            self._outcome = 504
            raise
        except Exception:
            self._outcome = 500
            raise
        self._outcome = 200


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
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return failed(error, request_id.get()).response()
