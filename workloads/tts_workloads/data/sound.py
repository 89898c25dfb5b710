"""Reads sound files of any format as waveforms at a corpus's sample rate. Whether a waveform makes a clip is decided in
``corpus``."""

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

from tts_workloads.data.sound_headers import promised_bytes, promised_samples

Samples = np.ndarray[tuple[int], np.dtype[np.float32]]


FULL_SCALE = 32766 / 32768
"""Amplitude from which a sample counts as clipped."""
LEAST_RATE = 4000
"""Samples per second. A header with fewer is damaged, and resampling such sound to a voice's rate would fill the
memory."""
SAMPLES_AT_ONCE = 2**22
"""Samples, over all channels, that are decoded at a time."""


class UnreadableSound(Exception):
    """A file cannot be read as sound. The message says why, without the file's name."""


@dataclass(frozen=True, eq=False)
class Sound:
    """The content of a sound file."""

    waveform: Tensor
    """``[samples]`` float32 in -1 to 1, mono, at the rate that was asked for."""
    sha256: str
    """SHA-256 of the file's bytes."""
    file_rate: int
    """Samples per second in the file."""
    clipped_share: float
    """Share of the file's samples, mixed to mono, that are at full scale."""


def read_sound(path: Path, sample_rate: int) -> Sound:
    """Read a file of any format, rate and number of channels. Raises UnreadableSound for a file that is missing, empty,
    cut off or of an unknown format."""
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
    """Return the waveform ``[samples]`` float32 at another rate, by FFmpeg's swresample (a windowed sinc). Raises
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


def _decode(data: bytes, suffix: str) -> tuple[Samples, int]:
    promised = promised_bytes(data)
    if promised > len(data) + 1:  # a last byte of padding may lack
        raise UnreadableSound(f"the file is cut off: {len(data)} of {promised} bytes")
    try:
        samples, rate = _decode_with_libsndfile(data)
    except soundfile.LibsndfileError:
        samples, rate = _decode_with_ffmpeg(data, suffix)
    if rate < LEAST_RATE:
        raise UnreadableSound(f"it has {rate} samples a second; speech needs {LEAST_RATE} at least")
    promised = promised_samples(data)
    if promised > len(samples):
        raise UnreadableSound(
            f"the file is cut off or damaged: its header promises {promised / rate:.2f} s of sound, and it has "
            f"{len(samples) / rate:.2f} s"
        )
    return samples, rate


def _decode_with_libsndfile(data: bytes) -> tuple[Samples, int]:
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        # Piece by piece, so that a damaged header with a wrong length does not make this allocate too much memory.
        size = max(1, SAMPLES_AT_ONCE // file.channels)
        pieces = [np.zeros(0, dtype=np.float32)]
        while len(piece := file.read(size, dtype="float32", always_2d=True)):
            pieces.append(piece.mean(axis=1))
        return np.concatenate(pieces), int(file.samplerate)


def _decode_with_ffmpeg(data: bytes, suffix: str) -> tuple[Samples, int]:
    # Raw G.722 has no header to know it by.
    container_format = {".g722": "g722"}.get(suffix)
    frames: list[av.AudioFrame] = []
    try:
        with av.open(io.BytesIO(data), mode="r", format=container_format) as container:
            if not container.streams.audio:
                raise UnreadableSound("it has no sound in it")
            if container.streams.audio[0].codec_context is None:
                raise UnreadableSound("neither libsndfile nor FFmpeg knows how its sound is encoded")
            rate = container.streams.audio[0].rate
            frames.extend(container.decode(audio=0))
            return _joined(frames, rate), rate
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if frames:
            seconds = sum(frame.samples for frame in frames) / rate
            raise UnreadableSound(f"the file is cut off or damaged after {seconds:.2f} s: {reason}") from None
        raise UnreadableSound(f"neither libsndfile nor FFmpeg can read it: {reason}") from None
