"""Rules from letters to sounds, learned from a lexicon, and the form in which lexicon and rules travel."""

from __future__ import annotations

from importlib.resources import files
from itertools import islice
from pathlib import Path

import pytest

from tts_workloads.text.english import letter_to_sound, lexicon, stress

WORDS = {
    "cat": "K AE T",
    "cats": "K AE T S",
    "city": "S IH T IY",
    "chat": "CH AE T",
    "phone": "F OW N",
    "photo": "F OW T OW",
    "hat": "HH AE T",
    "hit": "HH IH T",
    "tax": "T AE K S",
    "ship": "SH IH P",
    "shop": "SH AA P",
    "pin": "P IH N",
    "nip": "N IH P",
    "cake": "K EY K",
    "take": "T EY K",
    "tank": "T AE NG K",
    "sin": "S IH N",
    "tip": "T IH P",
}
ENCODED = {word: lexicon.encode(phonemes.split()) for word, phonemes in WORDS.items()}


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("cat", ["K", "AE", "T"]),
        ("tax", ["T", "AE", "K S"]),
        ("phone", ["F", "", "OW", "N", ""]),
        ("ship", ["SH", "", "IH", "P"]),
        ("tank", ["T", "AE", "NG", "K"]),
    ],
)
def test_every_letter_gets_the_sounds_that_it_stands_for(word: str, sounds: list[str]) -> None:
    aligned = letter_to_sound.align(ENCODED)[word]
    assert [" ".join(lexicon.decode(code)) for code in aligned] == sounds


def test_what_was_learned_is_remembered() -> None:
    rules = letter_to_sound.learn(ENCODED)
    assert {word: letter_to_sound.pronounce(word, rules) for word in ENCODED} == ENCODED


@pytest.mark.parametrize(("word", "sounds"), [("pat", "P AE T"), ("shin", "SH IH N"), ("sip", "S IH P")])
def test_a_new_word_sounds_like_those_that_are_known(word: str, sounds: str) -> None:
    rules = letter_to_sound.learn(ENCODED)
    assert " ".join(lexicon.decode(letter_to_sound.pronounce(word, rules))) == sounds


def test_a_word_with_more_sounds_than_its_letters_can_have_is_left_out() -> None:
    odd = {**ENCODED, "w": lexicon.encode(["D", "AH", "B", "AH", "L", "Y", "UW"])}
    assert "w" not in letter_to_sound.align(odd)
    assert letter_to_sound.learn(odd) == letter_to_sound.learn(ENCODED)


def test_rules_come_back_from_a_file(tmp_path: Path) -> None:
    rules = letter_to_sound.learn(ENCODED)
    letter_to_sound.write(rules, tmp_path / "rules.txt")
    assert letter_to_sound.read((tmp_path / "rules.txt").read_text()) == rules


def test_the_rules_of_this_package_are_learned_from_the_dictionary() -> None:
    """Learning them takes a minute; rules of another dictionary or another method would miss more of its words."""
    rules = letter_to_sound.read(
        files("tts_workloads.text.english").joinpath("english_rules.txt").read_text(encoding="ascii")
    )
    assert list(rules) == sorted(rules)
    stressed = sorted(stress.lexicon_with_stress().items())
    words = {word: sounds for word, sounds in islice(stressed, 0, None, 50) if word.isalpha()}
    right = sum(letter_to_sound.pronounce(word, rules) == lexicon.encode(sounds) for word, sounds in words.items())
    assert right / len(words) > 0.83


def test_cmudict_lines_become_first_pronunciations() -> None:
    lines = ["read R EH D", "read(2) R IY D", "IT'S IH T S", "'bout B AW T", "3d TH R IY D IY", "naïve N AA IY V"]
    assert lexicon.read_cmudict(lines) == {
        "read": ("R", "EH", "D"),
        "it's": ("IH", "T", "S"),
        "'bout": ("B", "AW", "T"),
    }


def test_a_lexicon_is_packed_into_the_same_bytes_in_any_order() -> None:
    packed = lexicon.pack(ENCODED)
    assert lexicon.pack(dict(reversed(ENCODED.items()))) == packed
    assert lexicon.unpack(packed) == ENCODED


@pytest.mark.parametrize("data", [b"", b"torn", lexicon.pack(ENCODED)[:-5], b"\xfd7zXZ\0" + b"x" * 50])
def test_a_torn_lexicon_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a packed lexicon"):
        lexicon.unpack(data)


def test_every_word_of_the_dictionary_has_known_phonemes() -> None:
    for sounds in lexicon.bundled().values():
        assert sounds
        assert lexicon.decode(lexicon.encode(sounds)) == sounds


def test_phonemes_with_and_without_stress_are_told_apart() -> None:
    every = sorted({*lexicon.PHONEMES, *lexicon.STRESSED})
    assert len(every) == 84
    assert len(set(lexicon.encode(every))) == 84
    assert list(lexicon.decode(lexicon.encode(every))) == every
    assert lexicon.encode(every).isprintable()
