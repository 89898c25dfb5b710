"""How far a training is, read from its pods and its progress: result, stall, interruptions in vain. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import ValidationError

from tts_api.report import ExitCode, TrainingProgress, TrainingResult
from tts_api.resources import TTSTraining
from tts_operator.podviews import PodView
from tts_operator.training import manifests
from tts_operator.training.observe import Observed

INTERRUPTIONS_IN_VAIN = 3
RESULT_GRACE = timedelta(seconds=30)
"""How long the pod that ended well may take to reach the cache after its Job did."""


def progress(observed: Observed) -> TrainingProgress | None:
    """What the pod reported, or None where it reported nothing that can be read."""
    try:
        return TrainingProgress.model_validate(observed.status["progress"])
    except (KeyError, ValidationError):
        return None


def result(observed: Observed, training: TTSTraining) -> TrainingResult | None:
    """What the training left, as its pod's last words say, or else its progress; only what lies in its own folder."""
    ends = [pod.terminated for pod in observed.pods if pod.terminated and pod.terminated.exit_code == ExitCode.FINISHED]
    told = [end.message.result for end in ends if end.message]
    reported = progress(observed)
    for found in (*told, reported.result if reported else None):
        if found and _is_ours(found, training):
            return found
    return None


def _is_ours(found: TrainingResult, training: TTSTraining) -> bool:
    artifact = found.artifact
    folder, _, name = artifact.path.rpartition("/")
    return folder == manifests.output_folder(training) and artifact.sha256[:12] in name


def running(observed: Observed) -> list[PodView]:
    """Pods whose container runs."""
    return [pod for pod in observed.pods if pod.running_since and not pod.deleting]


def last_failure(observed: Observed) -> PodView | None:
    """The pod that ended badly most recently."""
    failed = [pod for pod in observed.pods if pod.phase == "Failed"]
    return max(failed, key=lambda pod: pod.terminated.finished_at if pod.terminated else pod.created_at, default=None)


def stuck(observed: Observed) -> bool:
    """Whether the last interruptions of rank 0 all left the same checkpoint: the training does not get on."""
    ends = sorted(
        (pod.terminated for pod in observed.pods if pod.index == 0 and pod.phase == "Failed" and pod.terminated),
        key=lambda end: end.finished_at,
    )
    last = ends[-INTERRUPTIONS_IN_VAIN:]
    if len(last) < INTERRUPTIONS_IN_VAIN or any(end.exit_code != ExitCode.INTERRUPTED for end in last):
        return False
    steps = {end.message.checkpoint.step if end.message and end.message.checkpoint else 0 for end in last}
    reported = progress(observed)
    newest = reported.checkpoint.step if reported and reported.checkpoint else 0
    return len(steps) == 1 and newest <= max(steps)


def stall_deadline(observed: Observed, training: TTSTraining) -> datetime | None:
    """When the training counts as stalled unless a step is done before; None while no pod runs."""
    pods = running(observed)
    if not pods:
        return None
    times = [parse_time(pod.running_since) for pod in pods]
    reported = progress(observed)
    if reported:
        times.append(parse_time(reported.last_step_at or reported.updated_at))
    return max(times) + timedelta(seconds=training.spec.run_policy.stall_timeout_seconds)


def result_deadline(observed: Observed) -> datetime | None:
    """Until when to wait for the last words of a pod whose Job is complete."""
    if observed.job is None or not observed.job.complete or not observed.job.ended_at:
        return None
    return parse_time(observed.job.ended_at) + RESULT_GRACE


def parse_time(text: str) -> datetime:
    """A time as Kubernetes or a pod writes it."""
    return datetime.fromisoformat(text)
