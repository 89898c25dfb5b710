"""The OpenAPI document: the parts that FastAPI cannot derive, since the speech route reads its request itself."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tts_workloads.serving.http import events
from tts_workloads.serving.http.errors import ErrorResponse
from tts_workloads.serving.http.middleware import API
from tts_workloads.serving.http.speech_request import SpeechRequest
from tts_workloads.serving.synthesis.encoding import FORMATS

REFERENCE = "#/components/schemas/{model}"
REFUSALS = {
    400: "The request is wrong: which field, and why.",
    401: "No API key, or none that the server knows.",
    404: "No such model.",
    405: "The path does not do that.",
    408: "The body did not come.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is compressed.",
    429: "More than can be done in time.",
    431: "The headers are too long.",
    500: "The server failed.",
    503: "The voice is being loaded, or the server is shutting down.",
    504: "The speech was not made in time.",
}


RETRY_AFTER = {"Retry-After": {"description": "Seconds after which to come back.", "schema": {"type": "integer"}}}
HEADERS: dict[int, dict[str, Any]] = {429: {"headers": RETRY_AFTER}, 503: {"headers": RETRY_AFTER}}


class Model(BaseModel):
    """A voice that can be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int
    """When this server began, in seconds since 1970."""
    owned_by: Literal["tts-operator"] = "tts-operator"


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of these refusals, for a route's ``responses``."""
    return {
        status: {"model": ErrorResponse, "description": REFUSALS[status]} | HEADERS.get(status, {})
        for status in statuses
    }


def words(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of a plain-text answer, for a route's ``responses``."""
    return {status: {"description": description, "content": {"text/plain": {}}}}


EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"oneOf": [{"$ref": REFERENCE.format(model=one.__name__)} for one in events.EVENTS]},
        }
    },
}
"""A server-sent event as OpenAPI 3.2 describes it. Tools for OpenAPI 3.1 ignore it."""
SPEECH: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model=SpeechRequest.__name__)}}},
        }
    },
    "responses": {
        200: {
            "description": "The speech in the format asked for, or events or a document with the same bytes in base64.",
            "content": {
                **{one.media_type: {"schema": {"type": "string", "format": "binary"}} for one in FORMATS.values()},
                events.MEDIA_TYPE: {"itemSchema": EVENT},
                "application/json": {"schema": {"$ref": REFERENCE.format(model=events.SpeechDocument.__name__)}},
            },
        },
        **refusals(*REFUSALS),
    },
}
"""The arguments with which the speech route is described in the document."""


def describe(app: FastAPI, *, keys: bool) -> None:
    """Make the app's document include the request's schema, the events, and, where ``keys`` is set, the need for a
    key."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            whole = get_openapi(title=app.title, version=app.version, routes=app.routes, description=app.description)
            models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
                (SpeechRequest, "validation"),
                (events.SpeechDocument, "serialization"),
            ]
            models += [(one, "serialization") for one in events.EVENTS]
            _, schemas = models_json_schema(models, ref_template=REFERENCE)
            whole.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
            _leave_validation_out(whole)
            if keys:
                _want_key(whole)
            app.openapi_schema = whole
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _want_key(document: dict[str, Any]) -> None:
    """Declare that every path below ``/v1/`` needs a key."""
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        if path.startswith(API):
            for operation in operations.values():
                operation["security"] = [{"key": []}]


def _leave_validation_out(document: dict[str, Any]) -> None:
    """Remove FastAPI's validation errors, which no route returns."""
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
