"""Builds a training from its run document: the front end, the corpus, and a stage for each model. Only this module
looks models up in their registries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tts_api.reasons import Reason
from tts_api.run import TrainingRun
from tts_workloads import models, text
from tts_workloads.audio import PITCH_RANGE_HZ
from tts_workloads.data import Corpus, Features, Shards, features_of, read_corpus, split, with_user_lexicon
from tts_workloads.exits import BadInput
from tts_workloads.models.stage import Stage
from tts_workloads.models.task import shown_clip
from tts_workloads.training.setup import settings, starting_voices, weights

CPU = torch.device("cpu")
LEAST_VOICED_SHARE = 0.05
"""Share of frames with a pitch below which a corpus is no voiced speech, where half of the frames have one."""


@dataclass(frozen=True)
class Training:
    """The parts of a run, ready for the first step."""

    run: TrainingRun
    """The run, with everything filled in that it left to defaults or to the voices that it starts from."""
    corpus: Corpus
    train: Sequence[int]
    """Numbers of the clips that are trained on."""
    held_out: Sequence[int]
    """Numbers of the clips that the voice is measured on."""
    front_end: text.FrontEnd
    acoustic: models.AcousticStage
    vocoder: models.VocoderStage
    device: torch.device = CPU
    """The device that trains."""

    @property
    def shown(self) -> int:
        """The number of the clip that people are shown."""
        return shown_clip(self.corpus, self.train, self.held_out)

    @property
    def stages(self) -> list[Stage]:
        """The stages that have steps to do, in their order."""
        both: list[Stage] = [self.acoustic, self.vocoder]
        return [stage for stage in both if stage.steps != 0]


def assemble(
    given: TrainingRun, workspace: Path, device: torch.device, shards: Shards, pause: Callable[[], None]
) -> Training:
    """Read the corpus, compute its features on the device that trains, and build the models.

    ``pause`` is called between clips and may raise to interrupt. Raises BadInput with InvalidParameters or
    InvalidDataset, or with the reason why a model cannot start from a voice."""
    sources = starting_voices.open_voices(given, workspace / "sources")
    run = starting_voices.resolved(given, sources)
    folder = workspace / "data" / run.dataset.path
    front_end = with_user_lexicon(starting_voices.front_end(run, sources.acoustic), folder)
    corpus = read_corpus(run.dataset.format, folder, run.dataset.audio, front_end, run.dataset.max_invalid_clips)
    corpus = starting_voices.with_speakers(corpus, sources.acoustic)
    run = settings.settled(run, given, corpus.seconds, device, workspace / "checkpoints" / run.output)
    train, held_out = split(corpus, run.training.validation.clips, run.training.seed)
    features = features_of(corpus, run.dataset.audio, run.model.vocoder.frames, device, shards, pause)
    _check_voiced(features)
    task = models.Task(run, corpus, train, held_out, front_end.symbols, features)
    acoustic = models.ACOUSTIC_MODELS[run.model.acoustic.name](task)
    vocoder = models.VOCODERS[run.model.vocoder.name](task, acoustic)
    weights.start(sources, acoustic, vocoder, corpus.speakers)
    return Training(run, corpus, train, held_out, front_end, acoustic, vocoder, device)


def _check_voiced(features: Features) -> None:
    """Raise BadInput where a vocoder is to filter pulses and the corpus has no pitch to learn them from."""
    share = float((features.log_pitch > 0).float().mean())
    if features.analysis.pitched and share < LEAST_VOICED_SHARE:
        lowest, highest = PITCH_RANGE_HZ
        raise BadInput(
            Reason.INVALID_DATASET,
            f"{share:.1%} of the corpus has a pitch from {lowest:g} to {highest:g} Hz, and speech has more than "
            f"{LEAST_VOICED_SHARE:.0%}: listen to its clips, which may be whispered, noise, or at another speed; for "
            "speech without a pitch set model.vocoder.architecture to vocos",
        )
