"""A corpus's own pronunciations, for names and words that no dictionary has: ``lexicon.txt`` beside the list of clips.

The front end pronounces these words so, and its data in the voice contains them."""

from __future__ import annotations

from pathlib import Path

from tts_workloads.data.lines import numbered
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.text import FrontEnd, UnknownPhoneme

FILE = "lexicon.txt"


def with_user_lexicon(front_end: FrontEnd, folder: Path) -> FrontEnd:
    """Return the front end with the words of the corpus's ``lexicon.txt``, or the front end as it is where there is no
    such file. Each line has a word and its phonemes, in the front end's alphabet; ``#`` begins a comment.

    Raises InvalidDataset with every line that is wrong.
    """
    problems: list[str] = []
    try:
        lines = list(numbered(folder, FILE, problems))
    except FileNotFoundError:
        return front_end
    words: dict[str, tuple[str, ...]] = {}
    for number, line in lines:
        word, *phonemes = line.partition("#")[0].split() or [""]
        if not word:
            continue
        where = f"{FILE} line {number}: {word!r}"
        if not front_end.is_word(word):
            problems.append(f"{where} is not one word of letters")
        elif not phonemes:
            problems.append(f"{where} has no phonemes")
        else:
            try:
                spoken = front_end.read_phonemes(" ".join(phonemes))
            except UnknownPhoneme as error:
                problems.append(f"{where}: {error}")
                continue
            if word.lower() in words:
                problems.append(f"{where} is there already")
            words.setdefault(word.lower(), spoken)
    if problems:
        named = " ".join(front_end.named_phonemes())
        raise InvalidDataset(folder, problems, f"correct these; the phonemes are {named}")
    return front_end.with_words(words) if words else front_end
