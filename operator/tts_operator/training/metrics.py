"""The trainings as Prometheus metrics: how many there are, how far the running ones are, and the load of their GPUs.

The metrics are read from the cache at every scrape, so that a deleted training leaves no series behind. The metrics of
the engine itself are in ``tts_operator.engine``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tts_api.resources.training import Phase

PHASES = get_args(Phase)
RUNNING = {
    "steps": ("Steps done, over all stages", "step"),
    "steps_planned": ("Steps to do, over all stages; 0 with a budget", "totalSteps"),
    "budget_seconds": ("Seconds of training.budget", "budgetSeconds"),
    "budget_spent_seconds": ("Seconds of the budget that are spent, over all attempts", "spentSeconds"),
    "loss": ("Training loss, a moving mean", "loss"),
    "audio_seconds_per_second": ("Seconds of speech trained on for each second", "audioSecondsPerSecond"),
    "gpu_utilization_percent": ("Utilisation of rank 0's GPU", "gpu.utilizationPercent"),
    "gpu_memory_used_bytes": ("Memory in use on rank 0's GPU", "gpu.memoryUsedBytes"),
    "gpu_memory_total_bytes": ("Memory of rank 0's GPU", "gpu.memoryTotalBytes"),
    "gpu_temperature_celsius": ("Temperature of rank 0's GPU", "gpu.temperatureCelsius"),
}
"""The gauges of each running training: the description, and the path of the value in ``status.progress``."""


class TrainingMetrics(Collector):
    """A collector over the trainings that the operator knows."""

    def __init__(self, trainings: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        """``trainings`` returns the objects of all trainings as the API server has them."""
        self._trainings = trainings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the metrics."""
        bodies = list(self._trainings())
        phases = Counter(_phase(body) for body in bodies)
        counts = GaugeMetricFamily("tts_operator_trainings", "Trainings by phase", labels=["phase"])
        for phase in PHASES:
            counts.add_metric([phase], phases[phase])
        yield counts
        running = [body for body in bodies if _phase(body) == "Running"]
        for name, (words, path) in RUNNING.items():
            gauge = GaugeMetricFamily(f"tts_operator_training_{name}", words, labels=["namespace", "name"])
            for body in running:
                value = _at(body, f"status.progress.{path}")
                if isinstance(value, (int, float)):
                    gauge.add_metric([body["metadata"]["namespace"], body["metadata"]["name"]], value)
            yield gauge


def _phase(body: Mapping[str, Any]) -> str:
    return str(_at(body, "status.phase") or "Pending")


def _at(body: Mapping[str, Any], path: str) -> Any:
    node: Any = body
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node
