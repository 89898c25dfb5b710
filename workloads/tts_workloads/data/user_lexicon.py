"""A corpus's own pronunciations, for names and words that no dictionary has: ``lexicon.txt`` beside the list of clips.
How they are spoken is the front end's affair; they travel in the voice."""

from __future__ import annotations

import re
from pathlib import Path

from tts_workloads.data.lines import numbered
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.text import FrontEnd

FILE = "lexicon.txt"
_WORD = re.compile(r"[A-Za-z']*[A-Za-z][A-Za-z']*")


def with_user_lexicon(front_end: FrontEnd, folder: Path) -> FrontEnd:
    """The front end with the words of the corpus's ``lexicon.txt``: on each line a word and its phonemes, with or
    without digits for stress; ``#`` begins a comment. Without the file the front end as it is.

    Raises InvalidDataset with every line that is wrong.
    """
    problems: list[str] = []
    try:
        lines = list(numbered(folder, FILE, problems))
    except FileNotFoundError:
        return front_end
    known = front_end.phoneme_set()
    words: dict[str, tuple[str, ...]] = {}
    for number, line in lines:
        word, *phonemes = line.partition("#")[0].split() or [""]
        if not word:
            continue
        spoken = tuple(phoneme.upper() for phoneme in phonemes)
        wrong = [phoneme for phoneme in spoken if phoneme not in known]
        if not _WORD.fullmatch(word):
            problems.append(f"{FILE} line {number}: {word!r} is not one word of letters")
        elif not spoken:
            problems.append(f"{FILE} line {number}: {word!r} has no phonemes")
        elif wrong:
            problems.append(f"{FILE} line {number}: {word!r}: there is no phoneme {wrong[0]!r}")
        elif word.lower() in words:
            problems.append(f"{FILE} line {number}: {word!r} is there already")
        else:
            words[word.lower()] = spoken
    if problems:
        named = " ".join(front_end.named_phonemes())
        raise InvalidDataset(folder, problems, f"correct these; the phonemes are {named}")
    return front_end.with_words(words) if words else front_end
