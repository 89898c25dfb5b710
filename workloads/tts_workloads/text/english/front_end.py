"""The front end for American English. It turns normalised text into phonemes by a lexicon, by letter-to-sound rules for
words outside the lexicon, and by the names of letters for what is spelled.

How text becomes plain words is in ``normalise``, and where it is cut is in ``sentences``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files as package_files
from itertools import groupby
from typing import ClassVar, Self

from tts_workloads.text.english import ipa, letter_to_sound, lexicon, stress
from tts_workloads.text.english.normalise import PAUSES, normalise
from tts_workloads.text.english.sentences import split_clauses, split_sentences
from tts_workloads.text.english.words import ADDITIONS, INITIALISMS, in_context
from tts_workloads.text.front_end import FrontEnd, UnknownFrontEnd, UnknownNotation, UnspeakableText, WordPlace
from tts_workloads.text.word_places import match

PADDING, BOUNDARY = "_", " "
WRITTEN_BOUNDARY = "|"
"""Between two words of a written pronunciation, whose phonemes are parted by spaces."""
LONGEST_SPELLED = 4
"""Letters up to which an unknown word in capitals is spelled. Longer ones are read as words: ICANN."""
RULES_FILE = "english_rules.txt"

_LEXICON, _RULES, _OWN = "lexicon.xz", "rules.xz", "own.xz"
_PHONEME_SET = frozenset([*lexicon.PHONEMES, *lexicon.STRESSED])
_VOICELESS = frozenset(["P", "T", "K", "F", "TH"])
_SIBILANT = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_UNSPEAKABLE_CLUSTER = re.compile(r"[^AEIOUY']{3}")
_VOWEL_LETTER = re.compile("[aeiouy]")
_WORD = re.compile(r"[A-Za-z']*[A-Za-z][A-Za-z']*")
_STAND_IN_DIGITS = str.maketrans("0123456789", "abcdefghij")
_CAMEL_CASE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class English(FrontEnd):
    """The front end ``en-us``. Its symbols are the phonemes of the CMU dictionary, a boundary between words, and the
    pauses. In version 1 the vowels have no stress."""

    name: ClassVar[str] = "en-us"
    versions: ClassVar[Mapping[int, tuple[str, ...]]] = {
        version: (PADDING, BOUNDARY, *PAUSES, *phonemes)
        for version, phonemes in ((1, lexicon.PHONEMES), (2, lexicon.STRESSED))
    }
    alphabets: ClassVar[Sequence[str]] = ("x-arpabet", "x-cmu", "arpabet")
    warm_up_text: ClassVar[str] = "Good morning. Every word that you hear was made by this machine."
    longest_first_piece: ClassVar[int] = 60

    def __init__(
        self,
        words: Mapping[str, str],
        rules: Mapping[str, str],
        own: Mapping[str, str] | None = None,
        version: int = 2,
    ) -> None:
        """``words`` is the lexicon and ``rules`` are those of ``letter_to_sound``, both with encoded phonemes, which
        have no stress in version 1. ``own`` are words that a user gave, and are preferred to everything else."""
        super().__init__(version)
        self._own = own or {}
        self._words = words
        self._rules = rules
        self._number = {symbol: number for number, symbol in enumerate(self.symbols)}

    @classmethod
    def for_training(cls) -> Self:
        stressed = stress.lexicon_with_stress()
        words = {word: lexicon.encode(phonemes) for word, phonemes in stressed.items()}
        words |= {word: lexicon.encode(phonemes.split()) for word, phonemes in ADDITIONS.items()}
        rules = package_files("tts_workloads.text.english").joinpath(RULES_FILE).read_text(encoding="ascii")
        return cls(words, letter_to_sound.read(rules))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], version: int) -> Self:
        try:
            own = lexicon.unpack(files[_OWN]) if _OWN in files else None
            return cls(lexicon.unpack(files[_LEXICON]), lexicon.unpack(files[_RULES]), own, version)
        except (KeyError, ValueError) as error:
            raise UnknownFrontEnd(f"the data of the English front end cannot be read: {error}") from None

    def files(self) -> dict[str, bytes]:
        own = {_OWN: lexicon.pack(self._own)} if self._own else {}
        return {_LEXICON: lexicon.pack(self._words), _RULES: lexicon.pack(self._rules), **own}

    def phoneme_set(self) -> frozenset[str]:
        return _PHONEME_SET

    def named_phonemes(self) -> Sequence[str]:
        return lexicon.PHONEMES

    def read_phonemes(self, written: str) -> tuple[str, ...]:
        """Return the phonemes of a word, written in capitals or small letters, with or without digits for stress."""
        return super().read_phonemes(written.upper())

    def encode_pronunciation(self, written: str) -> list[int]:
        """Return the symbol numbers of one sentence from its phonemes. ``|`` or a pause stands between two words, as in
        ``HH AH0 L OW1 , W ER1 L D | N EH1 K S T !``. A full stop is added where there is no pause at the end."""
        symbols: list[str] = []
        for is_word, run in groupby(written.split(), lambda token: token != WRITTEN_BOUNDARY and token not in PAUSES):
            tokens = list(run)
            if is_word:
                symbols += self._in_version(self.read_phonemes(" ".join(tokens)))
            elif symbols:
                symbols.append(max((token for token in tokens if token in PAUSES), key=PAUSES.index, default=BOUNDARY))
        if not symbols:
            raise UnspeakableText(written, "")
        if symbols[-1] == BOUNDARY:
            symbols.pop()
        if symbols[-1] not in PAUSES:
            symbols.append(".")
        return [self._number[symbol] for symbol in symbols]

    def is_word(self, written: str) -> bool:
        return _WORD.fullmatch(written) is not None

    def stand_in(self, number: int) -> str:
        """Return a word of letters alone, which ``normalise`` keeps whole and which is no English word."""
        return "qzx" + str(number).translate(_STAND_IN_DIGITS)

    def spelled(self, text: str) -> str:
        """Return its characters one by one, as capitals: those are read by their names."""
        return super().spelled(text).upper()

    def ordinal(self, digits: str) -> str:
        return digits + {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1] if digits[-2:-1] != "1" else "", "th")

    def with_words(self, words: Mapping[str, Sequence[str]]) -> Self:
        encoded = {word: lexicon.encode(self._in_version(phonemes)) for word, phonemes in words.items()}
        return type(self)(self._words, self._rules, {**self._own, **encoded}, self.version)

    def sentences(self, text: str) -> list[str]:
        return [piece for piece in split_sentences(text) if any(normalise(piece))]

    def encode(self, text: str) -> list[int]:
        return [self._number[symbol] for symbol in self.phonemes(text)]

    def phonemes(self, text: str) -> list[str]:
        """Return the symbols of one sentence. It ends in a pause, and a boundary stands between two words that have no
        pause between them. Raises UnspeakableText."""
        return [symbol for _, symbols in self._pronounced(text) for symbol in symbols]

    def word_places(self, text: str) -> list[WordPlace]:
        spoken: list[tuple[str, int, int]] = []
        place = 0
        for word, symbols in self._pronounced(text):
            if word is not None:
                spoken.append((word, place, place + len(symbols)))
            place += len(symbols)
        written = text.split()
        alone = [[word for word in normalise(one)[0] if word not in PAUSES] for one in written]
        places = []
        for found in match(alone, [word for word, _, _ in spoken]):
            of_it = spoken[slice(*found.spoken)]
            places.append(WordPlace(" ".join(written[slice(*found.written)]), of_it[0][1], of_it[-1][2]))
        return places

    def _pronounced(self, text: str) -> list[tuple[str | None, list[str]]]:
        """The words of one sentence as they are read, each with its phonemes. Boundaries and pauses have None for a
        word. Raises UnspeakableText."""
        words, unspeakable = normalise(text)
        if unspeakable:
            raise UnspeakableText(text, unspeakable)
        if not words:
            raise UnspeakableText(text, "".join(dict.fromkeys(c for c in text if not c.isspace())))
        said: list[tuple[str | None, list[str]]] = []
        alone = sum(word not in PAUSES for word in words) == 1
        for place, word in enumerate(words):
            if word in PAUSES:
                said.append((None, [word]))
                continue
            if said and said[-1][0] is not None:
                said.append((None, [BOUNDARY]))
            if alone and word == "a":
                said.append((word, list(self._letter(word))))
            else:
                before, after = words[place - 1] if place else "", words[place + 1] if place + 1 < len(words) else ""
                neighbours = before.strip(PAUSES).lower(), after.strip(PAUSES)
                said.append((word, list(self._pronounce(word, *neighbours))))
        return said if said[-1][0] is None else [*said, (None, ["."])]

    def clauses(self, sentence: str) -> list[str]:
        return split_clauses(sentence)

    def in_notation(self, symbols: Sequence[int], notation: str) -> list[str]:
        if notation not in ipa.NOTATIONS:
            raise UnknownNotation(self.name, notation)
        written: list[str] = []
        for is_word, run in groupby((self.symbols[number] for number in symbols), _PHONEME_SET.__contains__):
            tokens = list(run)
            written += ipa.NOTATIONS[notation](tokens) if is_word else tokens
        # A space parts a mark from the word after it, as in any text.
        return [f"{one} " if one in PAUSES else one for one in written[:-1]] + written[-1:]

    def _pronounce(self, word: str, before: str = "", after: str = "") -> Iterator[str]:
        """Yield the phonemes of a word between its neighbours. A neighbour beyond a pause is empty."""
        small = word.lower()
        known = self._words.get(small)
        if (own := self._own.get(small)) is not None:
            yield from lexicon.decode(own)
        elif word.isupper() and (len(word) == 1 or word in INITIALISMS):
            yield from self._spelled(small)
        elif small == "the" and after:
            before_vowel = lexicon.is_vowel(next(self._pronounce(after)))
            yield from self._in_version(("DH", "IY0") if before_vowel else ("DH", "AH0"))
        elif (heteronym := in_context(small, before, after.lower())) is not None:
            yield from self._in_version(heteronym)
        elif known is not None:
            yield from lexicon.decode(known)
        elif word.isupper() and (len(word) <= LONGEST_SPELLED or _UNSPEAKABLE_CLUSTER.search(word)):
            yield from self._spelled(small)
        elif (stem_of := small.removesuffix("s").removesuffix("'")) != small and (
            small.endswith("'s") or stem_of in self._words or stem_of in self._own
        ):
            stem = tuple(self._pronounce(word[: len(stem_of)]))
            yield from stem
            yield from (
                self._in_version(("AH0", "Z"))
                if stem[-1] in _SIBILANT
                else ("S",)
                if stem[-1] in _VOICELESS
                else ("Z",)
            )
        elif len(parts := _CAMEL_CASE.findall(word.replace("'", ""))) > 1:
            for number, part in enumerate(parts):
                yield from (BOUNDARY,) if number else ()
                yield from self._pronounce(part)
        else:
            plain = small.replace("'", "")
            sounds = lexicon.decode(letter_to_sound.pronounce(plain, self._rules))
            # A word without a vowel, in its letters or in its phonemes, is spelled: xkcd.
            is_word = _VOWEL_LETTER.search(plain) and any(map(lexicon.is_vowel, sounds))
            guess = sounds if self.version == 1 else stress.settled(sounds)
            yield from guess if is_word else self._spelled(plain)

    def _spelled(self, letters: str) -> Iterator[str]:
        for number, letter in enumerate(letters.replace("'", "")):
            if number:
                yield BOUNDARY
            yield from self._letter(letter)

    def _letter(self, letter: str) -> tuple[str, ...]:
        return self._in_version(("EY1",) if letter == "a" else lexicon.decode(self._words[letter]))

    def _in_version(self, phonemes: Iterable[str]) -> lexicon.Pronunciation:
        """Phonemes with or without stress, changed to what this version has."""
        return lexicon.without_stress(phonemes) if self.version == 1 else stress.completed(phonemes)
