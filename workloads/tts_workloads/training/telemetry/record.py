"""What people can look at while a training runs: the loss curve, TensorBoard's events, and the newest pictures. The
curve, the events and the pictures themselves are made in the modules beside."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.files import write_bytes
from tts_workloads.models.stage import Glimpse
from tts_workloads.training.telemetry import curve, pictures
from tts_workloads.training.telemetry.tensorboard import Events

EVENTS_FOLDER = "tensorboard"
LOOKING_SHARE = 0.02
"""Largest share of the time that is spent on pictures and sounds."""


class Record:
    """The record in the folder of a run. Without a folder, as in a process that does not lead, it keeps nothing."""

    def __init__(
        self, folder: Path | None, total_steps: int, audio: AudioFeatures, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._audio, self._clock = folder, audio, clock
        self._curve = curve.Curve(folder / "report" / "curve.jsonl" if folder else None, total_steps)
        self._events: Events | None = None
        self._next_look = float("-inf")
        self._heard_recording = False

    def resume(self, step: int) -> None:
        """Forget everything after a step."""
        self._curve.resume(step)
        if self._folder is not None:
            self.close()
            self._events = Events(self._folder / EVENTS_FOLDER, step + 1)

    def add(self, step: int, stage: str, values: dict[str, float]) -> None:
        """Add a point: the values of a step by name."""
        if self._curve.add(step, stage, values) and self._events is not None:
            self._events.scalars(step, {f"{stage.lower()}/{name}": value for name, value in values.items()})

    def look(self, step: int, stage: str, show: Callable[[], Glimpse | None]) -> None:
        """Keep what ``show`` returns, unless that was done a short time ago. Raises StorageFull."""
        began = self._clock()
        if self._folder is None or self._events is None or began < self._next_look:
            return
        glimpse = show()
        if glimpse is not None:
            self._keep(self._folder / "report", self._events, step, stage.lower(), glimpse)
        ended = self._clock()
        self._next_look = ended + (ended - began) / LOOKING_SHARE

    def _keep(self, report: Path, events: Events, step: int, stage: str, glimpse: Glimpse) -> None:
        audio = self._audio
        title, seconds_per_frame = f"step {step}: {glimpse.text}", audio.hop_length / audio.sample_rate
        mels = (glimpse.recorded.numpy(), glimpse.spoken.numpy())
        drawn = {"mel": pictures.mels_picture(*mels, seconds_per_frame, title)}
        if glimpse.alignment is not None:
            alignment = glimpse.alignment.numpy()
            drawn["alignment"] = pictures.alignment_picture(alignment, glimpse.symbols, seconds_per_frame, title)
        for name, png in drawn.items():
            write_bytes(report / f"{name}.png", png)
            events.picture(step, f"{stage}/{name}", png)
        write_bytes(report / "loss.png", pictures.loss_picture(curve.read(report / "curve.jsonl")))
        events.sound(step, f"{stage}/spoken", _audible(glimpse.sound), audio.sample_rate)
        if not self._heard_recording:
            events.sound(step, f"{stage}/recorded", _audible(glimpse.recording), audio.sample_rate)
            self._heard_recording = True
        events.flush()

    def close(self) -> None:
        """Close the files."""
        self._curve.close()
        if self._events is not None:
            self._events.close()
            self._events = None


def _audible(sound: Tensor) -> NDArray[np.float32]:
    audible: NDArray[np.float32] = np.clip(np.nan_to_num(sound.numpy()), -1.0, 1.0)
    return audible
