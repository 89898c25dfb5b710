"""The part of a pod that the operator's decisions are based on, read from the pod's object.

What a pod's state means for the user is in ``tts_operator.troubles``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from tts_api.report import TerminationMessage
from tts_operator.times import LONG_AGO, parse_time

_INDEX_LABEL = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True)
class Termination:
    """How a container ended."""

    exit_code: int
    reason: str
    """Kubernetes' own word, such as OOMKilled or Error."""
    finished_at: datetime
    message: TerminationMessage | None
    """The container's termination message; None where it left none that can be read."""
    text: str = ""
    """The termination message as it was left, or the end of the log."""


@dataclass(frozen=True)
class PodStatus:
    """The part of one pod that decisions are based on."""

    name: str
    phase: str
    created_at: datetime = LONG_AGO
    index: int = 0
    """The pod's completion index in its Job, which is the rank of its node."""
    deleting: bool = False
    ready: bool = False
    scheduled: bool = False
    """Whether the pod has a node."""
    unschedulable: str = ""
    """The scheduler's message, where it found no node."""
    disrupted: str = ""
    """Kubernetes' reason for removing the pod, if it gives one."""
    image: str = ""
    waiting_reason: str = ""
    """Why the container does not run yet, as one word; empty while it runs."""
    waiting_message: str = ""
    running_since: datetime | None = None
    """When the container started; None while it does not run."""
    terminated: Termination | None = None
    """How the container ended last, in this pod."""

    @property
    def runs(self) -> bool:
        """Whether the pod's container runs, even if the pod is being deleted."""
        return self.running_since is not None


def pod_status(body: Mapping[str, Any]) -> PodStatus:
    """Read a pod's object as the cache holds it."""
    metadata, status = body["metadata"], body.get("status", {})
    labels = metadata.get("labels", {})
    conditions = {c["type"]: c for c in status.get("conditions", ())}
    scheduled = conditions.get("PodScheduled", {})
    disrupted = conditions.get("DisruptionTarget", {})
    container: Mapping[str, Any] = next(iter(status.get("containerStatuses", ())), {})
    state, last = container.get("state", {}), container.get("lastState", {})
    terminated = state.get("terminated") or last.get("terminated")
    waiting = state.get("waiting", {})
    return PodStatus(
        name=metadata["name"],
        phase=status.get("phase", "Pending"),
        created_at=parse_time(metadata.get("creationTimestamp")) or LONG_AGO,
        index=int(labels.get(_INDEX_LABEL, 0)),
        deleting="deletionTimestamp" in metadata,
        ready=conditions.get("Ready", {}).get("status") == "True",
        scheduled=scheduled.get("status") == "True",
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        disrupted=disrupted.get("message", "") if disrupted.get("status") == "True" else "",
        image=container.get("image", ""),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        running_since=parse_time(state.get("running", {}).get("startedAt")),
        terminated=_termination(terminated) if terminated else None,
    )


def _termination(body: Mapping[str, Any]) -> Termination:
    text = body.get("message", "")
    message: TerminationMessage | None = None
    # A killed container leaves no message, and another image may leave any text.
    with contextlib.suppress(ValidationError):
        message = TerminationMessage.model_validate_json(text)
    return Termination(
        exit_code=int(body.get("exitCode", 1)),
        reason=body.get("reason", ""),
        finished_at=parse_time(body.get("finishedAt")) or LONG_AGO,
        message=message,
        text=text,
    )
