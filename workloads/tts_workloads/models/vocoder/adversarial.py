"""The adversarial losses of a vocoder, for one forward and one backward pass. Each loss has gradients only for the
weights that it is meant for, so that one step trains both sides."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from tts_workloads.models.vocoder.discriminators import Discriminators, Judgement

LEAST_ACTIVATION = 1e-3
"""Least mean activation that differences are divided by."""


class Adversarial(NamedTuple):
    """Losses of a batch: scalars in float32, each the mean over all discriminators."""

    discriminator: Tensor
    """The loss of the discriminators: least squares (Mao et al. 2016, arXiv:1611.04076)."""
    generator: Tensor
    """The loss of the vocoder: how far the discriminators tell its sound from a recording."""
    features: Tensor
    """Another loss of the vocoder: how far the activations for its sound are from those for the recording, relative to
    the latter (Defossez et al. 2022, EnCodec, arXiv:2210.13438, section 3.4)."""


def adversarial_losses(discriminators: Discriminators, made: Tensor, recorded: Tensor) -> Adversarial:
    """The losses of the sound ``[batch, samples]`` that a vocoder made, given the recording that it should have
    made."""
    real: list[Judgement] = discriminators(recorded)
    fake: list[Judgement] = discriminators(made.detach())
    # The same weights as constants: gradients of the vocoder's losses must not reach them.
    weights = {name: weight.detach() for name, weight in discriminators.named_parameters()}
    judged: list[Judgement] = functional_call(discriminators, weights, (made,))
    return Adversarial(
        _mean([(1 - scores.float()).square() for scores, _ in real]) + _mean([s.float().square() for s, _ in fake]),
        _mean([(1 - scores.float()).square() for scores, _ in judged]),
        _mean(
            [
                _relative(ours.float(), theirs.detach().float())
                for (_, of_recorded), (_, of_made) in zip(real, judged, strict=True)
                for theirs, ours in zip(of_recorded, of_made, strict=True)
            ]
        ),
    )


def _relative(made: Tensor, recorded: Tensor) -> Tensor:
    return (made - recorded).abs().mean() / recorded.abs().mean().clamp_min(LEAST_ACTIVATION)


def _mean(errors: list[Tensor]) -> Tensor:
    return torch.stack([error.mean() for error in errors]).mean()
