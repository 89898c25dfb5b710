"""The metrics that a service pod offers to Prometheus. They are counted in ``service``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # it would add a time series to each counter
SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.25, 2.5, 5, 10, 30, 60)
FACTORS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one server, in their own registry, so that tests can run several servers in one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "tts_serving_requests", "Speech requests by HTTP status.", ["status"], registry=registry
        )
        self.cancellations = Counter(
            "tts_serving_cancellations", "Requests whose client went away before the end.", registry=registry
        )
        self.characters = Counter("tts_serving_input_characters", "Characters spoken.", registry=registry)
        self.audio_seconds = Counter("tts_serving_audio_seconds", "Seconds of speech made.", registry=registry)
        self.busy_seconds = Counter(
            "tts_serving_busy_seconds", "Seconds that the engine's threads spent on making speech.", registry=registry
        )
        self.in_progress = Gauge(
            "tts_serving_requests_in_progress", "Requests being worked on or waiting.", registry=registry
        )
        self.queue_depth = Gauge(
            "tts_serving_queue_depth", "Requests that wait for their turn in the engine.", registry=registry
        )
        self.queue_work = Gauge(
            "tts_serving_queue_seconds",
            "Seconds of work that waits: a sentence of each request that can go on.",
            registry=registry,
        )
        self.queue_age = Gauge(
            "tts_serving_queue_age_seconds", "Seconds that the oldest turn has waited so far.", registry=registry
        )
        self.waited = Histogram(
            "tts_serving_turn_wait_seconds",
            "Seconds that the first of a batch waited for its turn.",
            buckets=SECONDS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "tts_serving_batch_size", "Sentences made in one turn.", buckets=BATCHES, registry=registry
        )
        self.real_time_factor = Histogram(
            "tts_serving_real_time_factor",
            "Seconds of computing for each second of speech, turn by turn.",
            buckets=FACTORS,
            registry=registry,
        )
        self.first_audio = Histogram(
            "tts_serving_first_audio_seconds",
            "Seconds from a request to the first bytes of its speech.",
            buckets=SECONDS,
            registry=registry,
        )
        self.duration = Histogram(
            "tts_serving_request_seconds", "Seconds from a request to its end.", buckets=SECONDS, registry=registry
        )
        self.ready = Gauge("tts_serving_ready", "1 when the voice speaks.", registry=registry)
        self.device_memory = Gauge(
            "tts_serving_device_memory_bytes",
            "Bytes of the GPU's memory that the server holds; 0 on a CPU.",
            registry=registry,
        )
