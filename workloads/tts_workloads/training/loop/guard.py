"""Decides whether a training goes wrong and when to give it up, from steps without a finite gradient and from losses
that explode. It sees numbers only; ``trainer`` restores the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_BAD_IN_A_ROW = 25
"""Bad steps in a row after which the training backs off; fp16 needs up to 16 to find its scale."""
MOST_BACK_OFFS = 5
"""How often the learning rate is halved before the training is given up: by then a thirty-second is left."""
EXPLODED = 10.0
"""A step is bad if its loss is more than this many times the loss of the untrained model."""
FIRST_STEPS = 10
"""Number of first steps whose mean loss counts as the loss of the untrained model."""
LATE = 2
"""Steps from the last bad one to the back-off: the numbers of a step are read while the next one is computed."""


class Diverged(Exception):
    """The training is given up. The message reports what was observed."""


@dataclass
class Guard:
    """What was observed of the steps of a stage. All of it is saved, so that a resumed training backs off at the same
    step."""

    bad: int = 0
    """Number of bad steps in a row up to now."""
    worst: float = 0.0
    """The loss of the last bad step; NaN where its gradient was not finite."""
    first_loss: float = 0.0
    """Mean loss of the first good steps."""
    first_steps: int = 0
    """Number of steps in ``first_loss``, ``FIRST_STEPS`` at most."""
    back_offs: int = 0
    due: int | None = None
    """The step before which to back off; None where there is no reason to."""
    good: int = 0
    """The last step of the stage whose checkpoint is good enough to go back to."""

    @property
    def rate(self) -> float:
        """The factor on all learning rates."""
        return float(0.5**self.back_offs)

    def take(self, step: int, loss: float, *, finite: bool) -> None:
        """Observe a step. ``step`` counts from 0 in the stage; ``finite`` tells whether all gradients were finite."""
        exploded = self.first_steps == FIRST_STEPS and loss > EXPLODED * abs(self.first_loss)
        if finite and math.isfinite(loss) and not exploded:
            self.bad = 0
            if self.first_steps < FIRST_STEPS:
                self.first_loss = (self.first_loss * self.first_steps + loss) / (self.first_steps + 1)
                self.first_steps += 1
            return
        self.bad, self.worst = self.bad + 1, loss if finite else math.nan
        if self.bad >= MOST_BAD_IN_A_ROW and self.due is None:
            self.due = step + LATE

    def must_back_off(self, step: int) -> bool:
        """Whether to back off before a step."""
        return self.due is not None and step >= self.due

    def back_off(self) -> None:
        """Halve the learning rates. Raises Diverged if this was done ``MOST_BACK_OFFS`` times before."""
        if self.back_offs == MOST_BACK_OFFS:
            seen = "not a number" if math.isnan(self.worst) else f"{self.worst:.4g} (at first {self.first_loss:.4g})"
            raise Diverged(
                f"loss or gradient was {seen} for {MOST_BAD_IN_A_ROW} steps in a row, also after the learning rate was "
                f"halved {MOST_BACK_OFFS} times"
            )
        self.back_offs, self.bad, self.due = self.back_offs + 1, 0, None
