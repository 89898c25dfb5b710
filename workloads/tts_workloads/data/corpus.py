"""A corpus in memory: checked clips with their waveform and their symbols. How clips are listed is in ``formats``, and
how they become batches in ``batches``."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tts_api.resources.training import AudioFeatures
from tts_workloads.audio import trim_silence
from tts_workloads.data.formats import FORMATS, Entry
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.data.sound import Sound, UnreadableSound, read_sound
from tts_workloads.data.statistics import ClipMeasures, CorpusStatistics, describe
from tts_workloads.limits import LONGEST_SECONDS, SHORTEST_SECONDS
from tts_workloads.text import FrontEnd, UnknownPhoneme, UnspeakableText

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording and its words."""

    id: str
    text: str
    speaker: int
    """Index into the corpus's speakers."""
    symbols: Tensor
    """Symbol numbers ``[symbols]`` int64."""
    waveform: Tensor
    """Samples ``[frames * hop_length]`` float32, without the silence before and after."""
    seconds: float


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus in memory: all of its clips, in its own order."""

    clips: tuple[Clip, ...]
    speakers: tuple[str, ...]
    sha256: str
    """Digest over identifiers, speakers, texts, given pronunciations and the bytes of the sound files."""
    seconds: float
    statistics: CorpusStatistics | None = None
    """What the corpus is like. None where it was not read from files."""


def read_corpus(
    format_name: str, folder: Path, audio: AudioFeatures, front_end: FrontEnd, max_invalid_clips: int = 0
) -> Corpus:
    """Read a whole corpus. Up to ``max_invalid_clips`` clips with something wrong are left out. With more of them it
    raises InvalidDataset, with everything that is wrong."""
    problems: list[str] = []
    corpus_format = FORMATS[format_name]
    entries = list(corpus_format.read(folder, problems))
    if not entries and not problems:
        raise InvalidDataset(folder, [f"{corpus_format.list_file} lists no clips"], "add some")
    speakers = tuple(sorted({entry.speaker for entry in entries}))
    clips: list[Clip] = []
    measured: list[ClipMeasures] = []
    digest = hashlib.sha256()
    with ThreadPoolExecutor(4) as pool:
        for entry, sound in zip(entries, pool.map(lambda e: _sound_of(e, audio), entries), strict=True):
            if isinstance(sound, str):
                problems.append(f"{entry.where}: {entry.audio.relative_to(folder)}: {sound}")
                continue
            try:
                symbols = _symbols_of(entry, front_end)
            except (UnspeakableText, UnknownPhoneme) as error:
                problems.append(f"{entry.where}: {error}")
                continue
            waveform = sound.trimmed
            frames = len(waveform) // audio.hop_length
            if frames < len(symbols):
                problems.append(
                    f"{entry.where}: {entry.id} has {frames} frames of sound for {len(symbols)} symbols of text: "
                    "it cannot say all of it"
                )
                continue
            said = entry.text if entry.pronunciation is None else f"{entry.text}\0{entry.pronunciation}"
            digest.update(f"{entry.id}\0{entry.speaker}\0{said}\0{sound.file.sha256}\n".encode())
            seconds = frames * audio.hop_length / audio.sample_rate
            clips.append(
                Clip(
                    entry.id,
                    entry.text,
                    speakers.index(entry.speaker),
                    torch.tensor(symbols),
                    waveform[: frames * audio.hop_length].clone(),
                    seconds,
                )
            )
            measured.append(
                ClipMeasures(
                    entry.where,
                    entry.speaker,
                    entry.text,
                    frozenset(symbols),
                    len(symbols),
                    seconds,
                    len(sound.file.waveform) / audio.sample_rate,
                    float(waveform.square().mean().sqrt()),
                    sound.file.clipped_share,
                    sound.file.sha256,
                )
            )
    if len(problems) > max_invalid_clips or not clips:
        raise InvalidDataset(folder, problems, remedy_for(max_invalid_clips))
    for problem in problems:
        log.warning("a clip is left out: %s", problem)
    whole = describe(measured, front_end.symbols, problems)
    return Corpus(tuple(clips), speakers, digest.hexdigest(), sum(clip.seconds for clip in clips), whole)


def remedy_for(max_invalid_clips: int) -> str:
    """Return the remedy for a corpus with too many problems."""
    allowed = f" (now {max_invalid_clips})" if max_invalid_clips else ""
    return f"correct or remove these, or allow as many with dataset.maxInvalidClips{allowed}"


def _symbols_of(entry: Entry, front_end: FrontEnd) -> list[int]:
    """The symbol numbers of a clip: of its pronunciation if the corpus gives one, otherwise of its text. Raises
    UnspeakableText and UnknownPhoneme."""
    if entry.pronunciation is None:
        return front_end.encode(entry.text)
    return front_end.encode_pronunciation(entry.pronunciation)


@dataclass(frozen=True, eq=False)
class _ClipSound:
    file: Sound
    trimmed: Tensor
    """Samples without the silence before and after."""


def _sound_of(entry: Entry, audio: AudioFeatures) -> _ClipSound | str:
    """The sound of a clip, or the problem with it."""
    try:
        sound = read_sound(entry.audio, audio.sample_rate)
    except UnreadableSound as error:
        return str(error)
    waveform = trim_silence(sound.waveform, audio.sample_rate)
    seconds = len(waveform) / audio.sample_rate
    if float(waveform.abs().max()) < 1e-4:
        return "it is silent"
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        return f"{seconds:.2f} s of speech; a clip has {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s"
    return _ClipSound(sound, waveform)


def split(corpus: Corpus, held_out: int, seed: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the clips to train on and of those held out, which are at most a tenth of all. The seed and
    the clips' names decide."""
    drawn = sorted(range(len(corpus.clips)), key=lambda i: _draw(seed, corpus.clips[i].id))
    count = min(held_out, len(drawn) // 10)
    return sorted(drawn[count:]), sorted(drawn[:count])


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
