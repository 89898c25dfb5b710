"""English in the notations of other programs: what misaki and espeak-ng write for the same words."""

from __future__ import annotations

import pytest

from tts_workloads import text
from tts_workloads.text import FrontEnd, UnknownNotation


@pytest.fixture(scope="module")
def english() -> FrontEnd:
    return text.for_training("en-us")


@pytest.mark.parametrize(
    ("sentence", "misaki", "espeak"),
    [
        ("Hello, world!", "həlˈO, wˈɜɹld!", "həlˈoʊ, wˈɜːld!"),
        ("Good morning.", "ɡˈʊd mˈɔɹnɪŋ.", "ɡˈʊd mˈɔːɹnɪŋ."),
        ("The water bottle?", "ðə wˈɔɾəɹ bˈɑɾᵊl?", "ðə wˈɔːɾɚ bˈɑːɾəl?"),
        ("Button", "bˈʌtən.", "bˈʌtən."),
        ("waited roses", "wˈAɾᵻd ɹˈOzᵻz.", "wˈeɪɾᵻd ɹˈoʊzᵻz."),
        ("judge church", "ʤˈʌʤ ʧˈɜɹʧ.", "dʒˈʌdʒ tʃˈɜːtʃ."),
        ("hurry", "hˈɜɹi.", "hˈɜːɹi."),
        ("the boy's house", "ðə bˈYz hˈWs.", "ðə bˈɔɪz hˈaʊs."),
        ("unite", "junˈIt.", "juːnˈaɪt."),
        ("about", "əbˈWt.", "ɐbˈaʊt."),
        ("Hear, here!", "hˈɪɹ, hˈɪɹ!", "hˈɪɹ, hˈɪɹ!"),
        ("of it and her", "ʌv ɪt ænd hɜɹ.", "ʌv ɪt ænd hɜː."),
        ("This was an apple.", "ðɪs wʌz ɐn ˈæpᵊl.", "ðɪs wʌz ɐn ˈæpəl."),
    ],
)
def test_words_are_written_as_others_write_them(english: FrontEnd, sentence: str, misaki: str, espeak: str) -> None:
    symbols = english.encode(sentence)
    assert "".join(english.in_notation(symbols, "misaki")) == misaki
    assert "".join(english.in_notation(symbols, "espeak")) == espeak


@pytest.mark.parametrize("notation", ["misaki", "espeak"])
def test_each_symbol_has_its_own_part(english: FrontEnd, notation: str) -> None:
    symbols = english.encode("Well, this is it: twenty-two things!")
    written = english.in_notation(symbols, notation)
    assert len(written) == len(symbols)
    assert all(written)
    assert english.in_notation([], notation) == []


def test_another_notation_is_refused(english: FrontEnd) -> None:
    with pytest.raises(UnknownNotation, match="en-us does not know how sampa writes"):
        english.in_notation([], "sampa")
