"""The type of an object's metadata."""

from __future__ import annotations

from pydantic import Field

from tts_api.base import Document


class Metadata(Document):
    """The part of an object's metadata that the operator reads."""

    name: str
    namespace: str
    uid: str
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
