"""How much a sound is like the recordings of a speaker, by a network that tells speakers apart: GE2E (Wan et al. 2018,
arXiv:1710.10467) with Resemblyzer's weights, offline, on the CPU. Needs the package ``resemblyzer``
alone, as ``INSTALL`` installs it.

The weights are read from the installed package ``resemblyzer``, whose own code is not imported: it needs librosa and
webrtcvad.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tts_workloads.audio import mel_filters
from tts_workloads.data.corpus import Corpus
from tts_workloads.data.sound import resample

PACKAGE = "resemblyzer"
INSTALL = "pip install --no-deps resemblyzer==0.1.4"
"""The command that installs the weights, without what the package's own code needs."""
SAMPLE_RATE = 16000
WINDOW, HOP, MELS = 400, 160, 40
"""Samples of a window and between two, and mel bands of its power."""
CHANNELS, LAYERS = 256, 3

FRAMES, STEP = 160, 77
"""Frames of the pieces that an utterance is cut into, and from one piece to the next."""
LEAST_COVERAGE = 0.75
"""Share of a piece, other than the first, that has to lie within the utterance."""
LEAST_RMS = 10 ** (-30 / 20)
"""Loudness to which quieter sounds are amplified."""

RECORDINGS = 10
"""Recordings of a speaker that a sound is compared with at most."""


class SpeakerEncoder(nn.Module):
    """The network: mel bands ``[pieces, frames, 40]`` to embeddings ``[pieces, 256]`` of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, CHANNELS, LAYERS, batch_first=True)
        self.linear = nn.Linear(CHANNELS, CHANNELS)

    def forward(self, mels: Tensor) -> Tensor:
        """Return the embeddings, all of which are positive."""
        _, (hidden, _) = self.lstm(mels)
        return F.normalize(self.linear(hidden[-1]).relu(), dim=-1)


@cache
def model() -> SpeakerEncoder:
    """Return the network, loaded once; ``model.cache_clear()`` gives its memory back. Raises ModuleNotFoundError where
    the package is not installed."""
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {PACKAGE}", name=PACKAGE)
    weights = Path(found.submodule_search_locations[0]) / "pretrained.pt"
    encoder = SpeakerEncoder()
    stored = torch.load(weights, map_location="cpu", weights_only=True)["model_state"]
    encoder.load_state_dict({name: stored[name] for name in encoder.state_dict()})
    return encoder.eval()


def mel_power(waveform: Tensor) -> Tensor:
    """Return the power in mel bands ``[samples // 160 + 1, 40]`` float32 of ``[samples]`` float32 at 16 kHz."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(waveform, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    return (mel_filters(SAMPLE_RATE, WINDOW, MELS) @ spectrum.abs().square()).T


def piece_starts(samples: int) -> list[int]:
    """Return the first frame of each piece of an utterance of so many samples, one at least."""
    frames = samples // HOP + 1
    starts = range(0, max(1, frames - FRAMES + STEP + 1), STEP)
    return [start for start in starts if start == 0 or samples / HOP - start >= LEAST_COVERAGE * FRAMES]


@torch.inference_mode()
def embedding(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Return the embedding ``[256]`` float32 of length 1 of the speaker of ``waveform`` ``[samples]`` in -1 to 1. A
    sound below -30 dBFS is amplified to that. Louder ones are heard as they are, so that their loudness makes a small
    difference.

    Raises ModuleNotFoundError where the package is not installed.
    """
    given = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))
    sound = resample(given, sample_rate, SAMPLE_RATE) if len(given) else given
    rms = math.sqrt(float(sound.square().mean())) if len(sound) else 0.0
    if 0 < rms < LEAST_RMS:
        sound = sound * (LEAST_RMS / rms)
    starts = piece_starts(len(sound))
    padded = F.pad(sound, (0, max(0, (starts[-1] + FRAMES) * HOP - len(sound))))
    mels = mel_power(padded)
    pieces = model()(torch.stack([mels[start : start + FRAMES] for start in starts]))
    result: NDArray[np.float32] = F.normalize(pieces.mean(0), dim=0).numpy()
    return result


class Likeness:
    """How much sounds are like the speakers of a corpus. Each recording is embedded once, when it is first needed."""

    def __init__(self, corpus: Corpus, sample_rate: int) -> None:
        """``sample_rate`` is that of the corpus's clips."""
        self._corpus, self._sample_rate = corpus, sample_rate
        self._embeddings: dict[int, NDArray[np.float32]] = {}

    def of(
        self, waveform: NDArray[np.float32], sample_rate: int, speaker: int, without: int | None = None
    ) -> float | None:
        """Return the cosine of the embedding of ``waveform`` ``[samples]`` and the mean of those of ``RECORDINGS`` of
        the speaker's recordings at most, taken evenly from first to last, without the clip ``without``; None where
        there are none. Raises ModuleNotFoundError where the package is not installed."""
        clips = [clip for clip, one in enumerate(self._corpus.clips) if one.speaker == speaker and clip != without]
        chosen = clips[:: max(1, -(-len(clips) // RECORDINGS))]
        if not chosen:
            return None
        mean = np.mean([self._embedding(clip) for clip in chosen], axis=0)
        return float(embedding(waveform, sample_rate) @ mean / np.linalg.norm(mean))

    def _embedding(self, clip: int) -> NDArray[np.float32]:
        if clip not in self._embeddings:
            waveform = self._corpus.clips[clip].waveform.numpy()
            self._embeddings[clip] = embedding(waveform, self._sample_rate)
        return self._embeddings[clip]
