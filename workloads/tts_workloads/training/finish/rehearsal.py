"""Tries the end of a training before its first step, with the untrained models, so that a budget leaves time for it and
a voice that cannot be written is known early. The end itself is in ``results``."""

from __future__ import annotations

import copy
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from tts_api.run import TrainingRun
from tts_workloads import models
from tts_workloads.training.finish import listeners
from tts_workloads.training.finish.measure import SpokenClip, copied, measure
from tts_workloads.training.finish.results import describe, leave_report, write
from tts_workloads.training.setup.assemble import Training

FOLDER = ".rehearsal"
LISTENING_SHARE = 0.05
"""Largest share of a budget that is set aside for listeners: the voice comes before its marks."""
CLIPS = 3
"""Held-out clips that are measured; the time for all of them follows from the times for one and for these."""


def rehearse(
    run: TrainingRun,
    training: Training,
    device: torch.device,
    folder: Path,
    root: Path,
    pause: Callable[[], None],
    budget_seconds: float,
) -> tuple[float, float]:
    """Return how many seconds it will take to measure the voice and to write it, and how many of these come after the
    measures. ``folder`` is the folder of the run and ``root`` the root of the volume; nothing stays in them. ``pause``
    is called now and then and may raise to interrupt. Listeners get a share of the budget at most. Raises as
    ``results.finish``."""
    scratch = folder / FOLDER
    shutil.rmtree(scratch, ignore_errors=True)  # of a try that was killed
    scratch.mkdir(parents=True)
    try:
        module = copy.deepcopy(models.build_voice(training.acoustic, training.vocoder)).to(device).eval()
        # Recordings stand for what the voice will say: untrained models speak clips of any length.
        recorded = [_as_recorded(training, clip) for clip in training.held_out[:CLIPS]]
        # What is loaded once makes the first time longer. Then too little is set aside for the other clips, and the
        # listeners, which watch the clock, hear fewer of them.
        one = _times(module, training, recorded[:1], device, folder)
        pause()
        few = _times(module, training, recorded, device, folder)
        pause()
        spoken = _spoken_in(module, training, device)
        card = describe(run, training, 0, None)
        wrote = time.monotonic()
        leave_report(scratch / "report", training, card, recorded)
        write(training, module, card, scratch, root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    rest = time.monotonic() - wrote
    clips = len(training.held_out)
    measuring = _for(clips, one.measuring, few.measuring, len(recorded))
    listening = _for(min(clips, listeners.CLIPS), one.listening, few.listening, len(recorded))
    listening = min(listening, LISTENING_SHARE * budget_seconds)
    return rest + measuring + listening + spoken * clips, rest


def _for(clips: int, one: float, few: float, number: int) -> float:
    """The seconds for some clips, from those for one and for a ``number`` of clips."""
    return one + max(0.0, few - one) / max(1, number - 1) * max(0, clips - 1)


def _as_recorded(training: Training, clip: int) -> SpokenClip:
    heard = training.corpus.clips[clip]
    return SpokenClip(clip, heard.waveform.numpy(), torch.ones_like(heard.symbols), 0.0)


def _spoken_in(module: nn.Module, training: Training, device: torch.device) -> float:
    """The seconds for the sound of one held-out clip, made of its recording's frames."""
    began = time.monotonic()
    for clip in training.held_out[:1]:
        copied(module, training, clip, device)
    return time.monotonic() - began


@dataclass(frozen=True)
class _Times:
    measuring: float
    listening: float


def _times(
    module: nn.Module, training: Training, spoken: Sequence[SpokenClip], device: torch.device, folder: Path
) -> _Times:
    """The seconds that the measures of clips take, and listening to them."""
    began = time.monotonic()
    evaluation = measure(training, spoken, device)
    measured = time.monotonic()
    listeners.listened_to(evaluation, training, spoken, folder, partial(copied, module, training, device=device))
    return _Times(measured - began, time.monotonic() - measured)
