"""How many steps a run has, known from its document alone."""

from __future__ import annotations

from tts_api.architectures import VOCODERS
from tts_api.run import TrainingRun


def total_steps(run: TrainingRun) -> int:
    """Steps over all stages: a vocoder without weights has none."""
    options = run.training
    if not VOCODERS[run.model.vocoder.architecture].trained:
        return options.max_steps
    return options.max_steps + (options.vocoder_max_steps or options.max_steps)
