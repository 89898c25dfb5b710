"""English phonemes in the notations of other programs, so that voices which were trained on those speak through this
front end: misaki's (Kokoro) and that of espeak-ng's voice ``en-us`` (Piper).

Both are IPA with the stress before the vowel. The rules were written against misaki's dictionary (Apache-2.0) and what
espeak-ng prints; neither program is used here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from tts_workloads.text.english.lexicon import is_vowel
from tts_workloads.text.english.tables import table

_CONSONANTS = table("""
    B: b  D: d  DH: ð  F: f  G: ɡ  HH: h  K: k  L: l  M: m  N: n  NG: ŋ  P: p  R: ɹ  S: s  SH: ʃ  T: t  TH: θ  V: v
    W: w  Y: j  Z: z  ZH: ʒ
""")
_MISAKI = _CONSONANTS | table("""
    CH: ʧ  JH: ʤ  AA: ɑ  AE: æ  AH: ʌ  AO: ɔ  AW: W  AY: I  EH: ɛ  ER: ɜɹ  EY: A  IH: ɪ  IY: i  OW: O  OY: Y  UH: ʊ
    UW: u
""")
_ESPEAK = _CONSONANTS | table("""
    CH: tʃ  JH: dʒ  AA: ɑː  AE: æ  AH: ʌ  AO: ɔː  AW: aʊ  AY: aɪ  EH: ɛ  ER: ɜː  EY: eɪ  IH: ɪ  IY: iː  OW: oʊ  OY: ɔɪ
    UH: ʊ  UW: uː
""")
_WITHOUT_STRESS = {
    "AH0 N D": "AE",
    "AH0 V": "AH",
    "F R AH0 M": "AH",
    "HH ER0": "ER",
    "W AA0 Z": "AH",
    "W AH0 Z": "AH",
    "W ER0": "ER",
}
"""Words of one vowel that both programs write with a full vowel, although they are said without stress."""
_ARTICLES = frozenset(["AH0", "AH0 N", "AE0 N"])
_STRESS = {"0": "", "1": "ˈ", "2": "ˌ", "": ""}
_SIBILANTS = frozenset(["S", "Z", "SH", "ZH", "CH", "JH"])
_FLAP, _BARRED_I = "ɾ", "ᵻ"


def misaki(word: Sequence[str]) -> list[str]:
    """Return each phoneme of a word, with or without digits for stress, in misaki's notation."""
    return _written(word, _MISAKI, _unstressed_for_misaki)


def espeak(word: Sequence[str]) -> list[str]:
    """Return each phoneme of a word, with or without digits for stress, in the notation of espeak-ng's ``en-us``."""
    written = _written(word, _ESPEAK, _unstressed_for_espeak)
    for place, (phoneme, after) in enumerate(pairwise(word)):
        if phoneme.startswith("ER") and is_vowel(after):
            written[place] += "ɹ"
    return written


NOTATIONS: Mapping[str, Callable[[Sequence[str]], list[str]]] = {"misaki": misaki, "espeak": espeak}
"""What writes a word's phonemes, by the name of the notation."""


def _written(
    word: Sequence[str], names: Mapping[str, str], unstressed: Callable[[Sequence[str], int], str | None]
) -> list[str]:
    written = []
    for place, phoneme in enumerate(word):
        name, stress = phoneme.rstrip("012"), phoneme[-1] if phoneme[-1].isdigit() else ""
        if is_vowel(name) and stress == "0":
            written.append(_small_word(word, names) or unstressed(word, place) or names[name])
        elif is_vowel(name):
            # Both programs hear the vowel of *hit* in *here*.
            lax = name == "IY" and list(word[place + 1 : place + 2]) == ["R"]
            written.append(_STRESS[stress] + names["IH" if lax else name])
        else:
            written.append(_FLAP if _is_flapped(word, place) else names[name])
    return written


def _small_word(word: Sequence[str], names: Mapping[str, str]) -> str | None:
    """How both programs write the vowel of a word such as *a*, *and* and *it*; None for other words."""
    if sum(map(is_vowel, word)) > 1:
        return None
    said = " ".join(word)
    if said in _ARTICLES:
        return "ɐ"
    return names[_WITHOUT_STRESS[said]] if said in _WITHOUT_STRESS else names["IH"] if "IH0" in word else None


def _is_flapped(word: Sequence[str], place: int) -> bool:
    """Whether a T is said as in *water*: after a vowel or an R, before a vowel without stress, but not in *button*."""
    if word[place] != "T" or place == 0 or not (is_vowel(word[place - 1]) or word[place - 1] == "R"):
        return False
    after = word[place + 1 : place + 3]
    return bool(after) and is_vowel(after[0]) and after[0].endswith("0") and [*after] != ["AH0", "N"]


def _is_barred(word: Sequence[str], place: int) -> bool:
    """Whether this is the vowel of an ending as in *wanted* and *roses*."""
    if place != len(word) - 2 or place == 0 or word[place] not in {"IH0", "AH0"}:
        return False
    before, after = word[place - 1], word[place + 1]
    return (after == "D" and before in {"T", "D"}) or (after == "Z" and before in _SIBILANTS)


def _unstressed_for_misaki(word: Sequence[str], place: int) -> str | None:
    """How misaki writes a vowel without stress where that differs from the stressed one; None where it does not."""
    name, after = word[place][:-1], word[place + 1 :]
    if _is_barred(word, place):
        return _BARRED_I
    if name == "ER":
        return "əɹ"
    if name == "AH":
        if list(after) == ["L"]:
            return "ᵊ"
        return "ɪ" if list(after) == ["JH"] else "ə"
    if name == "IH" and after and _is_reduced(after):
        return "ə"
    return None


def _is_reduced(after: Iterable[str]) -> bool:
    """Whether an unstressed IH is said as the vowel of *a* before these phonemes, the rest of its word."""
    first, *rest = after
    if is_vowel(first) or first in {"NG", "JH", "SH", "CH"}:
        return False
    if rest and is_vowel(rest[0]):
        return True
    return first == "S" or (not rest and first in {"T", "N"})


def _unstressed_for_espeak(word: Sequence[str], place: int) -> str | None:
    """How espeak-ng writes a vowel without stress where that differs from the stressed one; None where it does not."""
    name = word[place][:-1]
    if _is_barred(word, place):
        return _BARRED_I
    if name == "AH":
        return "ɐ" if place == 0 else "ə"
    if name == "IY":
        return "i" if len(word) > 2 else None
    return "ɚ" if name == "ER" else None
