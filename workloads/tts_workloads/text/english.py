"""American English: normalised text to phonemes by lexicon, letter-to-sound rules for words outside it, and letter
names for what is spelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files as package_files
from typing import ClassVar, Self

from tts_workloads.text import letter_to_sound, lexicon
from tts_workloads.text.english_normalise import PAUSES, normalise, split_sentences
from tts_workloads.text.front_end import FrontEnd, UnknownFrontEnd, UnspeakableText

PADDING, BOUNDARY = "_", " "
RULES_FILE = "english_rules.txt"

_LEXICON, _RULES = "lexicon.xz", "rules.xz"
_VOICELESS = frozenset(["P", "T", "K", "F", "TH"])
_SIBILANT = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])


class English(FrontEnd):
    """Phonemes of the CMU dictionary, a boundary between words, and the pauses."""

    name: ClassVar[str] = "en-us"
    version: ClassVar[int] = 1
    symbols: ClassVar[tuple[str, ...]] = (PADDING, BOUNDARY, *PAUSES, *lexicon.PHONEMES)

    def __init__(self, words: Mapping[str, str], rules: Mapping[str, str]) -> None:
        """``words`` and ``rules`` have their phonemes encoded as in ``lexicon`` and ``letter_to_sound``."""
        self._words = words
        self._rules = rules
        self._number = {symbol: number for number, symbol in enumerate(self.symbols)}

    @classmethod
    def for_training(cls) -> Self:
        words = {word: lexicon.encode(phonemes) for word, phonemes in lexicon.bundled().items()}
        rules = package_files("tts_workloads.text").joinpath(RULES_FILE).read_text(encoding="ascii")
        return cls(words, letter_to_sound.read(rules))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        try:
            return cls(lexicon.unpack(files[_LEXICON]), lexicon.unpack(files[_RULES]))
        except (KeyError, ValueError) as error:
            raise UnknownFrontEnd(f"the data of the English front end cannot be read: {error}") from None

    def files(self) -> dict[str, bytes]:
        return {_LEXICON: lexicon.pack(self._words), _RULES: lexicon.pack(self._rules)}

    def sentences(self, text: str) -> list[str]:
        return [piece for piece in split_sentences(text) if any(word not in PAUSES for word in normalise(piece)[0])]

    def encode(self, text: str) -> list[int]:
        return [self._number[symbol] for symbol in self.phonemes(text)]

    def phonemes(self, text: str) -> list[str]:
        """The symbols of one sentence: ends in a pause, with a boundary between words that no pause parts. Raises
        UnspeakableText."""
        words, unspeakable = normalise(text)
        if unspeakable:
            raise UnspeakableText(text, unspeakable)
        if not words:
            raise UnspeakableText(text, "".join(dict.fromkeys(c for c in text if not c.isspace())))
        symbols: list[str] = []
        alone = sum(word not in PAUSES for word in words) == 1
        for word in words:
            if word in PAUSES:
                symbols.append(word)
                continue
            if symbols and symbols[-1] not in PAUSES:
                symbols.append(BOUNDARY)
            symbols.extend(self._letter("a") if alone and word == "a" else self._pronounce(word))
        if symbols[-1] not in PAUSES:
            symbols.append(".")
        return symbols

    def _pronounce(self, word: str) -> Iterator[str]:
        known = self._words.get(word.lower())
        if known is not None:
            yield from lexicon.decode(known)
        elif word.isupper() and len(word) <= 5 and "'" not in word:
            yield from self._spelled(word.lower())
        elif word.lower().endswith("'s"):
            stem = tuple(self._pronounce(word[:-2]))
            yield from stem
            yield from ("AH", "Z") if stem[-1] in _SIBILANT else ("S",) if stem[-1] in _VOICELESS else ("Z",)
        else:
            plain = word.lower().replace("'", "")
            sounds = lexicon.decode(letter_to_sound.pronounce(plain, self._rules))
            # Letters without a vowel are no word: hmm, xkcd.
            has_vowel = any(sound[0] in "AEIOU" for sound in sounds)
            yield from sounds if has_vowel else self._spelled(plain)

    def _spelled(self, letters: str) -> Iterator[str]:
        for number, letter in enumerate(letters):
            if number:
                yield BOUNDARY
            yield from self._letter(letter)

    def _letter(self, letter: str) -> tuple[str, ...]:
        return ("EY",) if letter == "a" else lexicon.decode(self._words[letter])
