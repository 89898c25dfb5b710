"""Finds what keeps a pod or a resource from its work, and gives it a reason and one sentence with the remedy. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tts_api.reasons import REASONS, Reason
from tts_api.report import ExitCode
from tts_operator.conditions import with_remedy
from tts_operator.pod_status import PodStatus
from tts_operator.sources import SourceTraining

_PULL_FAILURES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_UNBOUND_CLAIM = "unbound immediate PersistentVolumeClaims"
_LAST_LINE_LIMIT = 500
"""Characters of a container's last line that are quoted."""


@dataclass(frozen=True)
class Trouble:
    """A reason why something does not do its work, with a sentence for the user."""

    reason: Reason
    message: str


def placement_trouble(pods: Iterable[PodStatus]) -> Trouble | None:
    """The trouble of the first pod without a node; None where each has one or the scheduler has not looked yet."""
    for pod in pods:
        if pod.unschedulable:
            if missing := _MISSING_CLAIM.search(pod.unschedulable):
                return _trouble(Reason.CLAIM_MISSING, f"The PersistentVolumeClaim {missing[1]} does not exist")
            # Until the volume is there the scheduler only reports this, whether or not a node fits.
            if _UNBOUND_CLAIM in pod.unschedulable:
                return _trouble(Reason.CLAIM_UNBOUND, f"A PersistentVolumeClaim of pod {pod.name} has no volume yet")
            return _trouble(Reason.UNSCHEDULABLE, pod.unschedulable)
    return None


def start_trouble(pods: Iterable[PodStatus]) -> Trouble | None:
    """The trouble of the first container that cannot start; None where each can."""
    for pod in pods:
        if pod.waiting_reason in _PULL_FAILURES:
            message = pod.waiting_message or pod.waiting_reason
            image = "" if pod.image in message else f"{pod.image}: "
            return _trouble(Reason.IMAGE_PULL_FAILED, image + message)
        if pod.waiting_reason.startswith(("CreateContainer", "RunContainer")):
            return _trouble(Reason.WORKLOAD_FAILED, f"{pod.waiting_reason}: {pod.waiting_message}")
    return None


def exit_trouble(pod: PodStatus) -> Trouble:
    """The trouble of a pod that failed, from its own termination message if it left one."""
    end = pod.terminated
    if end is None:
        return Trouble(Reason.PREEMPTED, f"Pod {pod.name} had to go: {pod.disrupted or 'its node is lost'}")
    if end.reason == "OOMKilled":
        return _trouble(Reason.OUT_OF_MEMORY, f"Pod {pod.name} was killed for its memory")
    if end.message is not None:
        reason = _known_reason(end.message.reason)
        return Trouble(reason, end.message.message or REASONS[reason].meaning)
    if pod.disrupted:
        return Trouble(Reason.PREEMPTED, f"Pod {pod.name} had to go: {pod.disrupted}")
    if end.exit_code == ExitCode.INTERRUPTED:
        return Trouble(Reason.INTERRUPTED, f"Pod {pod.name} was interrupted; another one goes on from its checkpoint.")
    last = (end.text.strip().splitlines()[-1:] or [end.reason])[0][:_LAST_LINE_LIMIT]
    return Trouble(Reason.WORKLOAD_FAILED, f"Pod {pod.name} ended with exit code {end.exit_code}: {last}")


def source_trouble(source: SourceTraining) -> Trouble | None:
    """The trouble of a training whose voice cannot be taken; None where it can."""
    match source.state:
        case "missing":
            reason, words = Reason.MODEL_MISSING, "does not exist"
        case "waiting":
            reason, words = Reason.TRAINING_NOT_COMPLETE, "is not complete yet; this goes on by itself once it is"
        case "failed":
            reason, words = Reason.TRAINING_FAILED, "failed and leaves no voice"
        case "complete":
            return None
    return _trouble(reason, f"The TTSTraining {source.name} {words}")


def _known_reason(word: str) -> Reason:
    """The reason that a pod reports; a word that is none of ours means a failed workload."""
    try:
        return Reason(word)
    except ValueError:
        return Reason.WORKLOAD_FAILED


def _trouble(reason: Reason, message: str) -> Trouble:
    return Trouble(reason, with_remedy(reason, message))
