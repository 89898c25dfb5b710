"""The engine: one thread owns the voice and its device and makes the sentences of all requests, one after the other and
fairly. Who may wait, and how it is answered, is the affair of ``app``."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tts_workloads.serving.audio import Samples

log = logging.getLogger(__name__)


class Speaker(Protocol):
    """Makes sentences into sound; used by one thread."""

    def synthesise(self, symbols: Sequence[int], speaker: int, speed: float) -> Samples:
        """The sound of one sentence."""


class EngineClosed(Exception):
    """The engine takes no more work."""


@dataclass(eq=False)
class Utterance:
    """A request's sentences on their way through the engine."""

    sentences: deque[Sequence[int]]
    speaker: int
    speed: float
    deliver: Callable[[Samples | Exception | None], None]
    """Takes the sound of each sentence, then None, or the error that ended it. Called in the engine's thread."""
    cancelled: bool = False
    """Set when nobody waits for the rest."""


@dataclass
class Engine:
    """The thread and its queue.

    Utterances take turns by the sentence, so that a long text does not hold up a short one. One turn is the place where
    sentences of several utterances can be put into one batch.
    """

    voice: Speaker
    observe: Callable[[float, int], None] = lambda seconds, samples: None
    """Told the seconds that a sentence took and the samples that came of it."""
    _waiting: deque[Utterance] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    async def speak(self, sentences: Sequence[Sequence[int]], speaker: int, speed: float) -> AsyncIterator[Samples]:
        """The sound of each sentence as soon as it is made. Raises what the voice raised, or EngineClosed."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Samples | Exception | None] = asyncio.Queue()

        def deliver(result: Samples | Exception | None) -> None:
            loop.call_soon_threadsafe(arrived.put_nowait, result)

        utterance = Utterance(deque(sentences), speaker, speed, deliver)
        self._enter(utterance)
        try:
            while (result := await arrived.get()) is not None:
                if isinstance(result, Exception):
                    raise result
                yield result
        finally:
            utterance.cancelled = True

    def close(self) -> None:
        """Finish what was taken and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _enter(self, utterance: Utterance) -> None:
        with self._changed:
            if self._closed:
                raise EngineClosed
            self._waiting.append(utterance)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                utterance = self._waiting.popleft()
            if not utterance.cancelled and self._turn(utterance):
                with self._changed:
                    self._waiting.append(utterance)

    def _turn(self, utterance: Utterance) -> bool:
        """Make an utterance's next sentence; whether it has another."""
        sentence = utterance.sentences.popleft()
        started = time.perf_counter()
        try:
            samples = self.voice.synthesise(sentence, utterance.speaker, utterance.speed)
        except Exception as error:
            log.exception("a sentence of %d symbols could not be made", len(sentence))
            utterance.deliver(error)
            return False
        self.observe(time.perf_counter() - started, len(samples))
        utterance.deliver(samples)
        if not utterance.sentences:
            utterance.deliver(None)
        return bool(utterance.sentences)
