"""Measures how natural recordings sound that ``world`` has copied, with nothing trained, and what analysis and
synthesis cost: ``python -m bench.copy_synthesis --corpus FOLDER``. Each hop length and each sharpness is a row."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import fmean, stdev

import torch

from bench.tables import commit, line, table
from tts_api.architectures import WorldParameters
from tts_api.resources.training import AudioFeatures
from tts_workloads import text
from tts_workloads.data import read_corpus, split
from tts_workloads.data.analysis.world import WorldAnalysis
from tts_workloads.models.vocoder.world import PulseTrack, World
from tts_workloads.processors import cpus
from tts_workloads.quality.naturalness import mean_opinion_score

LEAST_SECONDS = 1.5
"""Shorter clips are left out, because DistillMOS knows sentences."""


def scored(sounds: Sequence[torch.Tensor], rate: int) -> str:
    """Mean and standard error of DistillMOS over sounds ``[samples]``."""
    scores = [mean_opinion_score(sound.numpy(), rate) for sound in sounds]
    return f"{fmean(scores):.2f} ± {stdev(scores) / len(scores) ** 0.5:.2f}"


@torch.inference_mode()
def copies(audio: AudioFeatures, sharpness: float, clips: Sequence[torch.Tensor]) -> list[str]:
    """The row of a hop length and a sharpness."""
    analysis, track = WorldAnalysis(audio), PulseTrack(audio)
    vocoder = torch.jit.script(World(WorldParameters(sharpness=sharpness), audio).eval())
    began = time.process_time()
    features = [analysis.frames(analysis.features(clip)).T[None] for clip in clips]
    analysed = time.process_time() - began
    with torch.jit.optimized_execution(should_optimize=False):
        vocoder(track(features[0]))
        began = time.process_time()
        made = [vocoder(track(one))[0] for one in features]
        spoken = time.process_time() - began
    seconds = sum(len(clip) for clip in clips) / audio.sample_rate
    milliseconds = 1000 * audio.hop_length / audio.sample_rate
    costs = [f"{analysed / seconds:.4f}", f"{spoken / seconds:.4f}"]
    return [f"world, {milliseconds:g} ms, sharpness {sharpness:g}", scored(made, audio.sample_rate), *costs]


def main() -> None:
    """Print the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="an LJSpeech folder (demo.corpus)")
    parser.add_argument("--clips", type=int, default=24, help="most held-out clips (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=16000, help="samples per second (default: %(default)s)")
    parser.add_argument("--hops", type=int, nargs="+", default=[256, 128], help="in samples (default: %(default)s)")
    parser.add_argument("--sharpness", type=float, nargs="+", default=[0.0, 0.5, 0.8], help="default: %(default)s")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    audio = AudioFeatures(sample_rate=arguments.rate)
    corpus = read_corpus("ljspeech", arguments.corpus, audio, text.for_training("en-us"))
    _, held_out = split(corpus, 50, 1)
    chosen = [corpus.clips[clip].waveform for clip in held_out if corpus.clips[clip].seconds >= LEAST_SECONDS]
    chosen = chosen[: arguments.clips]
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {cpus()} cores, one thread, {len(chosen)} clips\n")
    heads = ["", "DistillMOS", "CPU seconds of analysis for a second", "of synthesis"]
    print(table(heads, [["recordings", scored(chosen, audio.sample_rate), "-", "-"]]))
    for hop, sharpness in product(arguments.hops, arguments.sharpness):
        other = audio.model_copy(update={"hop_length": hop})
        print(line(copies(other, sharpness, chosen)), flush=True)


if __name__ == "__main__":
    main()
