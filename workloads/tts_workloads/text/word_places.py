"""Which of the written words are which of the spoken ones: ``$3`` is read as two words, ``3 May`` as four that change
places. Knows no language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Match:
    """Written words and the spoken words that they are read as, by their places: begin and behind the end."""

    written: tuple[int, int]
    spoken: tuple[int, int]


def match(written: Sequence[Sequence[str]], spoken: Sequence[str]) -> list[Match]:
    """Each written word beside what is read of it, in order.

    ``written`` has for each written word what it is read as where it stands alone, which may be nothing; ``spoken``
    what all of them are read as together. Words that can't be told apart in it share a match.
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
    """Places in ``alone`` and in ``together`` of what is equal, word by word, and of what is not, in blocks."""
    for kind, begin, end, first, last in SequenceMatcher(None, alone, together, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from ((begin + n, begin + n + 1, first + n, first + n + 1) for n in range(end - begin))
        else:
            yield begin, end, first, last


def _with_the_unread_first(matches: list[Match]) -> list[Match]:
    """A first match that lacks one side joined with the second."""
    if len(matches) > 1 and (matches[0].written[0] == matches[0].written[1] or matches[0].spoken[1] == 0):
        first, second, *rest = matches
        return [Match((first.written[0], second.written[1]), (first.spoken[0], second.spoken[1])), *rest]
    return matches
