"""The stage of vocoders that have no weights, so that nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from tts_api.voice import Capability
from tts_workloads.data import Utterance
from tts_workloads.models.stage import Batch, Optimisation, StageName
from tts_workloads.models.vocoder.stage import VocoderStage


class UntrainedStage(VocoderStage):
    """A stage without steps around a finished vocoder."""

    name: StageName = "Vocoder"
    steps: int | None = 0
    effort: float = 0.0
    optimisation = Optimisation(learning_rate=0.0, warmup_steps=0)
    supports: Sequence[Capability] = ()
    measured_on: Sequence[int] = ()

    def __init__(self, vocoder: nn.Module, receptive_field_frames: int | None, whole: nn.Module | None = None) -> None:
        """The arguments are what the stage is to ``export``; see ``VocoderStage``."""
        self.training_module = vocoder
        self.receptive_field_frames: int | None = receptive_field_frames
        self.whole: nn.Module = nn.Identity() if whole is None else whole

    @property
    def exported(self) -> nn.Module:
        """The vocoder."""
        return self.training_module

    def prepare(self, clips: Iterable[int]) -> None:
        """Do nothing."""

    def batches(self, epoch: int, rank: int, world: int) -> Sequence[Sequence[Utterance]]:
        """Return no batches."""
        del epoch, rank, world
        return []

    def collate(self, utterances: Sequence[Utterance]) -> Batch:
        """Raise TypeError: nobody may ask for a batch."""
        raise TypeError(f"this vocoder is not trained, and was given {len(utterances)} utterances")

    def trial(self) -> Batch:
        """Raise TypeError: nobody may ask for a batch."""
        return self.collate([])

    def validation(self) -> Iterable[Batch]:
        """Return no batches."""
        return []

    def show(self) -> None:
        """Return None, because the stage of the acoustic model has shown the clip."""
