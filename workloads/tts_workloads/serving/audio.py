"""Sound as bytes of the formats that a request can ask for. Samples in: float32 in -1 to 1, one channel."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

PCM_SAMPLE_RATE = 24_000
"""Samples per second of the format pcm, which has no header to say it: what OpenAI's API sends."""


class Encoder(Protocol):
    """Turns the pieces of one utterance into bytes."""

    def add(self, samples: Samples) -> bytes:
        """The bytes that are known after this piece."""

    def finish(self) -> bytes:
        """The rest."""


class Wav:
    """A WAV file with 16-bit samples at the voice's own rate. It comes whole at the end, since its header says how long
    it is and readers take that at its word."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._pieces: list[Samples] = []

    def add(self, samples: Samples) -> bytes:
        """Nothing yet."""
        self._pieces.append(samples)
        return b""

    def finish(self) -> bytes:
        """The file."""
        file = io.BytesIO()
        whole = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        soundfile.write(file, np.clip(whole, -1, 1), self._sample_rate, format="WAV", subtype="PCM_16")
        return file.getvalue()


class Pcm:
    """Bare 16-bit little-endian samples at 24 kHz, each piece as soon as it is made."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=PCM_SAMPLE_RATE)

    def add(self, samples: Samples) -> bytes:
        """The samples of this piece, but for the few that the resampler needs the next one for."""
        frame = av.AudioFrame.from_ndarray(np.clip(samples, -1, 1)[None, :], format="flt", layout="mono")
        frame.sample_rate = self._sample_rate
        return _bytes(self._resampler.resample(frame))

    def finish(self) -> bytes:
        """Those few."""
        return _bytes(self._resampler.resample(None))


def _bytes(frames: Iterable[av.AudioFrame]) -> bytes:
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


@dataclass(frozen=True)
class AudioFormat:
    """A format that a request can ask for."""

    media_type: str
    encoder: type[Wav | Pcm]
    streams: bool
    """Whether bytes are sent before the last sentence is made."""


FORMATS = {
    "wav": AudioFormat("audio/wav", Wav, streams=False),
    "pcm": AudioFormat("audio/pcm", Pcm, streams=True),
}
DEFAULT_FORMAT = "wav"
