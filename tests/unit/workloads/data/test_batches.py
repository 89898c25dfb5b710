"""Which clips are trained on together: a pure function of what is known before the first step."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tts_workloads.data import Utterance, plan_batches
from tts_workloads.data.batches import LONGEST_UTTERANCE_FRAMES

_DRAW = random.Random(7)
FRAMES = [_DRAW.randint(10, 900) for _ in range(200)]
SPEAKERS = [_DRAW.randrange(3) for _ in FRAMES]
CLIPS = [clip for clip in range(200) if clip % 10]
"""Every tenth is held out."""


def plan(clips: list[int] = CLIPS, **changes: int | bool) -> list[list[Utterance]]:
    arguments = {"batch_frames": 4000, "seed": 1, "epoch": 0, **changes}
    return plan_batches(clips, FRAMES, SPEAKERS, **arguments)  # type: ignore[arg-type]


def clips_of(batches: list[list[Utterance]]) -> list[int]:
    return [clip for batch in batches for utterance in batch for clip in utterance]


def length(utterance: Utterance) -> int:
    return sum(FRAMES[clip] for clip in utterance)


def test_the_same_arguments_give_the_same_batches() -> None:
    before = random.getstate()
    assert plan(epoch=5) == plan(epoch=5)
    assert random.getstate() == before


@pytest.mark.parametrize("change", [{"epoch": 1}, {"seed": 2}])
def test_another_epoch_or_seed_gives_other_batches(change: dict[str, int]) -> None:
    assert plan(**change) != plan()
    assert {frozenset(batch) for batch in plan(**change)} != {frozenset(batch) for batch in plan()}


@pytest.mark.parametrize("join", [True, False])
@pytest.mark.parametrize("epoch", range(5))
def test_every_clip_is_heard_once_in_an_epoch(epoch: int, join: bool) -> None:
    assert sorted(clips_of(plan(epoch=epoch, join=join))) == CLIPS


@pytest.mark.parametrize("batch_frames", [100, 900, 4000, 40_000, 10_000_000])
def test_a_batch_is_within_its_limit_padding_included(batch_frames: int) -> None:
    for batch in plan(batch_frames=batch_frames):
        assert len(batch) * max(map(length, batch)) <= batch_frames or len(batch) == 1


def test_one_batch_takes_all_that_fits() -> None:
    assert len(plan(batch_frames=10_000_000)) == 1


def test_little_of_a_batch_is_padding() -> None:
    batches = [batch for epoch in range(5) for batch in plan(epoch=epoch)]
    padded = sum(len(batch) * max(map(length, batch)) for batch in batches)
    assert sum(length(utterance) for batch in batches for utterance in batch) > 0.85 * padded


def test_an_utterance_has_one_speaker_and_a_bounded_length() -> None:
    utterances = [utterance for epoch in range(5) for batch in plan(epoch=epoch) for utterance in batch]
    assert all(len({SPEAKERS[clip] for clip in utterance}) == 1 for utterance in utterances)
    assert all(len(utterance) == 1 or length(utterance) <= LONGEST_UTTERANCE_FRAMES for utterance in utterances)
    assert len(utterances) < 5 * len(CLIPS), "some clips are joined"
    assert min(map(len, utterances)) == 1, "some clips stay alone"


def test_without_joining_every_clip_is_an_utterance() -> None:
    assert all(len(utterance) == 1 for batch in plan(join=False) for utterance in batch)


@pytest.mark.parametrize("world", [2, 3, 8, 64])
def test_ranks_have_the_same_number_of_batches_and_all_clips_between_them(world: int) -> None:
    shares = [plan(rank=rank, world=world) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    times = Counter(clip for share in shares for clip in clips_of(share))
    assert sorted(times) == CLIPS
    whole = plan()
    given_twice = len(shares[0]) * world - len(whole)
    assert 0 <= given_twice < world
    assert sum(len(share) for share in shares) == len(whole) + given_twice
    if world <= len(whole):
        assert max(times.values()) <= 2


def test_ranks_are_disjoint_where_the_batches_divide_evenly() -> None:
    number = len(plan(join=False))
    world = next(divisor for divisor in range(2, number + 1) if number % divisor == 0)
    shares = [set(clips_of(plan(join=False, rank=rank, world=world))) for rank in range(world)]
    assert sum(map(len, shares)) == len(set().union(*shares)) == len(CLIPS)


def test_more_ranks_than_clips_leave_none_without_work() -> None:
    assert all(plan([3], rank=rank, world=4) == [[(3,)]] for rank in range(4))


def test_no_clips_give_no_batches() -> None:
    assert plan([], world=4, rank=3) == []
