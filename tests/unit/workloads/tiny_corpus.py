"""A corpus of tones: no speech, but enough to see a training from its first line to its last within seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SAMPLE_RATE = 16000
SENTENCES = (
    "Good morning.",
    "One, two, three.",
    "Please hold the line.",
    "The number is nine.",
    "Thank you very much.",
    "Press any key.",
    "Your call is first.",
    "Goodbye.",
    "We are closed today.",
    "Try again later.",
)


def write_corpus(folder: Path, clips: int = 20, sentences: Sequence[str] = SENTENCES) -> Path:
    """Write an LJSpeech folder whose clips are as long as their text and sound different for every letter."""
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for number in range(clips):
        text = sentences[number % len(sentences)]
        tones = [0.3 * np.sin(2 * np.pi * (200 + 20 * (ord(c) % 32)) * np.arange(1280) / SAMPLE_RATE) for c in text]
        noise = 0.01 * np.random.default_rng(number).normal(size=1280 * len(text))
        soundfile.write(folder / "wavs" / f"clip{number:02}.wav", np.concatenate(tones) + noise, SAMPLE_RATE)
        lines.append(f"clip{number:02}|{text}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def run_document(**changes: Any) -> dict[str, Any]:
    """A run over such a corpus with models as small as the API allows."""
    document: dict[str, Any] = {
        "schema": 1,
        "output": "voice",
        "dataset": {"format": "ljspeech", "path": "tones", "language": "en-us", "audio": {"sampleRate": SAMPLE_RATE}},
        "model": {
            "acoustic": {"parameters": {"hiddenSize": 32, "encoderLayers": 1, "decoderLayers": 1}},
            "vocoder": {
                "architecture": "vocos",
                "parameters": {"hiddenSize": 32, "layers": 1, "discriminatorChannels": 1, "pretrainingSteps": 2},
            },
        },
        "training": {
            "maxSteps": 6,
            "vocoderMaxSteps": 4,
            "batchSeconds": 4,
            "checkpointEverySteps": 2,
            "validation": {"clips": 2, "everySteps": 4},
        },
    }
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        node = document
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return document


def write_workspace(folder: Path, sentences: Sequence[str] = SENTENCES, **changes: Any) -> Path:
    """A workspace with such a corpus and ``run.json``."""
    write_corpus(folder / "data" / "tones", sentences=sentences)
    (folder / "checkpoints").mkdir()
    (folder / "run.json").write_text(json.dumps(run_document(**changes)))
    return folder
