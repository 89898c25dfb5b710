"""Rules that pronounce a word that no lexicon has. They lead from letters in their context to phonemes, and are learned
from a lexicon.

Each letter is aligned with zero to two phonemes by hard expectation maximisation (after Black, Lenzo and Pagel 1998,
"Issues in building general letter to sound rules"); then, per letter, the widest context that was seen decides (a
default tree as in Daelemans and van den Bosch 1996, IGTree).

On words that were left out of the learning (one in ten of the CMU dictionary), the rules get all phonemes right in
57.8 %, the main stress too in 55.3 %, and all stress too in 51.8 %. If they are learned without stress, and a rule adds
it, these figures are 58.2, 51.4 and 45.3 %.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import accumulate, pairwise
from pathlib import Path

from tts_workloads.text.english import lexicon

CONTEXTS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4))
"""How many letters to the left and to the right a rule looks at, from the fewest to the most."""
MOST_PHONEMES_PER_LETTER = 2
ROUNDS = 4
EDGE = "_"
"""Stands beyond the ends of a word."""

_VOWELS = [phoneme for phoneme in lexicon.PHONEMES if phoneme[0] in "AEIOU"]
_KIN: dict[str, list[str]] = {
    "b": ["B"],
    "c": ["K", "S", "CH", "SH"],
    "d": ["D", "JH"],
    "f": ["F"],
    "g": ["G", "JH", "ZH", "NG"],
    "h": ["HH"],
    "j": ["JH", "Y", "ZH"],
    "k": ["K"],
    "l": ["L"],
    "m": ["M"],
    "n": ["N", "NG"],
    "p": ["P", "F"],
    "q": ["K"],
    "r": ["R", "ER"],
    "s": ["S", "Z", "SH", "ZH"],
    "t": ["T", "TH", "DH", "CH", "SH"],
    "v": ["V", "F"],
    "w": ["W", "V"],
    "x": ["K", "S", "Z", "G"],
    "z": ["Z", "S", "ZH"],
    "a": _VOWELS,
    "e": _VOWELS,
    "i": _VOWELS,
    "o": _VOWELS,
    "u": [*_VOWELS, "W", "Y"],
    "y": [*_VOWELS, "Y"],
}
"""Phonemes that a letter often stands for. The search for the alignment begins with them."""

Rules = Mapping[str, str]
"""Encoded phonemes by ``left.letter.right``: the letter, and the letters on both sides of it."""


def pronounce(word: str, rules: Rules) -> str:
    """Return the encoded phonemes of a word of letters a to z. They are empty only where the rules make every letter
    silent."""
    padded = EDGE * 4 + word + EDGE * 4
    sounds = []
    for place in range(4, 4 + len(word)):
        for left, right in reversed(CONTEXTS):
            sound = rules.get(_key(padded, place, left, right))
            if sound is not None:
                sounds.append(sound)
                break
    return "".join(sounds)


def learn(words: Mapping[str, str]) -> dict[str, str]:
    """Learn rules from words and their encoded phonemes. A rule is kept only where it differs from the next narrower
    one."""
    aligned = _aligned_with_stress(words)
    counts: dict[tuple[int, int], dict[str, Counter[str]]] = {context: defaultdict(Counter) for context in CONTEXTS}
    for word, sounds in aligned.items():
        padded = EDGE * 4 + word + EDGE * 4
        for place, sound in enumerate(sounds, start=4):
            for context in CONTEXTS:
                counts[context][_key(padded, place, *context)][sound] += 1
    rules: dict[str, str] = {}
    for number, context in enumerate(CONTEXTS):
        for key, seen in sorted(counts[context].items()):
            sound, _ = max(seen.items(), key=lambda item: (item[1], item[0]))
            narrower = _narrower(key, rules, number)
            if sound != narrower:
                rules[key] = sound
    return rules


def _aligned_with_stress(words: Mapping[str, str]) -> dict[str, list[str]]:
    """The result of ``align`` with stressed phonemes, though the alignment goes by the phonemes without their
    stress."""
    plain = {word: lexicon.encode(lexicon.without_stress(lexicon.decode(code))) for word, code in words.items()}
    aligned = {}
    for word, sounds in align(plain).items():
        ends = list(accumulate(map(len, sounds), initial=0))
        aligned[word] = [words[word][begin:end] for begin, end in pairwise(ends)]
    return aligned


def align(words: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the encoded phonemes of each letter, for every word that can be aligned."""
    scores: dict[tuple[str, str], float] = {}
    aligned: dict[str, list[str]] = {}
    for _ in range(ROUNDS):
        counts: Counter[tuple[str, str]] = Counter()
        letters: Counter[str] = Counter()
        aligned = {}
        for word, code in words.items():
            best = _best_alignment(word, code, scores)
            if best is not None:
                aligned[word] = best
                counts.update(zip(word, best, strict=True))
                letters.update(word)
        scores = {pair: math.log(count / letters[pair[0]]) for pair, count in counts.items()}
    return aligned


def _best_alignment(word: str, code: str, scores: Mapping[tuple[str, str], float]) -> list[str] | None:
    unseen = -12.0
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for place, letter in enumerate(word):
        reached: dict[int, tuple[float, int]] = {}
        for start, (score, _) in best[-1].items():
            for count in range(MOST_PHONEMES_PER_LETTER + 1):
                end = start + count
                if end > len(code) or len(code) - end > MOST_PHONEMES_PER_LETTER * (len(word) - place - 1):
                    continue
                sounds = code[start:end]
                total = score + (scores.get((letter, sounds), unseen) if scores else _plausible(letter, sounds))
                if end not in reached or total > reached[end][0]:
                    reached[end] = (total, start)
        best.append(reached)
    if len(code) not in best[-1]:
        return None
    aligned: list[str] = []
    end = len(code)
    for reached in reversed(best[1:]):
        start = reached[end][1]
        aligned.append(code[start:end])
        end = start
    return aligned[::-1]


def _plausible(letter: str, code: str) -> float:
    """A score before anything was counted. It prefers what the letter often stands for, and one phoneme to none or
    two."""
    kin = _KIN[letter]
    return -float(len(code) != 1) - 3.0 * sum(phoneme not in kin for phoneme in lexicon.decode(code))


def _key(padded: str, place: int, left: int, right: int) -> str:
    return f"{padded[place - left : place]}.{padded[place]}.{padded[place + 1 : place + 1 + right]}"


def _narrower(key: str, rules: Rules, number: int) -> str | None:
    left, letter, right = key.split(".")
    for fewer_left, fewer_right in reversed(CONTEXTS[:number]):
        sound = rules.get(f"{left[len(left) - fewer_left :]}.{letter}.{right[:fewer_right]}")
        if sound is not None:
            return sound
    return None


def write(rules: Rules, path: Path) -> None:
    """Write the rules as sorted lines ``left.letter.right phonemes``."""
    path.write_text("".join(f"{key} {sound}\n" for key, sound in sorted(rules.items())), encoding="ascii")


def read(text: str) -> dict[str, str]:
    """Return the rules in a text that ``write`` wrote."""
    return dict(line.split(" ", 1) for line in text.splitlines())
