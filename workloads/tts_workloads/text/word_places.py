"""Finds which written words are read as which spoken words: ``$3`` is read as two words, and ``3 May`` as four in
another order. It works for any language that parts words by spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Match:
    """Written words and the spoken words that they are read as, each by the index of the first and the index after the
    last."""

    written: tuple[int, int]
    spoken: tuple[int, int]


def match(written: Sequence[Sequence[str]], spoken: Sequence[str]) -> list[Match]:
    """Match each written word with what is read for it, in order.

    ``written`` has, for each written word, what it is read as where it stands alone, which may be nothing. ``spoken``
    is what all of them are read as together. Written words that can't be told apart in it share a match.
    """
    owners = [place for place, words in enumerate(written) for _ in words]
    alone = [word.lower() for words in written for word in words]
    together = [word.lower() for word in spoken]
    if not alone:
        return [Match((0, len(written)), (0, len(spoken)))]
    matches: list[Match] = []
    for begin, end, first, last in _blocks(alone, together):
        # What is not read, and what is read without being written, belongs to its neighbour.
        whose = (owners[begin], owners[end - 1] + 1) if begin < end else None
        if matches and (whose is None or first == last or whose[0] < matches[-1].written[1]):
            before = matches.pop()
            until = before.written[1] if whose is None else max(before.written[1], whose[1])
            matches.append(Match((before.written[0], until), (before.spoken[0], last)))
        else:
            matches.append(Match(whose or (0, 0), (first, last)))
    return _with_the_unread_first(matches)


def _blocks(alone: Sequence[str], together: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield spans of ``alone`` and of ``together``: equal words one by one, and unequal ones in blocks."""
    for kind, begin, end, first, last in SequenceMatcher(None, alone, together, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((begin + n, begin + n + 1, first + n, first + n + 1) for n in range(end - begin))
        else:
            yield begin, end, first, last


def _with_the_unread_first(matches: list[Match]) -> list[Match]:
    """The matches with the first joined to the second, if the first has no written or no spoken words."""
    if len(matches) > 1 and (matches[0].written[0] == matches[0].written[1] or matches[0].spoken[1] == 0):
        first, second, *rest = matches
        return [Match((first.written[0], second.written[1]), (first.spoken[0], second.spoken[1])), *rest]
    return matches
