"""Speech as server-sent events, as OpenAI's API has them: ``speech.audio.delta`` for each piece, ``speech.audio.done``
at the end."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Literal

from pydantic import BaseModel

MEDIA_TYPE = "text/event-stream"


class AudioDelta(BaseModel):
    """A piece of the speech."""

    type: Literal["speech.audio.delta"] = "speech.audio.delta"
    audio: str
    """The next bytes of the format asked for, in base64."""


class AudioDone(BaseModel):
    """The speech has ended."""

    type: Literal["speech.audio.done"] = "speech.audio.done"


async def from_audio(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An event for each chunk that is not empty, and one behind the last."""
    async for chunk in chunks:
        if chunk:
            yield _event(AudioDelta(audio=base64.b64encode(chunk).decode()))
    yield _event(AudioDone())


def _event(event: BaseModel) -> bytes:
    return f"data: {event.model_dump_json()}\n\n".encode()
