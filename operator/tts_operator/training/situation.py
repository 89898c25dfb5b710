"""The input of a policy of trainings: the observed facts, the settings, the time, and the outcomes of the actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tts_api.report import ExitCode
from tts_api.resources import TTSTraining
from tts_operator.engine.actions import Outcome
from tts_operator.engine.objects import Key
from tts_operator.pod_status import PodStatus
from tts_operator.pods import QUEUE_LABEL
from tts_operator.settings import Settings
from tts_operator.training import manifests
from tts_operator.training.observe import ObservedTraining


@dataclass(frozen=True)
class TrainingSituation:
    """A training in one pass."""

    observed: ObservedTraining
    training: TTSTraining
    now: datetime
    image: str
    """The image of the pods. The one that was resolved first stays, so that a newer operator restarts nothing."""
    cluster_role: str
    """The ClusterRole that lets a pod report."""
    outcomes: tuple[Outcome, ...] = ()
    """The outcomes of the actions of this pass; empty while it is planned."""

    @classmethod
    def of(
        cls,
        observed: ObservedTraining,
        training: TTSTraining,
        settings: Settings,
        now: datetime,
        outcomes: Sequence[Outcome] = (),
    ) -> TrainingSituation:
        """The situation of a training that can be read."""
        return cls(
            observed=observed,
            training=training,
            now=now,
            image=observed.image or training.spec.image or settings.workload_image,
            cluster_role=settings.workload_cluster_role,
            outcomes=tuple(outcomes),
        )

    @property
    def child_key(self) -> Key:
        """The key of the Job and of the other children."""
        return Key(self.observed.key.namespace, manifests.child_name(self.training))

    @property
    def voices_ready(self) -> bool:
        """Whether every voice that the models start from is there."""
        return self.observed.waits_for is None

    @property
    def in_queue(self) -> bool:
        """Whether a queue decides when the Job runs."""
        return QUEUE_LABEL in self.training.metadata.labels

    @property
    def live_pods(self) -> list[PodStatus]:
        """The pods that have not ended and are not being deleted."""
        return [pod for pod in self.observed.pods if not (pod.deleting or _ended_well(pod) or _ended_badly(pod))]

    @property
    def running_pods(self) -> list[PodStatus]:
        """The pods whose container runs and that are not being deleted."""
        return [pod for pod in self.observed.pods if pod.runs and not pod.deleting]

    @property
    def stopping_pods(self) -> list[PodStatus]:
        """The pods that are being deleted and whose container still runs."""
        return [pod for pod in self.observed.pods if pod.runs and pod.deleting]

    @property
    def finished_count(self) -> int:
        """The number of pods that ended well. Pods and Job reach the cache in any order, and pods may be gone."""
        indexes, job = {pod.index for pod in self.observed.pods if _ended_well(pod)}, self.observed.job
        if job is None or not self.observed.owns_job:
            return len(indexes)
        return self.training.spec.resources.nodes if job.complete else len(indexes | job.completed)

    @property
    def under_way(self) -> bool:
        """Whether a pod runs or has ended well."""
        return bool(self.running_pods) or self.finished_count > 0

    @property
    def last_failed_pod(self) -> PodStatus | None:
        """The pod that ended badly most recently."""
        failed = [pod for pod in self.observed.pods if _ended_badly(pod)]
        return max(failed, key=lambda p: p.terminated.finished_at if p.terminated else p.created_at, default=None)


# A training's container is never restarted, so its end is the end of its pod. The kubelet reports it before it changes
# the pod's phase.


def _ended_well(pod: PodStatus) -> bool:
    return pod.phase == "Succeeded" or (pod.terminated is not None and pod.terminated.exit_code == ExitCode.FINISHED)


def _ended_badly(pod: PodStatus) -> bool:
    return pod.phase == "Failed" or (pod.terminated is not None and pod.terminated.exit_code != ExitCode.FINISHED)
