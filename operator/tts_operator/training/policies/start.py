"""The start of the pods: what keeps a container from running, and what is reported while none runs."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation
from tts_operator.troubles import exit_trouble, start_trouble


class Start(Policy[TrainingSituation]):
    """Progressing has the reason why no step can be done yet."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Progressing if a container cannot start or none runs."""
        live, failed = situation.live_pods, situation.last_failed_pod
        trouble = start_trouble(live)
        if trouble is None and situation.running_pods:
            return
        if trouble is None and failed is not None:
            trouble = exit_trouble(failed)
        if trouble is not None:
            yield Finding(ConditionType.PROGRESSING, "False", trouble.reason, trouble.message)
        elif live:
            yield Finding(ConditionType.PROGRESSING, "True", Reason.STARTING)
        else:
            yield Finding(ConditionType.PROGRESSING, "Unknown", Reason.PENDING)
