"""A pronouncing lexicon: words and their phonemes, packed small enough to travel in a voice. Words outside it are
pronounced by ``letter_to_sound``."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path

_NAMES = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PHONEMES = tuple(_NAMES.split())
"""The 39 phonemes of the CMU dictionary (ARPAbet without stress)."""
STRESSED = tuple(
    name
    for phoneme in PHONEMES
    for name in ([f"{phoneme}{n}" for n in range(3)] if phoneme[0] in "AEIOU" else [phoneme])
)
"""The same phonemes with the stress of each vowel: none (0), main (1) or secondary (2)."""
_WITH_DIGITS = [phoneme for phoneme in STRESSED if phoneme[-1].isdigit()]
# The first 39 are in the files of voices of version 1; the others are printable and no space.
_CODE = {phoneme: chr(ord("A") + number) for number, phoneme in enumerate(PHONEMES)}
_CODE |= dict(zip(_WITH_DIGITS, [*map(chr, range(ord("!"), ord("A"))), *map(chr, range(ord("h"), 127))], strict=False))
_PHONEME = {code: phoneme for phoneme, code in _CODE.items()}

Pronunciation = tuple[str, ...]


def read_cmudict(lines: Iterable[str]) -> dict[str, Pronunciation]:
    """Return words and their first pronunciation from lines ``word P1 P2 ...``. Lines of other pronunciations, which
    begin with ``word(2)``, are left out, as are words with characters other than letters and apostrophes."""
    lexicon: dict[str, Pronunciation] = {}
    for line in lines:
        word, *phonemes = line.split()
        if word.replace("'", "").isalpha() and word.isascii():
            lexicon.setdefault(word.lower(), tuple(phonemes))
    return lexicon


def bundled() -> dict[str, Pronunciation]:
    """Return the CMU dictionary that pocketsphinx brings along (BSD licence, 126,000 words)."""
    import pocketsphinx

    with Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as file:
        return read_cmudict(file)


def is_vowel(phoneme: str) -> bool:
    """Tell whether a phoneme, with or without its stress, is a vowel."""
    return phoneme[0] in "AEIOU"


def without_stress(phonemes: Iterable[str]) -> Pronunciation:
    """Return the phonemes without their digits."""
    return tuple(phoneme.rstrip("012") for phoneme in phonemes)


def encode(phonemes: Iterable[str]) -> str:
    """Return phonemes as a string of one character for each."""
    return "".join(_CODE[phoneme] for phoneme in phonemes)


def decode(code: str) -> Pronunciation:
    """Return the phonemes that ``encode`` was given."""
    return tuple(_PHONEME[character] for character in code)


def pack(lexicon: Mapping[str, str]) -> bytes:
    """Compress words and their encoded phonemes. The same lexicon gives the same bytes."""
    table = "\n".join(f"{word}\t{code}" for word, code in sorted(lexicon.items()))
    return lzma.compress(table.encode(), format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, preset=6)


def unpack(data: bytes) -> dict[str, str]:
    """Return the words and their encoded phonemes. Raises ValueError where the data is damaged."""
    try:
        table = lzma.decompress(data).decode()
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise ValueError(f"not a packed lexicon: {error}") from None
    return dict(line.split("\t", 1) for line in table.split("\n") if line)
