"""Measures how long every step of the demo took. The rows become a table at the end, a file, and a part of the page."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from demo.screen import Screen


@dataclass(frozen=True)
class Row:
    """One step that is done."""

    name: str
    seconds: float


@dataclass
class Steps:
    """The steps of this run. ``began`` is the monotonic clock's time, in seconds, at which the demo began."""

    screen: Screen
    began: float = field(default_factory=time.monotonic)
    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, *, draws: bool = False) -> Iterator[None]:
        """Print the step's title, keep its heartbeat, and add its row if it succeeds.

        A step that ``draws`` a bar on a terminal has no heartbeat there, which would break the bar; elsewhere it has a
        line of its own each minute.
        """
        self.screen.title(name)
        start = time.monotonic()
        with nullcontext() if draws and self.screen.is_terminal else self.screen.heartbeat(name, patient=draws):
            yield
        seconds = time.monotonic() - start
        self.rows.append(Row(name, round(seconds, 1)))
        self.screen.say(f"  ✓ {clock(seconds)}")

    @property
    def seconds(self) -> float:
        """How long the demo has run."""
        return time.monotonic() - self.began

    def to_json(self) -> str:
        """Return what ``resumed`` reads, so that a later stage of the same process goes on with the same rows."""
        return json.dumps({"began": self.began, "rows": [dataclasses.asdict(row) for row in self.rows]})

    @classmethod
    def resumed(cls, document: str, screen: Screen) -> Steps:
        """Return the steps that ``to_json`` wrote."""
        read = json.loads(document)
        return cls(screen, read["began"], [Row(**row) for row in read["rows"]])

    def document(self, parts: Sequence[dict[str, Any]], facts: dict[str, Any]) -> dict[str, Any]:
        """Return the content of ``times.json``: ``parts`` are what was built, inside the steps."""
        return {
            **facts,
            "seconds": round(self.seconds, 1),
            "steps": [dataclasses.asdict(row) for row in self.rows],
            "parts": list(parts),
        }


def clock(seconds: float) -> str:
    """Return a duration as people write it: 8 s, 12 min 05 s, 1 h 02 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def table(rows: Iterable[Row], total: float) -> list[str]:
    """Return the lines of the table of times."""
    cells = [*((row.name, clock(row.seconds)) for row in rows), ("together", clock(total))]
    width, right = (max(len(cell[column]) for cell in cells) for column in (0, 1))
    return [f"  {name:<{width}}  {duration:>{right}}" for name, duration in cells]


def disk(sizes: Mapping[str, int]) -> str:
    """Return a line that tells the bytes of each folder, the largest first; small ones count in the sum alone."""
    shown = sorted(((size, name) for name, size in sizes.items() if size >= 5 * 10**7), reverse=True)
    listed = ", ".join(f"{name} {size / 1e9:.1f}" for size, name in shown)
    return f"{sum(sizes.values()) / 1e9:.1f} GB" + (f" ({listed})" if listed else "")
