"""Roman numerals in English words, where their neighbours show that they are numerals. Other numbers are in
``numbers``."""

from __future__ import annotations

import re

from tts_workloads.text.english.abbreviations import spelled
from tts_workloads.text.english.numbers import cardinal, ordinal, year

REIGNED = (
    "Henry|Louis|George|Edward|Elizabeth|Charles|James|William|Richard|John Paul|John|Benedict|Pius|Napoleon|Catherine|"
    "Philip|Frederick|Alexander|Nicholas|Francis|Ivan|Mary|Leo|Gregory|Innocent|Clement|Paul|Ramses|Peter|Juan Carlos"
)
"""Names whose Roman numeral is an ordinal."""
NUMBERED = (
    "chapter|part|section|act|scene|book|volume|war|article|phase|type|class|level|title|appendix|episode|figure|table|"
    "stage|grade|bowl|vatican|apollo|unit|lesson|verse|canto|category|tier|page|psalm"
)
"""Words whose Roman numeral may be a single letter."""

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
# Each part may be missing. The look-ahead and the look-behind require a letter, so that not all parts are missing.
_TENS_AND_ONES = r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])"
_ANY = r"(?=[IVXLCDM])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLCDM])"
# A single L, C, D or M is more likely a letter: Class C. In small letters, c, d and m form words: mix.
_NUMERAL = rf"(?:{_ANY}(?<=[IVXLCDM]{{2}})|[IVX]|{_TENS_AND_ONES.lower()}(?<=[ivxlc]{{2}})|[ivx])"
_BETWEEN = r"(?:, (?:and |or )?| and | or | to |\s?[-–]\s?)"

_REGNAL = re.compile(rf"\b({REIGNED}) ({_TENS_AND_ONES}(?<=[IVXL]{{2}})|[IVX])\b")
_NUMBERED = re.compile(rf"\b((?i:{NUMBERED})s?) ({_NUMERAL}(?:{_BETWEEN}{_NUMERAL}\b)*)([A-Da-d]?)\b")
_EACH = re.compile(rf"\b{_NUMERAL}\b")
_NAMED = re.compile(
    r"\b(?!The |An? |Her |His |My |Your )([A-Z][a-z]+) ((?=[IVX])X{0,3}(?:IX|IV|V?I{0,3})(?<=[IVX]{2}))\b"
)
_ORDINAL = re.compile(
    rf"\b({_ANY}(?<=[IVXLCDM]{{2}}))(?:st|nd|rd|th)\b|\b({_TENS_AND_ONES})(?= (?i:century|centuries)\b)"
)
_YEAR = re.compile(rf"\b(?=[IVXLCDM]{{4}})(M{_ANY})\b")

# Words that follow the numeral I but not the pronoun.
_CONTRACTED = re.compile(r"'(?:d|m|ll|ve)\b", re.IGNORECASE)
_AFTER_ONE = re.compile(
    r"\s*(?:[,.;:!?)\]\"–—-]|\Z)|'s| of\b|"
    r" (?:clinical|collagen|diabet(?:es|ic)|disease|errors?|hypersensitivity|listed|railroads?|trials?|tumou?rs?)\b"
)
_AFTER_TITLE_ONE = re.compile(r" (?:is|was|are|in|on|at|for|by|as|from|with|we|the|this|and|begins?|ends?|covers?)\b")
_AFTER_PRONOUN = re.compile(
    r" (?:am|have|do|don't|know|knew|think|thought|love|loved|like|liked|want|wanted|mean|see|saw|said|met|told|read|"
    r"got|can|can't|will|would)\b"
)


def expand_roman_numerals(text: str) -> str:
    """Return the text with ``Chapter IV`` as chapter four, ``Henry VIII`` as Henry the eighth, and ``MMXXIV`` as twenty
    twenty four."""
    text = _REGNAL.sub(_regnal, text)
    text = _NUMBERED.sub(_numbered, text)
    text = _NAMED.sub(lambda m: f"{m[1]} {cardinal(str(value(m[2])))}", text)
    text = _ORDINAL.sub(lambda m: ordinal(str(value(m[1] or m[2]))), text)
    return _YEAR.sub(_year, text)


def value(roman: str) -> int:
    """Return the number of a well-formed numeral in capitals or small letters."""
    values = [_VALUES[letter] for letter in roman.upper()]
    return sum(-here if here < after else here for here, after in zip(values, [*values[1:], 0], strict=True))


def _regnal(m: re.Match[str]) -> str:
    after = m.string[m.end() :]
    if m[2] == "I" and (_CONTRACTED.match(after) or _AFTER_PRONOUN.match(after)):
        return m[0]
    return f"{m[1]} the {ordinal(str(value(m[2])))}"


def _numbered(m: re.Match[str]) -> str:
    word, numerals, version = m.groups()
    after = m.string[m.end() :]
    if not version and numerals in {"I", "i"} and not _is_one(word, after):
        return m[0]
    spoken = _EACH.sub(lambda one: cardinal(str(value(one[0]))), numerals)
    return f"{word} {re.sub(r'[-–]', ' to ', spoken)}{spelled(version)}"


def _is_one(word: str, after: str) -> bool:
    """Whether an I after such a word is the numeral, as in "Part I is long" and not in "the part I like"."""
    if _CONTRACTED.match(after):
        return False
    if word == "War" and not _AFTER_PRONOUN.match(after):
        return True
    return bool(_AFTER_ONE.match(after) or (word[0].isupper() and _AFTER_TITLE_ONE.match(after)))


def _year(m: re.Match[str]) -> str:
    number = value(m[1])
    return year(str(number)) if 1100 <= number < 2100 else m[0]
