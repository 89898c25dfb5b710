"""Which written word is which of the spoken ones, and which symbols are its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_workloads.text import FrontEnd, UnspeakableText, for_training
from tts_workloads.text.word_places import Match, match


@pytest.mark.parametrize(
    ("written", "spoken", "expected"),
    [
        ("a b", "a b", [("a", "a"), ("b", "b")]),
        ("a b-c d", "a b c d", [("a", "a"), ("b-c", "b c"), ("d", "d")]),
        ("a x d", "a b c d", [("a", "a"), ("x", "b c"), ("d", "d")]),
        ("a x y d", "a b c d", [("a", "a"), ("x y", "b c"), ("d", "d")]),
        ("x d", "b c d", [("x", "b c"), ("d", "d")]),
        ("a d", "a b d", [("a", "a b"), ("d", "d")]),
        ("d", "b d", [("d", "b d")]),
        ("a x d", "a d", [("a x", "a"), ("d", "d")]),
        ("x d", "d", [("x d", "d")]),
        ("a a b a", "a a b a", [("a", "a"), ("a", "a"), ("b", "b"), ("a", "a")]),
        ("A", "a", [("A", "a")]),
    ],
)
def test_words_are_matched_with_what_is_read_of_them(
    written: str, spoken: str, expected: list[tuple[str, str]]
) -> None:
    words, read = written.split(), spoken.split()
    found = match([word.split("-") for word in words], read)
    assert [(" ".join(words[slice(*m.written)]), " ".join(read[slice(*m.spoken)])) for m in found] == expected


def test_what_is_not_read_alone_is_one_with_all() -> None:
    assert match([[], []], ["a"]) == [Match((0, 2), (0, 1))]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=2), min_size=1), st.lists(st.sampled_from("abc"), min_size=1))
def test_every_spoken_word_has_one_owner(written: list[list[str]], spoken: list[str]) -> None:
    found = match(written, spoken)
    assert [place for m in found for place in range(*m.spoken)] == list(range(len(spoken)))
    owners = [place for m in found for place in range(*m.written)]
    assert owners == sorted(set(owners))
    assert all(m.spoken[0] < m.spoken[1] and m.written[0] < m.written[1] for m in found)
    assert {place for place, words in enumerate(written) if words} <= set(owners)


@pytest.fixture(scope="module")
def english() -> FrontEnd:
    return for_training("en-us")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good morning.", [("Good", "G UH1 D"), ("morning.", "M AO1 R N IH0 NG")]),
        ("a", [("a", "EY1")]),
        ("— Hello, world", [("Hello,", "HH AH0 L OW1"), ("world", "W ER1 L D")]),
        ("pay $2 now", [("pay", "P EY1"), ("$2", "T UW1   D AA1 L ER0 Z"), ("now", "N AW1")]),
        ("Henry II", [("Henry", "HH EH1 N R IY0"), ("II", "DH AH0   S EH1 K AH0 N D")]),
        ("GO HOME NOW", [("GO", "G OW2"), ("HOME", "HH OW1 M"), ("NOW", "N AW1")]),
        ("5:30 p.m.", [("5:30", "F AY1 V   TH ER1 D IY0"), ("p.m.", "P IY1   EH1 M")]),
    ],
)
def test_words_have_their_symbols(english: FrontEnd, text: str, expected: list[tuple[str, str]]) -> None:
    symbols = [english.symbols[number] for number in english.encode(text)]
    assert [(w.text, " ".join(symbols[w.begin : w.end])) for w in english.word_places(text)] == expected


@settings(deadline=None)
@given(text=st.text(st.characters(codec="ascii"), min_size=1, max_size=60))
def test_all_phonemes_of_any_text_are_some_words(english: FrontEnd, text: str) -> None:
    try:
        symbols = english.encode(text)
    except UnspeakableText:
        return
    owned = {place for w in english.word_places(text) for place in range(w.begin, w.end)}
    phonemes = {place for place, number in enumerate(symbols) if english.symbols[number] in english.phoneme_set()}
    assert phonemes <= owned
