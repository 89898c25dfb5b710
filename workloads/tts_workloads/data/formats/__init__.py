"""Formats of a corpus: which file lists the clips, and how its lines are read. Sound files are read in ``sound``.

A format is one file in this folder, with a ``CorpusFormat``, and an entry in ``FORMATS``. Its name is in
``tts_api.choices.DATASET_FORMATS``, as ``spec.dataset.format`` has it.
"""

from tts_workloads.data.formats.base import CorpusFormat, Entry
from tts_workloads.data.formats.ljspeech import LJSPEECH
from tts_workloads.data.formats.manifest import MANIFEST

FORMATS: dict[str, CorpusFormat] = {one.name: one for one in (LJSPEECH, MANIFEST)}
"""The formats by name."""

__all__ = ["FORMATS", "CorpusFormat", "Entry"]
