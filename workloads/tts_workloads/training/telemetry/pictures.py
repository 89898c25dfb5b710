"""The pictures of a training, as PNG files: the alignment that a model learned, mel frames, the loss curve."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_LABELS = 80
"""Largest number of symbols that are readable beside an axis."""
SMOOTHING_POINTS = 50


def alignment_picture(
    alignment: NDArray[np.floating], symbols: Sequence[str], seconds_per_frame: float, title: str
) -> bytes:
    """Draw the alignment ``[frames, symbols]``, each row of which is a distribution over the symbols."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.add_subplot()
    frames, count = alignment.shape
    image = axes.imshow(
        alignment.T,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        cmap="magma",
        extent=(0.0, frames * seconds_per_frame, -0.5, count - 0.5),
    )
    axes.set(xlabel="time in seconds", ylabel="symbol", title=title)
    if count <= MOST_LABELS:
        axes.set_yticks(range(count), symbols, fontsize=6)
    figure.colorbar(image, label="probability")
    return _png(figure)


def mels_picture(
    recorded: NDArray[np.floating], spoken: NDArray[np.floating], seconds_per_frame: float, title: str
) -> bytes:
    """Draw log-mel frames ``[n_mels, frames]`` in nepers, those of a recording above those of a voice."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    lowest, highest = float(np.percentile(recorded, 1)), float(recorded.max())
    for place, (mel, name) in enumerate(((recorded, "recorded"), (spoken, "the voice"))):
        axes = figure.add_subplot(2, 1, place + 1)
        axes.imshow(
            mel,
            aspect="auto",
            origin="lower",
            cmap="magma",
            vmin=lowest,
            vmax=highest,
            extent=(0.0, mel.shape[1] * seconds_per_frame, 0.0, mel.shape[0]),
        )
        axes.set(ylabel=f"mel band, {name}", title=title if place == 0 else None)
    axes.set(xlabel="time in seconds")
    return _png(figure)


def loss_picture(points: Sequence[dict[str, Any]]) -> bytes:
    """Draw the loss of each stage over its steps, smoothed, with what was measured on the held-out clips."""
    stages = list(dict.fromkeys(point["stage"] for point in points)) or ["no steps"]
    figure = Figure(figsize=(5 * len(stages) + 1, 4.5), layout="constrained")
    for place, stage in enumerate(stages):
        axes = figure.add_subplot(1, len(stages), place + 1)
        for name, label, style in (("loss", "training", "-"), ("validation/loss", "held-out clips", "o-")):
            steps, values = _series(points, stage, name)
            if len(steps):
                smooth = _smoothed(values) if name == "loss" else values
                axes.plot(steps, smooth, style, label=label, markersize=3)
        axes.set(xlabel="step", ylabel="loss", title=stage)
        axes.grid(visible=True, alpha=0.3)
        if axes.has_data():
            axes.legend()
    return _png(figure)


def _series(points: Sequence[dict[str, Any]], stage: str, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    found = [(p["step"], p[name]) for p in points if p["stage"] == stage and name in p and np.isfinite(p[name])]
    return np.array([step for step, _ in found]), np.array([value for _, value in found], dtype=float)


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each point and those before it, so that a curve of thousands of batches can be read."""
    width = min(SMOOTHING_POINTS, len(values))
    sums = np.cumsum(np.concatenate([np.zeros(1), values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    result: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return result


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    FigureCanvasAgg(figure).print_png(picture)  # type: ignore[no-untyped-call]
    return picture.getvalue()
