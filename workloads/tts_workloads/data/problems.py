"""The error that reports all problems of a corpus at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput

MOST_SHOWN = 10
"""Problems that the message lists. It counts the others."""
LONGEST_PROBLEM_CHARACTERS = 160
LONGEST_LIST_CHARACTERS = 1000
"""Characters of all problems in a message, so that its remedy is not cut off."""


class InvalidDataset(BadInput):
    """The corpus cannot be trained on as it is."""

    def __init__(
        self, folder: Path, problems: Sequence[str], remedy: str = "correct or remove these", *, listed_in: str = ""
    ) -> None:
        """``listed_in`` is the path of a file with every problem, where there is one."""
        self.folder, self.remedy = folder, remedy
        self.problems = tuple(problems)
        """Every problem with its file and line. Those of the list of clips come before those of the clips."""
        shown = _shown(problems)
        more = f"; and {len(problems) - len(shown)} more" if len(problems) > len(shown) else ""
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        where = f" (in full: {listed_in})" if listed_in else ""
        super().__init__(
            Reason.INVALID_DATASET, f"{folder}: {count}{where}: {'; '.join(shown)}{more}. Remedy: {remedy}"
        )


def _shown(problems: Sequence[str]) -> list[str]:
    """The first problems, as many as the message has room for. Long ones are cut."""
    shown: list[str] = []
    for problem in problems[:MOST_SHOWN]:
        cut = problem if len(problem) <= LONGEST_PROBLEM_CHARACTERS else problem[: LONGEST_PROBLEM_CHARACTERS - 1] + "…"
        if sum(map(len, shown)) + len(cut) > LONGEST_LIST_CHARACTERS:
            break
        shown.append(cut)
    return shown
