"""What a scrape sees of the trainings."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from tts_operator.training.metrics import TrainingMetrics


def training(name: str, phase: str | None, **progress: Any) -> dict[str, Any]:
    status = {"phase": phase, "progress": progress} if phase else {}
    return {"metadata": {"namespace": "speech", "name": name}, "status": status}


def scraped(*trainings: dict[str, Any]) -> list[str]:
    registry = CollectorRegistry()
    registry.register(TrainingMetrics(lambda: trainings))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_phases_are_counted_and_running_trainings_measured() -> None:
    lines = scraped(
        training("new", None),
        training("a", "Running", step=7, totalSteps=10, loss=0.5, gpu={"utilizationPercent": 93}),
        training("b", "Running"),
        training("c", "Running", step=3, totalSteps=0, budgetSeconds=600, spentSeconds=150),
        training("done", "Complete", step=10),
    )
    of_a = '{name="a",namespace="speech"}'
    assert {
        'tts_operator_trainings{phase="Pending"} 1.0',
        'tts_operator_trainings{phase="Running"} 3.0',
        'tts_operator_trainings{phase="Complete"} 1.0',
        'tts_operator_trainings{phase="Failed"} 0.0',
        f"tts_operator_training_steps{of_a} 7.0",
        f"tts_operator_training_steps_planned{of_a} 10.0",
        f"tts_operator_training_loss{of_a} 0.5",
        f"tts_operator_training_gpu_utilization_percent{of_a} 93.0",
        'tts_operator_training_budget_seconds{name="c",namespace="speech"} 600.0',
        'tts_operator_training_budget_spent_seconds{name="c",namespace="speech"} 150.0',
    } <= set(lines)
    assert not any('name="b"' in line or 'name="done"' in line for line in lines)


def test_a_training_that_is_gone_leaves_no_series() -> None:
    assert not any("namespace" in line for line in scraped())
