"""English text as a person would read it aloud: a row of plain words and pause marks. How words sound is the affair of
``english``."""

from __future__ import annotations

import re
import unicodedata

from tts_workloads.text.english_numbers import speak_numbers

PAUSES = ",.?!"
"""Marks that are heard: a short pause, and the three ends of a sentence."""
LONGEST_PIECE_CHARACTERS = 240
"""A sentence longer than this is split at its pauses: about 15 seconds of speech."""

ABBREVIATIONS = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "sr": "senior", "jr": "junior",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "ext": "extension",
    "tel": "telephone", "min": "minutes", "sec": "seconds", "jan": "january", "feb": "february", "aug": "august",
    "sept": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip
"""Abbreviations that end in a full stop, by what is said; without the stop they are words of their own."""
_SPOKEN = {
    "&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "=": " equals ", "#": " number ", "°": " degrees ",
    "*": " star ", "/": " slash ", "\\": " backslash ", "_": " underscore ", "~": " about ", "£": " pounds ",
    "€": " euros ", "$": " dollars ", "§": " section ", "©": " copyright ", "×": " times ", "÷": " divided by ",
    "<": " less than ", ">": " greater than ",
}  # fmt: skip
_LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i"}
_MARKS = {";": ",", ":": ",", "…": ",", "(": ",", ")": ",", "[": ",", "]": ",", "{": ",", "}": ",", "—": ",", "–": ","}
_ABBREVIATION = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\.", re.IGNORECASE)
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_PIECES = re.compile(r"[a-z]+(?:'[a-z]+)*|[A-Z]+(?:'[A-Z]+)*|[,.?!]|.", re.DOTALL)
_SENTENCE_END = re.compile(r"[.?!…]+[\"'”’)\]]*\s+|\n+")
_ABBREVIATED = re.compile(r"(?:\b[A-Za-z]|\b(?:mr|mrs|ms|dr|prof|st|vs|approx|dept|ext|tel|no))\.\s*\Z", re.IGNORECASE)
"""Behind these a full stop is no end of a sentence: initials and what is written before a name or a number."""


def normalise(text: str) -> tuple[list[str], str]:
    """The text as words (a to z and the apostrophe; capitals are kept where a word may be spelled out) and marks of
    ``PAUSES``, and the characters that could not be spoken, each once."""
    text = _plain(text)
    text = _INITIALS.sub(lambda m: m[0].replace(".", " ").upper(), text)
    text = _ABBREVIATION.sub(lambda m: ABBREVIATIONS[m[1].lower()], text)
    text = re.sub(r"\bNo\.\s?(?=\d)", "number ", text)
    text = re.sub(r"\.{2,}", ",", text)
    text = speak_numbers(text)
    words: list[str] = []
    unspeakable: dict[str, None] = {}
    for word in re.split(r"(\s+|(?<=\w)-(?=\w))", text):
        _read(word, words, unspeakable)
    return _without_doubled_pauses(words), "".join(unspeakable)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("`", "'")
    text = "".join(_LETTERS.get(c) or (_LETTERS[c.lower()].upper() if c.lower() in _LETTERS else c) for c in text)
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _read(word: str, words: list[str], unspeakable: dict[str, None]) -> None:
    for symbol, spoken in _SPOKEN.items():
        word = word.replace(symbol, spoken)
    for part in word.split():
        # What is written in small letters, or begins with one capital, is one word; capitals alone may be initials.
        core = part.strip("'\"")
        lowered = part.lower() if not (core.isupper() and len(core) > 1) else part
        for piece in _PIECES.findall(lowered):
            if piece[0].isascii() and piece[0].isalpha():
                words.append(piece)
            elif (mark := _MARKS.get(piece, piece)) in PAUSES:
                words.append(mark)
            elif unicodedata.category(piece)[0] in "LN":
                unspeakable[piece] = None
            # Everything else (quotes, dashes, pictures) is not heard.


def _without_doubled_pauses(words: list[str]) -> list[str]:
    """Of several marks in a row the strongest stays; none stands before the first word."""
    kept: list[str] = []
    for word in words:
        if word not in PAUSES:
            kept.append(word)
        elif kept and kept[-1] in PAUSES:
            kept[-1] = max(kept[-1], word, key=PAUSES.index)
        elif kept:
            kept.append(word)
    return kept


def split_sentences(text: str) -> list[str]:
    """The text cut behind the ends of its sentences, and what is too long at its pauses or between words."""
    pieces: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        piece = text[start : end.end()]
        if not _ABBREVIATED.search(piece):
            pieces.append(piece)
            start = end.end()
    pieces.append(text[start:])
    return [short.strip() for piece in pieces for short in _shortened(piece.strip()) if short.strip()]


def _shortened(piece: str) -> list[str]:
    parts = []
    while len(piece) > LONGEST_PIECE_CHARACTERS:
        head = piece[:LONGEST_PIECE_CHARACTERS]
        at = max(head.rfind(mark) for mark in (", ", "; ", ": ", " – ", " — ")) + 1
        if at < LONGEST_PIECE_CHARACTERS // 4:
            at = head.rfind(" ") if " " in head else LONGEST_PIECE_CHARACTERS
        parts.append(piece[:at])
        piece = piece[at:].lstrip()
    return [*parts, piece]
