"""The policies that trainings and services share: what the API server accepted, and the rights of the pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tts_api.reasons import ConditionType, Reason
from tts_operator import access
from tts_operator.conditions import Finding, with_remedy
from tts_operator.engine.actions import Action, Outcome, Verdict
from tts_operator.engine.objects import Key
from tts_operator.policy import Policy

_NOT_ACCEPTED = {Verdict.CONFLICT: Reason.NAME_CONFLICT, Verdict.REFUSED: Reason.REFUSED}


class Answered(Protocol):
    """A situation that has the API server's answers to the actions."""

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """The outcomes of the actions of this pass."""


class AccessFacts(Protocol):
    """What was observed of the service account and its binding in the namespace of a resource."""

    @property
    def key(self) -> Key:
        """The key of the resource."""

    @property
    def account_missing(self) -> bool:
        """Whether the namespace lacks the service account."""

    @property
    def binding_missing(self) -> bool:
        """Whether the namespace lacks the role binding."""


class NeedsAccess(Protocol):
    """A situation in which pods may need a service account and its binding."""

    @property
    def observed(self) -> AccessFacts:
        """The observed facts."""

    @property
    def cluster_role(self) -> str:
        """The ClusterRole that the binding refers to."""

    @property
    def voices_ready(self) -> bool:
        """Whether everything that the pods need from other resources is there."""


class Acceptance(Policy[Answered]):
    """Accepted is False while the API server refuses a child or another object has a child's name."""

    def findings(self, situation: Answered, /) -> Iterator[Finding]:
        """Find Accepted, from the first action that failed."""
        for outcome in situation.outcomes:
            reason = _NOT_ACCEPTED.get(outcome.verdict)
            if reason is not None:
                yield Finding(ConditionType.ACCEPTED, "False", reason, with_remedy(reason, outcome.message))
                return
        yield Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED)


class ReportingAccess(Policy[NeedsAccess]):
    """The service account of the pods and its binding exist before the pods that report with them."""

    def actions(self, situation: NeedsAccess, /) -> Iterable[Action]:
        """Create what is missing of the two."""
        if not situation.voices_ready:
            return ()
        return access.mend(
            situation.observed.key.namespace,
            situation.cluster_role,
            account=situation.observed.account_missing,
            binding=situation.observed.binding_missing,
        )


def unreadable(problem: str) -> Finding:
    """Accepted is False for a stored object that cannot be read; ``problem`` names field, value and expectation."""
    return Finding(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, with_remedy(Reason.INVALID_SPEC, problem))
