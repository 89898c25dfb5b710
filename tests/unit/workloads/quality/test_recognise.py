"""The measure of the voice compares words, not spellings, and measures what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tts_workloads.quality.error_rates import (
    character_errors,
    digit_words,
    edit_distance,
    error_rate,
    plain_words,
    word_errors,
)
from tts_workloads.quality.recognise import sentences, word_error_rates


@pytest.mark.parametrize("heard", ["4071", "4 0 7 1.", "Four, zero, seven, one.", "four-oh-seven-one", "40 71"])
def test_spellings_of_a_digit_string_are_the_same(heard: str) -> None:
    assert digit_words(heard) == ["four", "zero", "seven", "one"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("It's 10 o'clock.", "its ten oclock"), ("Twenty-one cats!", "21 cats"), ("MILK, and bread", "milk and bread")],
)
def test_spellings_of_a_sentence_are_the_same(one: str, other: str) -> None:
    assert plain_words(one) == plain_words(other)


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x c", 1),
        ("a b", "a x b", 1),
        ("a b", "", 2),
        ("", "a", 1),
    ],
)
def test_edit_distance(reference: str, heard: str, errors: int) -> None:
    assert edit_distance(reference.split(), heard.split()) == errors


@pytest.mark.parametrize(
    ("said", "heard", "words", "characters"),
    [
        ("Good morning.", "good morning", (0, 2), (0, 12)),
        ("Good morning.", "Good mourning!", (1, 2), (1, 12)),
        ("Good morning.", "", (2, 2), (12, 12)),
        ("Hi.", "I see a cat.", (4, 1), (11, 2)),
        ("...", "you", (1, 0), (3, 0)),
    ],
)
def test_what_was_misheard(said: str, heard: str, words: tuple[int, int], characters: tuple[int, int]) -> None:
    sides = plain_words(said), plain_words(heard)
    assert (word_errors(*sides), character_errors(*sides)) == (words, characters)


def test_a_rate_is_over_all_that_was_said() -> None:
    assert error_rate([(1, 2), (0, 8), (1, 0)]) == pytest.approx(0.2)


def test_missing_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="digits-00"):
        word_error_rates(tmp_path)


def test_there_are_thirty_of_each() -> None:
    names = list(sentences())
    assert sum(n.startswith("digits") for n in names) == sum(n.startswith("everyday") for n in names) == 30
