"""Placement: whether every pod has a node."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation
from tts_operator.troubles import placement_trouble


class Placement(Policy[TrainingSituation]):
    """Scheduled is True once as many pods as the training has nodes are placed."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Scheduled. If the scheduler finds no node, find Progressing too."""
        pods, nodes = situation.live_pods, situation.training.spec.resources.nodes
        trouble = placement_trouble(pods)
        if trouble is not None:
            yield Finding(ConditionType.SCHEDULED, "False", trouble.reason, trouble.message)
            yield Finding(ConditionType.PROGRESSING, "False", trouble.reason, trouble.message)
        elif sum(pod.scheduled for pod in pods) + situation.finished_count >= nodes:
            yield Finding(ConditionType.SCHEDULED, "True", Reason.SCHEDULED)
        else:
            yield Finding(ConditionType.SCHEDULED, "False", Reason.PENDING)
