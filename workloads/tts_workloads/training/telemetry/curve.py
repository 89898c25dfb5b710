"""The loss curve: a file with one JSON line for each point, which a resumed training continues. ``pictures`` draws
it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

MOST_POINTS = 5000
"""About how many points of the training loss are kept over all steps. Where nobody knows their number, ever fewer of
them are kept the more there are."""


class Curve:
    """A file of points in the order of their steps. Without a path nothing is kept."""

    def __init__(self, path: Path | None, total_steps: int) -> None:
        self._path = path
        self._total_steps = total_steps
        self._file: TextIO | None = None

    def add(self, step: int, stage: str, values: dict[str, float]) -> bool:
        """Add a point: validation losses always, training losses at some steps only. Returns whether it was added."""
        validation = any(name.startswith("validation/") for name in values)
        if self._path is None or (step % self._every(step) and not validation):
            return False
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", buffering=1)
        self._file.write(json.dumps({"step": step, "stage": stage, **values}) + "\n")
        return True

    def _every(self, step: int) -> int:
        """Of how many steps around ``step`` one is kept."""
        return (
            max(1, self._total_steps // MOST_POINTS) if self._total_steps else 1 << (step // MOST_POINTS).bit_length()
        )

    def resume(self, step: int) -> None:
        """Remove the points after a step, and a last line that is torn."""
        if self._path is None or not self._path.exists():
            return
        self.close()
        kept = [point for point in read(self._path) if point["step"] <= step]
        unfinished = self._path.with_suffix(".tmp")
        unfinished.write_text("".join(json.dumps(point) + "\n" for point in kept))
        unfinished.replace(self._path)

    def close(self) -> None:
        """Close the file. ``add`` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path) -> list[dict[str, Any]]:
    """The points of a curve; lines that cannot be read are left out."""
    points = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            points.append(json.loads(line))
        except ValueError:
            continue  # the line that was being written when the process was killed
    return points
