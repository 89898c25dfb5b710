"""Stall: a training whose pods run and do no step for ``runPolicy.stallTimeoutSeconds`` is reported, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tts_api.reasons import ConditionType, Reason
from tts_operator.conditions import Finding, with_remedy
from tts_operator.policy import Policy
from tts_operator.training.situation import TrainingSituation


class Stall(Policy[TrainingSituation]):
    """The time runs from the last step, or from the start of the youngest pod if that was later."""

    def findings(self, situation: TrainingSituation, /) -> Iterator[Finding]:
        """Find that Progressing is False once the time is over."""
        deadline = self.alarm(situation)
        if deadline is not None and situation.now >= deadline:
            seconds = situation.training.spec.run_policy.stall_timeout_seconds
            message = with_remedy(Reason.STALLED, f"No step was done for {seconds} s")
            yield Finding(ConditionType.PROGRESSING, "False", Reason.STALLED, message)

    def alarm(self, situation: TrainingSituation, /) -> datetime | None:
        """The time at which the training counts as stalled unless it does a step before; None while no pod runs."""
        times = [pod.running_since for pod in situation.running_pods if pod.running_since]
        if not times:
            return None
        if situation.observed.last_step_at is not None:
            times.append(situation.observed.last_step_at)
        return max(times) + timedelta(seconds=situation.training.spec.run_policy.stall_timeout_seconds)
