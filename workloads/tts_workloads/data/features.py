"""The features of a whole corpus: computed on the device that trains, kept in shards for the next start, and gathered
there for each batch. What a feature is, ``audio`` says; which clips are in which batch, ``batches``."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LogMel, pitch
from tts_workloads.data.corpus import Clip, Corpus
from tts_workloads.exits import StorageFull
from tts_workloads.files import write_whole

log = logging.getLogger(__name__)

VERSION = 1
"""Raised whenever the same sound would have other features: older shards are then made anew."""
SHARD_SECONDS = 1200.0
"""Speech in a shard: as much as a start may lose when it is interrupted."""
LARGEST_SHARE_OF_DEVICE = 0.4
"""Share of a GPU's free memory that the corpus may take; the models need the rest."""
LARGEST_SHARE_OF_VOLUME = 0.25
"""Share of the volume's free room that shards may take: checkpoints come first."""
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Features:
    """The features of all clips, end to end in the corpus's order, on one device."""

    mel: Tensor
    """Log-mel frames ``[frames, n_mels]`` float32, in nepers."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[frames]`` float32, 0 where unvoiced."""
    waveforms: Sequence[Tensor]
    """Each clip's samples ``[frames * hop_length]`` float32."""
    counts: Sequence[int]
    """Frames of each clip."""
    starts: Sequence[int] = field(init=False)
    """The first frame of each clip."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", list(accumulate(self.counts, initial=0))[:-1])

    def clip(self, clip: int) -> slice:
        """Where a clip's frames are."""
        return slice(self.starts[clip], self.starts[clip] + self.counts[clip])

    def places(self, utterances: Sequence[Sequence[int]], longest: int) -> Tensor:
        """Which frame of the corpus is where in a batch of utterances padded to ``longest`` frames: ``[batch,
        longest]`` int64 on the host, -1 behind an utterance's end."""
        places = torch.full((len(utterances), longest), -1)
        for row, clips in zip(places, utterances, strict=True):
            at = 0
            for clip in clips:
                row[at : at + self.counts[clip]] = torch.arange(self.starts[clip], self.clip(clip).stop)
                at += self.counts[clip]
        return places


def gathered(values: Tensor, places: Tensor, beyond: float = 0.0) -> Tensor:
    """``values`` ``[frames, ...]`` at ``places`` ``[batch, longest]``, on their device; ``beyond`` where that is -1."""
    inside = (places >= 0)[(...,) + (None,) * (values.dim() - 1)]
    return torch.where(inside, values[places.clamp_min(0)], beyond)


class Shards:
    """Features that are kept between two starts of a training, under a key that says what they were made from. Losing
    them costs time and nothing else, so that no trouble with them ends a training."""

    def __init__(self, folder: Path | None = None, *, writes: bool = False) -> None:
        """Kept nowhere without a ``folder``. Of the processes that train together, one ``writes``."""
        self._folder, self._writes = folder, writes and folder is not None

    def read(self, key: str, number: int, frames: int, n_mels: int) -> tuple[Tensor, Tensor] | None:
        """Mel and pitch of a shard; None where it is not there, or not whole."""
        if self._folder is None:
            return None
        path = self._path(self._folder, key, number)
        try:
            kept = torch.load(path, map_location=CPU, weights_only=True)
            mel, log_pitch = kept["mel"], kept["log_pitch"]
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            log.warning("%s is not whole and is made anew: %s", path, error)
            return None
        return (mel, log_pitch) if mel.shape == (frames, n_mels) and log_pitch.shape == (frames,) else None

    def write(self, key: str, number: int, mel: Tensor, log_pitch: Tensor) -> None:
        """Keep a shard, if this process does and the volume has room."""
        if self._folder is None or not self._writes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            needed, free = mel.nbytes + log_pitch.nbytes, shutil.disk_usage(self._folder).free
            if needed > LARGEST_SHARE_OF_VOLUME * free:
                raise StorageFull(f"{self._folder} has {free / 2**20:.0f} MiB left")
            kept = {"mel": mel.cpu().clone(), "log_pitch": log_pitch.cpu().clone()}
            write_whole(self._path(self._folder, key, number), lambda file: torch.save(kept, file))
        except (StorageFull, OSError, RuntimeError) as error:
            self._writes = False
            log.warning("the corpus's features are not kept, and computed again at the next start: %s", error)

    def forget(self, but: str | None = None) -> None:
        """Remove what is kept, but what has the key ``but``."""
        if self._folder is None or not self._writes:
            return
        kept = set(self._folder.glob(f"features-{but[:16]}-*.pt")) if but else set()
        for path in set(self._folder.glob("features-*.pt")) - kept:
            path.unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, key: str, number: int) -> Path:
        return folder / f"features-{key[:16]}-{number:05d}.pt"


NOWHERE = Shards()


def features_of(
    corpus: Corpus,
    audio: AudioFeatures,
    device: torch.device = CPU,
    shards: Shards = NOWHERE,
    pause: Callable[[], None] = lambda: None,
) -> Features:
    """The features of a corpus, computed on ``device`` and kept there where they fit, else on the host. What
    ``shards`` have is read from there. ``pause`` is called between clips, and may raise to interrupt."""
    counts = [len(clip.waveform) // audio.hop_length for clip in corpus.clips]
    total = sum(counts)
    # Twice the mel: what the acoustic model will say of each frame is kept too.
    home = _home(4 * total * (2 * audio.n_mels + 1 + audio.hop_length), device)
    mel, log_pitch = torch.empty(total, audio.n_mels, device=home), torch.empty(total, device=home)
    log_mel, key = LogMel(audio).to(device), _key(corpus, audio, counts)
    shards.forget(but=key)
    borders = list(accumulate(counts, initial=0))
    for number, clips in enumerate(_shards_of(corpus.clips)):
        shard = slice(borders[clips.start], borders[clips.stop])
        kept = shards.read(key, number, shard.stop - shard.start, audio.n_mels)
        if kept is not None:
            mel[shard], log_pitch[shard] = kept[0].to(home), kept[1].to(home)
            continue
        for clip in clips:
            pause()
            waveform, frames = corpus.clips[clip].waveform.to(device), slice(borders[clip], borders[clip + 1])
            mel[frames], log_pitch[frames] = _computed(waveform, log_mel, audio)
        shards.write(key, number, mel[shard], log_pitch[shard])
        log.info("features of %d of %d frames", shard.stop, total, extra={"event": "features"})
    return Features(mel, log_pitch, [clip.waveform.to(home) for clip in corpus.clips], counts)


@torch.no_grad()
def _computed(waveform: Tensor, log_mel: LogMel, audio: AudioFeatures) -> tuple[Tensor, Tensor]:
    """Mel and pitch of a clip's samples, as ``Features`` has them."""
    hertz = pitch(waveform, audio.sample_rate, audio.hop_length)
    return log_mel(waveform[None])[0].T, torch.where(hertz > 0, hertz.clamp_min(1.0).log(), 0.0)


def _home(needed_bytes: int, device: torch.device) -> torch.device:
    """Where the corpus is kept: on the device, if it leaves room there."""
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    if needed_bytes <= LARGEST_SHARE_OF_DEVICE * free:
        return device
    log.info("the corpus takes %.1f GiB and stays on the host", needed_bytes / 2**30, extra={"event": "on host"})
    return CPU


def _key(corpus: Corpus, audio: AudioFeatures, counts: Sequence[int]) -> str:
    made_from = [VERSION, corpus.sha256, audio.model_dump(mode="json"), [clip.id for clip in corpus.clips], counts]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _shards_of(clips: Sequence[Clip]) -> Iterator[range]:
    """The clips' numbers in runs of about ``SHARD_SECONDS``."""
    first, seconds = 0, 0.0
    for place, clip in enumerate(clips):
        seconds += clip.seconds
        if seconds >= SHARD_SECONDS or place == len(clips) - 1:
            yield range(first, place + 1)
            first, seconds = place + 1, 0.0
