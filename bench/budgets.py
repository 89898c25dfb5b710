"""Trains examples/ttstraining.yaml with several budgets and vocoders, and compares how long each training took with
what it was given, how well a recogniser understands the voices, how natural they sound, and how like the speaker:
``python -m bench.budgets --corpus FOLDER --budgets 2m 5m 10m --vocoders world ddsp``.

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
from itertools import product
from pathlib import Path
from statistics import fmean

import soundfile
import torch
import yaml

from bench.quality import Speaker
from bench.tables import line, table
from tts_api.architectures import WORLD
from tts_api.base import seconds_of
from tts_api.resources.training import TTSTrainingSpec
from tts_api.run import RunSources, Topology, TrainingRun, dumps
from tts_api.run_documents import training_run
from tts_api.voice import VoiceCard
from tts_workloads.data import read_corpus, split
from tts_workloads.processors import SHORT_SPIN, cpus
from tts_workloads.quality import recognise
from tts_workloads.quality.naturalness import mean_opinion_score
from tts_workloads.quality.similarity import Likeness
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
    opinion: float
    """Mean DistillMOS of the sentences, which are in no corpus of this project."""
    copied: float
    """Mean DistillMOS of copy synthesis of the held-out clips."""
    alike: float
    """Mean similarity of the sentences to the speaker's recordings."""

    def row(self) -> list[str]:
        """The training's line of the table."""
        wanted, settings = seconds_of(self.budget), self.card.settings
        return [
            self.card.model.vocoder.name,
            self.budget,
            f"{self.seconds:.0f} s",
            f"{self.seconds / wanted - 1:+.1%}",
            str(self.card.provenance.steps),
            f"{settings.batch_seconds:g} s" if settings else "",
            *(f"{rate:.1%}" for rate in self.rates.values()),
            f"{self.opinion:.2f}",
            f"{self.copied:.2f}",
            f"{self.alike:.3f}",
        ]


def run_of(budget: str, vocoder: str) -> TrainingRun:
    """The run document of the example with a budget and a vocoder."""
    spec = yaml.safe_load(MANIFEST.read_text())["spec"]
    spec["training"] = {"budget": budget}
    spec["model"]["vocoder"] = {"architecture": vocoder}
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


def judged(voice: Path, corpus_folder: Path, folder: Path) -> tuple[dict[str, float], float, float, float]:
    """The word error rates of a voice on the recogniser's own texts, which no corpus of this project contains, how
    natural its sentences sound, how natural copy synthesis does, and how like the speaker the sentences are. ``folder``
    gets the recordings."""
    speaker = Speaker(voice)
    texts = recognise.sentences()
    sounds = {text: speaker.say(text) for text in dict.fromkeys((*texts.values(), *recognise.EVERYDAY))}
    for name, text in texts.items():
        soundfile.write(folder / f"{name}.wav", sounds[text], recognise.SAMPLE_RATE)
    said = [sounds[text] for text in recognise.EVERYDAY]
    opinions = [mean_opinion_score(sound, recognise.SAMPLE_RATE) for sound in said]
    corpus = read_corpus("ljspeech", corpus_folder, speaker.voice.card.audio, speaker.voice.front_end)
    options = run_of("1m", WORLD.name).training
    _, held_out = split(corpus, options.validation.clips, options.seed)
    copies = [speaker.copy(corpus.clips[clip].waveform) for clip in held_out]
    copied = [mean_opinion_score(copy, recognise.SAMPLE_RATE) for copy in copies]
    likeness = Likeness(corpus, speaker.rate)
    alike = [cosine for sound in said if (cosine := likeness.of(sound, recognise.SAMPLE_RATE, 0)) is not None]
    return recognise.word_error_rates(folder), fmean(opinions), fmean(copied), fmean(alike)


def trainings(corpus: Path, budgets: list[str], vocoders: list[str], *, killed: bool) -> Iterator[Trained]:
    """Train with each budget and vocoder in turn."""
    for budget, vocoder in product(budgets, vocoders):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Path(folder)
            (workspace / "data").symlink_to(corpus.resolve())
            (workspace / "run.json").write_text(dumps(run_of(budget, vocoder)))
            kill_after = seconds_of(budget) / 2 if killed else None
            seconds = train(workspace / "run.json", workspace, kill_after)
            (voice,) = (workspace / "checkpoints" / "voice").glob("voice-*.pt")
            yield Trained(budget, seconds, open_voice(voice).card, *judged(voice, corpus, workspace))


def main() -> None:
    """Print the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="the corpus of the example (demo.corpus)")
    parser.add_argument("--budgets", nargs="+", default=["2m", "5m", "10m"], help="default: %(default)s")
    parser.add_argument("--vocoders", nargs="+", default=[WORLD.name], help="default: %(default)s")
    parser.add_argument("--killed", action="store_true", help="kill each training half-way and start it again")
    arguments = parser.parse_args()
    heads = ["vocoder", "budget", "took", "off by", "steps", "batch", "words wrong in digit strings"]
    heads += ["in everyday sentences", "DistillMOS of these", "of copy synthesis", "similarity of these"]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {cpus()} CPUs, PyTorch {torch.__version__}\n\n{table(heads, [])}")
    for one in trainings(arguments.corpus, arguments.budgets, arguments.vocoders, killed=arguments.killed):
        print(line(one.row()), flush=True)


if __name__ == "__main__":
    main()
