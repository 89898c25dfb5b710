"""One request for speech, from its body to the last byte of its answer. What can be asked for is the affair of
``requests``, how it is made that of ``engine``."""

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
from tts_workloads.serving.http.speech_request import Speech
from tts_workloads.serving.synthesis.engine import EngineClosed
from tts_workloads.serving.synthesis.loaded_voice import LoadedVoice
from tts_workloads.serving.synthesis.timeline import Timeline

log = logging.getLogger(__name__)

PIECE_BYTES = 64 * 2**10
"""A whole answer goes out in pieces, so that the last of them has gone when the request ends."""
TEXT_EXECUTORS: dict[int, Executor | None] = {
    500: None,  # some milliseconds
    5_000: ThreadPoolExecutor(1, "text"),
    100_000: ThreadPoolExecutor(1, "long-text"),
}
"""Who finds the words and sounds of an input of up to so many characters: None for whoever answers. A text waits for
none that is much longer, and the threads that compress sound for none at all."""


class SpeechResponse(Response):
    """The answer to one request. Its body is read, its speech made, and it is sent while that is asked of the response;
    whatever it held is given back when the last byte was sent or the client went."""

    def __init__(self, service: Service, bodies: BodyReader) -> None:
        super().__init__()
        self._service, self._bodies = service, bodies
        self._begun = False
        self._media_type = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Raises RequestError for what is refused."""
        service, request, status = self._service, Request(scope, receive), 500
        place: AdmittedRequest | None = None
        try:
            body = await self._bodies.read(request, most_bytes=65_536 + 12 * service.limits.max_input_characters)
            place = service.enter(key_holder(scope))
            async with asyncio.timeout(None) as deadline, cancelled_on_disconnect(receive):
                await self._answer(body, _Clock(deadline, service.limits.request_timeout_seconds), send)
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
            if place is not None:
                place.end(status)
            else:
                service.count(status)

    async def _break_off(self, send: Send, refusal: RequestError) -> None:
        """Refuse what can still be refused; else say so where there is room for it, and leave the answer without its
        end, so that nobody takes it for whole."""
        if not self._begun:
            raise refusal from None
        log.warning("an answer was cut off: %s", refusal)
        if self._media_type == events.MEDIA_TYPE:
            await send({"type": "http.response.body", "body": events.broken_off(refusal), "more_body": True})

    async def _answer(self, body: bytes, clock: _Clock, send: Send) -> None:
        voice = self._service.voice
        if voice is None:
            raise loading()
        wanted = await _checked(self._service, voice, body)
        self._service.metrics.characters.inc(wanted.characters)
        timeline = Timeline(voice.card, voice.front_end, wanted.timestamps)
        headers = dict(wanted.format.headers)
        async with aclosing(_encoded(self._service, voice, wanted, timeline, clock)) as chunks:
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
        """Send these chunks. Begins with the first, so that what fails before it fails with a status."""
        async for chunk in chunks:
            if not self._begun:
                self._begun, self._media_type = True, media_type
                lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
                head = [(b"content-type", media_type.encode()), *lines]
                await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class _Clock:
    """A request's deadline: how much longer than its own sound lasts it may take."""

    def __init__(self, deadline: asyncio.Timeout, seconds: float) -> None:
        self._deadline, self._ends = deadline, asyncio.get_running_loop().time() + seconds
        self.has_made(0.0)

    def has_made(self, seconds: float) -> None:
        """There is so much sound, which somebody may be listening to."""
        self._deadline.reschedule(self._ends + seconds)


async def _checked(service: Service, voice: LoadedVoice, body: bytes) -> Speech:
    """What a body asks for. Raises RequestError."""
    asked, limits = speech_request.parse(body), service.limits
    check = partial(
        speech_request.check, asked, voice.card, voice.front_end, service.model, limits.max_input_characters
    )
    characters = min(len(asked.input), max(TEXT_EXECUTORS))  # what is longer is refused unread
    reader = next(reader for most, reader in TEXT_EXECUTORS.items() if characters <= most)
    try:
        if reader is None:
            return check()
        # What is logged meanwhile has the request's name.
        return await asyncio.get_running_loop().run_in_executor(reader, copy_context().run, check)
    except RequestError:
        raise
    except Exception as error:  # noqa: BLE001 - its message may be words of the text, which no log may have
        raise AnalysisFailed(type(error).__name__).with_traceback(error.__traceback__) from None


async def _encoded(
    service: Service, voice: LoadedVoice, wanted: Speech, timeline: Timeline, clock: _Clock
) -> AsyncGenerator[bytes]:
    """The speech as bytes of its format, chunk by chunk, each of which the timeline has seen."""
    if service.engine is None:
        raise EngineClosed
    encoder = wanted.format.encoder(voice.card.audio.sample_rate)
    async with aclosing(service.engine.speak(wanted.sentences, streamed=wanted.streams)) as spoken:
        async for chunk in spoken:
            timeline.add(chunk)
            clock.has_made(timeline.seconds)
            # Compressing a sentence takes milliseconds, in which nobody else would be answered.
            yield await asyncio.to_thread(encoder.add, chunk.samples)
    yield await asyncio.to_thread(encoder.finish)


async def _pieces(whole: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(whole), PIECE_BYTES):
        yield whole[begin : begin + PIECE_BYTES]
