"""What the benchmarks print: tables in Markdown, and the commit that they measure."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(line(cells) for cells in (heads, ["---"] * len(heads), *rows))


def commit() -> str:
    """The short digest of the commit that is checked out; empty where there is none."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
