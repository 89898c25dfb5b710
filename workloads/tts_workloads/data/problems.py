"""What is wrong with a corpus, all of it at once: the error that a reader raises."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tts_api.reasons import Reason
from tts_workloads.ending import BadInput

MOST_SHOWN = 10
"""Problems that the message lists; how many more there are it says as a number."""
LONGEST_PROBLEM_CHARACTERS = 160


class InvalidDataset(BadInput):
    """The corpus cannot be trained on as it is."""

    def __init__(self, folder: Path, problems: Sequence[str], remedy: str = "correct or remove these") -> None:
        self.problems = tuple(problems)
        """Every problem, those of the list before those of the clips: file, line, what is wrong."""
        shown = [
            p if len(p) <= LONGEST_PROBLEM_CHARACTERS else p[: LONGEST_PROBLEM_CHARACTERS - 1] + "…" for p in problems
        ]
        more = f"; and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
        count = "1 problem" if len(shown) == 1 else f"{len(shown)} problems"
        super().__init__(
            Reason.INVALID_DATASET, f"{folder}: {count}: {'; '.join(shown[:MOST_SHOWN])}{more}. Remedy: {remedy}"
        )
