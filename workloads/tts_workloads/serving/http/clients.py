"""What a client may do to a request that it has begun: go away, or send its body slowly. Whose connection is closed for
that is the affair of ``connections``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import cast

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from tts_workloads.serving.http.errors import RequestError

BODY_SECONDS = 10.0
"""How long a body may take to come."""
MOST_BYTES = 64 * 2**20
"""Of bodies that have not come whole."""
BESIDE_BYTES = 64 * 2**10
"""What a body costs beside its own bytes: buffers and a task."""


@asynccontextmanager
async def cancelled_on_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Do what is inside for as long as the client is there. Raises ClientDisconnect as soon as it has gone. The body
    must have been read."""
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
    """The bodies that are being read. They hold no place of those who speak, and no more memory than they may: one that
    is too much costs the place of the one that has been coming for longest."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._coming: dict[asyncio.Timeout, int] = {}  # in the order in which they began

    async def read(self, request: Request, most_bytes: int) -> bytes:
        """The body of a request. Raises RequestError where it is too large, compressed, or does not come, and
        ClientDisconnect where the client went."""
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
