"""What a service pod counts for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tts_serving_requests", "Speech requests by HTTP status.", ["status"], registry=self.registry
        )
        self.characters = Counter("tts_serving_input_characters", "Characters spoken.", registry=self.registry)
        self.audio_seconds = Counter("tts_serving_audio_seconds", "Seconds of speech made.", registry=self.registry)
        self.busy_seconds = Counter(
            "tts_serving_busy_seconds", "Seconds that the engine spent on making speech.", registry=self.registry
        )
        self.in_progress = Gauge(
            "tts_serving_requests_in_progress", "Requests being worked on or waiting.", registry=self.registry
        )
        self.first_audio = Histogram(
            "tts_serving_first_audio_seconds", "Seconds from a request to its first sentence.", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.duration = Histogram(
            "tts_serving_request_seconds", "Seconds from a request to its end.", buckets=SECONDS, registry=self.registry
        )
        self.ready = Gauge("tts_serving_ready", "1 when the voice speaks.", registry=self.registry)
