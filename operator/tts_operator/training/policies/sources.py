"""Models that start from other trainings: nothing is made before the voice of each is there."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.policy import Policy
from tts_operator.training.policies.suspension import SUSPENDED
from tts_operator.training.situation import TrainingSituation
from tts_operator.troubles import source_trouble


class SourceVoices(Policy[TrainingSituation]):
    """Scheduled and Progressing are False while a voice is missing."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find what the training waits for. This is final, because nothing else can be decided before."""
        source = situation.observed.waits_for
        trouble = source_trouble(source) if source else None
        if trouble is None:
            return
        suspend = situation.training.spec.run_policy.suspend
        yield SUSPENDED if suspend else Finding(ConditionType.SUSPENDED, "False", Reason.NOT_SUSPENDED)
        yield Finding(ConditionType.SCHEDULED, "False", trouble.reason, trouble.message, final=True)
        yield Finding(ConditionType.PROGRESSING, "False", trouble.reason, trouble.message)
