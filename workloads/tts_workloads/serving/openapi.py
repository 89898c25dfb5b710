"""The OpenAPI document: what FastAPI cannot see in the routes, because they read their requests themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tts_workloads.serving import events
from tts_workloads.serving.audio import FORMATS
from tts_workloads.serving.errors import ErrorResponse
from tts_workloads.serving.requests import SpeechRequest

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
    429: "More than can be done in time; Retry-After says when to come back.",
    431: "The headers are too long.",
    500: "The server failed.",
    503: "The voice is being loaded, or the server is shutting down.",
    504: "The speech was not made in time.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These answers, for a route's ``responses``."""
    return {status: {"model": ErrorResponse, "description": REFUSALS[status]} for status in statuses}


def words(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """An answer in plain words, for a route's ``responses``."""
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
"""A server-sent event, as OpenAPI 3.2 has it; tools for 3.1 pass over it."""
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
"""What the document says of the speech route."""


def describe(app: FastAPI) -> None:
    """Let the app's document have the request's schema too."""

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
            app.openapi_schema = whole
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
