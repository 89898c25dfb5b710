"""A policy: one rule by which resources of a kind are looked after, and how an ordered tuple of them is folded.

A policy is pure. It returns actions (what to do), findings (conditions to report) and an alarm (when to look again).
The order of the tuple is the precedence:

- if several policies find something about one condition, the first finding counts,
- if several policies act on one object, the first action counts,
- no policy is asked after one that has a final finding.

Because of the last point, planning evaluates findings too. The situation then has no outcomes of actions yet.

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
    """One rule. A policy overrides the methods that it needs. By default there is no finding, action or alarm."""

    def findings(self, situation: S_contra, /) -> Iterable[Finding]:
        """The conditions that this policy finds."""
        return ()

    def actions(self, situation: S_contra, /) -> Iterable[Action]:
        """The actions that create, apply or patch objects. An object that is already as wanted needs no action."""
        return ()

    def alarm(self, situation: S_contra, /) -> datetime | None:
        """The time at which to look again even if nothing changes; None for never."""
        return None


def fold_plan(policies: Sequence[Policy[S]], situation: S, now: datetime) -> Plan:
    """The actions of all policies, and the earliest alarm that is still to come."""
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
    """One finding for each condition. ``otherwise`` has the findings for conditions that no policy finds."""
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
