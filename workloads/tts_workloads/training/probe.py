"""``python -m tts_workloads.training.probe FILE``: has a voice speak and prints which versions of PyTorch wrote and
read it, and how loud it is. The test that a voice written on one version speaks on another uses it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from tts_api.run import TrainingRun
from tts_workloads import models, text
from tts_workloads.data import Clip, Corpus, features_of
from tts_workloads.training.finish.export import packed, say
from tts_workloads.training.finish.results import describe
from tts_workloads.training.setup.assemble import Training
from tts_workloads.voice_file import open_voice

SYMBOLS = 24
"""Number of symbols that are spoken."""


def speak(path: Path) -> Tensor:
    """Have a voice speak its first symbols. Returns the waveform ``[samples]`` float32."""
    count = len(open_voice(path).card.front_end.symbols)
    return say(path, [1 + i % (count - 1) for i in range(SYMBOLS)])


def written_on(path: Path) -> str:
    """The version of PyTorch that wrote a voice."""
    return open_voice(path).card.provenance.torch


def write(path: Path) -> None:
    """Write an untrained voice of the default architectures and sizes."""
    front_end = text.for_training("en-us")
    run = TrainingRun.model_validate(
        {
            "output": "probe",
            "dataset": {"format": "ljspeech", "language": "en-us", "audio": {}},
            "model": {},
            "training": {"maxSteps": 1},
        }
    )
    torch.manual_seed(0)
    noise = 0.1 * torch.randn(run.dataset.audio.sample_rate)
    symbols = torch.arange(1, SYMBOLS + 1)
    corpus = Corpus((Clip("noise", "", 0, symbols, noise, 1.0),), ("default",), "0" * 64, 1.0)
    features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames)
    task = models.Task(run, corpus, [0], [], front_end.symbols, features)
    acoustic = models.ACOUSTIC_MODELS[run.model.acoustic.name](task)
    vocoder = models.VOCODERS[run.model.vocoder.name](task, acoustic)
    card = describe(run, Training(run, corpus, [0], [], front_end, acoustic, vocoder), 0, None)
    path.write_bytes(packed(models.build_voice(acoustic, vocoder), card, front_end.files()))


def main() -> int:
    """Print the versions and the loudness of the voice as a JSON object."""
    path = Path(sys.argv[1])
    peak = float(speak(path).abs().max())
    print(json.dumps({"torch": torch.__version__, "writtenOn": written_on(path), "peak": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
