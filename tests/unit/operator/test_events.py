"""An event's note: what it says fits into what the API server takes, and keeps its remedy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.operator import builders as b
from tts_operator.engine.events import NOTE_LIMIT, Event, emit

REMEDY = "Ask for less."


class Written:
    """Stands for the API server and keeps what is created."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []

    async def create(self, _kind: Any, body: Any) -> Any:
        self.bodies.append(body)
        return body


@pytest.mark.parametrize("length", [1, NOTE_LIMIT - len(REMEDY), 5000], ids=["short", "at-the-limit", "long"])
def test_a_note_keeps_its_end(length: int) -> None:
    api = Written()
    regarding = {"uid": b.UID, "name": "quick", "namespace": "speech"}
    asyncio.run(emit(api, regarding, Event("Warning", "Refused", "x" * length + REMEDY), b.NOW))  # type: ignore[arg-type]
    note = api.bodies[0]["note"]
    assert note.startswith("x")
    assert note.endswith(REMEDY)
    assert len(note) == min(length + len(REMEDY), NOTE_LIMIT)
