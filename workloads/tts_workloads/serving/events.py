"""Speech as server-sent events, as OpenAI's API has them: ``speech.audio.delta`` for each piece, ``speech.audio.done``
at the end."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

MEDIA_TYPE = "text/event-stream"


async def from_audio(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """An event for each chunk that is not empty, and one behind the last."""
    async for chunk in chunks:
        if chunk:
            yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    yield _event({"type": "speech.audio.done"})


def _event(document: dict[str, str]) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()
