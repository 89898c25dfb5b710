"""Puts a training together from its run document: front end, corpus, and a stage for each model. The only place of the
training that names the models' and the corpus' packages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tts_api import architectures
from tts_api.reasons import Reason
from tts_api.run import TrainingRun
from tts_workloads import models, text
from tts_workloads.data import Corpus, read_corpus, split
from tts_workloads.ending import BadInput
from tts_workloads.models.stage import Stage


@dataclass(frozen=True)
class Training:
    """A run's parts, ready for the first step."""

    corpus: Corpus
    train: Sequence[int]
    """Clips that are trained on, by number."""
    held_out: Sequence[int]
    """Clips that the voice is measured on."""
    front_end: text.FrontEnd
    acoustic: models.AcousticStage
    vocoder: models.VocoderStage

    @property
    def stages(self) -> list[Stage]:
        """The models that are trained, in their order."""
        both: list[Stage] = [self.acoustic, self.vocoder]
        return [stage for stage in both if stage.steps > 0]


def assemble(run: TrainingRun, data: Path) -> Training:
    """Read the corpus and build the models. Raises BadInput with InvalidParameters or InvalidDataset."""
    check_parameters(run)
    front_end = text.for_training(run.dataset.language)
    corpus = read_corpus(run.dataset.format, data / run.dataset.path, run.dataset.audio, front_end)
    train, held_out = split(corpus, run.training.validation.clips, run.training.seed)
    task = models.Task(run, corpus, train, held_out, front_end.symbols)
    acoustic = models.ACOUSTIC_MODELS[run.model.acoustic.name](task)
    vocoder = models.VOCODERS[run.model.vocoder.name](task, acoustic)
    return Training(corpus, train, held_out, front_end, acoustic, vocoder)


def check_parameters(run: TrainingRun) -> None:
    """Raise BadInput with InvalidParameters where an architecture does not take what it is given."""
    for kind, known, model in (
        ("acoustic", architectures.ACOUSTIC_MODELS, run.model.acoustic),
        ("vocoder", architectures.VOCODERS, run.model.vocoder),
    ):
        try:
            known[model.name].parameters.model_validate(model.parameters)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise BadInput(
                Reason.INVALID_PARAMETERS,
                f"model.{kind}.parameters.{name} = {first['input']!r}: {first['msg']} ({model.name})",
            ) from None
