"""Chooses waiting requests that share a batch. The decision is pure; the queue and the threads are in ``engine``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import NamedTuple

from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceInProgress

MOST_LENGTH_RATIO = 1.5
"""The longest member of a batch is at most this many times as long as the shortest: less would be padding."""


class Chunk(NamedTuple):
    """A piece of finished sound."""

    samples: Samples
    opens: SentenceInProgress | None
    """The sentence that begins with this chunk, if one does."""


@dataclass(eq=False)
class SynthesisRequest:
    """The sentences of one HTTP request on their way through the engine."""

    sentences: deque[Sentence]
    deliver: Callable[[Chunk | Exception | None], None]
    """A thread of the engine calls it with each chunk, and at the end with None or the error that ended the request."""
    streamed: bool
    """Whether the client wants every chunk as soon as it is made."""
    number: int
    """Requests are numbered in the order in which they arrive."""
    context: Context = field(default_factory=copy_context)
    """The HTTP request's context, so that what the engine logs carries the request's name."""
    chunks_made: int = 0
    chunks_taken: int = 0
    """Chunks that the reader has taken."""
    mel: SentenceInProgress | None = None
    """The sentence whose frames are becoming sound; None between two sentences."""
    chunk_frames: int | None = None
    """Most frames in the next chunk; None for all that are left."""
    seconds_spent: float = 0.0
    """Seconds of computing for the present sentence so far."""
    queued_at: float = 0.0
    """When the request joined the queue, on the clock ``time.perf_counter``."""
    queued: bool = False
    """Whether the request is in the queue or in a batch that is being made."""
    queued_symbols: int = 0
    """Symbols of the sentence for which it is in the queue or in a batch."""
    cancelled: bool = False
    """Whether the reader has stopped, so that the rest is not needed."""

    @property
    def priority(self) -> tuple[int, int]:
        """Lower goes first: a first chunk goes before another request's tenth, then the order of arrival decides."""
        return self.chunks_made, self.number


def choose_batch(queue: Sequence[SynthesisRequest], most: int) -> list[SynthesisRequest]:
    """Return the first request of the queue and, up to ``most`` in all, later ones that fit into its batch.

    A request fits where it needs the same step (the acoustic model, or the vocoder alone) and is about as long as those
    that are in the batch already.
    """
    first = queue[0]
    batch, shortest, longest = [first], _length(first), _length(first)
    for other in queue[1:]:
        if len(batch) == most:
            break
        length = _length(other)
        fits = max(longest, length) <= MOST_LENGTH_RATIO * min(shortest, length)
        if (other.mel is None) == (first.mel is None) and fits:
            batch.append(other)
            shortest, longest = min(shortest, length), max(longest, length)
    return batch


def _length(request: SynthesisRequest) -> int:
    """Return the length of the request's next step: frames for the vocoder, symbols for the acoustic model."""
    if request.mel is not None:
        return max(1, min(request.mel.frames_left, request.chunk_frames or request.mel.frames_left))
    return max(1, len(request.sentences[0].symbols))
