"""The weights of finished voices on their way into models that start from them, and what a voice carries along for
that. Which voices these are is the affair of ``source``."""

from __future__ import annotations

import io
from collections.abc import Container, Mapping, Sequence

import torch
from torch import Tensor, nn

from tts_api.reasons import Reason
from tts_workloads.exits import BadInput
from tts_workloads.models import AcousticStage, VocoderStage
from tts_workloads.training.setup.source import Source, Sources

SPEAKERS = "speakers.weight"
"""The acoustic model's table with a row for each speaker."""


def start(sources: Sources, acoustic: AcousticStage, vocoder: VocoderStage, speakers: Sequence[str]) -> None:
    """Put the weights of the sources into the new models. ``speakers`` are those of the new voice.

    Raises BadInput with UnsupportedVoice where they do not fit.
    """
    if sources.acoustic is not None:
        weights = _weights(sources.acoustic, "acoustic_model.")
        known = sources.acoustic.voice.card.speakers
        if SPEAKERS in weights and len(weights[SPEAKERS]) == len(known):
            weights[SPEAKERS] = _rows(weights[SPEAKERS], known, speakers)
        _put(sources.acoustic, weights, acoustic.module())
        _put_training_only(sources.acoustic, acoustic)
    if sources.vocoder is not None:
        _put(sources.vocoder, _weights(sources.vocoder, "vocoder."), vocoder.module())


def training_only(stage: AcousticStage) -> bytes:
    """What of a stage speaking does not need and training on does: its tensors by name."""
    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in _training_only(stage).items()}, buffer)
    return buffer.getvalue()


def _training_only(stage: AcousticStage) -> dict[str, Tensor]:
    exported = {tensor.data_ptr() for tensor in stage.module().state_dict().values()}
    return {name: tensor for name, tensor in stage.model.state_dict().items() if tensor.data_ptr() not in exported}


def _put_training_only(source: Source, stage: AcousticStage) -> None:
    wanted = _training_only(stage)
    found: dict[str, Tensor] = {}
    if source.voice.training_only is not None:
        found = torch.load(io.BytesIO(source.voice.training_only), map_location="cpu", weights_only=True)
    _check(source, found, wanted, wanted.keys())
    stage.model.load_state_dict(found, strict=False)


def _weights(source: Source, prefix: str) -> dict[str, Tensor]:
    """The tensors of one of a voice's models by name, on the CPU."""
    whole = torch.jit.load(str(source.voice.path), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return {name.removeprefix(prefix): tensor for name, tensor in whole.items() if name.startswith(prefix)}


def _rows(table: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """The table with a row for each of the names that are wanted: a new name gets the mean of the known ones."""
    places = {name: place for place, name in enumerate(known)}
    mean = table.mean(0)
    return torch.stack([table[places[name]] if name in places else mean for name in wanted])


def _put(source: Source, weights: Mapping[str, Tensor], module: nn.Module) -> None:
    wanted = module.state_dict()
    # TorchScript stores buffers too that a module makes anew.
    made_anew = {name for name, _ in module.named_buffers()}
    _check(source, weights, wanted, wanted.keys() | made_anew)
    module.load_state_dict({name: weights[name] for name in wanted})


def _check(source: Source, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], known: Container[str]) -> None:
    """Raise BadInput where a tensor lacks, is not known or has another shape."""
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
