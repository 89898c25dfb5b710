"""The type of a field by which one resource names another resource of its namespace."""

from __future__ import annotations

from tts_api.base import Document, Name


class FromTraining(Document):
    """A reference to the voice of another training in the same namespace."""

    name: Name
    """The training's name. The resource waits until that training is complete."""
