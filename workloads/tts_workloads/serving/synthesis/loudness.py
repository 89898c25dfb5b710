"""The volume of a sentence's finished sound. It is applied sample by sample, so that a stream sounds as the whole
does."""

from __future__ import annotations

import numpy as np

from tts_workloads.serving.synthesis.encoding import Samples

KNEE = 0.8
"""Amplitude above which a sound that is made louder is compressed so that it never exceeds 1. Clipping would
crackle."""


def amplified(samples: Samples, decibels: float) -> Samples:
    """Return the sound ``[samples]`` float32 in -1 to 1 made so many decibels louder (below 0: softer; ``-inf``:
    silent).

    Samples below the knee change by exactly that. Peaks above it follow a hyperbolic tangent whose slope is one at the
    knee, so that a sound with many peaks gains less.
    """
    if decibels == 0:
        return samples
    louder = samples * np.float32(10 ** (decibels / 20))
    if decibels < 0:
        return louder
    size, room = np.abs(louder), 1 - KNEE
    bent = np.copysign(KNEE + room * np.tanh((size - KNEE) / room), louder)
    return np.where(size > KNEE, bent, louder).astype(np.float32)
