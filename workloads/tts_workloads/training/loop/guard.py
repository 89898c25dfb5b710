"""Whether a training goes wrong, and when it has gone wrong for good: steps without a finite gradient, and losses that
explode. Knows numbers alone; what is restored then is the affair of ``loop``."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_BAD_IN_A_ROW = 25
"""Bad steps in a row after which the training backs off; fp16 needs up to 16 to find its scale."""
MOST_BACK_OFFS = 5
"""How often the learning rate is halved before the training is given up: a thirty-second is left by then."""
EXPLODED = 10.0
"""A loss so many times that of the untrained model is a bad step's: the model is far worse than one that knows
nothing."""
FIRST_STEPS = 10
"""Steps whose mean loss is taken for that of the untrained model."""
LATE = 2
"""Steps after the last bad one at which the training backs off: its numbers are read while the next one is computed."""


class Diverged(Exception):
    """The training was given up; the message says what was seen."""


@dataclass
class Guard:
    """What was seen of a stage's steps. All of it is saved, so that a resumed training backs off at the same step."""

    bad: int = 0
    """Bad steps in a row just now."""
    worst: float = 0.0
    """The loss of the last bad step; not a number where it had none."""
    first_loss: float = 0.0
    """Mean loss of the first good steps."""
    first_steps: int = 0
    """How many steps that is the mean of, ``FIRST_STEPS`` at most."""
    back_offs: int = 0
    due: int | None = None
    """The step before which to back off."""
    good: int = 0
    """The stage's last step whose checkpoint is worth going back to."""

    @property
    def rate(self) -> float:
        """The factor on all learning rates."""
        return float(0.5**self.back_offs)

    def take(self, step: int, loss: float, *, finite: bool) -> None:
        """Take a step's numbers in. ``step`` counts from 0 in the stage; ``finite`` says whether its gradients were."""
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
        """Halve the learning rates, or raise Diverged where that was done often enough."""
        if self.back_offs == MOST_BACK_OFFS:
            seen = "not a number" if math.isnan(self.worst) else f"{self.worst:.4g} (at first {self.first_loss:.4g})"
            raise Diverged(
                f"loss or gradient was {seen} for {MOST_BAD_IN_A_ROW} steps in a row, also after the learning rate was "
                f"halved {MOST_BACK_OFFS} times"
            )
        self.back_offs, self.bad, self.due = self.back_offs + 1, 0, None
