"""How loud a sentence's finished sound is made. Sample by sample, so that a stream sounds as the whole does."""

from __future__ import annotations

import numpy as np

from tts_workloads.serving.synthesis.encoding import Samples

KNEE = 0.8
"""Amplitude from which on a sound that is made louder is bent, so that it never goes beyond 1: to cut it off there
would crackle."""


def amplified(samples: Samples, decibels: float) -> Samples:
    """The sound ``[samples]`` float32 in -1 to 1 made so many decibels louder (below 0: softer; ``-inf``: silent).

    It is exactly that below the knee; peaks that would go above it are rounded (a hyperbolic tangent whose slope is one
    at the knee), so that a sound of many peaks gains less.
    """
    if decibels == 0:
        return samples
    louder = samples * np.float32(10 ** (decibels / 20))
    if decibels < 0:
        return louder
    size, room = np.abs(louder), 1 - KNEE
    bent = np.copysign(KNEE + room * np.tanh((size - KNEE) / room), louder)
    return np.where(size > KNEE, bent, louder).astype(np.float32)
