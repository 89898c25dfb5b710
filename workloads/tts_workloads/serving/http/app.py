"""The HTTP API: the routes that OpenAI's clients, Kubernetes and Prometheus call, and the order of the middleware.
Requests for speech are answered in ``speech_response``."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from tts_workloads.logs import request_id
from tts_workloads.serving.http import openapi, speech_request
from tts_workloads.serving.http.clients import BodyReader
from tts_workloads.serving.http.errors import RequestError, failed, loading, no_such_model
from tts_workloads.serving.http.middleware import SPEECH_ROUTE, AccessLog, LoadShedding, RequestIds, RequireApiKey
from tts_workloads.serving.http.page import page
from tts_workloads.serving.http.service import Service
from tts_workloads.serving.http.speech_response import SpeechResponse


def make_app(service: Service) -> FastAPI:
    """Return the application that answers for a service."""
    app = FastAPI(
        title="tts-operator",
        version="1",
        docs_url=None,
        redoc_url=None,
        description="Text to speech as OpenAI's API has it.",
    )

    bodies = BodyReader()

    @app.post(SPEECH_ROUTE, response_class=Response, **openapi.SPEECH)
    async def speech() -> Response:
        return SpeechResponse(service, bodies)

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
        if service.voice is None:
            raise loading()
        card = service.voice.card
        return {
            "voices": speech_request.voices(card),
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
    app.add_middleware(LoadShedding, service=service)
    if service.keys is not None:
        app.add_middleware(RequireApiKey, keys=service.keys, service=service)
    app.add_middleware(AccessLog)
    app.add_middleware(RequestIds)
    return app


def _handle_errors(app: FastAPI) -> None:
    """Give every error the shape that OpenAI's API gives it."""

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
