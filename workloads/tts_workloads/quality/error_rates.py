"""Counts the words and characters that a recogniser misheard. The recogniser itself is in ``recognise``.

Before comparing, both sides are lower-cased, stripped of punctuation, and numbers are spelled: digits one by one in
digit strings (so that "4 0 7 1", "4071" and "four oh seven one" are the same), as words elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from num2words import num2words

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Count = tuple[int, int]
"""How many errors there were, and how long the reference was, in words or characters."""


def plain_words(text: str) -> list[str]:
    """Return the lower-case words of a text without punctuation, with numbers spelled as words."""
    spelled = re.sub(r"\d+", lambda found: f" {num2words(int(found[0]))} ", text.lower().replace("'", ""))
    return re.findall(r"[a-z]+", spelled)


def digit_words(text: str) -> list[str]:
    """Return what ``plain_words`` returns, but with numbers spelled digit by digit and "oh" read as zero."""
    spelled = re.sub(r"\d", lambda found: f" {DIGITS[int(found[0])]} ", text.lower())
    return ["zero" if word in ("oh", "o") else word for word in re.findall(r"[a-z]+", spelled)]


def edit_distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest insertions, deletions and substitutions between the two sequences (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != expected))
    return row[-1]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> Count:
    """Return the errors among the words that were spoken."""
    return edit_distance(said, heard), len(said)


def character_errors(said: Sequence[str], heard: Sequence[str]) -> Count:
    """Return the errors among the characters that were spoken, the spaces between words included."""
    one, other = " ".join(said), " ".join(heard)
    return edit_distance(one, other), len(one)


def error_rate(counts: Iterable[Count]) -> float:
    """Return the errors for each spoken word or character over all utterances. It exceeds 1 where more was heard than
    said.

    Raises ZeroDivisionError where nothing was said.
    """
    pairs = list(counts)
    return sum(errors for errors, _ in pairs) / sum(length for _, length in pairs)
