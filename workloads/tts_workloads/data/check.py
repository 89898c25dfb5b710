"""Checks a corpus before a training does, for the command ``tts check``."""

from __future__ import annotations

from pathlib import Path

from tts_api.run import RunDataset
from tts_workloads import text
from tts_workloads.data.corpus import read_corpus
from tts_workloads.data.user_lexicon import with_user_lexicon


def statistics_of(folder: Path, dataset: RunDataset) -> str:
    """Return what a training would report about the corpus, as JSON. ``dataset.path`` is not read.

    Raises InvalidDataset where a training would refuse the corpus.
    """
    corpus = read_corpus(
        dataset.format,
        folder,
        dataset.audio,
        with_user_lexicon(text.for_training(dataset.language), folder),
        dataset.max_invalid_clips,
    )
    return corpus.statistics.model_dump_json(by_alias=True, indent=1) if corpus.statistics else "{}"
