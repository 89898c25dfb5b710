"""The lexicon of a new English voice: the CMU dictionary's phonemes, with the stress that the dictionary of misaki (an
Apache-2.0 package, read as data) marks on the same vowels. ``front_end`` uses it.

``python -m tts_workloads.text.english.stress FILE`` learns the rules of ``english_rules.txt`` again.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from pathlib import Path

from tts_workloads.text.english import letter_to_sound, lexicon
from tts_workloads.text.english.lexicon import Pronunciation
from tts_workloads.text.english.tables import table

_MARKS = {"": "0", "ˈ": "1", "ˌ": "2"}
_VOWELS = table("""
    A: EY  I: AY  W: AW  Y: OY  O: OW  æ: AE  ɑ: AA  ə: AH  ᵊ: AH  ʌ: AH  ɛ: EH  ɜ: ER
    ɪ: IH  ᵻ: IH  i: IY  ɔ: AO  u: UW  ʊ: UH
""")
_MARKED_VOWEL = re.compile(f"([ˈˌ]?)([{''.join(_VOWELS)}])")

Marks = Mapping[str, Collection[str]]
"""The ways to say each word in small letters, as strings with marks of stress before the vowels."""

_ENDINGS = ("'s", "s'", "s", "es", "ed", "d", "ing", "er", "ers", "ly", "ness", "y", "'")
"""Endings that a word may have beyond the word in the dictionary. None of them is stressed."""
_REDUCED = frozenset(["AH", "ER", "IH"])
_WEAK = _REDUCED | {"IY"}


def marked() -> Marks:
    """Return the marks of misaki's dictionary."""
    marks: dict[str, list[str]] = {}
    for name in ("us_gold.json", "us_silver.json"):
        # Found without importing misaki.en, which needs packages that nothing here uses.
        table = json.loads((files("misaki") / "data" / name).read_text(encoding="utf-8"))
        ways = {
            word: [one for one in said.values() if one] if isinstance(said, dict) else [said]
            for word, said in table.items()
        }
        # A word comes before a name that is written as it is.
        names = {word.lower(): said for word, said in ways.items() if not word.islower()}
        marks = {**names, **{word: said for word, said in ways.items() if word.islower()}, **marks}
    return marks


def known(words: Mapping[str, Pronunciation], marks: Marks) -> dict[str, Pronunciation]:
    """Return the words whose stress is marked, with that stress. The marks are those of the word or of the word that it
    is a form of."""
    found = {}
    for word, phonemes in words.items():
        vowels = [phoneme for phoneme in phonemes if lexicon.is_vowel(phoneme)]
        stress = _like(vowels, marks.get(word, ())) or _of_stem(word, vowels, marks)
        if stress is not None:
            # A word of one vowel may be without stress: the, of.
            found[word] = with_stress(phonemes, stress) if len(vowels) == 1 else settled(with_stress(phonemes, stress))
    return found


def lexicon_with_stress() -> dict[str, Pronunciation]:
    """Return the CMU dictionary's words with stress. It comes by rule where no marks tell it."""
    words = lexicon.bundled()
    stressed = known(words, marked())
    return {
        word: stressed.get(word) or _if_spelled(word, phonemes, words) or by_rule(phonemes)
        for word, phonemes in words.items()
    }


def _if_spelled(word: str, phonemes: Pronunciation, words: Mapping[str, Pronunciation]) -> Pronunciation | None:
    """The phonemes with the stress of initials, such as ``fbi``, whose last letter has the main stress. None where the
    word is not spelled."""
    letters = [("EY",) if letter == "a" else words.get(letter, ()) for letter in word]
    if phonemes != tuple(chain.from_iterable(letters)):
        return None
    vowels = sum(map(lexicon.is_vowel, phonemes))
    return with_stress(phonemes, "1".rjust(vowels, "2"))


def with_stress(phonemes: Iterable[str], stress: str) -> Pronunciation:
    """Return the phonemes with a digit of ``stress`` after each vowel."""
    digits = iter(stress)
    return tuple(phoneme + next(digits) if lexicon.is_vowel(phoneme) else phoneme for phoneme in phonemes)


def by_rule(phonemes: Iterable[str]) -> Pronunciation:
    """Return the phonemes with main stress on one vowel, where nothing tells which.

    Of two vowels it is the first, unless only that one is reduced. Of more it is the last but one or, where that is
    weak, the one before it. This is right for 85 % of the words of two vowels or more that have no marks, most of them
    names."""
    phonemes = tuple(phonemes)
    vowels = [phoneme for phoneme in phonemes if lexicon.is_vowel(phoneme)]
    if len(vowels) < 3:
        main = 1 if len(vowels) == 2 and vowels[0] == "AH" and vowels[1] not in _REDUCED else 0
    else:
        main = len(vowels) - (3 if vowels[-2] in _WEAK else 2)
    return with_stress(phonemes, "".join("1" if number == main else "0" for number in range(len(vowels))))


def completed(phonemes: Iterable[str]) -> Pronunciation:
    """Return given phonemes with a digit after each vowel. Vowels that have none are not stressed, unless no vowel has
    one: then they are stressed by rule."""
    phonemes = tuple(phonemes)
    if not any(phoneme[-1].isdigit() for phoneme in phonemes):
        return by_rule(phonemes)
    return tuple(f"{one}0" if lexicon.is_vowel(one) and not one[-1].isdigit() else one for one in phonemes)


def settled(phonemes: Pronunciation) -> Pronunciation:
    """Return guessed phonemes with one main stress: as they are if they have one, else by rule."""
    stressed = sum(phoneme[-1] == "1" for phoneme in phonemes)
    return phonemes if stressed == 1 else by_rule(lexicon.without_stress(phonemes))


def _like(vowels: Sequence[str], ways: Collection[str]) -> str | None:
    """The stress of that way to say a word that shares most of these vowels. A way with another number of vowels does
    not count."""
    best, most = None, -1
    for way in ways:
        found = _MARKED_VOWEL.findall(way)
        alike = sum(_VOWELS[letter] == vowel for (_, letter), vowel in zip(found, vowels, strict=False))
        if len(found) == len(vowels) and alike > most:
            best, most = "".join(_MARKS[mark] for mark, _ in found), alike
    return best


def _of_stem(word: str, vowels: Sequence[str], marks: Marks) -> str | None:
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem == word:
            continue
        doubled = stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem
        changed = f"{stem[:-1]}y" if stem.endswith("i") else stem
        for one in (stem, f"{stem}e", doubled, changed):
            for more in (0, 1):
                stress = _like(vowels[: len(vowels) - more], marks.get(one, ()))
                if stress is not None and "1" in stress:
                    return stress.ljust(len(vowels), "0")
    return None


if __name__ == "__main__":
    whole = {word: lexicon.encode(sounds) for word, sounds in lexicon_with_stress().items() if word.isalpha()}
    letter_to_sound.write(letter_to_sound.learn(whole), Path(sys.argv[1]))
