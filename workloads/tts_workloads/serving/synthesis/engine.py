"""The engine: its threads own the voice and make the sound of all requests, in turns and in batches. Who may wait, and
how it is answered, is the affair of ``app``."""

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
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple, Protocol

from tts_workloads.serving.synthesis.audio import Samples
from tts_workloads.serving.synthesis.voice import Sentence, Spoken

log = logging.getLogger(__name__)

AHEAD = 4
"""Chunks of an utterance that are made before somebody has taken the first of them."""
SIMILAR = 1.5
"""What shares a batch: the longest is at most so many times as long as the shortest."""
FAILURES = 5
"""Sentences that fail one after the other: it is not they that are at fault."""
SMOOTHING = 0.95
"""Weight of the past in the moving mean of the speed."""


class Speaker(Protocol):
    """Makes sentences into sound; used by several threads at a time."""

    def say(self, sentences: Sequence[Sentence]) -> list[Spoken]:
        """The sentences as mel frames."""

    def sound(self, spoken: Sequence[Spoken], frames: Sequence[int | None]) -> list[Samples]:
        """The sound of each one's next frames, at most so many; of all that are left where it is None."""

    def enter_thread(self) -> None:
        """Called once in each thread, before it does anything."""

    def chunk(self, number: int) -> int | None:
        """Frames of an utterance's chunk that is sent as soon as it is made; None where a sentence cannot be cut."""


class EngineClosed(Exception):
    """The engine takes no more work."""


@dataclass(frozen=True)
class Turn:
    """What one turn of a thread was."""

    seconds: float
    samples: int
    batch_size: int
    waited_seconds: float
    """How long the first of the batch had waited for it."""


class Chunk(NamedTuple):
    """Sound that is ready."""

    samples: Samples
    opens: Spoken | None
    """The sentence that begins with it, if one does."""


@dataclass(eq=False)
class Utterance:
    """A request's sentences on their way through the engine."""

    sentences: deque[Sentence]
    deliver: Callable[[Chunk | Exception | None], None]
    """Takes the sound chunk by chunk, then None, or the error that ended it. Called in an engine's thread."""
    streamed: bool
    """Whether every chunk is wanted as soon as it is made."""
    number: int
    """Utterances are numbered as they come."""
    context: Context = field(default_factory=copy_context)
    """Of the request, for what is logged of it."""
    chunks: int = 0
    """Chunks made."""
    taken: int = 0
    """Chunks that somebody has taken."""
    spoken: Spoken | None = None
    """The sentence that is being said."""
    frames: int | None = None
    """How many of its frames the next chunk has at most; None for all."""
    seconds: float = 0.0
    """What that has cost so far."""
    since: float = 0.0
    """When it began to wait for its turn."""
    waiting: bool = False
    due: int = 0
    """Symbols of the sentence that it has or waits for a turn for."""
    cancelled: bool = False
    """Set when nobody waits for the rest."""

    @property
    def key(self) -> tuple[int, int]:
        """Whose turn it is: a first chunk goes before another's tenth, and who came first before who came later."""
        return self.chunks, self.number


def batch_of(waiting: Sequence[Utterance], most: int) -> list[Utterance]:
    """Who shares the next turn: the first, and of the others those that can be made beside it."""
    first = waiting[0]
    batch, shortest, longest = [first], _length(first), _length(first)
    for other in waiting[1:]:
        if len(batch) == most:
            break
        length = _length(other)
        fits = max(longest, length) <= SIMILAR * min(shortest, length)
        if (other.spoken is None) == (first.spoken is None) and fits:
            batch.append(other)
            shortest, longest = min(shortest, length), max(longest, length)
    return batch


def _length(utterance: Utterance) -> int:
    """What a turn takes, in symbols or frames."""
    if utterance.spoken is not None:
        return max(1, min(utterance.spoken.frames, utterance.frames or utterance.spoken.frames))
    return max(1, len(utterance.sentences[0].symbols))


@dataclass
class Engine:
    """Threads and the queue that they share."""

    voice: Speaker
    threads: int = 1
    max_batch_size: int = 1
    max_wait_seconds: float = 0.0
    """How long a batch that is not full waits for more."""
    seconds_per_symbol: float = 0.001
    """What a symbol costs one thread; measured from then on."""
    stalled_seconds: float = math.inf
    """A turn that takes longer will never end."""
    observe: Callable[[Turn], None] = lambda turn: None
    """Told of every turn."""
    _waiting: list[Utterance] = field(default_factory=list)
    _symbols: int = 0
    """Symbols that are due, of all utterances."""
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False
    _failures: int = 0
    """Sentences that failed since one was made."""
    _turns: dict[int, float] = field(default_factory=dict)
    """When the turn of each thread that has one began."""
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._workers = [
            threading.Thread(target=self._work, name=f"engine-{number}", daemon=True) for number in range(self.threads)
        ]
        for worker in self._workers:
            worker.start()

    async def speak(self, sentences: Sequence[Sentence], *, streamed: bool) -> AsyncGenerator[Chunk]:
        """The sound as soon as it is made; whoever takes no more of it must close it. Raises what the voice raised, or
        EngineClosed."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue()

        def deliver(result: Chunk | Exception | None) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(arrived.put_nowait, result)

        utterance = Utterance(deque(sentences), deliver, streamed, next(self._numbers))
        self._enter(utterance)
        try:
            while (result := await arrived.get()) is not None:
                if isinstance(result, Exception):
                    raise result
                yield result
                self._took(utterance)
        finally:
            self._leave(utterance)

    @property
    def depth(self) -> int:
        """Utterances that wait for their turn."""
        return len(self._waiting)

    def longest_wait(self) -> float:
        """Seconds that the oldest of those who wait for their turn has waited; 0 where nobody does."""
        since = min((utterance.since for utterance in list(self._waiting)), default=None)
        return 0.0 if since is None else time.perf_counter() - since

    def seconds_of_work(self) -> float:
        """How long it takes until each utterance that is not ahead of its reader has had its turn, with the whole of a
        sentence, by the speed so far: the longest that another will wait for its first sound, and for each next one."""
        return self._symbols * self.seconds_per_symbol / self.threads

    def trouble(self) -> str | None:
        """Why nothing can be expected of it any more, where that is so: a device that is lost or does not answer."""
        if self._failures >= FAILURES:
            return f"the last {self._failures} sentences could not be made"
        longest = time.perf_counter() - min(list(self._turns.values()), default=math.inf)
        return f"a sentence has been in the making for {longest:.0f} s" if longest > self.stalled_seconds else None

    def close(self, most_seconds: float | None = None) -> None:
        """Finish what was taken and end the threads; those that take longer are left to end with the process."""
        ends = None if most_seconds is None else time.monotonic() + most_seconds
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(None if ends is None else max(0.0, ends - time.monotonic()))

    def _enter(self, utterance: Utterance) -> None:
        with self._changed:
            if self._closed:
                raise EngineClosed
            self._wait(utterance)

    def _wait(self, utterance: Utterance) -> None:
        utterance.waiting, utterance.since = True, time.perf_counter()
        utterance.frames = self.voice.chunk(utterance.chunks) if utterance.streamed else None
        utterance.due = len(utterance.sentences[0].symbols)
        self._symbols += utterance.due
        insort(self._waiting, utterance, key=lambda one: one.key)
        self._changed.notify()

    def _took(self, utterance: Utterance) -> None:
        """A chunk has gone out: there may be room for another."""
        with self._changed:
            utterance.taken += 1
            self._go_on(utterance)

    def _go_on(self, utterance: Utterance) -> None:
        """Let it wait for its next turn, if there is anything left to make that will be taken soon."""
        left = utterance.spoken is not None or utterance.sentences
        room = utterance.chunks - utterance.taken < AHEAD
        if left and room and not utterance.waiting and not utterance.cancelled:
            self._wait(utterance)

    def _wait_no_more(self, utterance: Utterance) -> None:
        self._symbols -= utterance.due
        utterance.waiting, utterance.due = False, 0

    def _leave(self, utterance: Utterance) -> None:
        with self._changed:
            utterance.cancelled = True
            utterance.sentences.clear()
            if utterance in self._waiting:
                self._waiting.remove(utterance)
            self._wait_no_more(utterance)

    def _work(self) -> None:
        self.voice.enter_thread()
        while (batch := self._next()) is not None:
            began = self._turns[threading.get_ident()] = time.perf_counter()
            waited = began - min(utterance.since for utterance in batch)
            samples = self._make(batch)
            del self._turns[threading.get_ident()]
            self.observe(Turn(time.perf_counter() - began, samples, len(batch), waited))
            with self._changed:
                for utterance in batch:
                    self._wait_no_more(utterance)
                    self._go_on(utterance)
                self._changed.notify_all()

    def _next(self) -> list[Utterance] | None:
        """The batch of the next turn; None when there will be no more."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return None
                batch = batch_of(self._waiting, self.max_batch_size)
                left = self._waiting[0].since + self.max_wait_seconds - time.perf_counter()
                if len(batch) == self.max_batch_size or left <= 0 or self._closed:
                    break
                self._changed.wait(left)
                if not self._waiting:
                    continue
            for utterance in batch:
                self._waiting.remove(utterance)
            return batch

    def _make(self, batch: Sequence[Utterance]) -> int:
        """One turn; the samples that came of it. What fails in company is tried alone: it may be another's fault."""
        try:
            return self._turn(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, its request is told and others go on
            if len(batch) > 1:
                return sum(self._make([utterance]) for utterance in batch)
            if not batch[0].cancelled:  # its sentences may have gone in the middle of the turn
                batch[0].context.run(log.exception, "a sentence could not be made")
                with self._changed:
                    self._failures += 1
            batch[0].deliver(error)
            self._leave(batch[0])
            batch[0].spoken = None
            return 0

    def _turn(self, batch: Sequence[Utterance]) -> int:
        began = time.perf_counter()
        batch = [utterance for utterance in batch if not utterance.cancelled]
        fresh = [utterance for utterance in batch if utterance.spoken is None and utterance.sentences]
        if fresh:
            said = self.voice.say([utterance.sentences[0] for utterance in fresh])
            for utterance, spoken in zip(fresh, said, strict=True):
                utterance.spoken = spoken
        speaking = [(utterance, utterance.spoken) for utterance in batch if utterance.spoken is not None]
        if not speaking:
            return 0
        opens = [spoken if spoken.done == 0 else None for _, spoken in speaking]
        sounds = self.voice.sound([spoken for _, spoken in speaking], [utterance.frames for utterance, _ in speaking])
        self._failures = 0
        share = (time.perf_counter() - began) / len(speaking)
        ended, cost = 0, 0.0
        for (utterance, spoken), sound, opened in zip(speaking, sounds, opens, strict=True):
            utterance.chunks += 1
            utterance.seconds += share
            utterance.deliver(Chunk(sound, opened))
            if spoken.frames == 0:
                utterance.spoken = None
                ended += self._said(utterance)
                cost += utterance.seconds
                utterance.seconds = 0.0
        if ended:
            self.seconds_per_symbol = SMOOTHING * self.seconds_per_symbol + (1 - SMOOTHING) * cost / ended
        return sum(len(sound) for sound in sounds)

    def _said(self, utterance: Utterance) -> int:
        """A sentence has been said; its symbols."""
        with self._changed:
            if not utterance.sentences:  # cancelled meanwhile
                return 0
            symbols = len(utterance.sentences.popleft().symbols)
            if not utterance.sentences:
                utterance.deliver(None)
            return symbols
