"""Refusals of requests in the shape of OpenAI's errors, so that OpenAI's clients raise the exceptions that they raise
for OpenAI's API."""

from __future__ import annotations

import math

from fastapi.responses import JSONResponse
from pydantic import BaseModel

LONGEST_RETRY_SECONDS = 60


class ErrorDetail(BaseModel):
    """What was wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    """How OpenAI's API says no."""

    error: ErrorDetail


class RequestError(Exception):
    """Why a request is not answered with speech. The message is for the client."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.kind = status, param, code, kind
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        """Return the HTTP response with this error."""
        content = ErrorResponse(error=self.detail()).model_dump()
        return JSONResponse(content, status_code=self.status, headers=self.headers)

    def detail(self) -> ErrorDetail:
        """Return the error as the response's body and event streams carry it."""
        return ErrorDetail(message=_sendable(str(self)), type=self.kind, param=self.param, code=self.code)


class AnalysisFailed(Exception):
    """The analysis of a text failed by a fault of the server. The message never quotes the text."""


def _sendable(text: str) -> str:
    """Return the text without halves of surrogate pairs, which cannot be encoded; messages may quote what a client
    sent."""
    return text.encode("utf-8", "replace").decode()


def no_such_model(name: str, model: str) -> RequestError:
    """Return the refusal of a model other than the one that is served."""
    return RequestError(
        f"the model '{name}' does not exist; this server has '{model}'",
        status=404,
        param="model",
        code="model_not_found",
    )


def too_busy(seconds_of_work: float) -> RequestError:
    """Return the refusal of a request for which too much work is queued."""
    retry_after_seconds = max(1, min(LONGEST_RETRY_SECONDS, math.ceil(seconds_of_work)))
    return RequestError(
        f"too many requests at the same time: try again in {retry_after_seconds} s",
        status=429,
        code="rate_limit_exceeded",
        kind="rate_limit_error",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def too_many_of_one(holder: str, most: int) -> RequestError:
    """Return the refusal of a request whose key has as many requests in progress as it may."""
    return RequestError(
        f"the key '{holder}' has {most} requests in progress, which is all that it may have: wait for one of them",
        status=429,
        code="rate_limit_exceeded",
        kind="rate_limit_error",
        headers={"Retry-After": "1"},
    )


def too_late(timeout_seconds: int) -> RequestError:
    """Return the error for speech that was not made in time."""
    return RequestError(
        f"the speech was not made within {timeout_seconds} s: shorten the input, or try again later",
        status=504,
        code="timeout",
        kind="server_error",
    )


def unauthorized() -> RequestError:
    """Return the refusal of a request without a valid key."""
    return RequestError(
        "this server wants an API key that it knows, as in Authorization: Bearer KEY",
        status=401,
        code="invalid_api_key",
        kind="authentication_error",
        headers={"WWW-Authenticate": "Bearer"},
    )


def loading() -> RequestError:
    """Return the refusal for the time before the voice is loaded."""
    return RequestError(
        "the voice is being loaded: try again",
        status=503,
        code="loading",
        kind="server_error",
        headers={"Retry-After": "1"},
    )


def shutting_down() -> RequestError:
    """Return the refusal for the time while the server drains; another pod will answer."""
    return RequestError(
        "this server is shutting down: try again",
        status=503,
        code="shutting_down",
        kind="server_error",
        headers={"Retry-After": "1", "Connection": "close"},
    )


def failed(error: Exception, request_id: str | None) -> RequestError:
    """Return the error for a fault of the server, with the id under which the server's log has the details."""
    name = request_id or "-"
    return RequestError(
        f"the server failed: {type(error).__name__}; its log has more of request {name}",
        status=500,
        kind="server_error",
        headers={"X-Request-Id": name, "Connection": "close"},
    )
