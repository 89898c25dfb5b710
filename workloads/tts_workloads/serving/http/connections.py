"""Limits of connections: for how long a client may send no request or read nothing, how long a request's head may be,
and which connection is closed when there are too many. Requests that pass are answered in ``app``."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tts_workloads.serving.http.errors import RequestError
from tts_workloads.serving.http.middleware import REQUEST_ID, AccessLog, RequestIds, request_id_for

log = logging.getLogger(__name__)

REQUEST_SECONDS = 15.0
"""A request must have arrived whole this long after its connection was made or its first byte arrived."""
READER_SECONDS = 60.0
"""A connection is closed when its client has read nothing for this long, though there was something to read. A client
that reads as it plays pauses for half a minute: its kernel asks for more only when up to 128 KiB of its buffers are
empty, and Opus fills 4 KiB a second."""
MOST_URL_BYTES = 8 * 2**10
MOST_HEAD_BYTES = 32 * 2**10
"""Most bytes in a request's address and headers together. One more read of the socket may go beyond it."""
OTHER_FILES = 128
"""File descriptors that are kept for everything but connections."""


def connection_limit() -> int:
    """Raise the process's limit of file descriptors as far as allowed, and return how many connections it may hold."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    return max(1, allowed - OTHER_FILES)


class _ReadTimeout(HttpToolsProtocol):
    """uvicorn's protocol, which also closes connections whose clients do not read."""

    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # then pause_writing tells as soon as the kernel takes no more

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_reader_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_reader_timer()

    def _expect_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._reader_timer = self.loop.call_later(READER_SECONDS, self._look_at_reader, left)

    def _look_at_reader(self, left: int) -> None:
        # Nothing can have been added meanwhile, since writers wait until the buffer is empty.
        if self.transport.get_write_buffer_size() < left:
            self._expect_reader()
        else:
            self.transport.abort()

    def _stop_reader_timer(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None


def head_refusal(url: bytes, headers: Iterable[tuple[bytes, bytes]], unread: int = 0) -> RequestError | None:
    """Return why a request with this head is refused, or None. ``unread`` counts the head's bytes that are not parsed
    yet."""
    if len(url) > MOST_URL_BYTES:
        return RequestError(
            f"the address has more than {MOST_URL_BYTES} bytes: send what you have to say in the body",
            status=414,
            code="uri_too_long",
            headers={"Connection": "close"},
        )
    if max(unread, len(url) + sum(len(name) + len(value) for name, value in headers)) > MOST_HEAD_BYTES:
        return RequestError(
            f"the headers have more than {MOST_HEAD_BYTES} bytes: leave some out",
            status=431,
            code="headers_too_large",
            headers={"Connection": "close"},
        )
    return None


class _HeadLimit(HttpToolsProtocol):
    """uvicorn's protocol, which also limits a request's address and headers."""

    _unread: int | None = None
    """Bytes received of a head that is not complete, beyond the read that it began in; None where no head is
    expected."""

    def data_received(self, data: bytes) -> None:
        before = self._unread
        super().data_received(data)
        if before is None or self._unread is None or self.transport.is_closing():
            return
        self._unread = before + len(data)
        if (refusal := head_refusal(self.url, (), self._unread)) is not None:
            self._refuse(refusal)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unread = 0

    def on_headers_complete(self) -> None:
        self._unread = None
        if (refusal := head_refusal(self.url, self.headers)) is None:
            super().on_headers_complete()
            return
        app = self.app
        self.app = cast("Any", RequestIds(AccessLog(refusal.response())))
        super().on_headers_complete()
        self.app = app

    def _refuse(self, refusal: RequestError) -> None:
        """Answer a request whose head is not read to its end, and close the connection."""
        name = request_id_for(None)
        log.warning("%s", refusal, extra={"status": refusal.status, "request_id": name})
        if (
            self.cycle is not None and not self.cycle.response_complete
        ):  # the refusal would become part of the answer that is being sent
            self.transport.abort()
            return
        response = refusal.response()
        lines = [b"%s: %s\r\n" % line for line in [*response.raw_headers, (REQUEST_ID, name.encode())]]
        self.transport.write(b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", response.body]))
        self.transport.close()


def connection_protocol(most: int) -> type[HttpToolsProtocol]:
    """Return a protocol for a server that holds at most this many connections. When one more arrives, the connection
    that has been without a request for longest is closed."""
    idle: dict[HttpToolsProtocol, None] = {}  # in the order in which they became idle

    class Connection(_HeadLimit, _ReadTimeout):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most and idle:
                oldest = next(iter(idle))
                del idle[oldest]
                oldest.transport.abort()
            idle[self] = None
            self._expect_request()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            idle.pop(self, None)
            self._stop_timer()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            idle.pop(self, None)
            self._expect_request()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._stop_timer()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.cycle.response_complete:  # and no pipelined request is being answered
                idle[self] = None

        def _expect_request(self) -> None:
            self._stop_timer()
            self._timer = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return Connection
