"""Speech inside JSON, with timestamps where they are asked for: as server-sent events, or as one document.

The events are those of OpenAI's API: ``speech.audio.delta`` for each piece, ``speech.audio.done`` at the end, ``error``
where the speech breaks off. Timestamps and the document are additions to that API."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal

from pydantic import BaseModel

from tts_workloads.logs import request_id
from tts_workloads.serving.http.errors import ErrorDetail, RequestError
from tts_workloads.serving.synthesis.timeline import PhonemeTime, Timeline, Timestamps, WordTime

MEDIA_TYPE = "text/event-stream"


class AudioDelta(BaseModel):
    """A piece of the speech."""

    type: Literal["speech.audio.delta"] = "speech.audio.delta"
    audio: str
    """The next bytes of the format asked for, in base64."""


class AudioDone(BaseModel):
    """The speech has ended."""

    type: Literal["speech.audio.done"] = "speech.audio.done"


class AudioTimestamps(Timestamps):
    """When the words and phonemes of the next sentence are said; comes before its sound, where it was asked for."""

    type: Literal["speech.audio.timestamps"] = "speech.audio.timestamps"


class AudioFailed(BaseModel):
    """The speech breaks off."""

    type: Literal["error"] = "error"
    error: ErrorDetail
    request_id: str | None
    """What the server's log calls the request."""


EVENTS = (AudioDelta, AudioTimestamps, AudioDone, AudioFailed)


class SpeechDocument(BaseModel):
    """A whole speech."""

    audio: str
    """The bytes of the format asked for, in base64."""
    format: str
    duration: float
    """Seconds of sound."""
    words: list[WordTime] | None = None
    phonemes: list[PhonemeTime] | None = None


async def from_audio(chunks: AsyncIterator[bytes], timeline: Timeline) -> AsyncGenerator[bytes]:
    """Yield an event for each chunk that is not empty, one at the end, and one with the timestamps before each
    sentence's sound."""
    async for chunk in chunks:
        if (fresh := timeline.take()) is not None:
            yield _event(AudioTimestamps(words=fresh.words, phonemes=fresh.phonemes))
        if chunk:
            yield _event(AudioDelta(audio=base64.b64encode(chunk).decode()))
    yield _event(AudioDone())


def broken_off(refusal: RequestError) -> bytes:
    """Return the event that says why the speech breaks off."""
    return _event(AudioFailed(error=refusal.detail(), request_id=request_id.get()))


def document(content: bytes, format_name: str, timeline: Timeline) -> bytes:
    """Return the whole speech as one JSON document."""
    times = timeline.take() or Timestamps()
    return _json(
        SpeechDocument(
            audio=base64.b64encode(content).decode(),
            format=format_name,
            duration=round(timeline.seconds, 3),
            words=times.words,
            phonemes=times.phonemes,
        )
    )


def _event(event: BaseModel) -> bytes:
    return b"data: " + _json(event) + b"\n\n"


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(exclude_none=True).encode()
