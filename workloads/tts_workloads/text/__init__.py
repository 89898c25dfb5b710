"""Text to symbols. Here is the registry of front ends by language, and how training and serving get one.

``front_end`` has the interface, and each language has a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping

from tts_api.voice import FrontEndCard
from tts_workloads.text.english.front_end import English
from tts_workloads.text.front_end import (
    FrontEnd,
    UnknownFrontEnd,
    UnknownNotation,
    UnknownPhoneme,
    UnspeakableText,
    WordPlace,
    digest,
)

FRONT_ENDS: dict[str, type[FrontEnd]] = {front_end.name: front_end for front_end in (English,)}
"""The front ends by the language that they speak. Their names are in ``tts_api.choices.LANGUAGES``."""

__all__ = [
    "FRONT_ENDS",
    "FrontEnd",
    "UnknownFrontEnd",
    "UnknownNotation",
    "UnknownPhoneme",
    "UnspeakableText",
    "WordPlace",
    "describe",
    "for_training",
    "restore",
]


def for_training(language: str) -> FrontEnd:
    """Return the front end for a new voice. Raises UnknownFrontEnd for a language that has none."""
    if language not in FRONT_ENDS:
        raise UnknownFrontEnd(f"there is no front end for {language}; there is one for {', '.join(sorted(FRONT_ENDS))}")
    return FRONT_ENDS[language].for_training()


def describe(front_end: FrontEnd) -> FrontEndCard:
    """Return what a voice's card says of its front end."""
    files = front_end.files()
    return FrontEndCard(
        name=front_end.name,
        version=front_end.version,
        sha256=digest(files),
        files=tuple(sorted(files)),
        symbols=front_end.symbols,
    )


def restore(card: FrontEndCard, files: Mapping[str, bytes]) -> FrontEnd:
    """Return the front end that a voice was trained with, from the voice's files. Raises UnknownFrontEnd where this
    code has no such front end or version, or where the files are not those that the card promises."""
    found = FRONT_ENDS.get(card.name)
    if found is None:
        raise UnknownFrontEnd(f"the voice needs the front end {card.name}, which this image does not have")
    if found.versions.get(card.version) != card.symbols:
        raise UnknownFrontEnd(
            f"the voice needs version {card.version} of the front end {card.name} and its symbols; "
            f"this image has version {' and '.join(map(str, found.versions))}, each with its own"
        )
    if digest(files) != card.sha256:
        raise UnknownFrontEnd(f"the data of the voice's front end {card.name} is not what its card promises")
    return found.from_files(files, card.version)
