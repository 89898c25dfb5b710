"""Middleware around the routes: request ids, the access log, API keys and load shedding. It is plain ASGI, because
under load a refusal passes through little else."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tts_workloads import logs
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.errors import RequestError, unauthorized

access_log = logging.getLogger("tts_workloads.access")

SPEECH_ROUTE = "/v1/audio/speech"
API = "/v1/"
QUIET_PATHS = {"/healthz", "/readyz", "/metrics"}
"""Paths without access log: machines ask them every few seconds, and their lines would drown the others."""
DISCONNECTED = 499
"""Status that logs and metrics give a request whose client went away, as nginx does."""
REQUEST_ID = b"x-request-id"
_GOOD_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
HOLDER, OUTCOME = "api_key_holder", "outcome"


def key_holder(scope: Scope) -> str | None:
    """Return the name of the API key that a request has; None where no key is needed."""
    name: str | None = scope.get("state", {}).get(HOLDER)
    return name


def set_outcome(scope: Scope, status: int) -> None:
    """Set the status that the access log gives a request, whatever status its answer began with."""
    scope.setdefault("state", {})[OUTCOME] = status


def request_id_for(given: bytes | None) -> str:
    """Return a request's id: the one that its sender gave, where that is safe in any log, and otherwise a new one."""
    return given.decode() if given is not None and _GOOD_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


class RequestIds:
    """Give every request an id, which its answer and every log record about it carry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, with its id in the context and in the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id_for(dict(scope["headers"]).get(REQUEST_ID))
        # Each request has a task of its own, so that the variable need not be reset for another.
        logs.request_id.set(name)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, name.encode())]
            await send(message)

        await self._app(scope, receive, sent)


class AccessLog:
    """Log method, path, status and duration of every request, and never its content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, and log it when it ends."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            status = DISCONNECTED
            raise
        finally:
            status = scope.get("state", {}).get(OUTCOME, status)
            milliseconds = round(1000 * (time.perf_counter() - started), 1)
            holder = {"key": name} if (name := key_holder(scope)) else {}
            access_log.info(
                "%s %s %d",
                scope["method"],
                scope["path"],
                status,
                extra={
                    "event": "request",
                    "status": status,
                    "milliseconds": milliseconds,
                    "request_id": logs.request_id.get(),
                    **holder,
                },
            )


class Admission(Protocol):
    """Decides whether a request is admitted, and counts requests; the service is one."""

    def refusal(self, holder: str | None) -> RequestError | None:
        """Return why a request with the key of this name is refused now; None where it is admitted."""

    def count(self, status: int) -> None:
        """Count a request for speech that has ended with this status."""

    def speaks(self, seconds: float) -> None:
        """Record that the first bytes of speech were sent this many seconds after their request arrived."""


def _asks_for_speech(scope: Scope) -> bool:
    return (scope["type"], scope.get("method"), scope.get("path")) == ("http", "POST", SPEECH_ROUTE)


class RequireApiKey:
    """Refuse requests below ``/v1/`` that have no valid API key. Health and metrics need none."""

    def __init__(self, app: ASGIApp, keys: ApiKeyFolder, service: Admission) -> None:
        self._app, self._keys, self._service = app, keys, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request if its key is valid, and refuse it otherwise."""
        if scope["type"] == "http" and scope["path"].startswith(API):
            given = dict(scope["headers"]).get(b"authorization")
            holder = self._keys.holder(None if given is None else given.decode("latin-1"))
            if holder is None:
                refusal = unauthorized()
                if _asks_for_speech(scope):
                    self._service.count(refusal.status)
                await refusal.response()(scope, receive, send)
                return
            scope.setdefault("state", {})[HOLDER] = holder
        await self._app(scope, receive, send)


class LoadShedding:
    """Refuse a request for speech that cannot be answered in time, before its body is read; for the others, measure the
    time to the first bytes of sound."""

    def __init__(self, app: ASGIApp, service: Admission) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request if it is admitted, and refuse it otherwise."""
        if not _asks_for_speech(scope):
            await self._app(scope, receive, send)
            return
        refusal = self._service.refusal(key_holder(scope))
        if refusal is not None:
            self._service.count(refusal.status)
            await refusal.response()(scope, receive, send)
            return
        began, silent = time.perf_counter(), False

        async def sent(message: Message) -> None:
            nonlocal silent
            if message["type"] == "http.response.start":
                silent = message["status"] == 200
            await send(message)
            if silent and message.get("body"):
                silent = False
                self._service.speaks(time.perf_counter() - began)

        await self._app(scope, receive, sent)
