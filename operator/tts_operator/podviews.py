"""What the operator reads of a pod, and the one sentence it makes of a pod's trouble. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tts_api.reasons import REASONS, Reason
from tts_api.report import ExitCode, TerminationMessage

_PULL_FAILURES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_UNBOUND_CLAIM = "unbound immediate PersistentVolumeClaims"
_INDEX = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    finished_at: str
    message: TerminationMessage | None
    raw: str = ""


@dataclass(frozen=True)
class PodView:
    """A projection of one pod."""

    name: str
    phase: str
    created_at: str = ""
    index: int = 0
    deleting: bool = False
    ready: bool = False
    scheduled: bool = False
    unschedulable: str = ""
    """The scheduler's words, where it found no node."""
    disrupted: str = ""
    """Why the pod had to go, where Kubernetes says so."""
    image: str = ""
    waiting_reason: str = ""
    waiting_message: str = ""
    running_since: str = ""
    terminated: Termination | None = None
    """How the container ended last, in this pod."""


def view(body: Mapping[str, Any]) -> PodView:
    """The projection of a pod as the cache has it."""
    metadata, status = body["metadata"], body.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    container: Mapping[str, Any] = next(iter(status.get("containerStatuses", ())), {})
    state, last = container.get("state", {}), container.get("lastState", {})
    terminated = state.get("terminated") or last.get("terminated")
    waiting = state.get("waiting", {})
    return PodView(
        name=metadata["name"],
        phase=status.get("phase", "Pending"),
        created_at=metadata.get("creationTimestamp", ""),
        index=int(metadata.get("labels", {}).get(_INDEX, 0)),
        deleting="deletionTimestamp" in metadata,
        ready=conditions.get("Ready", {}).get("status") == "True",
        scheduled=scheduled.get("status") == "True",
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        disrupted=disrupted.get("message", "") if disrupted.get("status") == "True" else "",
        image=container.get("image", ""),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        running_since=state.get("running", {}).get("startedAt", ""),
        terminated=_termination(terminated) if terminated else None,
    )


def _termination(body: Mapping[str, Any]) -> Termination:
    raw = body.get("message", "")
    message: TerminationMessage | None = None
    # A killed container leaves none, and another image may leave anything.
    with contextlib.suppress(ValidationError):
        message = TerminationMessage.model_validate_json(raw)
    code = int(body.get("exitCode", 1))
    return Termination(code, body.get("reason", ""), body.get("finishedAt", "") or "", message, raw)


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not do its work."""

    reason: Reason
    message: str


def placement_trouble(pods: Iterable[PodView]) -> Trouble | None:
    """Why a pod has no node, if one has none."""
    for pod in pods:
        if pod.unschedulable:
            if missing := _MISSING_CLAIM.search(pod.unschedulable):
                return _trouble(Reason.CLAIM_MISSING, f"the PersistentVolumeClaim {missing[1]} does not exist")
            # Until the volume is there the scheduler says only this, whether or not a node fits.
            if _UNBOUND_CLAIM in pod.unschedulable:
                return _trouble(Reason.CLAIM_UNBOUND, f"a PersistentVolumeClaim of pod {pod.name} has no volume yet")
            return _trouble(Reason.UNSCHEDULABLE, pod.unschedulable)
    return None


def start_trouble(pods: Iterable[PodView]) -> Trouble | None:
    """Why a container does not start, if one does not."""
    for pod in pods:
        if pod.waiting_reason in _PULL_FAILURES:
            words = pod.waiting_message or pod.waiting_reason
            named = "" if pod.image in words else f"{pod.image}: "
            return _trouble(Reason.IMAGE_PULL_FAILED, named + words)
        if pod.waiting_reason.startswith(("CreateContainer", "RunContainer")):
            return _trouble(Reason.WORKLOAD_FAILED, f"{pod.waiting_reason}: {pod.waiting_message}")
    return None


def end_trouble(pod: PodView) -> Trouble:
    """How a pod that did not end well ended: its own last words, where it left some."""
    end = pod.terminated
    if end is None:
        return Trouble(Reason.PREEMPTED, f"pod {pod.name} had to go: {pod.disrupted or 'its node is lost'}")
    if end.reason == "OOMKilled":
        return _trouble(Reason.OUT_OF_MEMORY, f"pod {pod.name} was killed for its memory")
    if end.message is not None:
        reason = _reason(end.message.reason)
        return Trouble(reason, end.message.message or REASONS[reason].meaning)
    if pod.disrupted:
        return Trouble(Reason.PREEMPTED, f"pod {pod.name} had to go: {pod.disrupted}")
    if end.exit_code == ExitCode.INTERRUPTED:
        return Trouble(Reason.INTERRUPTED, f"pod {pod.name} was interrupted")
    last = end.raw.strip().splitlines()[-1:] or [end.reason]
    return Trouble(Reason.WORKLOAD_FAILED, f"pod {pod.name} ended with exit code {end.exit_code}: {last[0][:500]}")


def _reason(word: str) -> Reason:
    try:
        return Reason(word)
    except ValueError:
        return Reason.WORKLOAD_FAILED


def _trouble(reason: Reason, words: str) -> Trouble:
    sentence = words.strip().rstrip(".")
    return Trouble(reason, f"{sentence}. {REASONS[reason].remedy}".strip())
