"""How far speech is from a recording of the same words: measures on pairs of sounds, after alignment in time.
``measure`` has the clips spoken and averages over them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CEPSTRA = 13
"""Cepstral coefficients that are compared, without the zeroth, which is loudness."""

Frames = NDArray[np.float64]


def cepstra(log_mel: NDArray[np.floating]) -> Frames:
    """Mel-cepstra ``[frames, 13]`` of a log-mel spectrogram ``[mels, frames]`` in nepers: the cosine coefficients of
    its logarithmic power, without the zeroth (Davis and Mermelstein 1980).

    Scaled so that a ripple of one neper over the mel bands is a coefficient of one: a distance of cepstra is then one
    of spectra in decibels, whatever the number of bands.
    """
    mels = log_mel.shape[0]
    k = np.arange(1, CEPSTRA + 1)[:, None]
    n = np.arange(mels)[None, :]
    basis = 2 / mels * np.cos(math.pi * k * (2 * n + 1) / (2 * mels))
    result: Frames = (basis @ log_mel.astype(np.float64)).T
    return result


class Alignment(NamedTuple):
    """Which frames of two sounds belong together, from the first pair to the last."""

    distance: float
    """Mean distance of the pairs."""
    first: NDArray[np.int64]
    """Frames of the first sound ``[pairs]``."""
    second: NDArray[np.int64]
    """Frames of the second sound ``[pairs]``."""


def align(a: Frames, b: Frames) -> Alignment:
    """The cheapest monotonic alignment of the frames ``[frames, coefficients]`` of two sounds by Euclidean distance
    (dynamic time warping with steps right, down and diagonal; Sakoe and Chiba 1978)."""
    distance = np.sqrt(np.maximum(0.0, (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T))
    rows, columns = distance.shape
    # Along an anti-diagonal no cell depends on another, so that it is computed at once.
    cost = np.full((rows + 1, columns + 1), np.inf)
    steps = np.zeros((rows + 1, columns + 1), dtype=np.int8)
    cost[0, 0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.stack([cost[i, j], cost[i, j + 1], cost[i + 1, j]])
        choice = np.argmin(before, axis=0)
        cost[i + 1, j + 1] = before[choice, np.arange(len(i))] + distance[i, j]
        steps[i + 1, j + 1] = choice
    pairs = []
    i, j = rows, columns
    while i > 0:
        pairs.append((i - 1, j - 1))
        step = steps[i, j]
        i, j = i - (step != 2), j - (step != 1)
    path = np.array(pairs[::-1])
    return Alignment(float(cost[rows, columns] / len(path)), path[:, 0], path[:, 1])


def mel_cepstral_distortion(alignment: Alignment) -> float:
    """Mel-cepstral distortion in decibels of two sounds whose cepstra were aligned.

    10 / ln 10 * sqrt(2 * sum of squared differences), averaged along the alignment (Kubichek 1993; with dynamic time
    warping as in Battenberg et al. 2020, arXiv:1910.10288).
    """
    return 10 / math.log(10) * math.sqrt(2) * alignment.distance


class PitchError(NamedTuple):
    """How far the intonation of speech is from that of a recording."""

    cents: float | None
    """Root mean square of the difference of pitch over frames voiced in both, in hundredths of a semitone; None where
    there are none."""
    voicing: float
    """Share of the frames that are voiced in one and not in the other, 0 to 1."""


def pitch_error(spoken: NDArray[np.floating], recorded: NDArray[np.floating], alignment: Alignment) -> PitchError:
    """The error of the fundamental frequency ``[frames]`` in hertz, 0 where unvoiced, along an alignment of speech and
    recording (F0 RMSE and voicing decision error; Nakatani et al. 2008)."""
    a, b = spoken[alignment.first], recorded[alignment.second]
    both = (a > 0) & (b > 0)
    cents = 1200 * np.log2(a[both] / b[both])
    rms = float(np.sqrt(np.mean(cents**2))) if both.any() else None
    return PitchError(rms, float(np.mean((a > 0) != (b > 0))))


class Spread:
    """How widely speech varies a quantity, beside how widely recordings vary it. Values of different speakers are not
    compared with each other, since a corpus of low and high voices is not lively for that."""

    def __init__(self) -> None:
        self._spoken: dict[int, list[Frames]] = {}
        self._recorded: dict[int, list[Frames]] = {}

    def add(self, speaker: int, spoken: NDArray[Any], recorded: NDArray[Any]) -> None:
        """Add the values of one utterance ``[values]`` as it was spoken and as it was recorded. Values that are not
        positive, such as the pitch of unvoiced frames, do not count."""
        for sides, values in ((self._spoken, spoken), (self._recorded, recorded)):
            sides.setdefault(speaker, []).append(np.log(values[values > 0].astype(np.float64)))

    def ratio(self) -> float | None:
        """Return the standard deviation of the logarithms of what was spoken, divided by that of what was recorded;
        None where one of them has no values, or the recordings do not vary."""
        spoken, recorded = (_deviation(sides.values()) for sides in (self._spoken, self._recorded))
        return spoken / recorded if spoken is not None and recorded else None


def _deviation(speakers: Iterable[Sequence[Frames]]) -> float | None:
    """The standard deviation of values around the mean of each speaker's own."""
    each = [np.concatenate(values) for values in speakers]
    centred = np.concatenate([values - values.mean() for values in each if len(values)] or [np.zeros(0)])
    return float(np.sqrt(np.mean(centred**2))) if len(centred) else None
