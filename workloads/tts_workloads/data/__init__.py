"""Corpora: read, checked, split, batched. Nothing here knows a model."""

from tts_workloads.data.batches import Utterance, plan_batches
from tts_workloads.data.corpus import Clip, Corpus, read_corpus, split
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.data.user_lexicon import with_user_lexicon

__all__ = [
    "Clip", "Corpus", "InvalidDataset", "Utterance", "plan_batches", "read_corpus", "split", "with_user_lexicon",
]  # fmt: skip
