"""An event loop on a simulated clock: its time jumps to the next alarm, so a test of hours never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

START = 1000.0
"""What the loop's clock shows at first."""

T = TypeVar("T")


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop that never waits. Where nothing is ready, its clock jumps to the time of the next alarm."""

    def __init__(self) -> None:
        super().__init__()
        self._simulated = START
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None = None) -> Any:
            self._simulated += timeout or 0.0
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._simulated


def simulated(story: Callable[[], Awaitable[T]]) -> T:
    """Run a story to its end on the simulated clock, and return its result."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(_awaited(story))


async def _awaited(story: Callable[[], Awaitable[T]]) -> T:
    return await story()


def now() -> float:
    """Seconds since the story began."""
    return asyncio.get_running_loop().time() - START
