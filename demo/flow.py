"""What the demo does, in order: it trains, serves, speaks, fetches, listens, and leaves a page. Whatever ends it early,
nothing is left running, and there is one message."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform as machine
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import httpx

from demo import corpus as demo_corpus
from demo import costs, last_lines, listen, on_cluster, page
from demo.children import ChildFailed
from demo.on_cluster import OnCluster
from demo.on_machine import OnMachine
from demo.screen import Screen
from demo.steps import Steps, clock, disk, table
from devcluster import cluster as embedded
from devcluster import space, timing
from devcluster.cache import cache_folder
from devcluster.commands import PartsError
from devcluster.processes import ClusterError
from tts_workloads.quality import recognise

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "demo-output"
_FAILURES = (
    ChildFailed,
    ClusterError,
    PartsError,
    OSError,
    demo_corpus.CorpusUnavailable,
    httpx.HTTPError,
    subprocess.SubprocessError,
)


class Way(Protocol):
    """A way to train and to serve: on a cluster, or on this machine alone."""

    left_out: str

    def train(self, corpus: Path) -> None:
        """Train the voice."""

    def serving(self) -> contextlib.AbstractContextManager[str]:
        """Serve it, and yield the address."""

    def fetch(self, output: Path) -> None:
        """Put ``voice.pt`` and ``report/`` into the folder."""

    def end(self, *, keep: bool) -> bool:
        """End what runs, unless it is to be kept; return whether it still runs."""

    def abandon(self) -> None:
        """End what runs, whatever state it is in."""

    def post_mortem(self) -> list[str]:
        """Return what helps to understand a failure."""


def run(state: str, screen: Screen, output: Path = OUTPUT) -> int:
    """Run the demo and return the exit status. ``state`` is what ``demo.__main__`` handed over. Raises Stopped."""
    told = json.loads(state)
    steps = Steps.resumed(told["steps"], screen)
    why = told["why"]
    way: Way = OnCluster(steps, screen) if why is None else OnMachine(steps, screen, output, why)
    return go(way, steps, screen, output, keep=os.environ.get("KEEP") == "1")


def go(way: Way, steps: Steps, screen: Screen, output: Path, *, keep: bool) -> int:
    """Run the demo in one of the ways and return the exit status. Raises Stopped, when everything is taken down."""
    with _left_clean(way):
        try:
            runs = leave_voice(way, steps, screen, output, keep=keep)
        except _FAILURES as error:
            for line in [f"make demo: {error}", *way.post_mortem(), *costs.full([output, cache_folder()])]:
                screen.say(line)
            screen.say(_taken_down(way))
            return 1
    report(way, steps, screen, output, is_kept=runs)
    return 0


def leave_voice(way: Way, steps: Steps, screen: Screen, output: Path, *, keep: bool) -> bool:
    """Do all steps, and return whether the cluster still runs. Raises what the steps raise."""
    corpus = demo_corpus.prepare()
    greeting = listen.GREETING_HERE if way.left_out else listen.GREETING
    way.train(corpus)
    clear(output)
    with way.serving() as url, steps.step("Speaking"):
        listen.speak(url, output / "speech", greeting)
    with steps.step("Fetching voice, pictures and model card"):
        way.fetch(output)
    with contextlib.nullcontext() if keep else steps.step("Taking down what runs"):
        runs = way.end(keep=keep)
    with steps.step("Measuring how well a recogniser understands the voice (offline, whisper tiny.en)"):
        heard = listen.hear(output / "speech")
    for kind, rate in recognise.rates(heard).items():
        screen.say(f"  word error rate, {kind}: {screen.bold(f'{rate:.1%}')}")
    commands = last_lines.speaking(last_lines.SPEAK_PORT)
    transcripts = _transcripts(corpus)
    page.write(output, page.Facts(steps.rows, steps.seconds, heard, greeting, commands, transcripts, way.left_out))
    return runs


def clear(output: Path) -> None:
    """Delete what an earlier demo left in the folder, except what this one needs."""
    for path in output.iterdir():
        if path.is_dir() and not path.name.startswith("."):
            shutil.rmtree(path)
        elif not path.name.startswith("."):
            path.unlink()


def report(way: Way, steps: Steps, screen: Screen, output: Path, *, is_kept: bool) -> None:
    """Print the table of times, the last lines and what was left out, and keep the times in ``times.json``."""
    parts = [asdict(part) for part in timing.parts()]
    facts = {"cluster": not way.left_out, "processor": _processor(), "cpus": len(os.sched_getaffinity(0))}
    taken = space.taken()
    document = steps.document(parts, {**facts, "bytes": taken})
    (output / "times.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (output / ".parts.jsonl").unlink(missing_ok=True)
    screen.say(screen.bold("Times"))
    for line in table(steps.rows, steps.seconds):
        screen.say(line)
    screen.say(f"In {cache_folder()} there are now {disk(taken)}.")
    for line in last_lines.lines(
        output / page.PAGE,
        embedded.DEFAULT_STATE,
        cache_folder(),
        is_kept=is_kept,
        has_pods=not way.left_out,
        namespace=on_cluster.NAMESPACE,
        service=on_cluster.SERVICE,
    ):
        screen.say(line)
    screen.say(f"Done in {clock(steps.seconds)}.")
    if way.left_out:
        screen.say(way.left_out)


@contextmanager
def _left_clean(way: Way) -> Iterator[None]:
    """Take down what runs if the block is left by anything but its end, a signal above all."""
    try:
        yield
    except BaseException:
        _taken_down(way)
        raise


def _taken_down(way: Way) -> str:
    """Take down what runs, and return a line that says so, or why not."""
    try:
        way.abandon()
    except (ClusterError, OSError) as error:
        return f"What the demo had started could not be taken down ({error}): `make cluster-down` tries it again."
    return "What the demo had started is taken down. `make demo` starts again."


def _transcripts(corpus: Path) -> dict[str, str]:
    """Return the texts of the corpus by the names that a report gives its samples."""
    with (corpus / "metadata.csv").open(encoding="utf-8") as lines:
        return {row[0]: row[1] for row in csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE)}


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return machine.processor() or machine.machine()
