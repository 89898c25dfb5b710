"""The engine: its threads own the voice and make the sound of all requests in batches, a chunk of each at a time.

``batching`` chooses what shares a batch. Which requests are admitted is decided in ``http.service``, and how they are
answered in ``http.speech_response``."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from tts_workloads.serving.synthesis.batching import Chunk, SynthesisRequest, choose_batch
from tts_workloads.serving.synthesis.encoding import Samples
from tts_workloads.serving.synthesis.sentence import Sentence, SentenceInProgress

log = logging.getLogger(__name__)

CHUNKS_AHEAD = 4
"""Chunks of a request that are made before its reader has taken the first of them."""
FAILURES = 5
"""After this many failed sentences in a row the voice or its device is at fault, and not the sentences."""
SMOOTHING = 0.95
"""Weight of the past in the moving mean of the speed."""


class Synthesiser(Protocol):
    """Turns sentences into sound. Several threads use it at a time."""

    def predict_mel(self, sentences: Sequence[Sentence]) -> Sequence[SentenceInProgress]:
        """Return the frames of the sentences, or their sound where the voice has no vocoder of its own."""

    # What is handed over is what predict_mel of the same voice returned, which the type cannot say.
    def vocode(self, mels: Sequence[Any], frames: Sequence[int | None]) -> list[Samples]:
        """Return the sound of the next frames of each sentence: at most ``frames`` of them, or where that is None all
        that are left."""

    def enter_thread(self) -> None:
        """Prepare the calling thread; each thread calls it once, before anything else."""

    def chunk_frames(self, number: int) -> int | None:
        """Return how many frames a streamed chunk of this number has; None where the vocoder makes whole sentences
        only."""


class EngineClosed(Exception):
    """The engine accepts no more work."""


@dataclass(frozen=True)
class BatchStats:
    """The cost of one batch."""

    seconds: float
    samples: int
    batch_size: int
    waited_seconds: float
    """How long the member that joined the queue first had waited."""


@dataclass
class Engine:
    """The threads that make sound, and the queue that they share."""

    voice: Synthesiser
    threads: int = 1
    max_batch_size: int = 1
    max_wait_seconds: float = 0.0
    """How long a batch that is not full waits for more members."""
    seconds_per_symbol: float = 0.001
    """Seconds that one thread needs for a symbol. The engine starts with this value and then measures."""
    stalled_seconds: float = math.inf
    """A batch that takes longer than this will never end."""
    observe: Callable[[BatchStats], None] = lambda stats: None
    """Called after every batch."""
    _queue: list[SynthesisRequest] = field(default_factory=list)
    _queued_symbols: int = 0
    """The sum of all requests' ``queued_symbols``."""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False
    _failures: int = 0
    """Sentences that have failed since the last success."""
    _batch_started: dict[int, float] = field(default_factory=dict)
    """When the present batch of each busy thread began."""
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._workers = [
            threading.Thread(target=self._work, name=f"engine-{number}", daemon=True) for number in range(self.threads)
        ]
        for worker in self._workers:
            worker.start()

    async def speak(self, sentences: Sequence[Sentence], *, streamed: bool) -> AsyncGenerator[Chunk]:
        """Yield the sound of the sentences as soon as it is made.

        A caller that stops before the end must close the generator. Raises what the voice raised, or EngineClosed.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()

        def deliver(result: Chunk | Exception | None) -> None:
            with suppress(RuntimeError):  # the event loop has ended, so that no reader waits any more
                loop.call_soon_threadsafe(arrived.put_nowait, result)

        request = SynthesisRequest(deque(sentences), deliver, streamed, next(self._numbers))
        self._enter(request)
        try:
            while (result := await arrived.get()) is not None:
                if isinstance(result, Exception):
                    raise result
                yield result
                self._chunk_taken(request)
        finally:
            self._leave(request)

    @property
    def depth(self) -> int:
        """How many requests wait in the queue."""
        return len(self._queue)

    def longest_wait(self) -> float:
        """Return for how many seconds the oldest request in the queue has waited; 0 where the queue is empty."""
        since = min((request.queued_at for request in list(self._queue)), default=None)
        return 0.0 if since is None else time.perf_counter() - since

    def seconds_of_work(self) -> float:
        """Return how many seconds of work are queued: one whole sentence of each request whose reader keeps up, at the
        measured speed.

        No request will wait longer than this for its first sound, nor for any chunk after it.
        """
        return self._queued_symbols * self.seconds_per_symbol / self.threads

    def trouble(self) -> str | None:
        """Return why the engine will make no more sound (its device is lost or does not answer); None where it will."""
        if self._failures >= FAILURES:
            return f"the last {self._failures} sentences could not be made"
        longest = time.perf_counter() - min(list(self._batch_started.values()), default=math.inf)
        return f"a sentence has been in the making for {longest:.0f} s" if longest > self.stalled_seconds else None

    def close(self, most_seconds: float | None = None) -> None:
        """Finish what was accepted and end the threads. Threads that need more than ``most_seconds`` end with the
        process."""
        ends = None if most_seconds is None else time.monotonic() + most_seconds
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(None if ends is None else max(0.0, ends - time.monotonic()))

    def _enter(self, request: SynthesisRequest) -> None:
        with self._changed:
            if self._closed:
                raise EngineClosed
            self._enqueue(request)

    def _enqueue(self, request: SynthesisRequest) -> None:
        request.queued, request.queued_at = True, time.perf_counter()
        request.chunk_frames = self.voice.chunk_frames(request.chunks_made) if request.streamed else None
        request.queued_symbols = len(request.sentences[0].symbols)
        self._queued_symbols += request.queued_symbols
        insort(self._queue, request, key=lambda one: one.priority)
        self._changed.notify()

    def _chunk_taken(self, request: SynthesisRequest) -> None:
        """Count a chunk that the reader has taken: there may be room for another."""
        with self._changed:
            request.chunks_taken += 1
            self._enqueue_next(request)

    def _enqueue_next(self, request: SynthesisRequest) -> None:
        """Queue the request's next chunk, if there is one and its reader will take it soon."""
        left = request.mel is not None or request.sentences
        room = request.chunks_made - request.chunks_taken < CHUNKS_AHEAD
        if left and room and not request.queued and not request.cancelled:
            self._enqueue(request)

    def _dequeued(self, request: SynthesisRequest) -> None:
        self._queued_symbols -= request.queued_symbols
        request.queued, request.queued_symbols = False, 0

    def _leave(self, request: SynthesisRequest) -> None:
        with self._changed:
            request.cancelled = True
            request.sentences.clear()
            if request in self._queue:
                self._queue.remove(request)
            self._dequeued(request)

    def _work(self) -> None:
        self.voice.enter_thread()
        while (batch := self._next_batch()) is not None:
            began = self._batch_started[threading.get_ident()] = time.perf_counter()
            waited = began - min(request.queued_at for request in batch)
            samples = self._make(batch)
            del self._batch_started[threading.get_ident()]
            self.observe(BatchStats(time.perf_counter() - began, samples, len(batch), waited))
            with self._changed:
                for request in batch:
                    self._dequeued(request)
                    self._enqueue_next(request)
                self._changed.notify_all()

    def _next_batch(self) -> list[SynthesisRequest] | None:
        """Wait for the next batch and take it from the queue. Returns None once the engine is closed and idle."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return None
                batch = choose_batch(self._queue, self.max_batch_size)
                left = self._queue[0].queued_at + self.max_wait_seconds - time.perf_counter()
                if len(batch) == self.max_batch_size or left <= 0 or self._closed:
                    break
                self._changed.wait(left)
                if not self._queue:
                    continue
            for request in batch:
                self._queue.remove(request)
            return batch

    def _make(self, batch: Sequence[SynthesisRequest]) -> int:
        """Make a batch and return its number of samples. Where it fails, each member is tried alone, since another
        member may be at fault."""
        try:
            return self._synthesise(batch)
        except Exception as error:  # noqa: BLE001 - any error is delivered to its request, and the others go on
            if len(batch) > 1:
                return sum(self._make([request]) for request in batch)
            if not batch[0].cancelled:  # cancelling clears the sentences, even in the middle of a batch
                batch[0].context.run(log.exception, "a sentence could not be made")
                with self._changed:
                    self._failures += 1
            batch[0].deliver(error)
            self._leave(batch[0])
            batch[0].mel = None
            return 0

    def _synthesise(self, batch: Sequence[SynthesisRequest]) -> int:
        began = time.perf_counter()
        batch = [request for request in batch if not request.cancelled]
        fresh = [request for request in batch if request.mel is None and request.sentences]
        if fresh:
            predicted = self.voice.predict_mel([request.sentences[0] for request in fresh])
            for request, mel in zip(fresh, predicted, strict=True):
                request.mel = mel
        speaking = [(request, request.mel) for request in batch if request.mel is not None]
        if not speaking:
            return 0
        opens = [mel if mel.frames_vocoded == 0 else None for _, mel in speaking]
        sounds = self.voice.vocode([mel for _, mel in speaking], [request.chunk_frames for request, _ in speaking])
        self._failures = 0
        share = (time.perf_counter() - began) / len(speaking)
        symbols, seconds = 0, 0.0
        for (request, mel), sound, opened in zip(speaking, sounds, opens, strict=True):
            request.chunks_made += 1
            request.seconds_spent += share
            request.deliver(Chunk(sound, opened))
            if mel.frames_left == 0:
                request.mel = None
                symbols += self._end_sentence(request)
                seconds += request.seconds_spent
                request.seconds_spent = 0.0
        if symbols:
            self.seconds_per_symbol = SMOOTHING * self.seconds_per_symbol + (1 - SMOOTHING) * seconds / symbols
        return sum(len(sound) for sound in sounds)

    def _end_sentence(self, request: SynthesisRequest) -> int:
        """Remove the sentence that is finished, and return how many symbols it had."""
        with self._changed:
            if not request.sentences:  # cancelled meanwhile
                return 0
            symbols = len(request.sentences.popleft().symbols)
            if not request.sentences:
                request.deliver(None)
            return symbols
