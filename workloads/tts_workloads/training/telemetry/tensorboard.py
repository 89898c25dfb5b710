"""Writes events for TensorBoard, with the files of TensorBoardX. The caller's own thread writes them, so that a full
disk raises an error."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

FLUSH_SECONDS = 10.0


class Events:
    """A new file of events in a folder; TensorBoard reads it after the files that are there."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Make TensorBoard forget the events of older files from ``first_step`` on. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = EventsWriter(str(folder / "events"), f".{time.time_ns()}")
        self._flushed = time.monotonic()
        self._write(step=first_step, session_log=SessionLog(status=SessionLog.START))
        self._file.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by name."""
        self._summary(step, *(Summary.Value(tag=name, simple_value=value) for name, value in values.items()))

    def picture(self, step: int, name: str, png: bytes) -> None:
        """Write a picture, the content of a PNG file."""
        width, height = struct.unpack(">II", png[16:24])  # a PNG file's first chunk begins with them
        image = Summary.Image(width=width, height=height, colorspace=3, encoded_image_string=png)
        self._summary(step, Summary.Value(tag=name, image=image))

    def sound(self, step: int, name: str, waveform: NDArray[np.float32], sample_rate: int) -> None:
        """Write a sound ``[samples]`` float32, -1 to 1."""
        wav = io.BytesIO()
        soundfile.write(wav, waveform, sample_rate, format="WAV", subtype="PCM_16")
        audio = Summary.Audio(
            sample_rate=sample_rate,
            num_channels=1,
            length_frames=len(waveform),
            encoded_audio_string=wav.getvalue(),
            content_type="audio/wav",
        )
        self._summary(step, Summary.Value(tag=name, audio=audio))

    def flush(self) -> None:
        """Make everything that was written visible to readers."""
        self._file.flush()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _summary(self, step: int, *values: Summary.Value) -> None:
        self._write(step=step, summary=Summary(value=values))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def _write(self, **content: Any) -> None:
        self._file.write_event(Event(wall_time=time.time(), **content))
