"""The features of a whole corpus: computed on the device that trains, held there or on the host, and gathered for each
batch. ``audio`` computes a single feature, ``batches`` chooses the clips of a batch, and ``shards`` keeps features for
the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import LogMel, pitch
from tts_workloads.data.corpus import Corpus
from tts_workloads.data.shards import NOWHERE, Shards, key_of, runs_of

log = logging.getLogger(__name__)

LARGEST_SHARE_OF_DEVICE = 0.4
"""Share of a GPU's free memory that the corpus may take; the models need the rest."""
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
        """Return the slice of a clip's frames."""
        return slice(self.starts[clip], self.starts[clip] + self.counts[clip])

    def places(self, utterances: Sequence[Sequence[int]], longest: int) -> Tensor:
        """Return the numbers of the corpus's frames in a batch of utterances that are padded to ``longest`` frames:
        ``[batch, longest]`` int64 on the host, -1 after an utterance's end."""
        places = torch.full((len(utterances), longest), -1)
        for row, clips in zip(places, utterances, strict=True):
            at = 0
            for clip in clips:
                row[at : at + self.counts[clip]] = torch.arange(self.starts[clip], self.clip(clip).stop)
                at += self.counts[clip]
        return places


def gathered(values: Tensor, places: Tensor, beyond: float = 0.0) -> Tensor:
    """Return ``values`` ``[frames, ...]`` at ``places`` ``[batch, longest]``, on the same device, as ``[batch, longest,
    ...]``. Where a place is -1 there is ``beyond``."""
    inside = (places >= 0)[(...,) + (None,) * (values.dim() - 1)]
    return torch.where(inside, values[places.clamp_min(0)], beyond)


def features_of(
    corpus: Corpus,
    audio: AudioFeatures,
    device: torch.device = CPU,
    shards: Shards = NOWHERE,
    pause: Callable[[], None] = lambda: None,
) -> Features:
    """Compute the features of a corpus on ``device``. They stay there if they fit, else on the host. Features that
    ``shards`` has are read and not computed. ``pause`` is called between clips, and may raise to interrupt."""
    counts = [len(clip.waveform) // audio.hop_length for clip in corpus.clips]
    total = sum(counts)
    # Twice the mel, because the acoustic model's predictions are kept too.
    home = _home(4 * total * (2 * audio.n_mels + 1 + audio.hop_length), device)
    mel, log_pitch = torch.empty(total, audio.n_mels, device=home), torch.empty(total, device=home)
    log_mel, key = LogMel(audio).to(device), key_of(corpus, audio, counts)
    shards.forget(but=key)
    borders = list(accumulate(counts, initial=0))
    for number, clips in enumerate(runs_of(corpus.clips)):
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
    """Where the corpus is held: on the device, if that leaves room for the models, else on the host."""
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    if needed_bytes <= LARGEST_SHARE_OF_DEVICE * free:
        return device
    log.info("the corpus takes %.1f GiB and stays on the host", needed_bytes / 2**30, extra={"event": "on host"})
    return CPU
