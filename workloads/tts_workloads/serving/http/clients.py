"""Handles clients that disconnect during a request or send its body slowly. Limits of whole connections are in
``connections``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from tts_workloads.serving.http.errors import RequestError

BODY_SECONDS = 10.0
"""A body must have arrived whole after this time."""
MOST_BYTES = 64 * 2**20
"""Most bytes that all incomplete bodies together may hold."""
BESIDE_BYTES = 64 * 2**10
"""Memory that a body needs besides its own bytes, for buffers and a task."""


@asynccontextmanager
async def cancelled_on_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Run the block until it ends. If the client disconnects first, cancel it and raise ClientDisconnect. The request's
    body must have been read before."""
    task = cast("asyncio.Task[None]", asyncio.current_task())
    cancelled, gone = task.cancelling(), False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() <= cancelled:
            raise ClientDisconnect from None
        raise
    finally:
        watcher.cancel()


class BodyReader:
    """Reads the bodies of requests before these are admitted, within a limit of memory for all of them together. Where
    a body exceeds it, the body that has been arriving for longest is given up."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._coming: dict[asyncio.Timeout, int] = {}  # in the order in which they began

    async def read(self, request: Request, most_bytes: int) -> bytes:
        """Return a request's body.

        Raises RequestError where the body is too large, compressed, or does not arrive in time, and ClientDisconnect
        where the client went away.
        """
        encoding = request.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise RequestError(f"send the body as it is, not as {encoding}", status=415, code="unsupported_encoding")
        body, limit = bytearray(), asyncio.timeout(BODY_SECONDS)
        try:
            async with limit, aclosing(request.stream()) as pieces:
                self._hold(limit, BESIDE_BYTES)
                async for piece in pieces:
                    body += piece
                    if len(body) > most_bytes:
                        raise RequestError(
                            f"the body has more than {most_bytes} bytes", status=413, code="body_too_large"
                        )
                    self._hold(limit, BESIDE_BYTES + len(body))
        except TimeoutError:
            why = f"within {BODY_SECONDS:g} s" if limit in self._coming else "before too many others had begun to"
            raise RequestError(f"the body did not come {why}", status=408, code="timeout") from None
        finally:
            self._coming.pop(limit, None)
        return bytes(body)

    def _hold(self, limit: asyncio.Timeout, size: int) -> None:
        if limit.expired():
            return
        self._coming[limit] = size
        while sum(self._coming.values()) > self._most_bytes:
            oldest = next(iter(self._coming))
            del self._coming[oldest]
            if not oldest.expired():
                oldest.reschedule(0)
