"""The adversarial losses of a vocoder, for one forward and one backward pass: each loss has a gradient for the weights
that it is meant for and for no others, so that both sides are trained by one step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call

from tts_workloads.models.discriminators import Discriminators, Judgement


class Adversarial(NamedTuple):
    """Scalar float32 losses, sums over the discriminators (Kong, Kim and Bae 2020, arXiv:2010.05646, section 2.4)."""

    discriminator: Tensor
    """What the discriminators are trained on: least squares (Mao et al. 2016, arXiv:1611.04076)."""
    generator: Tensor
    """How little the sound that was made passes for recorded."""
    features: Tensor
    """How far what the discriminators see in it is from what they see in the recording (Larsen et al. 2015,
    arXiv:1512.09300), a sum over their layers."""


def adversarial_losses(discriminators: Discriminators, made: Tensor, recorded: Tensor) -> Adversarial:
    """The losses of ``[batch, samples]`` that a vocoder made, and of what it should have made."""
    real: list[Judgement] = discriminators(recorded)
    fake: list[Judgement] = discriminators(made.detach())
    # The same weights again, as constants: the way back to the vocoder must not reach them.
    weights = {name: weight.detach() for name, weight in discriminators.named_parameters()}
    seen: list[Judgement] = functional_call(discriminators, weights, (made,))
    return Adversarial(
        _total([(1 - scores.float()).square() for scores, _ in real] + [scores.float().square() for scores, _ in fake]),
        _total([(1 - scores.float()).square() for scores, _ in seen]),
        _total([
            (ours.float() - theirs.detach().float()).abs()
            for (_, of_recorded), (_, of_made) in zip(real, seen, strict=True)
            for theirs, ours in zip(of_recorded, of_made, strict=True)
        ]),
    )  # fmt: skip


def _total(errors: list[Tensor]) -> Tensor:
    return torch.stack([error.mean() for error in errors]).sum()
