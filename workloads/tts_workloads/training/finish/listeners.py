"""What listens to a finished voice as people do, where the extra ``quality`` is installed: a recogniser and a predictor
of opinions, on held-out clips as the voice says them and as they were recorded. Nothing that goes wrong here ends a
training; the measures themselves are in ``quality``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_api.report import Evaluation
from tts_workloads.data.corpus import LONGEST_SECONDS
from tts_workloads.quality import naturalness, recognise
from tts_workloads.quality.error_rates import error_rate
from tts_workloads.training.finish.measure import SpokenClip
from tts_workloads.training.loop.trainer import Interrupted
from tts_workloads.training.setup.assemble import Training

log = logging.getLogger(__name__)

CLIPS = 20
"""Held-out clips that are listened to at most: about two minutes on two cores, and a word error rate of 5 % is known to
about 1.5 %."""
MARK = "listening"
"""A file in the run's folder while somebody listens. Where it is found, an earlier try was killed at it (the listeners
take half a gigabyte of memory), and a second try would be too."""

Utterance = tuple[str, NDArray[np.float32]]
"""A text and how it was said, ``[samples]`` float32 in -1 to 1."""
Measures = dict[str, float | None]


def listened_to(evaluation: Evaluation, training: Training, spoken: Sequence[SpokenClip], folder: Path) -> Evaluation:
    """The evaluation, and what the listeners make of the voice. ``folder`` is the run's. What is not installed or fails
    leaves its fields absent. Raises Interrupted."""
    mark = folder / MARK
    if mark.exists():
        log.warning("an earlier try died while the voice was listened to, which is left out now: see %s", mark)
        return evaluation
    chosen = spread(spoken, CLIPS)
    if not chosen:
        return evaluation
    audio, corpus = training.run.dataset.audio, training.corpus
    longest = round(LONGEST_SECONDS * audio.sample_rate)  # no recording is longer; a bad voice may never end
    said = [(corpus.clips[one.clip].text, one.waveform[:longest]) for one in chosen]
    recorded = [(corpus.clips[one.clip].text, corpus.clips[one.clip].waveform.numpy()) for one in chosen]
    started = time.perf_counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        measures = _asked(said, recorded, audio.sample_rate, training.run.dataset.language)
    except OSError as error:
        log.warning("the voice is not listened to: %s cannot be written: %s", mark, error)
        return evaluation
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)
        recognise.model.cache_clear()
        naturalness.model.cache_clear()
    if not measures:
        return evaluation
    log.info("%d clips were listened to in %.0f s", len(chosen), time.perf_counter() - started)
    return evaluation.model_copy(update={"listened_clips": len(chosen), **measures})


def spread(spoken: Sequence[SpokenClip], most: int) -> Sequence[SpokenClip]:
    """At most so many of them, evenly from first to last: a corpus is often sorted by speaker."""
    return spoken[:: max(1, -(-len(spoken) // most))]


def _asked(said: Sequence[Utterance], recorded: Sequence[Utterance], sample_rate: int, language: str) -> Measures:
    """What those listeners say that are there, by the evaluation's fields."""
    listeners: list[tuple[str, Callable[[Iterable[Utterance], int], Measures]]] = [("opinions", _opinion)]
    if language.partition("-")[0] == recognise.LANGUAGE:
        listeners.insert(0, ("words", _understood))
    found: Measures = {}
    absent = []
    for name, listen in listeners:
        try:
            voice, speech = listen(said, sample_rate), listen(recorded, sample_rate)
        except Interrupted:
            raise
        except ModuleNotFoundError as error:
            absent.append(str(error.name))
        except Exception:
            log.warning("the measures of %s are left out: their listener failed", name, exc_info=True)
        else:
            found |= voice | {f"recorded_{field}": value for field, value in speech.items()}
    if absent:
        log.info(
            "the evaluation lacks what needs %s: install the extra `quality` (pip install tts-operator[quality]), or "
            "build the image with it as docs/operations.md says",
            " and ".join(absent),
            extra={"event": "not listened"},
        )
    return found


def _understood(utterances: Iterable[Utterance], sample_rate: int) -> Measures:
    understood = recognise.RecognitionErrors()
    for text, waveform in utterances:
        understood.listen(text, waveform, sample_rate)
    return {
        "word_error_rate": round(error_rate(understood.words), 4),
        "character_error_rate": round(error_rate(understood.characters), 4),
    }


def _opinion(utterances: Iterable[Utterance], sample_rate: int) -> Measures:
    scores = [naturalness.mean_opinion_score(waveform, sample_rate) for _, waveform in utterances]
    return {"opinion_score": round(float(np.mean(scores)), 2)}
