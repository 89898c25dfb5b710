"""Steps: a training whose pods run prepares its corpus or does steps."""

from __future__ import annotations

from collections.abc import Iterator

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation


class Steps(Policy[TrainingSituation]):
    """Progressing is True, with the warnings of the pod."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find Progressing. It counts only if no earlier policy has found what keeps the training from its steps."""
        if not situation.running_pods and situation.finished_count:
            message = "The pods have ended well; their result is awaited."
            yield Finding(ConditionType.PROGRESSING, "True", Reason.RUNNING, message)
            return
        progress = situation.observed.progress
        warnings = ". ".join(progress.warnings) if progress else ""
        reason = Reason.RUNNING if progress and progress.step else Reason.PREPARING
        yield Finding(ConditionType.PROGRESSING, "True", reason, warnings)
