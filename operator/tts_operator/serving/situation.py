"""The input of a policy of services: the observed facts, the settings, and the outcomes of the actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tts_api.resources import TTSService
from tts_operator.engine.actions import Outcome
from tts_operator.pod_status import PodStatus
from tts_operator.serving.observe import DeploymentStatus, ObservedService
from tts_operator.settings import Settings
from tts_operator.sources import VoiceReference


@dataclass(frozen=True)
class ServiceSituation:
    """A service in one pass, with its current revision."""

    observed: ObservedService
    service: TTSService
    now: datetime
    image: str
    """The image of the pods: the spec's, or else the one that was resolved first, so that a newer operator restarts
    nothing."""
    cluster_role: str
    """The ClusterRole that lets a pod report."""
    outcomes: tuple[Outcome, ...] = ()
    """The outcomes of the actions of this pass; empty while it is planned."""

    @classmethod
    def of(
        cls,
        observed: ObservedService,
        service: TTSService,
        settings: Settings,
        now: datetime,
        outcomes: Sequence[Outcome] = (),
    ) -> ServiceSituation:
        """The situation of a service that can be read."""
        return cls(
            observed=observed,
            service=service,
            now=now,
            image=service.spec.image or observed.image or settings.workload_image,
            cluster_role=settings.workload_cluster_role,
            outcomes=tuple(outcomes),
        )

    @property
    def voice(self) -> VoiceReference | None:
        """The voice to serve, once it is known."""
        return self.observed.voice

    @property
    def deployment(self) -> DeploymentStatus | None:
        """The current Deployment; None where there is none."""
        return self.observed.deployment()

    @property
    def pods(self) -> tuple[PodStatus, ...]:
        """The pods that the Deployment selects."""
        return self.observed.pods

    @property
    def voices_ready(self) -> bool:
        """Whether the voice is known. Without one nothing is made, and pods that are there go on."""
        return self.voice is not None
