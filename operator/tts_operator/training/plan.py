"""What a training needs done now. Pure: no cluster, no clock."""

from __future__ import annotations

from datetime import datetime

from tts_api.reasons import ConditionType
from tts_api.resources import TTSTraining
from tts_operator import access
from tts_operator.conditions import holds
from tts_operator.engine.actions import Action, Create, Patch
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import CLAIM, JOB, SERVICE, Key
from tts_operator.pods import QUEUE_LABEL
from tts_operator.podviews import Trouble
from tts_operator.sources import source_trouble
from tts_operator.training import manifests
from tts_operator.training.observe import Observed
from tts_operator.training.verdict import result_deadline, stall_deadline, stuck


def finished(observed: Observed) -> bool:
    """Whether the training ended: it is looked at no more."""
    conditions = observed.status.get("conditions", ())
    return holds(conditions, ConditionType.COMPLETE) or holds(conditions, ConditionType.FAILED)


def plan(observed: Observed, cluster_role: str, default_image: str, now: datetime) -> Plan:
    """Children that are missing, the Job's suspension, and when to look again. Nothing is made before every voice that
    the models start from is there; a Job that was made has what it needs."""
    training = observed.training
    if training is None or finished(observed) or waits_for(observed) is not None:
        return Plan()
    actions: list[Action] = list(
        access.mend(
            observed.key.namespace,
            cluster_role,
            account=observed.account_missing,
            binding=observed.binding_missing,
        )
    )
    actions += _children(observed, training, resolved_image(observed, training, default_image))
    suspend = wanted_suspension(observed, training)
    if observed.job is not None and observed.job.owner_uid == observed.uid and suspend is not None:
        actions.append(Patch(JOB, _child_key(training), {"spec": {"suspend": suspend}}))
    alarms = (stall_deadline(observed, training), result_deadline(observed))
    return Plan(tuple(actions), min((alarm for alarm in alarms if alarm and alarm > now), default=None))


def waits_for(observed: Observed) -> Trouble | None:
    """Why the Job cannot be made yet: a voice that one of the models starts from is not there."""
    if observed.job is not None and observed.job.owner_uid == observed.uid:
        return None
    return next((trouble for one in observed.sources.named if (trouble := source_trouble(one))), None)


def resolved_image(observed: Observed, training: TTSTraining, default_image: str) -> str:
    """The image that was resolved first, so that a newer operator restarts nothing."""
    return str(observed.status.get("image") or training.spec.image or default_image)


def wanted_suspension(observed: Observed, training: TTSTraining) -> bool | None:
    """What the Job's ``suspend`` must become, or None where it is right or a queue's affair."""
    if observed.job is None or observed.job.complete or observed.job.failed_reason:
        return None
    if stuck(observed):
        return None if observed.job.suspended else True
    if QUEUE_LABEL in training.metadata.labels:
        return None
    wanted = training.spec.run_policy.suspend
    return wanted if observed.job.suspended != wanted else None


def _children(observed: Observed, training: TTSTraining, image: str) -> list[Action]:
    actions: list[Action] = []
    if training.spec.storage.persistent_volume_claim.claim_name is None and not observed.has_claim:
        # A claim that an earlier training of the name left behind is used again; its data lies in another folder.
        adopt = manifests.labels(training)
        actions.append(Create(CLAIM, manifests.claim(training), observed.uid, adopt_labels=adopt))
    if training.spec.resources.nodes > 1 and not observed.has_service:
        actions.append(Create(SERVICE, manifests.headless_service(training), observed.uid))
    if observed.job is None or observed.job.owner_uid != observed.uid:
        actions.append(Create(JOB, manifests.job(training, image, observed.sources), observed.uid))
    return actions


def _child_key(training: TTSTraining) -> Key:
    return Key(training.metadata.namespace, manifests.child_name(training))
