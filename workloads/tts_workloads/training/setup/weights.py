"""Copies the weights of finished voices into the models that start from them, and packs the weights that a voice
carries along for this. ``starting_voices`` finds the voices."""

from __future__ import annotations

import io
from collections.abc import Container, Mapping, Sequence

import torch
from torch import Tensor, nn

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput
from tts_workloads.models import AcousticStage, VocoderStage
from tts_workloads.training.setup.starting_voices import StartingVoice, StartingVoices


def start(sources: StartingVoices, acoustic: AcousticStage, vocoder: VocoderStage, speakers: Sequence[str]) -> None:
    """Copy the weights of the sources into the new models. ``speakers`` are the names of the new voice's speakers.

    Raises BadInput with UnsupportedVoice where the weights do not fit.
    """
    if sources.acoustic is not None:
        weights = _weights(sources.acoustic, "acoustic_model.")
        known, table = sources.acoustic.voice.card.speakers, _speaker_table(acoustic)
        if table in weights and len(weights[table]) == len(known):
            weights[table] = _rows(weights[table], known, speakers)
        _put(sources.acoustic, weights, acoustic.exported)
        _put_training_only(sources.acoustic, acoustic)
    if sources.vocoder is not None:
        _put(sources.vocoder, _weights(sources.vocoder, "vocoder."), vocoder.exported)


def training_only(stage: AcousticStage) -> bytes:
    """The file with the weights that a voice needs for training on but not for speaking, as ``torch.save`` writes
    them."""
    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in stage.training_only().items()}, buffer)
    return buffer.getvalue()


def _speaker_table(stage: AcousticStage) -> str:
    """The name, in the exported model, of the tensor with a row for each speaker."""
    parameters = stage.exported.named_parameters()
    return next(name for name, parameter in parameters if parameter is stage.speakers.weight)


def _put_training_only(source: StartingVoice, stage: AcousticStage) -> None:
    wanted = stage.training_only()
    found: dict[str, Tensor] = {}
    if source.voice.training_only is not None:
        found = torch.load(io.BytesIO(source.voice.training_only), map_location="cpu", weights_only=True)
    _check(source, found, wanted, wanted.keys())
    stage.training_module.load_state_dict(found, strict=False)


def _weights(source: StartingVoice, prefix: str) -> dict[str, Tensor]:
    """The tensors of one model of a voice by name, on the CPU."""
    whole = torch.jit.load(str(source.voice.path), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return {name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)}


def _rows(table: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """The table with one row for each wanted name: a new name gets the mean of the known rows."""
    places = {name: place for place, name in enumerate(known)}
    mean = table.mean(0)
    return torch.stack([table[places[name]] if name in places else mean for name in wanted])


def _put(source: StartingVoice, weights: Mapping[str, Tensor], module: nn.Module) -> None:
    wanted = module.state_dict()
    # TorchScript also stores the buffers that a module computes when it is made.
    computed = {name for name, _ in module.named_buffers()}
    _check(source, weights, wanted, wanted.keys() | computed)
    module.load_state_dict({name: weights[name] for name in wanted})


def _check(
    source: StartingVoice, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], known: Container[str]
) -> None:
    """Raise BadInput where a tensor is missing, is not known or has another shape."""
    problems = [f"it has no {name}" for name in wanted if name not in found]
    problems += [f"it has {name}, which is not known" for name in found if name not in known]
    problems += [
        f"{name} has the shape {list(found[name].shape)} instead of {list(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name].shape != tensor.shape
    ]
    if problems:
        raise BadInput(
            Reason.UNSUPPORTED_VOICE,
            f"{source.name} was written by another version of this image and does not fit: {problems[0]}. Train with "
            f"the image that it was trained with, or leave model.{source.part}.fromTraining out",
        )
