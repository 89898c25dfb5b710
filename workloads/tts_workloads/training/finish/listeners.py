"""Lets models listen to a finished voice as people do, where their packages are installed: a speech recogniser,
a predictor of opinion scores and a network that tells speakers apart, on held-out clips as the voice speaks them and as
they were recorded. An error here never ends a training. The measures are computed in ``quality``."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_api.report import Evaluation
from tts_workloads.data import Corpus
from tts_workloads.limits import LONGEST_SECONDS
from tts_workloads.quality import naturalness, recognise, similarity
from tts_workloads.quality.error_rates import error_rate
from tts_workloads.training.finish.measure import SpokenClip
from tts_workloads.training.loop.trainer import Interrupted
from tts_workloads.training.setup.assemble import Training

log = logging.getLogger(__name__)

CLIPS = 20
"""Held-out clips that are listened to at most: about two minutes on two cores, and a word error rate of 5 % is known to
about 1.5 %."""
MARK = "listening"
"""A file that exists in the run's folder while the listeners run. If it is found, an earlier try was killed while they
ran (they take half a gigabyte of memory), and a second try would be killed too."""

LEAST_CLIPS = 4
"""Clips of a round that are listened to whatever time it takes."""

Sound = NDArray[np.float32]
"""Samples ``[samples]`` float32, -1 to 1."""


@dataclass(frozen=True)
class Utterance:
    """A clip of the corpus as something makes it sound."""

    clip: int
    """Number of the clip."""
    text: str
    sound: Sound


Measures = dict[str, float | None]
Copy = Callable[[int], Sound]
"""Returns copy synthesis of a clip, by its number."""


def listened_to(
    evaluation: Evaluation,
    training: Training,
    spoken: Sequence[SpokenClip],
    folder: Path,
    copy: Copy,
    seconds: float = math.inf,
) -> Evaluation:
    """The evaluation with the listeners' measures added. ``folder`` is the folder of the run. When about ``seconds``
    are over, fewer clips are listened to: a voice that nobody understands takes a recogniser many times as long. The
    measures of a listener that is not installed or fails are left out. Raises Interrupted."""
    mark = folder / MARK
    if mark.exists():
        log.warning("an earlier try died while the voice was listened to, which is left out now: see %s", mark)
        return evaluation
    chosen = spread(spoken, CLIPS)
    if not chosen:
        return evaluation
    audio, corpus = training.run.dataset.audio, training.corpus
    longest = round(LONGEST_SECONDS * audio.sample_rate)  # no recording is longer; a bad voice may never end
    said = [Utterance(one.clip, corpus.clips[one.clip].text, one.waveform[:longest]) for one in chosen]
    recorded = [replace(one, sound=corpus.clips[one.clip].waveform.numpy()) for one in said]
    started = time.perf_counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        asked = _ready(_listeners(training.run.dataset.language, corpus, audio.sample_rate))
        time_left = TimeLeft(seconds, sum(len(listener.rounds) for listener in asked))
        sources = {VOICE: said, RECORDED: recorded, COPIED: recorded}
        measures = _asked(asked, sources, copy, audio.sample_rate, time_left)
    except OSError as error:
        log.warning("the voice is not listened to: %s cannot be written: %s", mark, error)
        return evaluation
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)
        recognise.model.cache_clear()
        naturalness.model.cache_clear()
        similarity.model.cache_clear()
    if not measures:
        return evaluation
    clips = min(time_left.fewest, len(chosen))
    log.info("%d clips were listened to in %.0f s", clips, time.perf_counter() - started)
    return evaluation.model_copy(update={"listened_clips": clips, **measures})


class TimeLeft:
    """The time of the listeners, shared evenly among the rounds of listening that are left."""

    def __init__(self, seconds: float, rounds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._end, self._rounds = clock, clock() + seconds, rounds
        self.fewest = sys.maxsize
        """The fewest clips of a round."""

    def of(self, utterances: Sequence[Utterance]) -> Iterator[Utterance]:
        """Yield the utterances of one round until its time is over, but ``LEAST_CLIPS`` at least."""
        until = self._clock() + max(0.0, self._end - self._clock()) / max(1, self._rounds)
        self._rounds -= 1
        count = 0
        for utterance in utterances:
            if count >= LEAST_CLIPS and self._clock() > until:
                break
            count += 1
            yield utterance
        self.fewest = min(self.fewest, count)


def spread(spoken: Sequence[SpokenClip], most: int) -> Sequence[SpokenClip]:
    """At most ``most`` of the clips, taken evenly from first to last, because a corpus is often sorted by speaker."""
    return spoken[:: max(1, -(-len(spoken) // most))]


VOICE, RECORDED, COPIED = "", "recorded_", "copied_"
"""What is listened to in a round, as the names of the measures begin: the voice, the recordings and copy synthesis of
them."""


@dataclass(frozen=True)
class Listener:
    """A model that listens."""

    judges: str
    """What it judges."""
    load: Callable[[], object]
    """Loads the model. Raises ModuleNotFoundError where it is not installed."""
    listen: Callable[[Iterable[Utterance], int], Measures]
    """Returns its measures of utterances at a sample rate, by the names of the evaluation's fields."""
    rounds: Sequence[str] = (VOICE, RECORDED)


def _listeners(language: str, corpus: Corpus, sample_rate: int) -> list[Listener]:
    """The listeners that know a language."""
    likeness = similarity.Likeness(corpus, sample_rate)
    understands = language.partition("-")[0] == recognise.LANGUAGE
    # The recogniser for one recording at a time is the one that ``_understood`` asks for.
    words = [Listener("words", partial(recognise.model, 1), _understood)] if understands else []
    opinions = Listener("opinions", naturalness.model, _opinion, (VOICE, RECORDED, COPIED))
    return [*words, opinions, Listener("similarity", similarity.model, partial(_similarity, corpus, likeness))]


def _ready(listeners: Sequence[Listener]) -> list[Listener]:
    """Those of the listeners that are installed and can be loaded. The time is shared among them alone."""
    ready, absent = [], []
    for listener in listeners:
        try:
            listener.load()
        except Interrupted:
            raise
        except ModuleNotFoundError as error:
            absent.append(str(error.name))
        except Exception:
            log.warning("the measures of %s are left out: their listener failed", listener.judges, exc_info=True)
        else:
            ready.append(listener)
    if absent:
        log.info(
            "the evaluation lacks what needs %s: pip install 'tts-operator[quality]' and %s, or build the image with "
            "both as docs/operations.md says",
            ", ".join(absent),
            similarity.INSTALL,
            extra={"event": "not listened"},
        )
    return ready


def _asked(
    listeners: Sequence[Listener],
    sources: Mapping[str, Sequence[Utterance]],
    copy: Copy,
    sample_rate: int,
    time_left: TimeLeft,
) -> Measures:
    """The measures by the names of the evaluation's fields. A round that fails loses its own alone."""
    found: Measures = {}
    for listener in listeners:
        for what in listener.rounds:
            utterances = time_left.of(sources[what])
            if what == COPIED:
                utterances = (replace(one, sound=copy(one.clip)) for one in utterances)
            try:
                heard = listener.listen(utterances, sample_rate)
            except Interrupted:
                raise
            except Exception:
                log.warning("some measures of %s are left out: a round failed", listener.judges, exc_info=True)
            else:
                found |= {what + field: value for field, value in heard.items()}
    return found


def _understood(utterances: Iterable[Utterance], sample_rate: int) -> Measures:
    understood = recognise.RecognitionErrors()
    for one in utterances:
        understood.listen(one.text, one.sound, sample_rate)
    return {
        "word_error_rate": round(error_rate(understood.words), 4),
        "character_error_rate": round(error_rate(understood.characters), 4),
    }


def _opinion(utterances: Iterable[Utterance], sample_rate: int) -> Measures:
    scores = [naturalness.mean_opinion_score(one.sound, sample_rate) for one in utterances]
    return {"opinion_score": round(float(np.mean(scores)), 2)}


def _similarity(
    corpus: Corpus, likeness: similarity.Likeness, utterances: Iterable[Utterance], sample_rate: int
) -> Measures:
    """How much utterances are like other recordings of their speakers; None where no speaker has others."""
    cosines = [
        likeness.of(one.sound, sample_rate, corpus.clips[one.clip].speaker, without=one.clip) for one in utterances
    ]
    known = [cosine for cosine in cosines if cosine is not None]
    return {"speaker_similarity": round(float(np.mean(known)), 3) if known else None}
