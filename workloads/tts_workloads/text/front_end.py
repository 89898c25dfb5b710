"""The interface of a front end: text of one language in, numbers of symbols out, rebuilt from data that travels in the
voice.

A language is a folder beside this file, such as ``english/``, with a class that implements ``FrontEnd``, and an entry
in ``text.FRONT_ENDS``. Everything that depends on the language is a member here. Corpora, models and the server call
these members and know no language themselves.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

FIRST_STAND_IN = 0xF0000
"""First character of Unicode's Supplementary Private Use Area-A, whose characters belong to no script."""


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


class UnknownPhoneme(ValueError):
    """A written pronunciation names a phoneme that the front end does not have."""

    def __init__(self, phoneme: str) -> None:
        self.phoneme = phoneme
        super().__init__(f"there is no phoneme {phoneme!r}")


class UnknownNotation(ValueError):
    """A front end cannot write its symbols as the program of this name does."""

    def __init__(self, front_end: str, notation: str) -> None:
        super().__init__(f"the front end {front_end} does not know how {notation} writes its phonemes")


class UnknownFrontEnd(Exception):
    """A voice was made with a front end that this image lacks, or its data is not what the voice's card promises."""


@dataclass(frozen=True)
class WordPlace:
    """A word of a sentence and which of the sentence's symbols are its own."""

    text: str
    """The word as it is written. Several words where they are read as one thing, as in ``3 May 2024``."""
    begin: int
    """Index of its first symbol in what ``encode`` returns."""
    end: int
    """Index after its last symbol."""


class FrontEnd(ABC):
    """Turns text of one language into numbers of symbols. ``for_training`` and ``from_files`` make one."""

    name: ClassVar[str]
    """Its name in the registry: the language's code, in lower case."""
    versions: ClassVar[Mapping[int, tuple[str, ...]]]
    """The symbols of each version that this code still speaks. New voices have the last one."""
    alphabets: ClassVar[Sequence[str]]
    """Names of its phoneme alphabet, as ``<phoneme alphabet="...">`` of SSML gives them. The first is the default and
    the one that messages name."""
    warm_up_text: ClassVar[str]
    """What a server speaks before it calls a voice ready: some ten words."""
    longest_first_piece: ClassVar[int]
    """Characters of about four seconds of speech. Where a voice makes whole sentences only, a stream's first sentence
    is cut at its clauses if it is longer."""

    def __init__(self, version: int) -> None:
        self.version = version
        """Another number means that the symbols mean something else, so that a voice must be trained to speak them. A
        text that is now read more correctly, in the same symbols, does not raise it: a stored voice reads it so too."""
        self.symbols = self.versions[version]
        """The symbols by number. Number 0 is padding and never comes out of ``encode``."""

    @classmethod
    @abstractmethod
    def for_training(cls) -> Self:
        """Make the front end for a new voice. May need packages that speaking does not need."""

    @classmethod
    @abstractmethod
    def from_files(cls, files: Mapping[str, bytes], version: int) -> Self:
        """Make the front end whose ``files()`` these were, in one of its ``versions``. Raises UnknownFrontEnd where the
        files cannot be read."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Return the data that travels in the voice, by file name."""

    # Text.

    @abstractmethod
    def sentences(self, text: str) -> list[str]:
        """Cut a text into pieces of a sentence or less, in order. Pieces without anything to speak are left out."""

    def clauses(self, sentence: str) -> list[str]:
        """Cut a sentence where a speaker may pause. Returns the sentence alone where it cannot be cut."""
        return [sentence]

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the symbol numbers of one sentence, at least one. Raises UnspeakableText."""

    @abstractmethod
    def word_places(self, text: str) -> list[WordPlace]:
        """Return which words of one sentence have which symbols of ``encode``, in order. Pauses and boundaries belong
        to no word. Raises UnspeakableText."""

    def in_notation(self, symbols: Sequence[int], notation: str) -> list[str]:
        """Return each of a sentence's symbols as another program's front end writes it: ``misaki`` or ``espeak``.
        Joined, they are the sentence as a voice of that program reads it. Raises UnknownNotation."""
        raise UnknownNotation(self.name, notation)

    def spelled(self, text: str) -> str:
        """Return text that is read as the letters and digits of ``text``, one by one."""
        return " ".join(character for character in text if character.isalnum())

    @abstractmethod
    def ordinal(self, digits: str) -> str:
        """Return text that is read as the ordinal of a whole number: ``21st`` for ``21``."""

    # Pronunciations.

    @abstractmethod
    def phoneme_set(self) -> frozenset[str]:
        """Return all phonemes that ``with_words`` takes. Those of a sentence's symbols that are not among them, such as
        pauses, are no phonemes."""

    @abstractmethod
    def named_phonemes(self) -> Sequence[str]:
        """Return the phonemes that a message lists. Variants of one phoneme, as by stress, are listed once."""

    def read_phonemes(self, written: str) -> tuple[str, ...]:
        """Return the phonemes of a word that somebody wrote in this alphabet, separated by spaces. Raises
        UnknownPhoneme."""
        phonemes = tuple(written.split())
        known = self.phoneme_set()
        for phoneme in phonemes:
            if phoneme not in known:
                raise UnknownPhoneme(phoneme)
        return phonemes

    @abstractmethod
    def encode_pronunciation(self, written: str) -> list[int]:
        """Return the symbol numbers of one sentence from its pronunciation, as a corpus gives it in this alphabet. They
        are those that ``encode`` returns for a text that is read so. Raises UnknownPhoneme, and UnspeakableText where
        there are no phonemes."""

    @abstractmethod
    def is_word(self, written: str) -> bool:
        """Tell whether this is one word, so that a lexicon may say how it sounds."""

    @abstractmethod
    def with_words(self, words: Mapping[str, Sequence[str]]) -> Self:
        """Return a front end that speaks these words, in lower case, with these phonemes instead of its own.
        Stand-ins count as words."""

    def stand_in(self, number: int) -> str:
        """Return a word, in lower case, that stands in a text for the given phonemes of this number, and for those
        alone. ``encode`` and ``word_places`` must read it as a word after ``with_words``."""
        return chr(FIRST_STAND_IN + number)


def digest(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256 over the files' names and contents, in hexadecimal."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode())
        whole.update(files[name])
    return whole.hexdigest()
