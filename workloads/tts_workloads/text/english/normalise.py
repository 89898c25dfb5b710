"""English text as a person would read it aloud: a sequence of plain words and pause marks.

Numbers, dates, abbreviations and Roman numerals have modules of their own. How words sound is in ``front_end``."""

from __future__ import annotations

import re
import unicodedata

from tts_workloads.text.english.abbreviations import LETTER, expand_abbreviations, expand_units, spelled
from tts_workloads.text.english.dates import speak_dates
from tts_workloads.text.english.numbers import speak_money, speak_numbers
from tts_workloads.text.english.roman import expand_roman_numerals
from tts_workloads.text.english.tables import table

PAUSES = ",.?!"
"""Marks that are heard: a short pause, and the three ends of a sentence, from the weakest to the strongest."""

_SPOKEN = {
    symbol: f" {spoken} "
    for symbol, spoken in table(r"""
    &: and            %: percent  @: at          +: plus       =: equals        °: degrees  *: star     /: slash
    \: backslash      ~: about    £: pounds      €: euros      $: dollars       ₹: rupees   ₩: won      §: section
    ©: copyright      ×: times    ÷: divided by  <: less than  >: greater than  ≈: about    ≤: at most  ≥: at least
    ±: plus or minus
""").items()
} | {"_": " "}
_IN_ADDRESSES = {
    symbol: f" {spoken} "
    for symbol, spoken in table("""
    .: dot      /: slash  @: at     -: dash  _: underscore  :: colon  ?: question mark  =: equals  &: and  #: hash
    %: percent  +: plus   ~: tilde
""").items()
}
_LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i"}
_MARKS = dict.fromkeys(";:…()[]{}—–、¿¡", ",") | dict.fromkeys("。", ".")
# Ends of host names. Two-letter ends that are words, such as "in", are missing: only a path shows such an address.
_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|dev|app|xyz|tech|online|site|shop|store|blog|cloud|news|page|wiki|"
    "(?:ac|co|com|edu|gov|net|or|org)\\.[a-z]{2}|"
    "ai|ar|au|br|ca|cc|ch|cl|cn|co|cz|de|dk|ee|es|eu|fi|fm|fr|gg|gl|gr|hk|hu|ie|il|io|ir|jp|kr|lt|lv|ly|md|mx|nl|nz|pl|"
    "pt|py|ro|rs|ru|se|sg|sh|si|sk|th|tk|tr|tv|tw|ua|uk|vn|ws|za"
)
_ADDRESS = re.compile(
    r"(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+|[\w.+-]+@\w[\w-]*(?:\.[\w-]+)+"
    rf"|\b\w[\w-]*(?:\.[\w-]+)*\.(?:(?:{_DOMAINS})\b(?![-'@])(?:/[^\s<>\"]*)?|[a-z]{{2,}}/[\w~][^\s<>\"]*)",
    re.IGNORECASE,
)
_SAID_DOMAINS = frozenset(["am", "at", "be", "co", "do", "in", "is", "it", "me", "my", "no", "so", "to"])
"""Ends of two letters that are read as a word. Others are spelled."""
_COUNTRY = re.compile(r"\.([a-z]{2})(?=[/:?#]|\Z)", re.IGNORECASE)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_PIECES = re.compile(rf"{LETTER}[A-Za-z]|[A-Za-z]+(?:'[A-Za-z]+)*|[,.?!]|.", re.DOTALL)
_PLURAL_INITIALISM = re.compile(r"\b([A-Z]{2,5})s\b")
LEAST_SHOUTED_WORDS = 3
"""A text with at least this many words in capitals, and none in small letters, has shouted words and no initials."""


def normalise(text: str) -> tuple[list[str], str]:
    """Return the text as words and marks of ``PAUSES``, and the characters that cannot be spoken, each once.

    Words have the letters a to z and the apostrophe. A word that may be spelled keeps its capitals (``NASA``, ``CD's``,
    ``GitHub``), and so does a letter that is read by its name (``A``).
    """
    text = _plain(text)
    text = _ADDRESS.sub(lambda m: _address(m[0]), text)
    text = speak_dates(re.sub(r"(?<![\w.)%^-])-(?=[$€£¥₹₩]?\.?\d)", " minus ", text))
    text = expand_units(speak_money(text))
    text = expand_abbreviations(text)
    text = expand_roman_numerals(text)
    text = _letters_beside_digits(text)
    text = re.sub(r"\.{2,}|\s--?\s|--+", ", ", re.sub(r"#\s?(?=\d)", " number ", text))
    text = _symbols(re.sub(r"(?<=[a-z]) +(?='s\b)", "", speak_numbers(text)))
    words: list[str] = []
    unspeakable: dict[str, None] = {}
    for word in re.split(r"\s+|(?<=\w)-(?=\w)", text):
        _read(word, words, unspeakable)
    return _quietened(_without_doubled_pauses(words)), "".join(unspeakable)


def _plain(text: str) -> str:
    """The text with plain letters and quotes in place of compatibility characters, accents and typographic quotes."""
    text = re.sub(r"(?<=\d)(?=[¼½¾⅐-⅞])", " ", text)
    text = re.sub(r"(?<=\d)⁻?[⁰¹²³⁴-⁹]+|(?<=\b\w)[²³]|(?<=m)[²³]", lambda m: f"^{m[0].translate(_SUPERSCRIPTS)}", text)
    text = re.sub(r"(?<=\d)(\s?[kM]?)[ΩΩ](?!\w)", r"\1ohm", text)
    text = re.sub(r"[⁰¹²³⁴-⁹™®\u200b-\u200f\u2060\ufeff\ufe0e\ufe0f]", "", text)
    text = unicodedata.normalize("NFKC", text)
    text = re.sub("[’‘`´′]", "'", re.sub("[“”″]", '"', text.replace("⁄", "/").replace("−", "-")))
    text = "".join(_LETTERS.get(c) or (_LETTERS[c.lower()].upper() if c.lower() in _LETTERS else c) for c in text)
    decomposed = unicodedata.normalize("NFD", text)
    text = "".join(c for c in decomposed if not unicodedata.combining(c))
    # A Greek letter alone is a sign of mathematics; several are Greek.
    return re.sub(r"(?<![Α-Ωα-ω])[Α-Ωα-ω](?![Α-Ωα-ω])", lambda m: f" {_name_of_greek(m[0])} ", text)


def _name_of_greek(letter: str) -> str:
    return unicodedata.name(letter).rsplit(" ", 1)[-1].lower().replace("lamda", "lambda")


def _address(text: str) -> str:
    """A web or mail address, as a person would dictate it."""
    bare = text.rstrip(".,;:!?)'")
    name = re.sub(r"^(?:https?|ftp)://", "", bare, flags=re.IGNORECASE).rstrip("/")
    host, slash, path = name.partition("/")
    host = _COUNTRY.sub(lambda m: m[0] if m[1].lower() in _SAID_DOMAINS else f".{spelled(m[1])}", host)
    name = f"{host}{slash}{path}"
    name = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", name)
    spoken = "".join(_IN_ADDRESSES.get(character, character) for character in name)
    spoken = re.sub(rf"\bwww\b|(?<!{LETTER})\b[A-Za-z]\b", lambda m: spelled(m[0]), spoken)
    return f" {spoken} {text[len(bare) :]}"


def _letters_beside_digits(text: str) -> str:
    """The text with letters and digits apart and single letters marked, as in ``B2B``, ``MP3`` and ``10x``."""
    text = re.sub(r"(?<=\d)\s?x\s?(?=10\^)", " times ", text)
    text = re.sub(r"(?<=\d)\s?x\s?(?=\d)", " by ", text)
    text = re.sub(r"(?<![A-Za-z'])([A-Za-z])(?=\d)|(?<=\d)(?!s\b)([A-Za-z])(?![A-Za-z'])", _letter, text)
    return re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?!(?:st|nd|rd|th|s)\b)(?=[A-Za-z])", " ", text)


def _letter(m: re.Match[str]) -> str:
    return f" {LETTER}{(m[1] or m[2]).upper()} "


def _symbols(text: str) -> str:
    text = re.sub(r"\bC#", "C sharp ", text).replace("#", " hashtag ")
    text = re.sub(r"(?<!\S)[*_]+(?=[\w\"'])|(?<=[\w.,!?\"'])[*_]+(?!\S)|[*_]{2,}", " ", text)
    for symbol, spoken in _SPOKEN.items():
        text = text.replace(symbol, spoken)
    # A capital alone within a sentence is a letter: plan A, vitamin A is.
    if any(character.islower() for character in text):
        text = re.sub(r"(?:(?<=[a-z] )|(?<=[a-z]  ))A(?= [a-z]|\s*[.,;:!?)]|\s*\Z)", f"{LETTER}A", text)
    return _PLURAL_INITIALISM.sub(r"\1's", text)


def _read(word: str, words: list[str], unspeakable: dict[str, None]) -> None:
    for piece in _PIECES.findall(word):
        if piece[0] == LETTER:
            words.append(piece[1])
        elif piece[0].isascii() and piece[0].isalpha():
            # What is written in small letters, or begins with one capital, is one word; other capitals may be initials.
            words.append(piece if any(c.isupper() for c in piece[1:]) else piece.lower())
        elif (mark := _MARKS.get(piece, piece)) in PAUSES:
            words.append(mark)
        elif unicodedata.category(piece)[0] in "LN":
            unspeakable[piece] = None
        # Everything else (quotes, dashes, pictures) is not heard.


def _quietened(words: list[str]) -> list[str]:
    """The words in small letters, if all of the text is in capitals."""
    spoken = [word for word in words if word.isalpha() and len(word) > 1]
    shouted = len(spoken) >= LEAST_SHOUTED_WORDS and all(word.isupper() for word in spoken)
    return [word.lower() if len(word) > 1 else word for word in words] if shouted else words


def _without_doubled_pauses(words: list[str]) -> list[str]:
    """The words with one mark, the strongest, in place of several in a row, and none before the first word."""
    kept: list[str] = []
    for word in words:
        if word not in PAUSES:
            kept.append(word)
        elif kept and kept[-1] in PAUSES:
            kept[-1] = max(kept[-1], word, key=PAUSES.index)
        elif kept:
            kept.append(word)
    return kept
