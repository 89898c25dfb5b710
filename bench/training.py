"""Measures how fast the models train: ``python -m bench.training``. It times the steps of the training loop for each
model, in every precision that the device computes in hardware, and compares them with the same steps written plainly in
eager PyTorch.

All contenders of a model share one process, one corpus and the same batches, and take turns in short blocks, so that
other work on the machine slows all of them equally. The corpus is synthetic, with clips and texts as long as
LJSpeech's.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from bench.tables import commit
from tts_api.architectures import VOCODERS as VOCODER_ARCHITECTURES
from tts_api.resources.training_options import Precision
from tts_api.run import TrainingRun
from tts_workloads import models, text
from tts_workloads.data import Clip, Corpus, Utterance, features_of
from tts_workloads.models.stage import Stage
from tts_workloads.processors import cpu_has_bf16, cpus
from tts_workloads.training.loop.optimise import Optimiser
from tts_workloads.training.loop.precision import choose
from tts_workloads.training.loop.readings import Reading

SAMPLE_RATE, HOP_LENGTH = 22050, 256
SYMBOLS_PER_SECOND = 15.0
"""As in LJSpeech."""
STEP = 1_000_000
"""The number of the step that is repeated: after every warm-up of a loss."""
RATE = 1e-6
"""A learning rate at which many steps on few clips change nothing that matters."""
BATCH_SECONDS = {
    "cuda": {"fastspeech2": 845.0, "vocos": 285.0, "hifigan": 285.0, "ddsp": 285.0},
    "cpu": {"fastspeech2": 30.0, "vocos": 10.0, "hifigan": 5.0, "ddsp": 20.0},
}
"""Seconds of speech in a batch. On a GPU as in the published rows: 128 utterances, 128 pieces of 32 frames."""
SIZES = {
    "cuda": {
        "fastspeech2": {
            "hiddenSize": 384,
            "encoderLayers": 6,
            "decoderLayers": 6,
            "attentionHeads": 1,
            "filterSize": 1536,
            "kernelSize": 3,
        }
    },
    "cpu": {},
}
"""Parameters in place of the defaults. On a GPU as in the published rows: FastPitch's."""
PUBLISHED = {
    "fastspeech2": (("FastPitch, A100, TF32 (NVIDIA, batch 128)", 141_028), ("FastPitch, A100, AMP", 148_149)),
    "hifigan": (("HiFi-GAN, A100, TF32 (NVIDIA, batch 128)", 12_055), ("HiFi-GAN, A100, AMP", 15_579)),
}
"""Mel frames per second of NVIDIA's DeepLearningExamples, from their README files."""
HEADER = "| model | step | mel frames/s, median | spread | times plain |\n| --- | --- | --- | --- | --- |"

Step = Callable[[Sequence[Utterance]], float]
"""Does a step on a batch and gives the seconds of speech in it."""


def corpus_of(seconds: float, symbols: int) -> Corpus:
    """Clips of 1 to 10 s whose pitch the tracker finds as in a voice, together at least so many seconds."""
    draw = random.Random(1)
    torch.manual_seed(1)
    time_of = torch.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    voice = torch.stack([torch.sin(2 * math.pi * 110 * k * time_of) / k for k in range(1, 20)]).sum(0)
    voice = 0.2 * voice * (1 + torch.sin(2 * math.pi * 3 * time_of)) + 0.01 * torch.randn(len(time_of))
    clips: list[Clip] = []
    while sum(clip.seconds for clip in clips) < seconds:
        frames = int(min(10.0, max(1.0, draw.gauss(6.6, 2.2))) * SAMPLE_RATE / HOP_LENGTH)
        lasting = frames * HOP_LENGTH / SAMPLE_RATE
        tokens = torch.randint(1, symbols, (int(SYMBOLS_PER_SECOND * lasting),))
        clips.append(Clip(str(len(clips)), "", 0, tokens, voice[: frames * HOP_LENGTH].clone(), lasting))
    return Corpus(tuple(clips), ("default",), "0" * 64, sum(clip.seconds for clip in clips))


def stage_of(name: str, batch_seconds: float, parameters: dict[str, int], device: torch.device) -> Stage:
    """A model's stage, on a corpus of some batches."""
    vocoder = name if name in models.VOCODERS else "griffinlim"
    options = {"maxSteps": 1, "batchSeconds": batch_seconds, "learningRate": 1e-4}
    if vocoder != "griffinlim":
        options["vocoderMaxSteps"] = 1
    run = TrainingRun.model_validate(
        {
            "output": "bench",
            "dataset": {"format": "ljspeech", "language": "en-us", "audio": {}},
            "model": {
                "acoustic": {"parameters": parameters if vocoder == "griffinlim" else {}},
                "vocoder": {"architecture": vocoder},
            },
            "training": options,
        }
    )
    symbols = text.for_training("en-us").symbols
    corpus = corpus_of(max(60.0, 2.5 * batch_seconds), len(symbols))
    features = features_of(corpus, run.dataset.audio, device)
    task = models.Task(run, corpus, range(len(corpus.clips)), [], symbols, features)
    acoustic = models.ACOUSTIC_MODELS["fastspeech2"](task)
    return acoustic if name in models.ACOUSTIC_MODELS else models.VOCODERS[name](task, acoustic)


def ours(stage: Stage, precision: Precision, device: torch.device, *, tf32: bool) -> Step:
    """The steps that the training loop does, without its progress and its checkpoints."""
    number_format = choose(precision, device)
    optimiser = Optimiser(stage.training_module, stage.optimisation, number_format)
    late: list[Reading] = []

    def step(utterances: Sequence[Utterance]) -> float:
        _set_tf32(tf32)
        batch = stage.collate(utterances).to(device)
        with number_format.autocast():
            losses = stage.training_module(batch, STEP)
        finite = optimiser.step(losses["loss"], [RATE] * len(optimiser.groups))
        while late:
            late.pop().read()
        late.append(Reading({"finite": finite, **losses}))
        return batch.seconds

    return step


def plain(stage: Stage, device: torch.device) -> Step:
    """Forward, backward, clipping, AdamW and reading the loss, with PyTorch's defaults."""
    optimizer = torch.optim.AdamW(stage.training_module.parameters(), lr=RATE)

    def step(utterances: Sequence[Utterance]) -> float:
        _set_tf32(False)
        batch = stage.collate(utterances).to(device)
        optimizer.zero_grad()
        loss = stage.training_module(batch, STEP)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(stage.training_module.parameters(), 1000.0)
        optimizer.step()
        loss.item()
        return batch.seconds

    return step


def _set_tf32(on: bool) -> None:
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on


def contenders(stage: Stage, device: torch.device) -> dict[str, Step]:
    """The steps that are measured for a model by name, the plain one first."""
    steps = {"plain eager fp32": plain(stage, device)}
    if device.type == "cuda":
        steps["fp32 (TF32 off)"] = ours(stage, "fp32", device, tf32=False)
        steps["fp32 (TF32)"] = ours(stage, "fp32", device, tf32=True)
        steps["fp16"] = ours(stage, "fp16", device, tf32=True)
        if torch.cuda.get_device_capability(device) >= (8, 0):
            steps["bf16"] = ours(stage, "bf16", device, tf32=True)
    else:
        steps["fp32"] = ours(stage, "fp32", device, tf32=False)
        if cpu_has_bf16():
            steps["bf16"] = ours(stage, "bf16", device, tf32=False)
    return steps


@dataclass(frozen=True)
class Row:
    """One contender's speed in each of its blocks, in mel frames per second."""

    name: str
    speeds: list[float]

    @property
    def median(self) -> float:
        """The median of the speeds."""
        return statistics.median(self.speeds)


def measure(name: str, device: torch.device, batch_seconds: float, blocks: int, block_seconds: float) -> list[Row]:
    """Let a model's contenders take turns."""
    stage = stage_of(name, batch_seconds, SIZES[device.type].get(name, {}), device)
    stage.training_module.to(device).train()
    batches = list(stage.batches(0, 0, 1))
    for utterances in batches:
        stage.prepare(clip for utterance in utterances for clip in utterance)  # computed once for each clip
    steps = contenders(stage, device)
    for step in steps.values():
        for utterances in batches[:2]:
            step(utterances)  # allocates, and tries algorithms
    speeds: dict[str, list[float]] = {contender: [] for contender in steps}
    for block in range(blocks):
        for contender, step in steps.items():
            speeds[contender].append(_speed(step, batches[block:] + batches[:block], device, block_seconds))
    return [Row(contender, found) for contender, found in speeds.items()]


def _speed(step: Step, batches: Sequence[Sequence[Utterance]], device: torch.device, least_seconds: float) -> float:
    spoken, done = 0.0, 0
    _wait_for(device)
    began = time.perf_counter()
    # Whole passes over the same batches, so that no contender has the shorter ones.
    while done % len(batches) or time.perf_counter() - began < least_seconds:
        spoken += step(batches[done % len(batches)])
        done += 1
    _wait_for(device)
    return spoken * SAMPLE_RATE / HOP_LENGTH / (time.perf_counter() - began)


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def machine(device: torch.device) -> str:
    """The machine in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    load = os.getloadavg()[0]
    return f"{names[0] if names else platform.machine()}, {cpus()} cores, load {load:.1f} before"


def main() -> None:
    """Print the table."""
    trained = [*models.ACOUSTIC_MODELS, *(name for name in models.VOCODERS if VOCODER_ARCHITECTURES[name].trained)]
    parser = argparse.ArgumentParser(description="Measure how fast the models train.")
    parser.add_argument("--models", nargs="+", choices=trained, default=trained)
    parser.add_argument("--blocks", type=int, default=5, help="turns of each contender; the table has their median")
    parser.add_argument("--block-seconds", type=float, default=5.0, help="least length of a turn")
    options = parser.parse_args()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    torch.set_num_threads(cpus())
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {machine(device)}, PyTorch {torch.__version__}\n")
    print(HEADER)
    for name in options.models:
        seconds = BATCH_SECONDS[device.type][name]
        rows = measure(name, device, seconds, options.blocks, options.block_seconds)
        for row in rows:
            spread = f"{min(row.speeds):,.0f} to {max(row.speeds):,.0f}"
            times = f"{row.median / rows[0].median:.2f}"
            print(f"| {name} | {row.name} | {row.median:,.0f} | {spread} | {times} |", flush=True)
        for source, speed in PUBLISHED.get(name, ()) if device.type == "cuda" else ():
            print(f"| | *{source}* | {speed:,} | - | {speed / rows[0].median:.2f} |", flush=True)


if __name__ == "__main__":
    main()
