"""The alignment's arithmetic, beside slow and obvious ways to the same numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from tts_workloads.models.acoustic.alignment import (
    best_path,
    best_path_on_device,
    binarisation_loss,
    durations_of,
    prior,
)


def every_path(frames: int, symbols: int) -> list[tuple[int, ...]]:
    """All durations of at least one frame that sum to ``frames``."""
    cuts = itertools.combinations(range(1, frames), symbols - 1)
    return [tuple(np.diff((0, *cut, frames))) for cut in cuts]


@pytest.mark.parametrize(("frames", "symbols"), [(1, 1), (5, 1), (5, 5), (7, 3), (8, 4)])
def test_the_best_path_is_the_best_of_all(frames: int, symbols: int) -> None:
    scores = np.random.default_rng(frames * 10 + symbols).normal(size=(1, frames, symbols)).astype(np.float32)
    found = best_path(scores, np.array([frames]), np.array([symbols]))[0]

    def value(durations: tuple[int, ...]) -> float:
        return sum(float(scores[0, f, s]) for f, s in enumerate(np.repeat(np.arange(symbols), durations)))

    best = max(every_path(frames, symbols), key=value)
    assert tuple(found) == best


@pytest.mark.parametrize(("frames", "symbols"), [(1, 1), (5, 1), (6, 6), (40, 7), (90, 31)])
def test_the_path_found_on_a_device_is_the_same(frames: int, symbols: int) -> None:
    torch.manual_seed(frames)
    scores = torch.randn(4, frames, symbols)
    symbol_lengths = torch.tensor([symbols, 1, (symbols + 1) // 2, symbols])
    mel_lengths = torch.tensor([frames, 1, max(frames // 2, (symbols + 1) // 2), max(symbols, frames - 3)])
    for row, length in enumerate(symbol_lengths):
        scores[row, :, int(length) :] = -1e4
    found = best_path_on_device(scores, mel_lengths, symbol_lengths)
    assert found.tolist() == best_path(scores.numpy(), mel_lengths.numpy(), symbol_lengths.numpy()).tolist()
    assert found.sum(1).tolist() == mel_lengths.tolist()


def test_padding_changes_no_path() -> None:
    scores = torch.randn(2, 9, 5)
    # As the aligner scores padding.
    scores[0, :, 3:] = -1e4
    together = durations_of(scores, torch.tensor([6, 9]), torch.tensor([3, 5]))
    alone = durations_of(scores[:1, :6, :3], torch.tensor([6]), torch.tensor([3]))
    assert together[0].tolist() == [*alone[0].tolist(), 0, 0]
    assert together.sum(1).tolist() == [6, 9]


def beta_binomial(k: int, n: int, a: float, b: float) -> float:
    """The probability of ``k`` of ``n``, from its definition."""

    def beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return math.log(math.comb(n, k)) + beta(k + a, n - k + b) - beta(a, b)


def test_the_prior_is_the_beta_binomial_distribution() -> None:
    frames, symbols = 7, 4
    found = prior(torch.tensor([frames, 5]), torch.tensor([symbols, 2]), frames, symbols)
    for row, (m, n) in enumerate([(frames, symbols), (5, 2)]):
        for frame, symbol in itertools.product(range(m), range(n)):
            expected = beta_binomial(symbol, n - 1, frame + 1, m - frame)
            assert found[row, frame, symbol] == pytest.approx(expected, abs=1e-4)
        torch.testing.assert_close(found[row, :m, :n].exp().sum(1), torch.ones(m), atol=1e-4, rtol=0)


def test_a_hard_alignment_costs_nothing_to_binarise() -> None:
    durations = torch.tensor([[2, 3]])
    scores = torch.full((1, 5, 2), -50.0)
    scores[0, :2, 0] = scores[0, 2:, 1] = 0.0
    assert binarisation_loss(scores, durations, torch.tensor([5])) == pytest.approx(0.0, abs=1e-6)
    assert binarisation_loss(torch.zeros(1, 5, 2), durations, torch.tensor([5])) == pytest.approx(math.log(2), abs=1e-6)
