"""What lies around the routes: requests' names, their log, API keys, and a quick no. Plain ASGI: under load these are
most of what the server does."""

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
"""Asked every few seconds by machines; a line for each would drown the others."""
DISCONNECTED = 499
"""Status in logs and metrics of a request whose client went away, as nginx has it."""
REQUEST_ID = b"x-request-id"
_GOOD_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
HOLDER, OUTCOME = "api_key_holder", "outcome"


def key_holder(scope: Scope) -> str | None:
    """The name of the key that a request has; None where none is needed."""
    name: str | None = scope.get("state", {}).get(HOLDER)
    return name


def set_outcome(scope: Scope, status: int) -> None:
    """Say how a request has ended whose answer had begun with another status."""
    scope.setdefault("state", {})[OUTCOME] = status


def request_id_for(given: bytes | None) -> str:
    """What a request is called: as its sender has it, where that can stand in any log, or by a name of its own."""
    return given.decode() if given is not None and _GOOD_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


class RequestIds:
    """Give every request a name, which its answer and all that is logged of it have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer under its name."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id_for(dict(scope["headers"]).get(REQUEST_ID))
        # Each request has a task of its own, so that there is no other to which this is to be set back.
        logs.request_id.set(name)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, name.encode())]
            await send(message)

        await self._app(scope, receive, sent)


class AccessLog:
    """Log method, path, status and duration of every request; never what is in it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and log how."""
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
    """Whoever knows whether there is room, and counts."""

    def refusal(self, holder: str | None) -> RequestError | None:
        """Why no request is taken now, of whoever holds a key of this name."""

    def count(self, status: int) -> None:
        """Count a speech request that has ended."""

    def speaks(self, seconds: float) -> None:
        """The first bytes of a speech go out, so long after its request came."""


def _asks_for_speech(scope: Scope) -> bool:
    return (scope["type"], scope.get("method"), scope.get("path")) == ("http", "POST", SPEECH_ROUTE)


class RequireApiKey:
    """Let only those call the API who have a key; health and metrics are for the cluster."""

    def __init__(self, app: ASGIApp, keys: ApiKeyFolder, service: Admission) -> None:
        self._app, self._keys, self._service = app, keys, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer those who have one."""
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
    """Refuse speech that cannot be made in time before its body is read, and measure how soon the rest is heard."""

    def __init__(self, app: ASGIApp, service: Admission) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what can be."""
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
