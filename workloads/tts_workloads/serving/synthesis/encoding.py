"""Encoders from samples (float32 in -1 to 1, one channel) to the audio formats that a request can ask for. Features for
models are computed in ``tts_workloads.audio``."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Samples = NDArray[np.float32]

PCM_SAMPLE_RATE = 24_000
"""Samples per second of the format pcm, which has no header to tell it. It is the rate that OpenAI's API sends."""


class Encoder(Protocol):
    """Turns the sound of one request, piece by piece, into bytes."""

    def add(self, samples: Samples) -> bytes:
        """Add a piece and return the bytes that are known now."""

    def finish(self) -> bytes:
        """Return the remaining bytes."""


class WavEncoder:
    """A WAV file with 16-bit samples at the voice's own rate. It is returned whole at the end, since its header holds
    its length and readers rely on that."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._pieces: list[Samples] = []

    def add(self, samples: Samples) -> bytes:
        """Keep the piece and return nothing."""
        self._pieces.append(samples)
        return b""

    def finish(self) -> bytes:
        """Return the whole file."""
        file = io.BytesIO()
        whole = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        soundfile.write(file, np.clip(whole, -1, 1), self._sample_rate, format="WAV", subtype="PCM_16")
        return file.getvalue()


class PcmEncoder:
    """Raw 16-bit little-endian samples at 24 kHz, each piece as soon as it is made."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=PCM_SAMPLE_RATE)

    def add(self, samples: Samples) -> bytes:
        """Return the samples of this piece, except the few for which the resampler needs the next piece."""
        frame = av.AudioFrame.from_ndarray(np.clip(samples, -1, 1)[None, :], format="flt", layout="mono")
        frame.sample_rate = self._sample_rate
        return _bytes(self._resampler.resample(frame))

    def finish(self) -> bytes:
        """Return the last few samples, after which no piece comes."""
        return _bytes(self._resampler.resample(None))


def _bytes(frames: Iterable[av.AudioFrame]) -> bytes:
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


@dataclass(frozen=True)
class Codec:
    """The settings with which FFmpeg makes a compressed format."""

    container: str
    name: str
    sample_rate: int | None
    """Samples per second of the stream; None keeps the voice's."""
    bits_per_second: int | None
    options: dict[str, str] = field(default_factory=dict)
    """Options of the container."""


class CompressedEncoder:
    """A compressed stream that can be played from its first byte on, each piece as soon as the codec has made it."""

    def __init__(self, sample_rate: int, codec: Codec) -> None:
        self._sample_rate = sample_rate
        self._file = _Pipe()
        self._container = av.open(self._file, "w", format=codec.container, options=codec.options)
        made = self._container.add_stream(codec.name, rate=codec.sample_rate or sample_rate, layout="mono")
        self._stream = cast("av.AudioStream", made)
        if codec.bits_per_second is not None:
            self._stream.bit_rate = codec.bits_per_second
        self._samples = 0

    def add(self, samples: Samples) -> bytes:
        """Return the stream up to the last complete frame of the codec."""
        frame = av.AudioFrame.from_ndarray(np.clip(samples, -1, 1)[None, :], format="flt", layout="mono")
        frame.sample_rate, frame.pts = self._sample_rate, self._samples
        self._samples += len(samples)
        self._container.mux(self._stream.encode(frame))
        return self._file.take()

    def finish(self) -> bytes:
        """Return the rest of the stream."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._file.take()


class _Pipe(io.RawIOBase):
    """A file that can only be appended to, so that no container seeks back to correct its header."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


@dataclass(frozen=True)
class AudioFormat:
    """A format that a request can ask for."""

    media_type: str
    encoder: Callable[[int], Encoder]
    """Returns an encoder for samples of this rate."""
    streams: bool = True
    """Whether bytes can be sent before the last sentence is made."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of a response besides its media type."""


def _compressed(media_type: str, codec: Codec) -> AudioFormat:
    return AudioFormat(media_type, lambda sample_rate: CompressedEncoder(sample_rate, codec))


FORMATS = {
    "mp3": _compressed("audio/mpeg", Codec("mp3", "libmp3lame", 24_000, 64_000, {"write_xing": "0"})),
    # With a page each 200 ms a player can begin early; the default is a page each second.
    "opus": _compressed("audio/ogg", Codec("ogg", "libopus", 48_000, 32_000, {"page_duration": "200000"})),
    "aac": _compressed("audio/aac", Codec("adts", "aac", 24_000, 64_000)),
    "flac": _compressed("audio/flac", Codec("flac", "flac", None, None)),
    "wav": AudioFormat("audio/wav", WavEncoder, streams=False),
    "pcm": AudioFormat("audio/pcm", PcmEncoder, headers={"X-Sample-Rate": str(PCM_SAMPLE_RATE)}),
}
"""The formats by the name that OpenAI's clients give them."""
DEFAULT_FORMAT = "mp3"
