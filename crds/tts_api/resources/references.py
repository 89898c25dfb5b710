"""How one resource names another of its namespace."""

from __future__ import annotations

from tts_api.base import Document, Name


class FromTraining(Document):
    """The voice that a training of the same namespace left."""

    name: Name
    """The training's name; until it is complete, what needs its voice waits."""
