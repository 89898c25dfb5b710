"""The features of a whole corpus: computed, held on the device that trains or on the host, and gathered for each batch.
``analysis`` computes those of one clip, ``batches`` chooses the clips of a batch, and ``shards`` keeps features for the
next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from tts_api.architectures import FrameKind
from tts_api.resources.training import AudioFeatures
from tts_workloads.data.analysis import ANALYSES, Analysis, ClipFeatures
from tts_workloads.data.corpus import Clip, Corpus
from tts_workloads.data.shards import NOWHERE, Shards, key_of, runs_of

log = logging.getLogger(__name__)

LARGEST_SHARE_OF_DEVICE = 0.4
"""Share of a GPU's free memory that the corpus may take; the models need the rest."""
MOST_THREADS = 16
"""Threads that analyse clips on the host: each needs up to 100 MB for a long clip."""
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Features:
    """The features of all clips, end to end in the corpus's order, on one device."""

    mel: Tensor
    """Amplitudes in mel bands, ``[frames, n_mels]`` float32, in nepers."""
    log_pitch: Tensor
    """Natural logarithm of the fundamental frequency in hertz ``[frames]`` float32, 0 where unvoiced."""
    aperiodicity: Tensor
    """Share of noise in voiced frames, ``[frames, bands]`` float32; see ``analysis.base.ClipFeatures``."""
    analysis: Analysis
    """What computed them."""
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

    def recorded(self, clip: int) -> Tensor:
        """Return the frames ``[frames, channels]`` float32 of a recording, from which a vocoder copies it."""
        frames = self.clip(clip)
        return self.analysis.frames(ClipFeatures(self.mel[frames], self.log_pitch[frames], self.aperiodicity[frames]))

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
    kind: FrameKind = "mel",
    device: torch.device = CPU,
    shards: Shards = NOWHERE,
    pause: Callable[[], None] = lambda: None,
) -> Features:
    """Compute the features of a corpus for frames of a kind. They stay on ``device`` if they fit, else on the host.
    Features that ``shards`` has are read and not computed. ``pause`` is called between clips, and may raise to
    interrupt."""
    counts = [len(clip.waveform) // audio.hop_length for clip in corpus.clips]
    total = sum(counts)
    # Twice the mel, because the acoustic model's predictions are kept too.
    home = _home(4 * total * (2 * audio.n_mels + 1 + audio.hop_length), device)
    analysis = ANALYSES[kind](audio).to(device)
    sizes = (audio.n_mels, 1, analysis.aperiodicity_bands)
    values, key = torch.empty(total, sum(sizes), device=home), key_of(corpus, audio, counts, kind, analysis.version)
    shards.forget(but=key)
    borders = list(accumulate(counts, initial=0))
    for number, clips in enumerate(runs_of(corpus.clips)):
        shard = slice(borders[clips.start], borders[clips.stop])
        kept = shards.read(key, number, (shard.stop - shard.start, sum(sizes)))
        if kept is not None:
            values[shard] = kept.to(home)
            continue
        with closing(_computed(analysis, [corpus.clips[clip] for clip in clips], device)) as computed:
            for clip, features in zip(clips, computed, strict=True):
                pause()
                columns = (features.mel, features.log_pitch[:, None], features.aperiodicity)
                values[borders[clip] : borders[clip + 1]] = torch.cat(columns, 1).to(home)
        shards.write(key, number, values[shard])
        log.info("features of %d of %d frames", shard.stop, total, extra={"event": "features"})
    mel, log_pitch, aperiodicity = (part.contiguous() for part in torch.split(values, list(sizes), 1))
    waveforms = [clip.waveform.to(home) for clip in corpus.clips]
    return Features(mel, log_pitch.squeeze(1), aperiodicity, analysis, waveforms, counts)


def _computed(analysis: Analysis, clips: Sequence[Clip], device: torch.device) -> Generator[ClipFeatures]:
    """Yield the features of clips in their order. On the host as many threads share them as PyTorch may use, which is
    this process's share of the CPUs."""
    if not analysis.on_host:
        yield from (analysis.features(clip.waveform.to(device)) for clip in clips)
        return
    pool = ThreadPoolExecutor(min(MOST_THREADS, torch.get_num_threads()))
    try:
        yield from pool.map(analysis.features, (clip.waveform for clip in clips))
    finally:
        pool.shutdown(cancel_futures=True)


def _home(needed_bytes: int, device: torch.device) -> torch.device:
    """Where the corpus is held: on the device, if that leaves room for the models, else on the host."""
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    if needed_bytes <= LARGEST_SHARE_OF_DEVICE * free:
        return device
    log.info("the corpus takes %.1f GiB and stays on the host", needed_bytes / 2**30, extra={"event": "on host"})
    return CPU
