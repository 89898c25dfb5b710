"""Computes statistics of a corpus, and finds clips that look wrong although they can be read. Clips that cannot be read
are found in ``corpus``. Everything here is pure."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tts_api.base import Document

CLIPPED_SHARE = 1e-3
"""Share of samples at full scale from which a clip counts as clipped."""
LEAST_FACTOR = 2.0
"""A rate of speech is never odd within this factor of the median."""
ODD_DEVIATIONS = 4.0
"""Robust standard deviations from the median rate of speech beyond which a transcript is odd."""
MOST_NAMED = 20
"""Entries that a list of clips that look wrong has at most."""


@dataclass(frozen=True)
class ClipMeasures:
    """The measures of one clip that the statistics are computed from."""

    where: str
    """File and line."""
    speaker: str
    text: str
    symbols: frozenset[int]
    """Symbol numbers that occur."""
    length: int
    """Symbols of the transcript."""
    seconds: float
    """Of speech, without the silence around it."""
    file_seconds: float
    level: float
    """Root mean square of the samples, 0 to 1."""
    clipped_share: float
    sound_sha256: str


class SpeakerStatistics(Document):
    """The statistics of one speaker's clips."""

    clips: int
    seconds: float


class CorpusStatistics(Document):
    """The statistics of a corpus, as ``report/corpus.json`` has them."""

    clips: int
    seconds: float
    """Of speech."""
    shortest_seconds: float
    median_seconds: float
    longest_seconds: float
    silence_share: float
    """Share of the files' time that was trimmed as silence before and after the speech."""
    median_level_decibels: float
    """Level of the clips, relative to full scale."""
    clipped_clips: int
    """Clips of which more than a thousandth is at full scale."""
    speakers: dict[str, SpeakerStatistics]
    repeated_texts: tuple[str, ...]
    """Clips that have the same text as an earlier one, by file and line."""
    repeated_sounds: tuple[str, ...]
    """Clips that have the same sound file as an earlier one: one of the two transcripts is wrong."""
    unseen_symbols: tuple[str, ...]
    """Symbols of the front end that no transcript has, so that the voice cannot learn them."""
    odd_transcripts: tuple[str, ...]
    """Clips whose transcript is much too long or too short for their sound."""
    left_out: tuple[str, ...] = ()
    """Every clip that could not be used, by file and line, and what is wrong with it."""


def describe(clips: Sequence[ClipMeasures], symbols: Sequence[str], left_out: Sequence[str]) -> CorpusStatistics:
    """Return the statistics of at least one clip. ``symbols`` are the front end's, of which the first is padding."""
    seconds = sorted(clip.seconds for clip in clips)
    file_seconds = sum(clip.file_seconds for clip in clips)
    seen = frozenset[int]().union(*(clip.symbols for clip in clips))
    speakers = Counter[str](clip.speaker for clip in clips)
    return CorpusStatistics(
        clips=len(clips),
        seconds=round(sum(seconds), 1),
        shortest_seconds=round(seconds[0], 2),
        median_seconds=round(statistics.median(seconds), 2),
        longest_seconds=round(seconds[-1], 2),
        silence_share=round(1 - sum(seconds) / file_seconds, 3) if file_seconds else 0.0,
        median_level_decibels=round(20 * math.log10(max(1e-9, statistics.median(clip.level for clip in clips))), 1),
        clipped_clips=sum(clip.clipped_share > CLIPPED_SHARE for clip in clips),
        speakers={
            name: SpeakerStatistics(
                clips=count, seconds=round(sum(clip.seconds for clip in clips if clip.speaker == name), 1)
            )
            for name, count in sorted(speakers.items())
        },
        repeated_texts=_named(_repeated(clips, [(clip.speaker, clip.text) for clip in clips])),
        repeated_sounds=_named(_repeated(clips, [clip.sound_sha256 for clip in clips])),
        unseen_symbols=tuple(symbol for number, symbol in enumerate(symbols) if number and number not in seen),
        odd_transcripts=_named(odd_transcripts(clips)),
        left_out=tuple(left_out),
    )


def odd_transcripts(clips: Sequence[ClipMeasures]) -> list[str]:
    """Return a message for each clip whose symbols per second are far from the corpus's median, measured by the median
    absolute deviation."""
    rates = [clip.length / clip.seconds for clip in clips]
    middle = statistics.median(rates)
    distances = [abs(math.log(rate / middle)) for rate in rates]
    bound = max(math.log(LEAST_FACTOR), ODD_DEVIATIONS * 1.4826 * statistics.median(distances))
    return [
        f"{clip.where}: {rate:.1f} symbols a second, where the corpus has {middle:.1f}: the transcript may be too "
        f"{'long' if rate > middle else 'short'}"
        for clip, rate, distance in zip(clips, rates, distances, strict=True)
        if distance > bound
    ]


def _repeated(clips: Sequence[ClipMeasures], keys: Iterable[object]) -> list[str]:
    first: dict[object, str] = {}
    repeated = []
    for clip, key in zip(clips, keys, strict=True):
        if key in first:
            repeated.append(f"{clip.where}: as {first[key]}")
        first.setdefault(key, clip.where)
    return repeated


def _named(entries: Sequence[str]) -> tuple[str, ...]:
    more = len(entries) - MOST_NAMED
    return (*entries[:MOST_NAMED], f"and {more} more") if more > 0 else tuple(entries)
