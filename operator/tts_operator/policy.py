"""A policy: one rule by which resources of a kind are looked after, and how an ordered tuple of them is folded.

A policy is pure. It says what to do (actions), what the user is told (findings), and when to look again (its alarm).
The order of the tuple is the precedence:

- of the findings about one condition the first counts,
- of the actions on one object the first counts,
- a policy with a final finding is the last one that is asked.

Because of the last point findings are also evaluated while planning. The situation then has no outcomes of actions yet.

The policies themselves are in ``training/policies`` and ``serving/policies``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from tts_api.reasons import ConditionType
from tts_operator.conditions import Finding
from tts_operator.engine.actions import Action, Apply, Create
from tts_operator.engine.controller import Plan
from tts_operator.engine.objects import Key, Kind, key_of

S_contra = TypeVar("S_contra", contravariant=True)
S = TypeVar("S")


class Policy(Protocol[S_contra]):
    """One rule. A policy overrides what it has something to say about; the defaults say nothing."""

    def findings(self, situation: S_contra, /) -> Iterable[Finding]:
        """The conditions that this policy finds."""
        return ()

    def actions(self, situation: S_contra, /) -> Iterable[Action]:
        """What to create, apply or patch; an object that is as it should be needs no action."""
        return ()

    def alarm(self, situation: S_contra, /) -> datetime | None:
        """When to look again although nothing happens; None for never."""
        return None


def fold_plan(policies: Sequence[Policy[S]], situation: S, now: datetime) -> Plan:
    """What all policies want done, and the earliest alarm that is still to come."""
    actions: dict[tuple[Kind, Key], Action] = {}
    alarms: list[datetime] = []
    for policy, _ in _asked(policies, situation):
        for action in policy.actions(situation):
            actions.setdefault(_target(action), action)
        alarm = policy.alarm(situation)
        if alarm is not None and alarm > now:
            alarms.append(alarm)
    return Plan(tuple(actions.values()), min(alarms, default=None))


def fold_findings(
    policies: Sequence[Policy[S]], situation: S, otherwise: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """What is found about each condition; ``otherwise`` holds of those that no policy finds anything about."""
    found: dict[ConditionType, Finding] = {}
    for _, findings in _asked(policies, situation):
        for finding in findings:
            found.setdefault(finding.type, finding)
    for finding in otherwise:
        found.setdefault(finding.type, finding)
    return tuple(found.values())


def _asked(policies: Sequence[Policy[S]], situation: S) -> Iterator[tuple[Policy[S], tuple[Finding, ...]]]:
    """The policies that are asked, each with its findings, up to the first with a final finding."""
    for policy in policies:
        findings = tuple(policy.findings(situation))
        yield policy, findings
        if any(finding.final for finding in findings):
            return


def _target(action: Action) -> tuple[Kind, Key]:
    return action.kind, key_of(action.body) if isinstance(action, Create | Apply) else action.key
