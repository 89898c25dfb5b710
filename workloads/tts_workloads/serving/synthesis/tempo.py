"""Finished speech made faster or slower without a change of pitch, for voices whose model has no speed."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from tts_workloads.serving.synthesis.encoding import Samples

MOST = 2.0
"""The most by which FFmpeg's ``atempo`` changes the tempo in one step without leaving sound out."""


def at_tempo(samples: Samples, tempo: float, sample_rate: int) -> Samples:
    """Return the sound ``[samples]`` (float32 in -1 to 1) ``tempo`` times as fast: ``round(samples / tempo)``
    samples."""
    if not len(samples):
        return samples
    graph = Graph()
    links = [
        graph.add_abuffer(format="flt", sample_rate=sample_rate, layout="mono", time_base=Fraction(1, sample_rate)),
        *(graph.add("atempo", f"{step:.9f}") for step in _steps(tempo)),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*links).configure()
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
    graph.push(frame)
    graph.push(None)
    made = [np.zeros(0, np.float32)]
    while True:
        try:
            made.append(graph.pull().to_ndarray()[0])
        except (av.BlockingIOError, av.EOFError):
            break
    length = round(len(samples) / tempo)
    whole = np.concatenate(made)[:length]
    return np.pad(whole, (0, length - len(whole)))


def _steps(tempo: float) -> list[float]:
    """Return equal factors whose product is ``tempo`` and each of which ``atempo`` can do."""
    count = max(1, math.ceil(abs(math.log(tempo)) / math.log(MOST)))
    return [tempo ** (1 / count)] * count
