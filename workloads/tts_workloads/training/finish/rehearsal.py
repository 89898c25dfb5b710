"""Tries the end of a training before its first step, with the untrained models, so that a budget leaves time for it and
a voice that cannot be written is known early. The end itself is in ``results``."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from tts_api.run import TrainingRun
from tts_workloads import models
from tts_workloads.training.finish.listeners import listened_to
from tts_workloads.training.finish.measure import SpokenClip, measure
from tts_workloads.training.finish.results import describe, leave_report, write
from tts_workloads.training.setup.assemble import Training

FOLDER = ".rehearsal"
CLIPS = 3
"""Held-out clips that are measured; the time for all of them follows from the times for one and for these."""


def rehearse(
    run: TrainingRun, training: Training, device: torch.device, folder: Path, root: Path
) -> tuple[float, float]:
    """Return how many seconds it will take to measure the voice and to write it, and how many of these come after the
    measures. ``folder`` is the folder of the run
    and ``root`` the root of the volume; nothing stays in them. Raises as ``results.finish``."""
    scratch = folder / FOLDER
    shutil.rmtree(scratch, ignore_errors=True)  # of a try that was killed
    scratch.mkdir(parents=True)
    began = time.monotonic()
    try:
        module = copy.deepcopy(models.build_voice(training.acoustic, training.vocoder)).to(device).eval()
        # Recordings stand for what the voice will say: untrained models speak clips of any length.
        recorded = [_as_recorded(training, clip) for clip in training.held_out[:CLIPS]]
        one = _measured_in(training, recorded[:1], device, scratch)
        few = _measured_in(training, recorded, device, scratch)
        card = describe(run, training, 0, None)
        leave_report(scratch / "report", training, card, recorded)
        write(training, module, card, scratch, root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    rest = time.monotonic() - began - one - few
    each = max(0.0, few - one) / max(1, len(recorded) - 1)
    return rest + one + each * max(0, len(training.held_out) - 1), rest


def _as_recorded(training: Training, clip: int) -> SpokenClip:
    heard = training.corpus.clips[clip]
    return SpokenClip(clip, heard.waveform.numpy(), torch.ones_like(heard.symbols), 0.0)


def _measured_in(training: Training, spoken: Sequence[SpokenClip], device: torch.device, folder: Path) -> float:
    began = time.monotonic()
    listened_to(measure(training, spoken, device), training, spoken, folder)
    return time.monotonic() - began
