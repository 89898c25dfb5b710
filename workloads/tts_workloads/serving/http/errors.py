"""Refusals of requests in the shape that OpenAI's API gives its errors, so that its clients raise what they would
there."""

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
    """A request that is not answered with speech; its message is for the caller."""

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
        """The response that says so."""
        content = ErrorResponse(error=self.detail()).model_dump()
        return JSONResponse(content, status_code=self.status, headers=self.headers)

    def detail(self) -> ErrorDetail:
        """What was wrong."""
        return ErrorDetail(message=_sendable(str(self)), type=self.kind, param=self.param, code=self.code)


class AnalysisFailed(Exception):
    """A text that could not be analysed, and should have been. Says nothing of the text."""


def _sendable(text: str) -> str:
    """What a caller sent, in a message to him: half a surrogate pair has no bytes."""
    return text.encode("utf-8", "replace").decode()


def no_such_model(name: str, model: str) -> RequestError:
    """Another model is asked for than the one that is served."""
    return RequestError(
        f"the model '{name}' does not exist; this server has '{model}'",
        status=404,
        param="model",
        code="model_not_found",
    )


def too_busy(seconds_of_work: float) -> RequestError:
    """There is as much work as may wait."""
    retry_after_seconds = max(1, min(LONGEST_RETRY_SECONDS, math.ceil(seconds_of_work)))
    return RequestError(
        f"too many requests at the same time: try again in {retry_after_seconds} s",
        status=429,
        code="rate_limit_exceeded",
        kind="rate_limit_error",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def too_many_of_one(holder: str, most: int) -> RequestError:
    """A key has all the requests in progress that it may have."""
    return RequestError(
        f"the key '{holder}' has {most} requests in progress, which is all that it may have: wait for one of them",
        status=429,
        code="rate_limit_exceeded",
        kind="rate_limit_error",
        headers={"Retry-After": "1"},
    )


def too_late(timeout_seconds: int) -> RequestError:
    """The speech was not made in time."""
    return RequestError(
        f"the speech was not made within {timeout_seconds} s: shorten the input, or try again later",
        status=504,
        code="timeout",
        kind="server_error",
    )


def unauthorized() -> RequestError:
    """The request has no key, or none that is good."""
    return RequestError(
        "this server wants an API key that it knows, as in Authorization: Bearer KEY",
        status=401,
        code="invalid_api_key",
        kind="authentication_error",
        headers={"WWW-Authenticate": "Bearer"},
    )


def loading() -> RequestError:
    """The voice is not there yet."""
    return RequestError(
        "the voice is being loaded: try again",
        status=503,
        code="loading",
        kind="server_error",
        headers={"Retry-After": "1"},
    )


def shutting_down() -> RequestError:
    """The pod is about to go; another one answers."""
    return RequestError(
        "this server is shutting down: try again",
        status=503,
        code="shutting_down",
        kind="server_error",
        headers={"Retry-After": "1", "Connection": "close"},
    )


def failed(error: Exception, request_id: str | None) -> RequestError:
    """It is the server's fault; its log has more under the request's name."""
    name = request_id or "-"
    return RequestError(
        f"the server failed: {type(error).__name__}; its log has more of request {name}",
        status=500,
        kind="server_error",
        headers={"X-Request-Id": name, "Connection": "close"},
    )
