"""How good a voice is on clips that it was not trained on: mel-cepstral distortion after alignment in time. What speaks
them is ``finish``."""

from __future__ import annotations

import math

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


def warped_distance(a: Frames, b: Frames) -> float:
    """Mean Euclidean distance of the frames ``[frames, coefficients]`` along the cheapest monotonic alignment (dynamic
    time warping with steps right, down and diagonal; Sakoe and Chiba 1978)."""
    distance = np.sqrt(np.maximum(0.0, (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T))
    rows, columns = distance.shape
    # Along an anti-diagonal no cell depends on another, so that it is computed at once.
    cost = np.full((rows + 1, columns + 1), np.inf)
    length = np.zeros((rows + 1, columns + 1))
    cost[0, 0] = 0.0
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before_i = np.stack([i, i, i + 1])
        before_j = np.stack([j, j + 1, j])
        choice = np.argmin(cost[before_i, before_j], axis=0)
        every = np.arange(len(i))
        from_i, from_j = before_i[choice, every], before_j[choice, every]
        cost[i + 1, j + 1] = cost[from_i, from_j] + distance[i, j]
        length[i + 1, j + 1] = length[from_i, from_j] + 1
    return float(cost[rows, columns] / length[rows, columns])


def mel_cepstral_distortion(spoken: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mel-cepstral distortion in decibels of two log-mel spectrograms ``[mels, frames]`` in nepers, of any lengths.

    10 / ln 10 * sqrt(2 * sum of squared differences), averaged along the alignment (Kubichek 1993; with dynamic time
    warping as in Battenberg et al. 2020, arXiv:1910.10288).
    """
    return 10 / math.log(10) * math.sqrt(2) * warped_distance(cepstra(spoken), cepstra(reference))
