"""Tables written as text, so that many short entries are read as columns."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"(\S+): (\S+(?: \S+)*)")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def table(text: str) -> dict[str, str]:
    """Return what stands for what in a text of entries ``key: value``, in their order. An entry ends at the end of its
    line or at two spaces. Raises ValueError where an entry is no such pair."""
    entries = [entry for line in text.splitlines() for entry in re.split(r"\s{2,}", line.strip()) if entry]
    found = [_ENTRY.fullmatch(entry) for entry in entries]
    pairs = [(match[1], match[2]) for match in found if match is not None]
    if len(dict(pairs)) != len(entries):
        raise ValueError(f"an entry of the table is no pair or is there twice: {entries}")
    return dict(pairs)
