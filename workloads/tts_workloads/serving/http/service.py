"""The service that all routes share: the voice once it is loaded, which requests are admitted, and what is counted. The
routes themselves are in ``app``."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tts_api.resources.service import Batching, Limits
from tts_workloads.serving.http.api_keys import ApiKeyFolder
from tts_workloads.serving.http.errors import RequestError, shutting_down, too_busy, too_many_of_one
from tts_workloads.serving.http.metrics import Metrics
from tts_workloads.serving.http.middleware import DISCONNECTED
from tts_workloads.serving.synthesis.engine import BatchStats, Engine
from tts_workloads.serving.synthesis.served_voice import ServedVoice, SynthesisSpeed


@dataclass(frozen=True)
class AdmittedRequest:
    """A request that was admitted and has not ended."""

    service: Service
    holder: str | None
    """The name of the API key that the request has; None where no key is needed."""
    since: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Seconds since the request was admitted."""
        return time.perf_counter() - self.since

    def end(self, status: int) -> None:
        """Count the request, which was answered with ``status``, and release its place."""
        self.service.count(status)
        self.service.metrics.duration.observe(self.seconds)
        self.service.leave(self.holder)


class Service:
    """The voice once it is loaded, the requests in progress, and whether the server is draining."""

    def __init__(
        self,
        model: str,
        limits: Limits,
        batching: Batching | None = None,
        keys: ApiKeyFolder | None = None,
        most_per_key: int | None = None,
    ) -> None:
        """At most ``most_per_key`` requests of one key may be in progress; None sets no such limit."""
        self.model, self.limits, self.batching, self.keys = model, limits, batching or Batching(), keys
        self._most_per_key = most_per_key
        self.metrics = Metrics()
        self.voice: ServedVoice | None = None
        self.engine: Engine | None = None
        self.created = int(time.time())
        self.draining = False
        self.in_progress = 0
        self._of_holder: Counter[str | None] = Counter()

    @property
    def ready(self) -> bool:
        """Whether requests for speech are answered."""
        return self.engine is not None and not self.draining and self.trouble is None

    @property
    def trouble(self) -> str | None:
        """Why this process must be restarted; None where it works."""
        return self.engine.trouble() if self.engine else None

    def start(self, voice: ServedVoice, measured: SynthesisSpeed, threads: int = 1) -> None:
        """Start the engine with this many threads. ``measured`` is the speed of the voice's warm-up."""
        metrics, sample_rate = self.metrics, voice.card.audio.sample_rate

        def observe(batch: BatchStats) -> None:
            metrics.busy_seconds.inc(batch.seconds)
            metrics.audio_seconds.inc(batch.samples / sample_rate)
            metrics.batch_size.observe(batch.batch_size)
            metrics.waited.observe(batch.waited_seconds)
            if batch.samples:
                metrics.real_time_factor.observe(batch.seconds * sample_rate / batch.samples)

        batching = self.batching
        self.voice = voice
        self.engine = engine = Engine(
            voice,
            threads,
            max_batch_size=batching.max_batch_size or (16 if voice.on_gpu else 1),
            max_wait_seconds=batching.max_wait_milliseconds / 1000,
            seconds_per_symbol=measured.seconds_per_symbol,
            stalled_seconds=self.limits.request_timeout_seconds,
            observe=observe,
        )
        metrics.queue_depth.set_function(lambda: engine.depth)
        metrics.queue_age.set_function(engine.longest_wait)
        metrics.queue_work.set_function(engine.seconds_of_work)
        metrics.device_memory.set_function(voice.device_memory)
        metrics.ready.set_function(lambda: float(self.ready))

    def drain(self) -> None:
        """Refuse requests from now on; those in progress are finished."""
        self.draining = True

    def refusal(self, holder: str | None) -> RequestError | None:
        """Return why a request with the key of this name is refused now, or None where it is admitted. ``holder`` is
        None where no key is needed."""
        if self.draining:
            return shutting_down()
        if holder is not None and self._most_per_key and self._of_holder[holder] >= self._most_per_key:
            return too_many_of_one(holder, self._most_per_key)
        work = self.engine.seconds_of_work() if self.engine else 0.0
        busy = work > self.most_work or self.in_progress >= self.limits.max_concurrent_requests
        return too_busy(work) if busy else None

    def enter(self, holder: str | None) -> AdmittedRequest:
        """Admit a request. Raises RequestError where ``refusal`` gives a reason."""
        if (refusal := self.refusal(holder)) is not None:
            raise refusal
        self._occupy(holder, 1)
        return AdmittedRequest(self, holder)

    def leave(self, holder: str | None) -> None:
        """Release the place of a request that ``enter`` admitted."""
        self._occupy(holder, -1)

    def _occupy(self, holder: str | None, places: int) -> None:
        self.in_progress += places
        self._of_holder[holder] += places
        if not self._of_holder[holder]:  # keys come and go, and their counters must not pile up
            del self._of_holder[holder]
        self.metrics.in_progress.set(self.in_progress)

    @property
    def most_work(self) -> float:
        """Seconds of work that may be queued; more requests are refused."""
        return self.limits.max_queue_milliseconds / 1000

    def speaks(self, seconds: float) -> None:
        """Record that the first bytes of speech were sent this many seconds after their request arrived."""
        self.metrics.first_audio.observe(seconds)

    def count(self, status: int) -> None:
        """Count a speech request that has ended."""
        self.metrics.requests.labels(status=str(status)).inc()
        if status == DISCONNECTED:
            self.metrics.cancellations.inc()
