"""The number of steps of a run, computed from its document alone."""

from __future__ import annotations

from tts_api.architectures import VOCODERS
from tts_api.run import TrainingRun


def total_steps(run: TrainingRun) -> int:
    """The number of steps over all stages. A vocoder without weights has none."""
    vocoder = run.training.vocoder_steps if VOCODERS[run.model.vocoder.name].trained else 0
    return run.training.max_steps + vocoder
