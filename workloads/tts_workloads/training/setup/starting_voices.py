"""The finished voices that the models of a training start from (``model.*.fromTraining``): finds and checks the files,
and reads from their cards what the run leaves out. ``weights`` copies their weights into the new models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tts_api import architectures
from tts_api.reasons import Reason
from tts_api.resources.training import AcousticModel, AudioFeatures, Vocoder
from tts_api.run import RunSource, TrainingRun
from tts_workloads import text
from tts_workloads.audio import empty_bands
from tts_workloads.data import Corpus
from tts_workloads.exits import BadInput
from tts_workloads.voice_file import VoiceFile, open_voice

Part = Literal["acoustic", "vocoder"]
KNOWN = {"acoustic": architectures.ACOUSTIC_MODELS, "vocoder": architectures.VOCODERS}
"""The architectures of each part by name."""


@dataclass(frozen=True)
class StartingVoice:
    """A finished voice that a model starts from."""

    part: Part
    training: str
    """Name of the training that made the voice."""
    voice: VoiceFile

    @property
    def name(self) -> str:
        """The name of the model in messages."""
        model = "acoustic model" if self.part == "acoustic" else "vocoder"
        return f"the {model} of the training {self.training}"


@dataclass(frozen=True)
class StartingVoices:
    """The voices that the two models start from; None where a model starts from nothing."""

    acoustic: StartingVoice | None = None
    vocoder: StartingVoice | None = None


def open_voices(run: TrainingRun, folder: Path) -> StartingVoices:
    """Find the voices that the run names and check their digests. Raises BadInput with ModelMissing, DigestMismatch or
    UnsupportedVoice."""
    opened: dict[str, VoiceFile] = {}

    def of(part: Part, model: AcousticModel | Vocoder, wanted: RunSource | None) -> StartingVoice | None:
        if wanted is None or model.from_training is None:
            return None
        training = model.from_training.name
        if wanted.sha256 not in opened:
            try:
                opened[wanted.sha256] = open_voice(folder / part / wanted.path, wanted.sha256)
            except BadInput as error:
                raise BadInput(error.reason, f"model.{part}.fromTraining, {training}: {error}") from None
        return StartingVoice(part, training, opened[wanted.sha256])

    return StartingVoices(
        of("acoustic", run.model.acoustic, run.sources.acoustic), of("vocoder", run.model.vocoder, run.sources.vocoder)
    )


def resolved(run: TrainingRun, sources: StartingVoices) -> TrainingRun:
    """The run with every architecture and parameter filled in: from the run itself, else from the voice that the model
    starts from, else the default. Raises BadInput with InvalidParameters or UnsupportedVoice."""
    _check_bands(run.dataset.audio)
    for source in (sources.acoustic, sources.vocoder):
        if source is not None:
            _check_audio(run.dataset.audio, source)
    if sources.acoustic is not None and run.dataset.language not in sources.acoustic.voice.card.languages:
        spoken = ", ".join(sources.acoustic.voice.card.languages)
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"dataset.language is {run.dataset.language}, but {sources.acoustic.name} speaks {spoken}: give a corpus "
            f"of that language, or {_without('acoustic')}",
        )
    model = run.model.model_copy(
        update={
            "acoustic": _resolved("acoustic", run.model.acoustic, sources.acoustic),
            "vocoder": _resolved("vocoder", run.model.vocoder, sources.vocoder),
        }
    )
    if sources.acoustic is not None:
        _check_frames(sources.acoustic, model.vocoder)
    return run.model_copy(update={"model": model})


def _check_frames(source: StartingVoice, vocoder: Vocoder) -> None:
    """Raise BadInput where the starting acoustic model predicts other frames than the vocoder needs."""
    theirs = source.voice.card.model.vocoder
    if theirs.frames != vocoder.frames:
        alike = [name for name, one in architectures.VOCODERS.items() if one.frames == theirs.frames]
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"model.vocoder.architecture is {vocoder.name}, but {source.name} speaks through {theirs.name} and "
            f"predicts other frames: set it to {' or '.join(alike)}, or {_without('acoustic')}",
        )


def _check_bands(audio: AudioFeatures) -> None:
    empty = empty_bands(audio.sample_rate, audio.n_fft, audio.n_mels)
    if empty:
        fewer = range(audio.n_mels - 1, 0, -1)
        fit = next(bands for bands in fewer if not empty_bands(audio.sample_rate, audio.n_fft, bands))
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"dataset.audio.nMels is {audio.n_mels}, but nFFT {audio.n_fft} at {audio.sample_rate} Hz leaves {empty} "
            f"bands empty: set nMels to {fit}, or give a larger nFFT",
        )


def _check_audio(audio: AudioFeatures, source: StartingVoice) -> None:
    for name, field in AudioFeatures.model_fields.items():
        ours, theirs = getattr(audio, name), getattr(source.voice.card.audio, name)
        if ours != theirs:
            raise BadInput(
                Reason.INVALID_PARAMETERS,
                f"dataset.audio.{field.alias} is {ours}, but {source.name} was trained with {theirs}: "
                f"set it to {theirs}, or {_without(source.part)}",
            )


def _resolved(part: Part, given: AcousticModel | Vocoder, source: StartingVoice | None) -> AcousticModel | Vocoder:
    architecture, parameters = given.name, given.parameters
    if source is not None:
        theirs = getattr(source.voice.card.model, part)
        architecture, parameters = theirs.name, filled(part, theirs.name, theirs.parameters)
        for name, ours, value in _differences(part, given, architecture, parameters):
            raise BadInput(
                Reason.INVALID_PARAMETERS,
                f"model.{part}.{name} is {ours}, but {source.name} has {value}: leave it out, or {_without(part)}",
            )
        if not KNOWN[part][architecture].trained:
            raise BadInput(
                Reason.INVALID_PARAMETERS,
                f"{source.name} is {architecture}, which has no weights: set model.{part}.architecture to "
                f"{architecture} and leave model.{part}.fromTraining out",
            )
        parameters = parameters | given.parameters
    return given.model_copy(update={"architecture": architecture, "parameters": filled(part, architecture, parameters)})


def _differences(
    part: Part, given: AcousticModel | Vocoder, architecture: str, parameters: dict[str, float]
) -> Iterator[tuple[str, object, object]]:
    """The settings that differ from the starting voice's and that the weights depend on: name, given value, its
    value."""
    if given.architecture is not None and given.architecture != architecture:
        yield "architecture", given.architecture, architecture
    free = KNOWN[part][architecture].parameters.of_training()
    for name, value in given.parameters.items():
        if name not in free and value != parameters.get(name):
            yield f"parameters.{name}", f"{value:g}", _shown(parameters.get(name))


def _shown(value: float | None) -> str:
    return "no such parameter" if value is None else f"{value:g}"


def filled(part: Part, architecture: str, given: dict[str, float]) -> dict[str, float]:
    """All parameters of an architecture, checked."""
    try:
        return KNOWN[part][architecture].parameters.model_validate(given).model_dump(by_alias=True)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(place) for place in first["loc"])
        raise BadInput(
            Reason.INVALID_PARAMETERS,
            f"model.{part}.parameters.{name} = {first['input']!r}: {first['msg']} ({architecture})",
        ) from None


def _without(part: Part) -> str:
    """The remedy to train the model from nothing, as messages say it."""
    model = "an acoustic model" if part == "acoustic" else "a vocoder"
    return f"leave model.{part}.fromTraining out to train {model} from nothing"


def front_end(run: TrainingRun, source: StartingVoice | None) -> text.FrontEnd:
    """The front end of the new voice. An acoustic model that starts from a voice keeps the front end that it learned
    its symbols from. Raises BadInput with UnsupportedVoice where this image lacks that front end."""
    if source is None:
        return text.for_training(run.dataset.language)
    try:
        return text.restore(source.voice.card.front_end, source.voice.front_end)
    except text.UnknownFrontEnd as error:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{source.name} cannot be used: {error}. Train with the image that it was trained with, or "
            f"{_without('acoustic')}",
        ) from None


def with_speakers(corpus: Corpus, source: StartingVoice | None) -> Corpus:
    """The corpus with the speakers of the starting voice added after its own, so that the new voice can still speak as
    they do."""
    known = source.voice.card.speakers if source else ()
    return replace(corpus, speakers=(*corpus.speakers, *(name for name in known if name not in corpus.speakers)))
