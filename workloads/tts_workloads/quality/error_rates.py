"""Counts what a recogniser misheard, in words and characters. Pure: what hears is ``recognise``.

Before comparing, both sides are lower-cased, stripped of punctuation, and numbers are spelled: digits one by one in
digit strings (so that "4 0 7 1", "4071" and "four oh seven one" are the same), as words elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from num2words import num2words

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Count = tuple[int, int]
"""Errors, and the length of what was said."""


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation, numbers spelled as words."""
    spelled = re.sub(r"\d+", lambda found: f" {num2words(int(found[0]))} ", text.lower().replace("'", ""))
    return re.findall(r"[a-z]+", spelled)


def digit_words(text: str) -> list[str]:
    """As ``plain_words``, but numbers spelled digit by digit, and "oh" being zero."""
    spelled = re.sub(r"\d", lambda found: f" {DIGITS[int(found[0])]} ", text.lower())
    return ["zero" if word in ("oh", "o") else word for word in re.findall(r"[a-z]+", spelled)]


def edit_distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that lead from one to the other (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != expected))
    return row[-1]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> Count:
    """Errors among the words that were said."""
    return edit_distance(said, heard), len(said)


def character_errors(said: Sequence[str], heard: Sequence[str]) -> Count:
    """Errors among the characters of the words that were said, the spaces between them included."""
    one, other = " ".join(said), " ".join(heard)
    return edit_distance(one, other), len(one)


def error_rate(counts: Iterable[Count]) -> float:
    """Errors for each word or character that was said, over all utterances; more than 1 where more was heard than said.

    Raises ZeroDivisionError where nothing was said.
    """
    pairs = list(counts)
    return sum(errors for errors, _ in pairs) / sum(length for _, length in pairs)
