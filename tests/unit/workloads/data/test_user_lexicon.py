"""A corpus's own pronunciations: what they change, that they travel in a voice, and every line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tts_workloads import text
from tts_workloads.data import InvalidDataset, with_user_lexicon
from tts_workloads.text import FrontEnd
from tts_workloads.text.english.front_end import English

FRONT_END = text.for_training("en-us")


def said(front_end: FrontEnd, sentence: str) -> str:
    assert isinstance(front_end, English)
    return " ".join(front_end.phonemes(sentence)[:-1])


def written(folder: Path, content: str | bytes) -> FrontEnd:
    (folder / "lexicon.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return with_user_lexicon(FRONT_END, folder)


@pytest.mark.parametrize(
    ("line", "sentence", "phonemes"),
    [
        ("kopf K OW1 P F", "Kopf", "K OW1 P F"),
        ("Kopf\tk ow p f # German for head", "KOPF's", "K OW1 P F S"),
        ("kopfer K OW0 P F ER1", "kopfer", "K OW0 P F ER1"),
        ("kopfer K OW1 P F ER", "kopfer", "K OW1 P F ER0"),
        ("the D AH", "the apple", "D AH1   AE1 P AH0 L"),
        ("read R EH D", "I read", "AY1   R EH1 D"),
        ("\ufeffkopf K OW1 P F", "Kopf", "K OW1 P F"),
        ("# nothing\n\nAWS  AO S", "AWS", "AO1 S"),
    ],
)
def test_own_words_go_before_everything(tmp_path: Path, line: str, sentence: str, phonemes: str) -> None:
    assert said(written(tmp_path, line), sentence) == phonemes


def test_own_words_travel_in_the_voice(tmp_path: Path) -> None:
    own = written(tmp_path, "kopf K OW P F")
    restored = text.restore(text.describe(own), own.files())
    assert said(restored, "kopf") == "K OW1 P F"
    again = restored.with_words({"nfft": ("EH", "F")})
    assert (said(again, "kopf"), said(again, "nfft")) == ("K OW1 P F", "EH1 F")
    assert with_user_lexicon(FRONT_END, tmp_path / "nowhere") is FRONT_END


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("kopf K OW P XX", "lexicon.txt line 1: 'kopf': there is no phoneme 'XX'"),
        ("kopf K1 OW P F", "lexicon.txt line 1: 'kopf': there is no phoneme 'K1'"),
        ("\nkopf", "lexicon.txt line 2: 'kopf' has no phonemes"),
        ("two-words T UW", "lexicon.txt line 1: 'two-words' is not one word of letters"),
        ("kopf K\nKOPF K", "lexicon.txt line 2: 'KOPF' is there already"),
        (b"kopf K\ncaf\xe9 K AE", "lexicon.txt line 2: not UTF-8: save the file as UTF-8"),
        ("kopf K".encode("utf-16"), "lexicon.txt is UTF-16, as its first bytes say, and not UTF-8"),
    ],
)
def test_lines_that_are_wrong_are_named(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(InvalidDataset) as raised:
        written(tmp_path, content)
    assert raised.value.problems[0].startswith(problem)
