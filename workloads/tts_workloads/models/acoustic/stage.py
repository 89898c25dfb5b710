"""What the rest of a training needs of an acoustic model: the protocol ``AcousticStage``. Each implementation is in a
folder beside this file, and ``utterances`` has the shared part of those that learn from whole utterances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from tts_workloads.models.stage import Stage
from tts_workloads.models.task import Task


class AcousticStage(Stage, Protocol):
    """The first stage of a training.

    ``exported`` is the acoustic model as the voice calls it: ``exported(tokens, lengths, speaker, speed, pitch, energy,
    noise)`` returns frames, their number and the durations, with the shapes that ``VoiceModule.acoustic``
    documents. ``supports`` names the factors among these arguments that the model obeys."""

    task: Task
    """What the stage was built from."""

    @property
    def speakers(self) -> nn.Embedding:
        """The table of speaker vectors ``[speakers, channels]``, a submodule of ``exported``."""

    def predict(self, clip: int) -> Tensor:
        """Frames ``[frames, channels]`` float32 of a clip, as many as its recording has, on the model's device. The
        first channels are mel bands.

        This is what the vocoder learns to turn into the recording, so that the frames must be timed as the recording
        is. The result depends on the clip and the weights alone.
        """

    def alignment(self, clip: int) -> Tensor | None:
        """How strongly each frame of a clip belongs to each of its symbols, ``[frames, symbols]`` float32, on the CPU;
        None where the model has no alignment."""

    def durations(self, clip: int) -> Tensor | None:
        """How many frames each symbol of a clip lasts in its recording, ``[symbols]`` int64, on the CPU; None where the
        model does not know it."""

    def training_only(self) -> Mapping[str, Tensor]:
        """The weights of ``training_module`` that ``exported`` lacks, by their names in ``training_module``: a voice
        carries them along for trainings that start from it."""
