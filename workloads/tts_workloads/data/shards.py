"""Features that are kept on a volume between two starts of a training, in shards of some minutes of speech. How they
are computed and used is in ``features``."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from tts_api.architectures import FrameKind
from tts_api.resources.training import AudioFeatures
from tts_workloads.data.corpus import Clip, Corpus
from tts_workloads.exits import StorageFull
from tts_workloads.files import write_whole

log = logging.getLogger(__name__)

VERSION = 2
"""Must be raised when a shard is laid out in another way, so that older shards are computed again."""
SHARD_SECONDS = 1200.0
"""Speech in a shard: as much as a start may lose when it is interrupted."""
LARGEST_SHARE_OF_VOLUME = 0.25
"""Share of the volume's free room that a shard may take: checkpoints come first."""


class Shards:
    """Shards under a key that identifies what they were made from. Losing them only costs time, so no error with them
    ends a training."""

    def __init__(self, folder: Path | None = None, *, writes: bool = False) -> None:
        """Without a ``folder`` nothing is kept. Of the processes that train together, one ``writes``."""
        self._folder, self._writes = folder, writes and folder is not None

    def read(self, key: str, number: int, shape: tuple[int, int]) -> Tensor | None:
        """Return the features ``[frames, channels]`` float32 of a shard, on the CPU. None where the shard is missing,
        is not whole or has another shape."""
        if self._folder is None:
            return None
        path = self._path(self._folder, key, number)
        try:
            values: Tensor = torch.load(path, map_location="cpu", weights_only=True)["features"]
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            log.warning("%s is not whole and is made anew: %s", path, error)
            return None
        return values if values.shape == shape else None

    def write(self, key: str, number: int, values: Tensor) -> None:
        """Keep a shard, if this process writes and the volume has room."""
        if self._folder is None or not self._writes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            needed, free = values.nbytes, shutil.disk_usage(self._folder).free
            if needed > LARGEST_SHARE_OF_VOLUME * free:
                raise StorageFull(f"{self._folder} has {free / 2**20:.0f} MiB left")
            kept = {"features": values.cpu().clone()}
            write_whole(self._path(self._folder, key, number), lambda file: torch.save(kept, file))
        except (StorageFull, OSError, RuntimeError) as error:
            self._writes = False
            log.warning("the corpus's features are not kept, and computed again at the next start: %s", error)

    def forget(self, but: str | None = None) -> None:
        """Remove all shards, except those with the key ``but``, if this process writes."""
        if self._folder is None or not self._writes:
            return
        kept = set(self._folder.glob(f"features-{but[:16]}-*.pt")) if but else set()
        for path in set(self._folder.glob("features-*.pt")) - kept:
            path.unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, key: str, number: int) -> Path:
        return folder / f"features-{key[:16]}-{number:05d}.pt"


NOWHERE = Shards()


def key_of(corpus: Corpus, audio: AudioFeatures, counts: Sequence[int], kind: FrameKind, version: int) -> str:
    """Return the key of a corpus's shards: a digest over the corpus, the settings of its features, the frames of each
    clip, and the kind of the frames with the version of their analysis."""
    made_from = [
        VERSION,
        kind,
        version,
        corpus.sha256,
        audio.model_dump(mode="json"),
        [clip.id for clip in corpus.clips],
        counts,
    ]
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def runs_of(clips: Sequence[Clip]) -> Iterator[range]:
    """Yield the numbers of the clips in each shard: runs of about ``SHARD_SECONDS``."""
    first, seconds = 0, 0.0
    for place, clip in enumerate(clips):
        seconds += clip.seconds
        if seconds >= SHARD_SECONDS or place == len(clips) - 1:
            yield range(first, place + 1)
            first, seconds = place + 1, 0.0
