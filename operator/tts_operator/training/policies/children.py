"""The objects of a training: its claim, the Service by which several pods meet, and the Job."""

from __future__ import annotations

from collections.abc import Iterator

from tts_operator.engine.actions import Action, Create
from tts_operator.engine.objects import CLAIM, CORE_SERVICE, JOB
from tts_operator.policy import Policy
from tts_operator.training import manifests
from tts_operator.training.situation import TrainingSituation


class Children(Policy[TrainingSituation]):
    """Missing objects are created. Existing ones are left to the other policies: ``Suspension`` patches the Job."""

    def actions(self, situation: TrainingSituation, /) -> Iterator[Action]:
        """Create the claim and the Service, which the pods need, and then the Job."""
        observed, training = situation.observed, situation.training
        if training.spec.storage.persistent_volume_claim.claim_name is None and not observed.has_claim:
            # A claim that an earlier training of the name left behind is used again; its data lies in another folder.
            adopt = manifests.labels(training)
            yield Create(CLAIM, manifests.claim(training), observed.uid, adopt_labels=adopt)
        if training.spec.resources.nodes > 1 and not observed.has_headless_service:
            yield Create(CORE_SERVICE, manifests.headless_service(training), observed.uid)
        if not observed.owns_job:
            # Where another object has the Job's name, the API server's refusal says whose it is.
            yield Create(JOB, manifests.job(training, situation.image, observed.sources), observed.uid)
