"""The adversarial losses of a vocoder, for one forward and one backward pass: each loss has a gradient for the weights
that it is meant for and for no others, so that both sides are trained by one step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from tts_workloads.models.vocoder.discriminators import Discriminators, Judgement

LEAST_ACTIVATION = 1e-3
"""Below this mean an activation's differences are not taken relative to it."""


class Adversarial(NamedTuple):
    """Scalar float32 losses, means over the discriminators."""

    discriminator: Tensor
    """What the discriminators are trained on: least squares (Mao et al. 2016, arXiv:1611.04076)."""
    generator: Tensor
    """How little the sound that was made passes for recorded."""
    features: Tensor
    """How far what the discriminators' layers see in it is from what they see in the recording, relative to that
    (Defossez et al. 2022, EnCodec, arXiv:2210.13438, section 3.4)."""


def adversarial_losses(discriminators: Discriminators, made: Tensor, recorded: Tensor) -> Adversarial:
    """The losses of ``[batch, samples]`` that a vocoder made, and of what it should have made."""
    real: list[Judgement] = discriminators(recorded)
    fake: list[Judgement] = discriminators(made.detach())
    # The same weights again, as constants: the way back to the vocoder must not reach them.
    weights = {name: weight.detach() for name, weight in discriminators.named_parameters()}
    seen: list[Judgement] = functional_call(discriminators, weights, (made,))
    return Adversarial(
        _mean([(1 - scores.float()).square() for scores, _ in real]) + _mean([s.float().square() for s, _ in fake]),
        _mean([(1 - scores.float()).square() for scores, _ in seen]),
        _mean(
            [
                _relative(ours.float(), theirs.detach().float())
                for (_, of_recorded), (_, of_made) in zip(real, seen, strict=True)
                for theirs, ours in zip(of_recorded, of_made, strict=True)
            ]
        ),
    )


def _relative(made: Tensor, recorded: Tensor) -> Tensor:
    return (made - recorded).abs().mean() / recorded.abs().mean().clamp_min(LEAST_ACTIVATION)


def _mean(errors: list[Tensor]) -> Tensor:
    return torch.stack([error.mean() for error in errors]).mean()
