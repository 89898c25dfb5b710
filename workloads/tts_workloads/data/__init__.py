"""Reads, checks and splits corpora, and makes batches of them. Nothing here depends on a model."""

from tts_workloads.data.batches import Utterance, plan_batches, up_to_bucket
from tts_workloads.data.corpus import Clip, Corpus, read_corpus, split
from tts_workloads.data.features import Features, features_of, gathered
from tts_workloads.data.problems import InvalidDataset
from tts_workloads.data.shards import Shards
from tts_workloads.data.user_lexicon import with_user_lexicon

__all__ = [
    "Clip",
    "Corpus",
    "Features",
    "InvalidDataset",
    "Shards",
    "Utterance",
    "features_of",
    "gathered",
    "plan_batches",
    "read_corpus",
    "split",
    "up_to_bucket",
    "with_user_lexicon",
]
