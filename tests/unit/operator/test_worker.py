"""The worker on a simulated clock, over an API server in memory: what it writes, in which order, and when again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.unit.operator.fake_api import FakeApi, owned
from tests.unit.operator.simulation import now, simulated
from tts_api.base import Document
from tts_operator.engine.actions import Action, Create, Outcome, Patch
from tts_operator.engine.cache import Cache
from tts_operator.engine.control_loop import ControlLoop, Pace
from tts_operator.engine.controller import Plan
from tts_operator.engine.events import Event
from tts_operator.engine.objects import JOB, Key, Kind
from tts_operator.engine.records import Child, KindRecord, KindRegistry

OURS = {"managed-by": "us"}
THING = KindRecord(
    name="thing",
    kind=Kind("example.dev", "v1", "things", "Thing"),
    model=Document,
    label="example.dev/thing",
    pod_owned_field="report",
    children=(Child(JOB),),
)
KEY = Key("speech", "one")
UID = "uid-of-one"
WALL = datetime(2026, 1, 1, tzinfo=UTC)
SUSPEND = Patch(JOB, Key("speech", "one-job"), {"spec": {"suspend": True}})


def job(name: str = "one") -> Create:
    """Makes the Job of a thing."""
    kind, body = owned(JOB, f"{name}-job", f"uid-of-{name}", labels={**OURS, THING.label: name})
    return Create(kind, body, f"uid-of-{name}")


def thing(name: str = "one", **status: Any) -> tuple[Kind, dict[str, Any]]:
    return THING.kind, {"metadata": {"name": name, "namespace": "speech", "uid": f"uid-of-{name}"}, "status": status}


@dataclass
class Script:
    """A controller that does what it is told: ``actions`` while the thing has no Job, and the status ``phase``."""

    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
    defects: dict[str, str] = field(default_factory=dict)
    """In which step the pass over a thing breaks, by its name."""
    passes: list[tuple[float, str]] = field(default_factory=list)
    record = THING

    def observe(self, key: Key, cache: Cache) -> Any:
        body = cache.get(THING.kind, key)
        if body is None:
            return None
        self.passes.append((round(now(), 3), key.name))
        self._breaks("observe", key.name)
        return {"body": body, "name": key.name, "jobs": len(cache.children(JOB, THING.owner(key)))}

    def plan(self, observed: Any, moment: datetime) -> Plan:
        self._breaks("plan", observed["name"])
        later = None if self.requeue_after is None else moment + timedelta(seconds=self.requeue_after)
        return Plan(() if observed["jobs"] else self.actions, later)

    def conclude(self, observed: Any, outcomes: Sequence[Outcome], moment: datetime) -> dict[str, Any]:
        self._breaks("conclude", observed["name"])
        assert moment == WALL
        refused = [outcome for outcome in outcomes if outcome.verdict in ("refused", "conflict")]
        phase = "Refused" if refused else "Running" if observed["jobs"] or outcomes else "Idle"
        # What the pods own is in it: the worker leaves it out.
        return {"phase": phase, "report": "not ours to write"}

    def events(self, observed: Any, status: Mapping[str, Any]) -> Iterable[Event]:
        self._breaks("events", observed["name"])
        yield Event("Normal", status["phase"], "it is so")

    def _breaks(self, step: str, name: str) -> None:
        if self.defects.get(name) == step:
            raise ZeroDivisionError(step)


def played(
    script: Script,
    *there: tuple[Kind, dict[str, Any]],
    prepare: Callable[[FakeApi], None] = lambda _api: None,
    happens: Iterable[tuple[float, Callable[[FakeApi], None]]] = (),
    until: float = 60.0,
    resync: float = 600.0,
) -> FakeApi:
    """The API server after ``until`` seconds of a control loop with this script.

    ``prepare`` sets the API server up, and ``happens`` is what others do, each in its second. Watch events arrive a
    tenth of a second late.
    """

    async def story() -> FakeApi:
        api = FakeApi(*there)
        pace = Pace(workers=3, resync_seconds=resync, backoff_seconds=0.5, backoff_limit_seconds=120)
        loop = ControlLoop(KindRegistry((THING,), child_labels=OURS), [script], pace, clock=lambda: WALL)
        await loop.informers.resync(api)  # type: ignore[arg-type]
        running = asyncio.get_running_loop()
        api.watch = lambda kind, body: running.call_later(0.1, loop.informers.remember, kind, body) and None
        prepare(api)
        for second, other in happens:
            running.call_later(second, other, api)
        work = loop.start(api)  # type: ignore[arg-type]
        await asyncio.sleep(until)
        assert not [task for task in work if task.done()]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return api

    return simulated(story)


def failing(verb: str, *statuses: int | None) -> Callable[[FakeApi], None]:
    return lambda api: api.fail(verb, statuses)


def without_hash(call: str) -> str:
    """A write, without the part of an event's name that is a digest."""
    return call.rpartition(".")[0] or call


MADE = ["create Job/one-job", "status Thing/one", "create Event/one"]


def test_children_are_made_before_the_status_is_written_and_events_come_last() -> None:
    api = played(Script((job(),)), thing())
    assert [without_hash(call) for call in api.wrote()] == MADE
    assert api.get(THING.kind, KEY)["status"] == {"phase": "Running"}


@pytest.mark.parametrize(
    ("status", "written"),
    [
        pytest.param({}, True, id="none-yet"),
        pytest.param({"phase": "Running"}, True, id="another"),
        pytest.param({"phase": "Idle", "more": 1}, True, id="one-field-too-many"),
        pytest.param({"phase": "Idle"}, False, id="the-same"),
        pytest.param({"phase": "Idle", "report": 7}, False, id="the-same-and-a-report-of-the-pods"),
    ],
)
def test_the_status_is_written_only_if_it_differs_and_never_what_the_pods_own(
    status: dict[str, Any], written: bool
) -> None:
    api = played(Script(), thing(**status))
    assert [without_hash(call) for call in api.wrote()] == (["status Thing/one", "create Event/one"] if written else [])
    report = {"report": status["report"]} if "report" in status else {}
    assert api.get(THING.kind, KEY)["status"] == {"phase": "Idle", **report}


@pytest.mark.parametrize(
    ("verb", "statuses", "times"),
    [
        pytest.param("create", [500, 500, 500, 500], [0, 0.5, 1.5, 3.5, 7.5], id="server-errors"),
        pytest.param("create", [429], [0, 0.5], id="too-many-requests"),
        pytest.param("create", [0, 0], [0, 0.5, 1.5], id="no-answer"),
        pytest.param("status", [500, 409], [0, 0.5, 1.5], id="status-fails"),
        pytest.param("status", [404], [0, 0.5], id="status-of-what-is-gone"),
    ],
)
def test_a_transient_error_is_tried_again_after_twice_the_time(
    verb: str, statuses: list[int], times: list[float]
) -> None:
    api = played(Script((job(),) if verb == "create" else ()), thing(), prepare=failing(verb, *statuses))
    arrived = [second for second, called, what in api.calls if called == verb and "Event" not in what]
    assert arrived == times
    assert [without_hash(call) for call in api.wrote()][-2:] == MADE[-2:]
    assert api.get(THING.kind, KEY)["status"] == {"phase": "Running" if verb == "create" else "Idle"}


def test_the_wait_is_limited_and_begins_anew_after_a_pass_that_succeeds() -> None:
    def another_outage(api: FakeApi) -> None:
        api.fail("status", [500])
        api.put(*thing(phase="Lost"))

    script = Script((job(),))
    api = played(script, thing(), prepare=failing("create", *[500] * 11), happens=[(600, another_outage)], until=700)
    times = [second for second, called, what in api.calls if what.startswith("Job")]
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 127.5, 247.5, 367.5, 487.5]
    assert [second for second in api.times("status") if second > 500] == [600.1, 600.6]


@pytest.mark.parametrize(
    ("there", "faults", "phase"),
    [
        pytest.param([], [403], "Refused", id="refused"),
        pytest.param([owned(JOB, "one-job", "uid-of-another")], [], "Refused", id="anothers"),
        pytest.param([owned(JOB, "one-job", UID)], [], "Running", id="ours"),
    ],
)
def test_an_outcome_reaches_the_status_at_once(there: list[Any], faults: list[int], phase: str) -> None:
    api = played(Script((job(),)), thing(), *there, prepare=failing("create", *faults), until=0.2)
    assert api.get(THING.kind, KEY)["status"] == {"phase": phase}


def test_what_was_refused_is_tried_again_and_comes_about() -> None:
    api = played(Script((job(),)), thing(), prepare=failing("create", 403, None, 422))
    assert [call for call in api.wrote() if "Job" in call] == ["create Job/one-job"] * 3
    assert api.get(THING.kind, KEY)["status"] == {"phase": "Running"}


def test_what_is_gone_is_no_failure() -> None:
    script = Script((SUSPEND,))
    played(script, thing())
    assert [second for second, _ in script.passes] == [0]


@pytest.mark.parametrize("step", ["observe", "plan", "conclude", "events"])
def test_a_defect_in_one_resource_does_not_stop_the_others(step: str) -> None:
    names = [f"good-{number}" for number in range(8)]
    script = Script(defects={"bad": step})
    api = played(script, thing("bad"), *(thing(name) for name in names), until=10)
    assert all(api.get(THING.kind, Key("speech", name))["status"] == {"phase": "Idle"} for name in names)
    tries = [second for second, name in script.passes if name == "bad"]
    # Once the status is written nothing is left to tell, so the defect in the events does not come again.
    assert tries == ([0, 0.5] if step == "events" else [0, 0.5, 1.5, 3.5, 7.5])


def test_an_event_that_is_not_written_is_no_failure() -> None:
    script = Script()
    api = played(script, thing(), prepare=failing("create", 500))
    assert [without_hash(call) for call in api.wrote()] == ["status Thing/one", "create Event/one"]
    assert len(script.passes) == 1


@pytest.mark.parametrize(
    ("requeue_after", "times"),
    [
        pytest.param(None, [0, 20, 40], id="resync"),
        pytest.param(7, [0, 7, 14, 21, 28, 35, 42, 49, 56], id="alarm"),
        pytest.param(30, [0, 20, 40], id="alarm-after-the-resync"),
    ],
)
def test_a_resource_is_looked_at_again_in_time(requeue_after: float | None, times: list[float]) -> None:
    script = Script(requeue_after=requeue_after)
    played(script, thing(phase="Idle"), resync=20, until=59)
    assert [second for second, _ in script.passes] == times


def report(api: FakeApi) -> None:
    body = api.get(THING.kind, KEY)
    api.put(THING.kind, {**body, "status": {**body.get("status", {}), "report": 7}})


@pytest.mark.parametrize(
    ("during", "passes"),
    [pytest.param(None, 1, id="only-ours"), pytest.param(report, 2, id="a-pod-reports-meanwhile")],
)
def test_an_own_write_wakes_nothing_and_news_in_its_answer_do(during: Any, passes: int) -> None:
    def prepare(api: FakeApi) -> None:
        if during:
            api.before["status"] = lambda: during(api) if len(api.calls) == 1 else None

    script = Script()
    played(script, thing(), prepare=prepare, until=10)
    assert len(script.passes) == passes


def test_a_new_child_is_in_the_cache_before_the_watch_brings_it() -> None:
    script = Script((job(),))
    api = played(script, thing(), happens=[(0.05, report)], until=0.09)
    assert api.times("create").count(0) == 2  # the Job and an event
    assert [call for call in api.wrote() if "Job" in call] == ["create Job/one-job"]


@pytest.mark.parametrize(
    ("there", "actions", "prepare", "defect", "outcome"),
    [
        pytest.param([thing()], (job(),), None, {}, "changed", id="changed"),
        pytest.param([thing(phase="Idle")], (), None, {}, "unchanged", id="unchanged"),
        pytest.param([thing()], (job(),), failing("create", 403), {}, "refused", id="refused"),
        pytest.param([thing()], (job(),), failing("create", 500), {}, "retry", id="retry"),
        pytest.param([thing()], (), None, {"one": "plan"}, "error", id="error"),
    ],
)
def test_every_outcome_is_counted(there: Any, actions: Any, prepare: Any, defect: Any, outcome: str) -> None:
    def count() -> float:
        labels = {"controller": "thing", "outcome": outcome}
        return REGISTRY.get_sample_value("tts_operator_reconcile_total", labels) or 0

    before = count()
    played(Script(actions, defects=defect), *there, prepare=prepare or (lambda _api: None), until=0.01)
    assert count() == before + 1


@pytest.mark.parametrize(
    ("records", "controllers"),
    [
        pytest.param((THING,), (), id="a record without a controller"),
        pytest.param((), (Script(),), id="a controller without a record"),
        pytest.param((THING,), (Script(), Script()), id="two controllers of one record"),
    ],
)
def test_a_loop_needs_one_controller_for_each_record(records: Any, controllers: Any) -> None:
    pace = Pace(workers=1, resync_seconds=600, backoff_seconds=0.5, backoff_limit_seconds=120)
    with pytest.raises(ValueError, match="each record needs one controller"):
        ControlLoop(KindRegistry(records, child_labels=OURS), controllers, pace)
