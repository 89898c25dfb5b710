"""Cuts an English text after its sentences, and within a sentence that is too long."""

from __future__ import annotations

import re

from tts_workloads.text.english.abbreviations import ABBREVIATIONS, BEFORE_A_NUMBER, LATIN, TITLES, is_initial

LONGEST_PIECE_CHARACTERS = 240
"""About 15 seconds of speech. A longer sentence is cut at its pauses."""

SHORTEST_CLAUSE_CHARACTERS = 16
"""A clause with fewer letters and digits stays with its neighbour."""

_CLAUSE = re.compile(r"(?<=[,;:–—])\s+(?=\w)")
_CLOSING = "\"'”’)\\]*_"
_POSSIBLE_END = re.compile(rf"([.?!…。？！]+)([{_CLOSING}]*)(?:\s+|\Z)|\s*\n\s*")
_LAST_WORD = re.compile(r"[\w.]+\Z")
_PLACES = frozenset(["st", "mt", "ft"])
_HALVES_OF_THE_DAY = frozenset(["a.m", "p.m"])


def split_sentences(text: str) -> list[str]:
    """Cut a text after each sentence, and a sentence that is too long at its pauses or between words."""
    pieces: list[str] = []
    start = 0
    for end in _POSSIBLE_END.finditer(text):
        if _is_end(text, end):
            pieces.append(text[start : end.end()])
            start = end.end()
    pieces.append(text[start:])
    return [short for piece in pieces for short in _shortened(" ".join(piece.split())) if short]


def split_clauses(sentence: str) -> list[str]:
    """Cut a sentence after its commas, semicolons, colons and dashes, into pieces of some words each."""
    pieces: list[str] = []
    for piece in _CLAUSE.split(sentence):
        if pieces and min(_letters(pieces[-1]), _letters(piece)) < SHORTEST_CLAUSE_CHARACTERS:
            pieces[-1] += f" {piece}"
        else:
            pieces.append(piece)
    return pieces


def _letters(piece: str) -> int:
    return sum(character.isalnum() for character in piece)


def _is_end(text: str, end: re.Match[str]) -> bool:
    after = text[end.end() : end.end() + 1]
    marks, closing = end[1], end[2]
    if marks is None or "\n\n" in end[0]:
        # A line may be wrapped anywhere; the next one then goes on in small letters.
        return marks is not None or end[0].count("\n") > 1 or not after.islower()
    if closing and after.islower():
        return False  # "Really?" she said.
    if set(marks) <= {".", "…"} and marks != ".":
        return not after.islower()
    if marks != "." or not after:
        return True
    word = _LAST_WORD.search(text, max(0, end.start() - 40), end.start())
    return word is None or _may_end_with(word[0].lower(), text[: word.start()][-60:], word[0].isupper(), after)


def _may_end_with(word: str, before: str, capital: bool, after: str) -> bool:
    """Whether a full stop after this word ends a sentence, although the word may be an abbreviation."""
    if word in _HALVES_OF_THE_DAY:
        return after.isupper()
    if f"{word}." in LATIN or ("." in word and len(word.replace(".", "")) * 2 - 1 == len(word) and word[0].isalpha()):
        return False
    if word in TITLES or (word in _PLACES and after.isupper()) or word in {"vs", "approx"}:
        return False
    if word in BEFORE_A_NUMBER and after.isdigit():
        return False
    if len(word) == 1 and word.isalpha():
        return not (capital and is_initial(before))
    return word not in ABBREVIATIONS or not (after.islower() or after.isdigit())


def _shortened(piece: str) -> list[str]:
    parts = []
    while len(piece) > LONGEST_PIECE_CHARACTERS:
        head = piece[:LONGEST_PIECE_CHARACTERS]
        at = max(head.rfind(mark) for mark in (", ", "; ", ": ", " – ", " — ")) + 1
        if at < LONGEST_PIECE_CHARACTERS // 4:
            at = head.rfind(" ") if " " in head else LONGEST_PIECE_CHARACTERS
        parts.append(piece[:at].strip())
        piece = piece[at:].lstrip()
    return [*parts, piece]
