"""Leader election on a simulated clock: who leads when, and that never two do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.operator.fake_api import FakeApi
from tests.unit.operator.simulation import now, simulated
from tts_operator.engine.lease import Lease, LeaseRecord, may_take
from tts_operator.engine.objects import LEASE, Key

KEY = Key("tts-system", "tts-operator")
DURATION, RENEW, RETRY = 15.0, 10.0, 2.0
WALL = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "unchanged", "expected"),
    [
        pytest.param(None, 0, True, id="no-lease"),
        pytest.param(LeaseRecord("", "t", 15), 0, True, id="given-back"),
        pytest.param(LeaseRecord("us", "t", 15), 0, True, id="ours"),
        pytest.param(LeaseRecord("them", "t", 15), 0, False, id="theirs-just-seen"),
        pytest.param(LeaseRecord("them", "t", 15), 15, False, id="theirs-at-its-end"),
        pytest.param(LeaseRecord("them", "t", 15), 15.1, True, id="theirs-expired"),
    ],
)
def test_who_may_take_it(record: LeaseRecord | None, unchanged: float, expected: bool) -> None:
    assert may_take(record, "us", unchanged) is expected


def held_by(holder: str, **spec: Any) -> dict[str, Any]:
    times = {"acquireTime": "before", "renewTime": "before"}
    return {
        "metadata": {"name": KEY.name, "namespace": KEY.namespace},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3, **times, **spec},
    }


class Replicas:
    """Candidates for one lease, and when each led."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.led: list[tuple[str, float, float]] = []
        """Who led, from which second to which; those who still lead have no end yet."""
        self._since: dict[str, float] = {}
        self._leases: dict[str, Lease] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, api: Any = None, skew: timedelta = timedelta(0)) -> None:
        """Start a candidate, whose wall clock is wrong by ``skew``."""
        self._leases[name] = Lease(
            api or self.api,
            KEY,
            name,
            duration_seconds=DURATION,
            renew_seconds=RENEW,
            retry_seconds=RETRY,
            clock=lambda: WALL + timedelta(seconds=now()) + skew,
        )
        self._tasks[name] = asyncio.create_task(self._candidate(name))

    async def stop(self, name: str) -> None:
        """End a replica in good order: it gives the lease back."""
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await self._leases[name].release()

    def kill(self, name: str) -> None:
        """End a replica without warning."""
        self._tasks[name].cancel()

    async def _candidate(self, name: str) -> None:
        try:
            await self._leases[name].hold(lambda: self._since.__setitem__(name, now()))
        finally:
            if name in self._since:
                self.led.append((name, self._since.pop(name), now()))

    @property
    def leaders(self) -> set[str]:
        return set(self._since)

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def played(story: Callable[[Replicas], Any], *there: dict[str, Any]) -> Replicas:
    """Run a story of replicas. Asserts that no two led at the same time."""

    async def whole() -> Replicas:
        replicas = Replicas(FakeApi(*((LEASE, body) for body in there)))
        await story(replicas)
        await replicas.end()
        return replicas

    replicas = simulated(whole)
    periods = sorted(replicas.led, key=lambda period: period[1])
    assert all(first[2] <= second[1] for first, second in pairwise(periods))
    return replicas


@pytest.mark.parametrize(
    ("there", "after", "transitions"),
    [
        pytest.param([], 0, 0, id="no-lease"),
        pytest.param([held_by("")], 0, 4, id="given-back"),
        pytest.param([held_by("one")], 0, 3, id="ours-from-before"),
        # It is asked for every two seconds: 16 is the first time that more than 15 have passed.
        pytest.param([held_by("dead")], 16, 4, id="of-a-dead-replica"),
        pytest.param([held_by("dead", leaseDurationSeconds=40)], 42, 4, id="of-a-dead-replica-that-asked-for-longer"),
    ],
)
def test_a_lease_is_taken_when_it_may_be(there: list[Any], after: float, transitions: int) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        await asyncio.sleep(61)

    replicas = played(story, *there)
    [(name, since, until)] = replicas.led
    assert (name, round(since), round(until)) == ("one", after, 61)
    spec = replicas.api.get(LEASE, KEY)["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("one", transitions)
    assert spec["leaseDurationSeconds"] == DURATION
    assert spec["renewTime"] == (WALL + timedelta(seconds=60)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert (spec["acquireTime"] == "before") is (transitions == 3)


def test_a_lease_is_kept_while_it_is_renewed() -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        await asyncio.sleep(1)
        replicas.start("two")
        await asyncio.sleep(3599)
        assert replicas.leaders == {"one"}

    assert [name for name, _, _ in played(story).led] == ["one"]


@pytest.mark.parametrize(
    ("away", "keeps"),
    [
        pytest.param(1, True, id="a-moment"),
        pytest.param(7.5, True, id="less-than-renew"),
        pytest.param(30, False, id="longer"),
    ],
)
def test_an_api_server_that_is_away_is_survived_for_as_long_as_the_lease_is_safe(away: float, keeps: bool) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        await asyncio.sleep(20.5)
        replicas.api.is_away = True
        await asyncio.sleep(away)
        replicas.api.is_away = False
        await asyncio.sleep(100)

    [(_, since, until)] = played(story).led
    assert since == 0
    # The last renewal was in second 20. Ten seconds later the leader stops, well before the lease expires in second 35.
    assert round(until, 1) == (pytest.approx(120.5 + away) if keeps else pytest.approx(30, abs=RETRY))


def test_who_loses_the_api_server_stops_before_another_takes_over() -> None:
    async def story(replicas: Replicas) -> None:
        cut_off = FakeApi()
        cut_off.objects = replicas.api.objects  # the same cluster, reached by another way
        replicas.start("one", cut_off)
        await asyncio.sleep(1)
        replicas.start("two")
        await asyncio.sleep(99)
        cut_off.is_away = True
        await asyncio.sleep(100)

    (first, _, stopped), (second, taken, _) = played(story).led
    assert (first, second) == ("one", "two")
    assert 100 < stopped <= 100 + RENEW + RETRY
    assert stopped < taken <= 100 + DURATION + 2 * RETRY


@pytest.mark.parametrize(
    ("ending", "wait"),
    [pytest.param("stop", RETRY, id="given-back"), pytest.param("kill", DURATION + 2 * RETRY, id="killed")],
)
def test_a_replica_that_ends_is_followed_by_another(ending: str, wait: float) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        await asyncio.sleep(1)
        replicas.start("two")
        await asyncio.sleep(99)
        if ending == "stop":
            await replicas.stop("one")
        else:
            replicas.kill("one")
        await asyncio.sleep(100)

    (first, _, stopped), (second, taken, _) = played(story).led
    assert (first, round(stopped), second) == ("one", 100, "two")
    assert taken - stopped <= wait


@pytest.mark.parametrize("there", [[], [held_by("")], [held_by("dead")]], ids=["no-lease", "given-back", "expired"])
def test_of_two_candidates_at_the_same_moment_one_leads(there: list[Any]) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        replicas.start("two")
        await asyncio.sleep(60)
        assert len(replicas.leaders) == 1

    replicas = played(story, *there)
    assert len(replicas.led) == 1
    # Both had read the same lease, so the slower write was refused.
    writes = [call for call in replicas.api.calls if call[0] == replicas.api.calls[0][0]]
    assert len(writes) == 2


@pytest.mark.parametrize("hours", [-24, -1, 1, 24], ids=lambda hours: f"{hours}h")
def test_clocks_that_differ_make_no_second_leader(hours: int) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.start("one")
        await asyncio.sleep(1)
        replicas.start("two", skew=timedelta(hours=hours))
        await asyncio.sleep(600)
        assert replicas.leaders == {"one"}
        replicas.kill("one")
        await asyncio.sleep(DURATION + 2 * RETRY)
        assert replicas.leaders == {"two"}

    played(story)


@pytest.mark.parametrize(
    ("there", "fault", "holder"),
    [
        pytest.param([held_by("one")], None, "", id="ours"),
        pytest.param([held_by("two")], None, "two", id="anothers"),
        pytest.param([held_by("one")], 500, "one", id="api-fails"),
        pytest.param([], None, None, id="no-lease"),
    ],
)
def test_only_an_own_lease_is_given_back(there: list[Any], fault: int | None, holder: str | None) -> None:
    async def story(replicas: Replicas) -> None:
        replicas.api.fail("replace", [fault])
        lease = Lease(replicas.api, KEY, "one", duration_seconds=DURATION, renew_seconds=RENEW, retry_seconds=RETRY)
        await lease.release()

    api = played(story, *there).api
    assert (api.get(LEASE, KEY)["spec"]["holderIdentity"] if there else None) == holder
