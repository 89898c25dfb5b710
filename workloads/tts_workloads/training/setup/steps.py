"""The number of steps of a run, computed from its document alone."""

from __future__ import annotations

from tts_api.run import TrainingRun


def steps_of_stages(run: TrainingRun) -> dict[str, int]:
    """The number of steps of each stage by its name, in their order; none where a budget decides. A vocoder without
    weights has none."""
    if run.training.budget is not None:
        return {}
    vocoder = run.training.vocoder_steps if run.model.vocoder.has_weights else 0
    return {"Acoustic": run.training.acoustic_steps or 0, "Vocoder": vocoder or 0}
