"""A third kind, defined here alone: what its record and a controller of a few lines make the operator do.

A Greeting has a text and becomes a ConfigMap. It may name a training whose voice is to speak it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import Field, StringConstraints

from tests.unit.operator import builders as b
from tests.unit.operator.fake_api import FakeApi
from tests.unit.operator.simulation import simulated
from tts_api import API_VERSION, admission, crd, kinds, rbac
from tts_api.base import Document
from tts_api.reasons import ConditionType, Reason
from tts_api.resources.conditions import Conditions
from tts_api.resources.metadata import Metadata
from tts_operator import access
from tts_operator.conditions import Finding, condition_events, decode_conditions, encode_status, merge
from tts_operator.custom_kinds import record_of
from tts_operator.engine.actions import Action, Create, Outcome
from tts_operator.engine.cache import Cache
from tts_operator.engine.control_loop import ControlLoop, Pace
from tts_operator.engine.controller import Plan
from tts_operator.engine.events import Event
from tts_operator.engine.objects import EVENT, ROLE_BINDING, SERVICE_ACCOUNT, Key, Kind, key_of
from tts_operator.engine.records import Child
from tts_operator.pods import MANAGED_BY, owner_reference
from tts_operator.registry import CONTROLLERS, kind_registry
from tts_operator.training.record import TRAINING_RECORD

# The types, the record and the controller: all that a kind needs.


class GreetingSpec(Document):
    """What to say."""

    text: Annotated[str, StringConstraints(max_length=80)]
    """The words."""
    voice: Annotated[str, StringConstraints(max_length=63)] | None = None
    """The training whose voice speaks."""


class GreetingStatus(Document):
    """What became of it."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this status was derived from."""
    conditions: Conditions = ()
    """Accepted and Available."""
    listeners: Annotated[int, Field(ge=0)] | None = None
    """How many heard it. Owned by the pods."""


class Greeting(Document):
    """Words to be said to everybody."""

    metadata: Metadata
    spec: GreetingSpec
    status: GreetingStatus = Field(default_factory=GreetingStatus)


CUSTOM = kinds.CustomKind(
    model=Greeting,
    plural="greetings",
    short_name="gr",
    label="ttsoperator.dev/greeting",
    pod_owned_field="listeners",
    pod_suffix="-greet-[0-9]+-[a-z0-9]{5}",
    conditions=(ConditionType.ACCEPTED, ConditionType.AVAILABLE),
    columns=(kinds.Column("Text", "string", ".spec.text", "The words."),),
    references=(kinds.Reference(("spec", "voice"), kinds.TRAINING.plural),),
)
CONFIG_MAP = Kind("", "v1", "configmaps", "ConfigMap")
GREETING = record_of("greeting", CUSTOM, children=(Child(CONFIG_MAP),))


@dataclass(frozen=True)
class Observed:
    """Everything a greeting is decided on."""

    greeting: Greeting | None
    invalid: str
    status: Mapping[str, Any]
    generation: int
    is_written: bool
    account_missing: bool
    binding_missing: bool


class GreetingController:
    """A ``tts_operator.engine.controller.Controller``."""

    record = GREETING

    def observe(self, key: Key, cache: Cache) -> Observed | None:
        body = cache.get(GREETING.kind, key)
        if body is None:
            return None
        written = bool(cache.children(CONFIG_MAP, GREETING.owner(key)))
        generation = body["metadata"]["generation"]
        return Observed(
            *GREETING.decode(body), body.get("status", {}), generation, written, *access.missing(cache, key.namespace)
        )

    def plan(self, observed: Observed, _now: datetime) -> Plan:
        if observed.greeting is None:
            return Plan()
        metadata = observed.greeting.metadata
        actions: list[Action] = list(
            access.mend(metadata.namespace, "role", account=observed.account_missing, binding=observed.binding_missing)
        )
        if not observed.is_written:
            body = {
                "metadata": {
                    "name": f"{metadata.name}-greet",
                    "namespace": metadata.namespace,
                    "labels": {**MANAGED_BY, GREETING.label: metadata.name},
                    "ownerReferences": [owner_reference(API_VERSION, "Greeting", metadata)],
                },
                "data": {"text": observed.greeting.spec.text},
            }
            actions.append(Create(CONFIG_MAP, body, metadata.uid))
        return Plan(tuple(actions))

    def conclude(self, observed: Observed, outcomes: Sequence[Outcome], now: datetime) -> dict[str, Any]:
        accepted = observed.greeting is not None
        reason = Reason.ACCEPTED if accepted else Reason.INVALID_SPEC
        finding = Finding(ConditionType.ACCEPTED, "True" if accepted else "False", reason, observed.invalid)
        conditions = merge(decode_conditions(observed.status), [finding], observed.generation, now)
        # The stored status holds what a pod wrote: the worker must leave it out.
        status = GreetingStatus(observed_generation=observed.generation, conditions=conditions)
        return encode_status(observed.status, status)

    def events(self, observed: Observed, status: Mapping[str, Any]) -> Iterable[Event]:
        return condition_events(observed.status.get("conditions", ()), status["conditions"])


# What follows from them.

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("speech", "hello")
ALL_CUSTOM = (*kinds.CUSTOM_KINDS, CUSTOM)
ALL = kind_registry((*(controller.record for controller in CONTROLLERS), GREETING))


def greeting(spec: Any, **status: Any) -> dict[str, Any]:
    metadata = {"name": KEY.name, "namespace": KEY.namespace, "uid": "uid-of-hello", "generation": 1}
    return {"metadata": metadata, "spec": spec} | ({"status": status} if status else {})


def test_it_and_its_children_are_watched() -> None:
    specs = {spec.kind: spec for spec in ALL.informer_specs()}
    assert specs[GREETING.kind].selector == ""
    assert specs[CONFIG_MAP].selector == "app.kubernetes.io/managed-by=tts-operator"
    body = {"metadata": {"name": "x", "managedFields": [], "labels": {"a": "b"}}, "data": {"text": "large"}}
    assert specs[CONFIG_MAP].project(body) == {"metadata": {"name": "x", "labels": {"a": "b"}}}


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param({"text": "Hello."}, "", id="good"),
        pytest.param({"text": "Hello.", "later": 1}, "", id="unknown-field"),
        pytest.param({}, "spec.text", id="missing-field"),
        pytest.param({"text": "x" * 81}, "at most 80", id="too-long"),
        pytest.param("of any shape", "spec is 'of any shape'", id="no-spec"),
    ],
)
def test_a_stored_object_is_decoded_or_explained(spec: Any, problem: str) -> None:
    found, why = GREETING.decode(greeting(spec, conditions="of any shape"))
    assert (found is None) == bool(problem)
    assert problem in why


@pytest.mark.parametrize(
    ("kind", "changed", "woken"),
    [
        pytest.param(GREETING.kind, greeting({"text": "Hello."}), {"hello"}, id="itself"),
        pytest.param(
            CONFIG_MAP,
            {"metadata": {"name": "c", "namespace": "speech", "labels": {GREETING.label: "hello"}}},
            {"hello"},
            id="child",
        ),
        pytest.param(TRAINING_RECORD.kind, b.training({"metadata.name": "ada"}), {"hello"}, id="what-it-refers-to"),
        pytest.param(TRAINING_RECORD.kind, b.training({"metadata.name": "eve"}), set(), id="another-training"),
        pytest.param(SERVICE_ACCOUNT, b.ACCOUNT[1], {"hello"}, id="account"),
        pytest.param(ROLE_BINDING, b.BINDING[1], {"hello"}, id="binding"),
    ],
)
def test_what_concerns_it_wakes_it(kind: Kind, changed: dict[str, Any], woken: set[str]) -> None:
    cache = Cache(ALL.owners)
    cache.put(GREETING.kind, greeting({"text": "Hello.", "voice": "ada"}))
    changed = b.merged(changed, {"metadata.resourceVersion": "2"})
    affected = cache.put(kind, changed)
    found = ALL.wake(cache, kind, key_of(changed), affected)
    assert {key.name for name, key in found if name == "greeting"} == woken


def test_its_pods_are_granted_their_field_alone() -> None:
    rule = admission.documents(ALL_CUSTOM)[-2]["spec"]
    assert rule["matchConstraints"]["resourceRules"][0]["resources"] == ["greetings", "greetings/status"]
    expressions = [entry["expression"] for entry in rule["validations"]]
    assert any("-greet-[0-9]+" in expression for expression in expressions)
    fields = CUSTOM.status_fields
    compared = {field for field in fields if f"object.?status.?{field} == oldObject.?status.?{field}" in expressions}
    assert compared == {"observedGeneration", "conditions"}


@pytest.mark.parametrize(
    ("role", "resource", "verbs"),
    [
        pytest.param("operator", "greetings", ["get", "list", "watch"], id="operator-reads"),
        pytest.param("operator", "greetings/status", ["patch"], id="operator-concludes"),
        pytest.param("workload", "greetings/status", ["patch"], id="pods-report"),
        pytest.param("view", "greetings/status", ["get", "list", "watch"], id="users-view"),
    ],
)
def test_the_roles_name_it(role: str, resource: str, verbs: list[str]) -> None:
    assert [rule["verbs"] for rule in rbac.roles(ALL_CUSTOM)[role] if resource in rule["resources"]] == [verbs]


def test_it_has_a_definition() -> None:
    names = crd.definitions(ALL_CUSTOM)["greetings.yaml"]["spec"]["names"]
    assert (names["kind"], names["shortNames"]) == ("Greeting", ["gr"])


def reconciled(*objects: tuple[Kind, dict[str, Any]]) -> FakeApi:
    """The API server after an hour with the operator."""

    async def story() -> FakeApi:
        api = FakeApi(*objects)
        pace = Pace(workers=2, resync_seconds=600, backoff_seconds=0.5, backoff_limit_seconds=120)
        loop = ControlLoop(kind_registry((GREETING,)), [GreetingController()], pace, clock=lambda: NOW)
        await loop.informers.resync(api)  # type: ignore[arg-type]
        work = loop.start(api)  # type: ignore[arg-type]
        await asyncio.sleep(3600)
        for task in work:
            task.cancel()
        return api

    return simulated(story)


def test_it_is_taken_through_all_five_steps_once() -> None:
    api = reconciled((GREETING.kind, greeting({"text": "Hello."}, listeners=7)))
    assert api.wrote() == [
        "create ServiceAccount/tts-workload",
        "create RoleBinding/tts-workload",
        "create ConfigMap/hello-greet",
        "status Greeting/hello",
    ]
    assert api.get(CONFIG_MAP, Key("speech", "hello-greet"))["data"] == {"text": "Hello."}
    status = api.get(GREETING.kind, KEY)["status"]
    assert status["listeners"] == 7
    assert [(c["type"], c["status"], c["reason"]) for c in status["conditions"]] == [("Accepted", "True", "Accepted")]


def test_one_that_cannot_be_read_is_reported_with_an_event_after_the_status() -> None:
    api = reconciled((GREETING.kind, greeting({"text": "x" * 81}, listeners=7)))
    assert [call.rpartition(".")[0] or call for call in api.wrote()] == ["status Greeting/hello", "create Event/hello"]
    assert [body["reason"] for (kind, _), body in api.objects.items() if kind == EVENT] == ["InvalidSpec"]
