"""Sound files to waveforms at a corpus's sample rate, whatever their format. What a clip is, ``corpus`` says."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


class UnreadableSound(Exception):
    """A file is no sound that can be read; the message says why, without the file's name."""


def read_sound(path: Path, sample_rate: int) -> tuple[Tensor, bytes]:
    """The file's waveform ``[samples]`` float32 in -1 to 1, mono, at ``sample_rate``, and the file's bytes. Raises
    UnreadableSound for a file that is missing, empty, torn or of an unknown format."""
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
    return resample(torch.from_numpy(samples), rate, sample_rate), data


def resample(waveform: Tensor, rate: int, to_rate: int) -> Tensor:
    """The waveform ``[samples]`` at another rate: a windowed sinc, evaluated for each phase of the ratio (Smith 1984,
    "Digital audio resampling")."""
    if rate == to_rate:
        return waveform
    ratio = Fraction(to_rate, rate)
    up, down = ratio.numerator, ratio.denominator
    # The pass band ends a little below half of the lower rate; the window spans 16 zero crossings on each side.
    cutoff = 0.95 * min(up, down)
    width = int(np.ceil(16 * down / cutoff))
    places = torch.arange(-width, width + down, dtype=torch.float64)[None] / down
    moments = (-torch.arange(up, dtype=torch.float64) / up)[:, None] + places
    phase = (moments * cutoff).clamp(-16, 16)
    kernel = torch.sinc(phase) * torch.cos(phase * (torch.pi / 32)).square() * (cutoff / down)
    padded = torch.nn.functional.pad(waveform[None, None], (width, width + down))
    phases = torch.nn.functional.conv1d(padded, kernel[:, None].float(), stride=down)
    return phases[0].T.reshape(-1)[: -(-len(waveform) * up // down)].contiguous()


def _decode(data: bytes, suffix: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.mean(axis=1)), int(rate)
    except soundfile.LibsndfileError:
        return _decode_with_ffmpeg(data, suffix)


def _decode_with_ffmpeg(data: bytes, suffix: str) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
    import av

    # Raw G.722 has no header to know it by.
    container_format = {".g722": "g722"}.get(suffix)
    try:
        with av.open(io.BytesIO(data), mode="r", format=container_format) as container:
            if not container.streams.audio:
                raise UnreadableSound("it has no sound in it")
            rate = container.streams.audio[0].rate
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
            frames += resampler.resample(None)
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableSound(f"neither libsndfile nor FFmpeg can read it: {reason}") from None
    if not frames:
        return np.zeros(0, dtype=np.float32), rate
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32), rate
