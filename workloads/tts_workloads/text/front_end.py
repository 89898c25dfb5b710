"""What a front end is: text in, symbol numbers out, for one language, rebuilt from data that travels in the voice. The
front ends themselves are modules of their own."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


class UnspeakableText(ValueError):
    """The text has characters that the front end can't speak, or nothing in it that can be spoken."""

    def __init__(self, text: str, characters: str) -> None:
        self.text = text
        self.characters = characters
        """The characters without a sound, each once; empty where the text has no characters at all."""
        shown = text if len(text) <= 60 else text[:59] + "…"
        if characters:
            listed = " ".join(characters[:20]) + (" …" if len(characters) > 20 else "")
            super().__init__(f"{shown!r} cannot be spoken: this voice has no symbols for {listed}")
        else:
            super().__init__(f"{shown!r} has nothing in it that can be spoken")


class UnknownFrontEnd(Exception):
    """A voice was made with a front end that is not here, or whose data is not what the voice's card promises."""


@dataclass(frozen=True)
class WordPlace:
    """A word of a sentence and its symbols."""

    text: str
    """As it is written; several words where they are read as one thing, as in ``3 May 2024``."""
    begin: int
    """Place of its first symbol in what ``encode`` gives."""
    end: int
    """The place behind its last one."""


class FrontEnd(ABC):
    """Turns text of one language into numbers of symbols. Made whole by ``for_training`` or ``from_files``."""

    name: ClassVar[str]
    """Its name in the registry: the language's code."""
    versions: ClassVar[Mapping[int, tuple[str, ...]]]
    """The symbols of each version that this code still speaks; the last is that of new voices."""

    def __init__(self, version: int) -> None:
        self.version = version
        """Another one where the symbols mean something else, so that a voice must be trained to speak them. A text that
        is read more correctly, in the same symbols, does not raise it: a stored voice then reads it so too."""
        self.symbols = self.versions[version]
        """The symbols by number; number 0 is padding and never comes out of ``encode``."""

    @classmethod
    @abstractmethod
    def for_training(cls) -> Self:
        """The front end for a new voice. May need packages that speaking does not need."""

    @classmethod
    @abstractmethod
    def from_files(cls, files: Mapping[str, bytes], version: int) -> Self:
        """The front end of one of its ``versions`` that ``files()`` came from. Raises UnknownFrontEnd where they cannot
        be read."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """The data that travels in the voice, by file name."""

    @abstractmethod
    def phoneme_set(self) -> frozenset[str]:
        """The phonemes that ``with_words`` takes."""

    @abstractmethod
    def named_phonemes(self) -> Sequence[str]:
        """Those that a message names, where some are variants of others."""

    @abstractmethod
    def with_words(self, words: Mapping[str, Sequence[str]]) -> Self:
        """The front end that speaks these words, in lower case, with these phonemes, whatever it says of them now."""

    def clauses(self, sentence: str) -> list[str]:
        """The sentence cut where a speaker may pause; what is not cut is the sentence."""
        return [sentence]

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The symbols of one sentence, at least one. Raises UnspeakableText."""

    @abstractmethod
    def word_places(self, text: str) -> list[WordPlace]:
        """Where the words of one sentence stand in what ``encode`` gives for it; pauses and boundaries are no word's.
        Raises UnspeakableText."""

    @abstractmethod
    def sentences(self, text: str) -> list[str]:
        """The text in pieces of a sentence or less, in order; pieces without anything to speak are left out."""


def digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode())
        whole.update(files[name])
    return whole.hexdigest()
