"""Follows a training by the status of its resource alone: a bar on a terminal, a line a minute in a file.

``view`` decides what there is to say; ``training`` reads, waits and prints.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from demo.screen import Screen
from devcluster.cluster import Cluster
from devcluster.processes import ClusterError

POLL_SECONDS = 2
LINE_SECONDS = 60
PATIENCE_SECONDS = 60
"""How long the API server may be silent, as after a machine has slept, before the demo gives up."""

_TITLES = {
    "Preparing": "Preparing the corpus",
    "Acoustic": "Acoustic model",
    "Vocoder": "Vocoder",
    "Exporting": "Writing and measuring the voice",
    "Finished": "Finished",
}
_LOSSES = {"Acoustic": "Acoustic loss", "Vocoder": "Vocoder loss"}
_SWITCH = (
    "The acoustic model is trained, and the vocoder begins. The vocoder has a loss of its own, on another scale: the "
    "two do not compare. Steps count on over both."
)


@dataclass(frozen=True)
class View:
    """What a status tells about a training. ``share`` is from 0 to 1, None before the first step."""

    title: str
    share: float | None
    facts: tuple[str, ...]
    stage: str = ""

    @property
    def line(self) -> str:
        """One line for a file."""
        percent = "" if self.share is None else f" {self.share:.0%}"
        return f"  {self.title}{percent}{''.join(f', {fact}' for fact in self.facts)}"


def view(status: dict[str, Any]) -> View:
    """Return what the status of a TTSTraining tells. Fields that are not there yet are left out."""
    progress = status.get("progress", {})
    stage = progress.get("stage", "")
    display = progress.get("display", {})
    if not stage or (stage == "Preparing" and status.get("phase") == "Pending"):
        waiting = "The pod starts" if status.get("phase") == "Running" else "Waiting for a pod"
        return View(_TITLES.get(stage, waiting), None, (), stage)
    facts = []
    if progress.get("step") and (step := display.get("step")):
        facts.append(f"step {step}")
    if stage in _LOSSES and (loss := display.get("loss")):
        facts.append(f"{_LOSSES[stage]} {loss}")
    if stage in _LOSSES and (speed := progress.get("audioSecondsPerSecond")):
        facts.append(f"reads {speed:.0f} s of speech a second")
    if eta := display.get("eta"):
        facts.append(f"{eta} left")
    return View(_TITLES.get(stage, stage), _share(progress), tuple(facts), stage)


def _share(progress: dict[str, Any]) -> float | None:
    if progress.get("stage") == "Preparing":
        return None
    for done, whole in (("spentSeconds", "budgetSeconds"), ("step", "totalSteps")):
        if progress.get(whole):
            return min(1.0, float(progress.get(done, 0) / progress[whole]))
    percent = progress.get("display", {}).get("percent", "").rstrip("%")
    return min(1.0, float(percent) / 100) if percent.isdecimal() else None


def read(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    """Return the training as the API server has it. Raises ClusterError."""
    resource: dict[str, Any] = json.loads(cluster.kubectl("get", "-n", namespace, f"ttst/{name}", "-o", "json"))
    return resource


def condition(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return one condition of a resource; it is empty until it has been written."""
    conditions = resource.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


def training(
    look: Callable[[], dict[str, Any]],
    screen: Screen,
    half_way: Callable[[], None] = lambda: None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Show the progress of the training that ``look`` reads until it ends, and return it as it was then.

    ``half_way`` is called once. Raises ClusterError with the condition's message if the training failed, and what
    ``look`` raised where it fails for longer than ``PATIENCE_SECONDS``.
    """
    answered = said_at = now()
    before = View("", None, ())
    is_half_way = False
    with _bar(screen) as show:
        while True:
            try:
                resource = look()
            except ClusterError:
                if now() - answered > PATIENCE_SECONDS:
                    raise
                sleep(POLL_SECONDS)
                continue
            answered = now()
            seen = view(resource.get("status", {}))
            show(seen)
            if (before.stage, seen.stage) == ("Acoustic", "Vocoder"):
                screen.say(f"  {_SWITCH}")
            if not screen.is_terminal and (seen.title != before.title or now() - said_at >= LINE_SECONDS):
                screen.doing(seen.line)
                said_at = now()
            before = seen
            if not is_half_way and (seen.share or 0) >= 0.5:
                is_half_way = True
                half_way()
            if condition(resource, "Complete").get("status") == "True":
                return resource
            failed = condition(resource, "Failed")
            if failed.get("status") == "True":
                raise ClusterError(f"the training failed: {failed['reason']}: {failed['message']}")
            sleep(POLL_SECONDS)


@contextmanager
def _bar(screen: Screen) -> Iterator[Callable[[View], None]]:
    """Draw a bar on a terminal; draw nothing elsewhere."""
    if not screen.is_terminal:
        yield lambda _: None
        return
    one_line = Column(no_wrap=True, overflow="ellipsis")
    facts = TextColumn("{task.fields[facts]}", table_column=one_line)
    columns = (TextColumn("  {task.description}"), BarColumn(bar_width=10), facts)
    with Progress(*columns, console=Console(highlight=False), refresh_per_second=2) as bar:
        task = bar.add_task("Waiting for a pod", total=None, facts="")

        def show(seen: View) -> None:
            share = seen.share
            percent = () if share is None else (f"{share:.0%}",)
            bar.update(
                task,
                description=seen.title,
                total=None if share is None else 1.0,
                completed=share or 0,
                facts=", ".join((*percent, *seen.facts)),
            )

        yield show
