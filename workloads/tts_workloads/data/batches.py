"""Decides which clips are in which batch. The result is a pure function of seed and epoch, so a training remembers only
(epoch, position) of its data. Only lengths are used here; ``features`` gathers the tensors."""

from __future__ import annotations

import random
from collections.abc import Sequence

Utterance = tuple[int, ...]
"""Numbers of clips of one speaker that are trained on as one utterance, one after another. A model that only ever heard
single words does not know what follows a word."""

FRAME_BUCKET = 32
"""Utterances are padded to a multiple of this number of frames, because libraries keep a plan for every shape."""
LONGEST_UTTERANCE_FRAMES = 1000
JOINED_FRAMES = (80, 420)
"""Bounds between which a length is drawn. Clips are joined until they have it."""
SINGLE = 0.35
"""Share of utterances that stay a single clip."""


def up_to_bucket(length: int, bucket: int = FRAME_BUCKET) -> int:
    """Return the length that a number of frames is padded to: the next multiple of ``bucket``."""
    return -(-length // bucket) * bucket


def plan_batches(
    clips: Sequence[int],
    frames: Sequence[int],
    speakers: Sequence[int],
    *,
    batch_frames: int,
    seed: int,
    epoch: int,
    rank: int = 0,
    world: int = 1,
    join: bool = True,
) -> list[list[Utterance]]:
    """Return the batches of one process in an epoch. All processes together get every clip once. If the number of
    batches is not divisible by ``world``, some batches are given twice.

    ``frames`` and ``speakers`` are those of all clips of the corpus, and ``clips`` the numbers of the clips to take.
    Utterances of similar length share a batch. A batch has at most ``batch_frames`` frames with padding, unless one
    utterance alone is longer.
    """
    order = random.Random(repr((seed, "epoch", epoch)))  # noqa: S311 - no secret
    utterances = _joined(clips, frames, speakers, order) if join else [(clip,) for clip in clips]
    lengths = {utterance: sum(frames[clip] for clip in utterance) for utterance in utterances}
    # Sorted by a length that is changed at random by up to 5 %, so that batches differ from epoch to epoch.
    utterances.sort(key=lambda utterance: (lengths[utterance] * order.uniform(0.95, 1.05), utterance))
    batches: list[list[Utterance]] = []
    longest = 0
    for utterance in utterances:
        longest = max(longest, lengths[utterance])
        # By the padded length, so that batches of one length have one number of utterances.
        if not batches or up_to_bucket(longest) * (len(batches[-1]) + 1) > batch_frames:
            batches.append([])
            longest = lengths[utterance]
        batches[-1].append(utterance)
    order.shuffle(batches)
    while len(batches) % world:
        batches.append(batches[len(batches) % world - 1])
    return batches[rank::world]


def _joined(
    clips: Sequence[int], frames: Sequence[int], speakers: Sequence[int], order: random.Random
) -> list[Utterance]:
    utterances: list[Utterance] = []
    for speaker in sorted({speakers[clip] for clip in clips}):
        left = [clip for clip in clips if speakers[clip] == speaker]
        order.shuffle(left)
        while left:
            utterance = [left.pop()]
            target = 0.0 if order.random() < SINGLE else order.uniform(*JOINED_FRAMES)
            total = frames[utterance[0]]
            while left and total < target and total + frames[left[-1]] <= LONGEST_UTTERANCE_FRAMES:
                utterance.append(left.pop())
                total += frames[utterance[-1]]
            utterances.append(tuple(utterance))
    return utterances
