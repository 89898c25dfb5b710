"""The front: the Service by which clients reach the pods."""

from __future__ import annotations

from collections.abc import Iterator

from tts_operator.engine.actions import Action, Create
from tts_operator.engine.objects import CORE_SERVICE
from tts_operator.policy import Policy
from tts_operator.serving import manifests
from tts_operator.serving.situation import ServiceSituation


class FrontService(Policy[ServiceSituation]):
    """The Service is created once and then left as it is."""

    def actions(self, situation: ServiceSituation, /) -> Iterator[Action]:
        """Create the Service where it is missing and the voice is known."""
        if situation.voices_ready and not situation.observed.has_front_service:
            yield Create(CORE_SERVICE, manifests.service_object(situation.service), situation.observed.uid)
