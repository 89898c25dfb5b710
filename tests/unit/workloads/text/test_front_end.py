"""What every language owes to corpora, training and serving, whichever it is."""

from __future__ import annotations

import pytest

from tts_workloads import text
from tts_workloads.text import FRONT_ENDS, FrontEnd


@pytest.fixture(scope="module", params=sorted(FRONT_ENDS))
def front_end(request: pytest.FixtureRequest) -> FrontEnd:
    return text.for_training(request.param)


def test_its_symbols_are_those_of_its_newest_version(front_end: FrontEnd) -> None:
    assert front_end.symbols == list(front_end.versions.values())[-1]
    assert len(set(front_end.symbols)) == len(front_end.symbols)
    assert set(front_end.named_phonemes()) <= front_end.phoneme_set()


def test_its_warm_up_text_can_be_spoken(front_end: FrontEnd) -> None:
    sentences = front_end.sentences(front_end.warm_up_text)
    assert sentences
    for sentence in sentences:
        assert 0 not in front_end.encode(sentence), "padding"


def test_its_first_pieces_are_the_sentence(front_end: FrontEnd) -> None:
    for sentence in front_end.sentences(front_end.warm_up_text):
        assert "".join("".join(front_end.clauses(sentence)).split()) == "".join(sentence.split())
    assert front_end.longest_first_piece > 0
    assert front_end.alphabets


def test_a_stand_in_is_a_word_of_its_own_that_says_what_is_given(front_end: FrontEnd) -> None:
    given = {front_end.stand_in(number): (phoneme,) for number, phoneme in enumerate(front_end.named_phonemes())}
    assert len(given) == len(front_end.named_phonemes())
    said = front_end.with_words(given)
    for stand_in in given:
        symbols = said.encode(stand_in)
        (place,) = said.word_places(stand_in)
        assert (place.text, place.end - place.begin) == (stand_in, 1)
        assert said.symbols[symbols[place.begin]] in said.phoneme_set()
