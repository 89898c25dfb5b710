"""The actions that a plan can ask for, and ``act``, which carries them out.

The API server's answers are returned as data, so that a refusal can be reported to the user. Only an error that may
pass by itself, such as an outage or too many requests, is raised, and the worker tries again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tts_operator.engine.api import Api, ApiError
from tts_operator.engine.objects import Key, Kind, controller_uid, key_of

FIELD_MANAGER = "tts-operator"

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Create:
    """Create an object, unless it exists.

    If an object of this name exists, it must be controlled by the uid ``owner``. If nothing controls it, it must carry
    ``adopt_labels``; None adopts nothing.
    """

    kind: Kind
    body: Body
    owner: str
    adopt_labels: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Apply:
    """Apply an object server-side, if it does not exist or the uid ``owner`` controls it."""

    kind: Kind
    body: Body
    owner: str


@dataclass(frozen=True)
class Patch:
    """Merge a patch into an object that exists."""

    kind: Kind
    key: Key
    patch: Body


Action = Create | Apply | Patch


class Verdict(StrEnum):
    """The result of an action."""

    DONE = "done"
    EXISTS = "exists"
    """An object of this name exists already, and it belongs to the resource."""
    CONFLICT = "conflict"
    """An object of this name does not belong to the resource. It was not touched."""
    REFUSED = "refused"
    """The API server refused the action, by quota, by policy, or because a name is not allowed."""
    GONE = "gone"
    """The object of a patch does not exist any more."""


@dataclass(frozen=True)
class Outcome:
    """The result of one action, and the object as the API server has it now."""

    action: Action
    verdict: Verdict
    message: str = ""
    body: Body | None = None


async def act(api: Api, actions: Sequence[Action]) -> list[Outcome]:
    """Carry out the actions in order, and stop at the first conflict or refusal, because later ones may need it.

    Raises ApiError where the API server cannot be reached or asks to come back later.
    """
    outcomes: list[Outcome] = []
    for action in actions:
        outcomes.append(await _act(api, action))
        if outcomes[-1].verdict in (Verdict.CONFLICT, Verdict.REFUSED):
            break
    return outcomes


async def _act(api: Api, action: Action) -> Outcome:
    try:
        match action:
            case Create(kind, body):
                made = await api.create(kind, body)
                return Outcome(action, Verdict.DONE, body=made)
            case Apply(kind, body):
                return await _apply(api, action)
            case Patch(kind, key, patch):
                return Outcome(action, Verdict.DONE, body=await api.merge_patch(kind, key, patch))
    except ApiError as error:
        if error.status == 409 and isinstance(action, Create):
            return await _existing(api, action)
        if error.status == 404 and isinstance(action, Patch):
            return Outcome(action, Verdict.GONE)
        if error.is_transient:
            raise
        return Outcome(action, Verdict.REFUSED, error.message)


async def _apply(api: Api, action: Apply) -> Outcome:
    existing = await api.read(action.kind, key_of(action.body))
    if existing is not None and controller_uid(existing) != action.owner:
        return _conflict(action, existing)
    return Outcome(action, Verdict.DONE, body=await api.apply(action.kind, action.body, FIELD_MANAGER))


async def _existing(api: Api, action: Create) -> Outcome:
    existing = await api.read(action.kind, key_of(action.body))
    if existing is None:
        raise ApiError(503, f"{action.kind.name} {key_of(action.body).name} came and went")
    if existing["metadata"].get("deletionTimestamp"):
        raise ApiError(503, f"{action.kind.name} {key_of(action.body).name} is still being deleted")
    owner = controller_uid(existing)
    labels = existing["metadata"].get("labels", {})
    adopted = owner is None and action.adopt_labels is not None and action.adopt_labels.items() <= labels.items()
    if owner == action.owner or adopted:
        return Outcome(action, Verdict.EXISTS, body=existing)
    return _conflict(action, existing)


def _conflict(action: Create | Apply, existing: Body) -> Outcome:
    owners = existing["metadata"].get("ownerReferences", ())
    whose = next((f"belongs to {o['kind']} {o['name']}" for o in owners if o.get("controller")), "is not ours")
    return Outcome(action, Verdict.CONFLICT, f"{action.kind.name} {key_of(existing).name} exists and {whose}")
