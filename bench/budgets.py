"""Trains examples/ttstraining.yaml with several budgets, and compares how long each training took with what it was
given, and how well a recogniser understands the voices:
``python -m bench.budgets --corpus FOLDER --budgets 2m 5m 10m``.

With ``--killed`` each training is killed in the middle of its budget and started again. Each training is a process of
its own, started as a pod starts it, and one runs after the other.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import soundfile
import torch
import yaml

from bench.quality import Speaker, table
from tts_api.base import seconds_of
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import RunSources, Topology, TrainingRun, dumps
from tts_api.run_documents import training_run
from tts_api.voice import VoiceCard
from tts_workloads.processors import SHORT_SPIN, cpus
from tts_workloads.quality import recognise
from tts_workloads.voice_file import open_voice

MANIFEST = Path(__file__).parents[1] / "examples" / "ttstraining.yaml"


@dataclass(frozen=True)
class Trained:
    """A finished training."""

    budget: str
    seconds: float
    """Seconds that its processes ran."""
    card: VoiceCard
    rates: dict[str, float]
    """Word error rates of the recogniser, by the name of the set of texts."""

    def row(self) -> list[str]:
        """The training's line of the table."""
        wanted, settings = seconds_of(self.budget), self.card.settings
        return [
            self.budget,
            f"{self.seconds:.0f} s",
            f"{self.seconds / wanted - 1:+.1%}",
            str(self.card.provenance.steps),
            f"{settings.batch_seconds:g} s" if settings else "",
            *(f"{rate:.1%}" for rate in self.rates.values()),
        ]


def run_of(budget: str) -> TrainingRun:
    """The run document of the example with a budget."""
    spec = yaml.safe_load(MANIFEST.read_text())["spec"]
    spec["training"] = {"budget": budget}
    return training_run(TTSTrainingSpec.model_validate(spec), output="voice", sources=RunSources(), topology=Topology())


def train(run: Path, workspace: Path, kill_after: float | None) -> float:
    """Train, killed once after some seconds if they are given. Returns the seconds that the processes ran."""
    command = [sys.executable, "-m", "tts_workloads.training", "--run", run, "--workspace", workspace]
    seconds = 0.0
    for limit in (kill_after, None) if kill_after is not None else (None,):
        began = time.monotonic()
        with subprocess.Popen(command, stdout=sys.stderr, env=SHORT_SPIN | os.environ) as process:
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                code = 0
        seconds += time.monotonic() - began
        if code:
            raise SystemExit(f"the training ended with exit status {code}")
    return seconds


def rates_of(voice: Path, folder: Path) -> dict[str, float]:
    """The word error rates of a voice on the recogniser's own texts, which no corpus of this project contains.
    ``folder`` gets the recordings."""
    speaker = Speaker(voice)
    for name, text in recognise.sentences().items():
        soundfile.write(folder / f"{name}.wav", speaker.say(text), recognise.SAMPLE_RATE)
    return recognise.word_error_rates(folder)


def trainings(corpus: Path, budgets: list[str], *, killed: bool) -> Iterator[Trained]:
    """Train with each budget in turn."""
    for budget in budgets:
        with tempfile.TemporaryDirectory() as folder:
            workspace = Path(folder)
            (workspace / "data").symlink_to(corpus.resolve())
            (workspace / "run.json").write_text(dumps(run_of(budget)))
            kill_after = seconds_of(budget) / 2 if killed else None
            seconds = train(workspace / "run.json", workspace, kill_after)
            (voice,) = (workspace / "checkpoints" / "voice").glob("voice-*.pt")
            rates = rates_of(voice, workspace)
            yield Trained(budget, seconds, open_voice(voice).card, rates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="the corpus of the example (demo.corpus)")
    parser.add_argument("--budgets", nargs="+", default=["2m", "5m", "10m"], help="default: %(default)s")
    parser.add_argument("--killed", action="store_true", help="kill each training half-way and start it again")
    arguments = parser.parse_args()
    heads = ["budget", "took", "off by", "steps", "batch", "words wrong in digit strings", "in everyday sentences"]
    rows: list[list[str]] = []
    try:
        rows.extend(one.row() for one in trainings(arguments.corpus, arguments.budgets, killed=arguments.killed))
    finally:  # what was measured is shown, also where a later training fails
        print(f"\n{datetime.now(UTC):%Y-%m-%d}, {cpus()} CPUs, PyTorch {torch.__version__}\n")
        print(table(heads, rows))


if __name__ == "__main__":
    main()
