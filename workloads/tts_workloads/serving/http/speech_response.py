"""The answer to one request for speech, from reading the body to sending the last byte. What a request may ask for is
checked in ``speech_request``; the sound is made in ``synthesis.engine``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from functools import partial

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from tts_workloads import logs
from tts_workloads.serving.http import events, speech_request
from tts_workloads.serving.http.clients import BodyReader, cancelled_on_disconnect
from tts_workloads.serving.http.errors import AnalysisFailed, RequestError, failed, loading, shutting_down, too_late
from tts_workloads.serving.http.middleware import DISCONNECTED, key_holder, set_outcome
from tts_workloads.serving.http.service import AdmittedRequest, Service
from tts_workloads.serving.http.speech_request import CheckedRequest
from tts_workloads.serving.synthesis.engine import EngineClosed
from tts_workloads.serving.synthesis.served_voice import ServedVoice
from tts_workloads.serving.synthesis.timeline import Timeline

log = logging.getLogger(__name__)

PIECE_BYTES = 64 * 2**10
"""A whole answer is sent in pieces of this size, so that the request ends no earlier than its last piece is sent."""
TEXT_EXECUTORS: dict[int, Executor | None] = {
    500: None,  # some milliseconds
    5_000: ThreadPoolExecutor(1, "text"),
    100_000: ThreadPoolExecutor(1, "long-text"),
}
"""The thread that analyses an input of at most this many characters; None for the event loop itself. Texts of each size
have a thread of their own, so that a short text never waits for a much longer one, and the threads that compress sound
never wait for a text."""


class SpeechResponse(Response):
    """The answer to one request. Calling it reads the body, makes the speech and sends it. Whatever it holds is
    released when the last byte has been sent or the client has gone."""

    def __init__(self, service: Service, bodies: BodyReader) -> None:
        super().__init__()
        self._service, self._bodies = service, bodies
        self._begun = False
        self._media_type = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request. Raises RequestError where it is refused before the answer has begun."""
        service, request, status = self._service, Request(scope, receive), 500
        admitted: AdmittedRequest | None = None
        try:
            body = await self._bodies.read(request, most_bytes=65_536 + 12 * service.limits.max_input_characters)
            admitted = service.enter(key_holder(scope))
            async with asyncio.timeout(None) as deadline, cancelled_on_disconnect(receive):
                await self._answer(body, _Deadline(deadline, service.limits.request_timeout_seconds), send)
            status = 200
        except RequestError as refused:
            status = refused.status
            raise
        except EngineClosed:
            status = 503
            raise shutting_down() from None
        except TimeoutError:
            status, error = 504, too_late(service.limits.request_timeout_seconds)
            await self._break_off(send, error)
        except ClientDisconnect:
            status = DISCONNECTED
            if not self._begun:
                await Response(status_code=status)(scope, receive, send)  # for the log
        except asyncio.CancelledError:
            status = DISCONNECTED
            raise
        except Exception as error:
            if self._begun:
                await self._break_off(send, failed(error, logs.request_id.get()))
            raise
        finally:
            set_outcome(scope, status)
            if admitted is not None:
                admitted.end(status)
            else:
                service.count(status)

    async def _break_off(self, send: Send, refusal: RequestError) -> None:
        """Raise the refusal if the answer has not begun. Otherwise leave the answer without its end, so that no client
        takes it for whole, and in an event stream send the reason first."""
        if not self._begun:
            raise refusal from None
        log.warning("an answer was cut off: %s", refusal)
        if self._media_type == events.MEDIA_TYPE:
            await send({"type": "http.response.body", "body": events.broken_off(refusal), "more_body": True})

    async def _answer(self, body: bytes, deadline: _Deadline, send: Send) -> None:
        voice = self._service.voice
        if voice is None:
            raise loading()
        wanted = await _checked(self._service, voice, body)
        self._service.metrics.characters.inc(wanted.characters)
        timeline = Timeline(voice.card, voice.front_end, wanted.timestamps)
        headers = dict(wanted.format.headers)
        async with aclosing(_encoded(self._service, voice, wanted, timeline, deadline)) as chunks:
            if wanted.answer == "sse":
                await self._send(send, events.from_audio(chunks, timeline), events.MEDIA_TYPE, headers)
                return
            if wanted.streams:
                await self._send(send, chunks, wanted.format.media_type, headers)
                return
            whole, media_type = b"".join([chunk async for chunk in chunks]), wanted.format.media_type
        if wanted.answer == "json":
            whole, media_type = events.document(whole, wanted.format_name, timeline), "application/json"
        await self._send(send, _pieces(whole), media_type, headers | {"Content-Length": str(len(whole))})

    async def _send(self, send: Send, chunks: AsyncIterator[bytes], media_type: str, headers: dict[str, str]) -> None:
        """Send the chunks. The headers go out with the first one, so that an earlier failure still gets its own
        status."""
        async for chunk in chunks:
            if not self._begun:
                self._begun, self._media_type = True, media_type
                lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
                head = [(b"content-type", media_type.encode()), *lines]
                await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _Deadline:
    """A request's deadline, which is extended by the length of the sound that was made: a client may be listening."""

    def __init__(self, deadline: asyncio.Timeout, seconds: float) -> None:
        self._deadline, self._ends = deadline, asyncio.get_running_loop().time() + seconds
        self.has_made(0.0)

    def has_made(self, seconds: float) -> None:
        """Extend the deadline: so many seconds of sound have been made in all."""
        self._deadline.reschedule(self._ends + seconds)


async def _checked(service: Service, voice: ServedVoice, body: bytes) -> CheckedRequest:
    """Return what a body asks for, checked. Raises RequestError."""
    asked, limits = speech_request.parse(body), service.limits
    check = partial(
        speech_request.check, asked, voice.card, voice.front_end, service.model, limits.max_input_characters
    )
    characters = min(len(asked.input), max(TEXT_EXECUTORS))  # what is longer is refused unread
    reader = next(reader for most, reader in TEXT_EXECUTORS.items() if characters <= most)
    try:
        if reader is None:
            return check()
        # In the copied context, log records carry the request's id.
        return await asyncio.get_running_loop().run_in_executor(reader, copy_context().run, check)
    except RequestError:
        raise
    except Exception as error:  # noqa: BLE001 - its message may quote the text, which must not be logged
        raise AnalysisFailed(type(error).__name__).with_traceback(error.__traceback__) from None


async def _encoded(
    service: Service, voice: ServedVoice, wanted: CheckedRequest, timeline: Timeline, deadline: _Deadline
) -> AsyncGenerator[bytes]:
    """Yield the speech in the format asked for, chunk by chunk, after adding each chunk to the timeline."""
    if service.engine is None:
        raise EngineClosed
    encoder = wanted.format.encoder(voice.card.audio.sample_rate)
    async with aclosing(service.engine.speak(wanted.sentences, streamed=wanted.streams)) as spoken:
        async for chunk in spoken:
            timeline.add(chunk)
            deadline.has_made(timeline.seconds)
            # Compressing takes milliseconds for each sentence, during which the event loop would answer nobody.
            yield await asyncio.to_thread(encoder.add, chunk.samples)
    yield await asyncio.to_thread(encoder.finish)


async def _pieces(whole: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(whole), PIECE_BYTES):
        yield whole[begin : begin + PIECE_BYTES]
