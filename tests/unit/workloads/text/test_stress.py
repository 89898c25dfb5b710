"""Which vowels of an English word are stressed: as the marks of a dictionary say, or by rule."""

from __future__ import annotations

import pytest

from tts_workloads.text.english import stress

MARKS = {
    "record": ["ɹˈɛkəɹd", "ɹəkˈɔɹd"],
    "photograph": ["fˈOɾəɡɹˌæf"],
    "the": ["ðə"],
    "these": ["ðiz"],
    "stop": ["stˈɑp"],
    "pollinate": ["pˈɑlənˌAt"],
}


@pytest.mark.parametrize(
    ("word", "sounds", "stressed"),
    [
        ("record", "R EH K ER D", "R EH1 K ER0 D"),
        ("record", "R IH K AO R D", "R IH0 K AO1 R D"),
        ("photograph", "F OW T AH G R AE F", "F OW1 T AH0 G R AE2 F"),
        ("photographs", "F OW T AH G R AE F S", "F OW1 T AH0 G R AE2 F S"),
        ("the", "DH AH", "DH AH0"),
        ("stopped", "S T AA P T", "S T AA1 P T"),
        ("stopping", "S T AA P IH NG", "S T AA1 P IH0 NG"),
        ("pollinated", "P AA L AH N EY T IH D", "P AA1 L AH0 N EY2 T IH0 D"),
        ("thesing", "DH IY Z IH NG", None),
        ("photograph", "F OW T OW", None),
        ("niagara", "N AY AE G R AH", None),
    ],
)
def test_marks_tell_the_stress_of_words_and_of_their_forms(word: str, sounds: str, stressed: str | None) -> None:
    known = stress.known({word: tuple(sounds.split())}, MARKS)
    assert known == ({} if stressed is None else {word: tuple(stressed.split())})


@pytest.mark.parametrize(
    ("sounds", "stressed"),
    [
        ("K AE T", "K AE1 T"),
        ("S T", "S T"),
        ("M AA R K OW", "M AA1 R K OW0"),
        ("AH G OW", "AH0 G OW1"),
        ("P AH T ER", "P AH1 T ER0"),
        ("S AH B EH D R AH", "S AH0 B EH1 D R AH0"),
        ("K AE N AH D AH", "K AE1 N AH0 D AH0"),
        ("M AH R IY Z IY OW", "M AH0 R IY1 Z IY0 OW0"),
    ],
)
def test_without_marks_one_vowel_is_stressed(sounds: str, stressed: str) -> None:
    assert stress.by_rule(sounds.split()) == tuple(stressed.split())


@pytest.mark.parametrize(
    ("given", "completed"),
    [("K UW1 B ER0", "K UW1 B ER0"), ("K UW1 B ER", "K UW1 B ER0"), ("K UW B ER", "K UW1 B ER0"), ("DH AH0", "DH AH0")],
)
def test_digits_that_are_given_are_kept(given: str, completed: str) -> None:
    assert stress.completed(given.split()) == tuple(completed.split())


@pytest.mark.parametrize(
    ("guess", "settled"),
    [("P AA2 T IH1", "P AA2 T IH1"), ("P AA1 T IH1", "P AA1 T IH0"), ("P AA0 T IH0", "P AA1 T IH0")],
)
def test_a_guess_has_one_main_stress(guess: str, settled: str) -> None:
    assert stress.settled(tuple(guess.split())) == tuple(settled.split())
