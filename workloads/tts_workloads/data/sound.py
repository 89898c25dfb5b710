"""Sound files to waveforms at a corpus's sample rate, whatever their format. What a clip is, ``corpus`` says."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
from torch import Tensor

Samples = np.ndarray[tuple[int], np.dtype[np.float32]]


FULL_SCALE = 32766 / 32768
"""Amplitude from which a sample counts as clipped."""


class UnreadableSound(Exception):
    """A file is no sound that can be read; the message says why, without the file's name."""


@dataclass(frozen=True, eq=False)
class Sound:
    """What is in a sound file."""

    waveform: Tensor
    """``[samples]`` float32 in -1 to 1, mono, at the rate that was asked for."""
    sha256: str
    """Digest of the file's bytes."""
    file_rate: int
    """Samples per second in the file."""
    clipped_share: float
    """Share of the file's samples, mixed to mono, that are at full scale."""


def read_sound(path: Path, sample_rate: int) -> Sound:
    """Read a file of any format, rate and number of channels. Raises UnreadableSound for one that is missing, empty,
    torn or of an unknown format."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableSound("there is no such file") from None
    except OSError as error:
        raise UnreadableSound(f"cannot be opened: {error.strerror}") from None
    if not data:
        raise UnreadableSound("the file is empty")
    samples, rate = _decode(data, path.suffix.lower())
    if len(samples) == 0:
        raise UnreadableSound("it has no samples")
    if not np.isfinite(samples).all():
        raise UnreadableSound("it has samples that are not numbers")
    waveform = resample(torch.from_numpy(samples), rate, sample_rate)
    clipped = float((np.abs(samples) >= FULL_SCALE).mean())
    return Sound(waveform, hashlib.sha256(data).hexdigest(), rate, clipped)


def resample(waveform: Tensor, rate: int, to_rate: int) -> Tensor:
    """The waveform ``[samples]`` float32 at another rate, by FFmpeg's swresample (a windowed sinc). Raises
    UnreadableSound for a rate that it cannot take."""
    if rate == to_rate:
        return waveform
    try:
        frame = av.AudioFrame.from_ndarray(waveform.numpy()[None], format="flt", layout="mono")
        frame.sample_rate = rate
        return torch.from_numpy(_joined([frame], to_rate))
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise UnreadableSound(f"{rate} Hz cannot be resampled to {to_rate} Hz: {error}") from None


def _joined(frames: Iterable[av.AudioFrame], to_rate: int) -> Samples:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_rate)
    pieces = [piece for frame in frames for piece in resampler.resample(frame)]
    pieces += resampler.resample(None)
    arrays = [piece.to_ndarray().reshape(-1) for piece in pieces]
    return np.concatenate(arrays).astype(np.float32) if arrays else np.zeros(0, dtype=np.float32)


def _refuse_torn(data: bytes) -> None:
    """libsndfile reads what is there of a WAV file that was cut off; its text would be longer than its sound."""
    if data[:4] != b"RIFF" or len(data) < 8:
        return
    promised = int.from_bytes(data[4:8], "little") + 8
    # What is written into a pipe cannot know its length and says one of these.
    if int.from_bytes(data[4:8], "little") not in {0, 0x7FFFFFFF, 0xFFFFFFFF} and promised > len(data) + 1:
        raise UnreadableSound(f"the file is cut off: {len(data)} of {promised} bytes")


def _decode(data: bytes, suffix: str) -> tuple[Samples, int]:
    _refuse_torn(data)
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.mean(axis=1)), int(rate)
    except soundfile.LibsndfileError:
        return _decode_with_ffmpeg(data, suffix)


def _decode_with_ffmpeg(data: bytes, suffix: str) -> tuple[Samples, int]:
    # Raw G.722 has no header to know it by.
    container_format = {".g722": "g722"}.get(suffix)
    try:
        with av.open(io.BytesIO(data), mode="r", format=container_format) as container:
            if not container.streams.audio:
                raise UnreadableSound("it has no sound in it")
            rate = container.streams.audio[0].rate
            return _joined(container.decode(audio=0), rate), rate
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableSound(f"neither libsndfile nor FFmpeg can read it: {reason}") from None
