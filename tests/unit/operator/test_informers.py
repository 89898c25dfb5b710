"""What the informers put into the cache and take out of it, and which objects they report as changed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.operator.fake_api import FakeApi
from tests.unit.operator.simulation import simulated
from tts_operator.engine.api import ApiError
from tts_operator.engine.cache import Cache
from tts_operator.engine.informers import Informers
from tts_operator.engine.objects import JOB, POD, Key, Kind
from tts_operator.engine.records import METADATA_ONLY, InformerSpec

SPECS = (InformerSpec(JOB, "managed-by=us", METADATA_ONLY),)


def job(name: str, namespace: str = "speech", **labels: str) -> tuple[Kind, dict[str, Any]]:
    body = {"metadata": {"name": name, "namespace": namespace, "labels": labels or {"managed-by": "us"}}}
    return JOB, {**body, "spec": {"large": True}}


class World:
    """Informers over an API server in memory, and the names that they reported."""

    def __init__(self, *there: tuple[Kind, dict[str, Any]], namespaces: tuple[str, ...] = ()) -> None:
        self.api = FakeApi(*there)
        self.cache = Cache(lambda kind, body: [(kind.name, Key("", body["metadata"]["name"]))])
        self.changed: list[str] = []
        self.informers = Informers(self.cache, SPECS, namespaces, self._report)

    def _report(self, _kind: Kind, key: Key, owners: set[Any]) -> None:
        if owners:
            self.changed.append(key.name)

    async def resync(self) -> None:
        await self.informers.resync(self.api)  # type: ignore[arg-type]

    @property
    def known(self) -> set[str]:
        return {key.name for key in self.cache.keys(JOB)}


@pytest.mark.parametrize(
    ("there", "namespaces", "known"),
    [
        pytest.param([job("a"), job("b")], (), {"a", "b"}, id="all"),
        pytest.param([job("a"), job("b", mine="no")], (), {"a"}, id="selected-by-label"),
        pytest.param([job("a"), job("b", "another")], ("speech",), {"a"}, id="one-namespace"),
        pytest.param([job("a"), job("b", "another")], ("speech", "another"), {"a", "b"}, id="two-namespaces"),
        pytest.param([], (), set(), id="nothing"),
    ],
)
def test_a_listing_fills_the_cache(there: list[Any], namespaces: tuple[str, ...], known: set[str]) -> None:
    async def story() -> World:
        world = World(*there, namespaces=namespaces)
        await world.resync()
        return world

    world = simulated(story)
    assert world.known == known == set(world.changed)
    assert all("spec" not in (world.cache.get(JOB, key) or {}) for key in world.cache.keys(JOB))


def test_a_second_listing_reports_only_what_changed_and_forgets_what_is_gone() -> None:
    async def story() -> World:
        world = World(job("same"), job("other"), job("gone"))
        await world.resync()
        world.changed.clear()
        world.api.put(*job("other"))
        del world.api.objects[JOB, Key("speech", "gone")]
        await world.resync()
        return world

    world = simulated(story)
    assert world.changed == ["other", "gone"]
    assert world.known == {"same", "other"}


def test_what_is_made_while_the_listing_runs_is_kept() -> None:
    async def story() -> World:
        world = World()
        world.informers.remember(*job("new"))
        # The listing began before the object was made, so it is not in it; a look at the object itself finds it.
        world.api.put(*job("new", mine="no"))
        await world.resync()
        return world

    assert simulated(story).known == {"new"}


@pytest.mark.parametrize(
    ("kind", "knowing", "changed"),
    [
        pytest.param(JOB, None, ["a"], id="tells"),
        pytest.param(JOB, ("Job", Key("", "a")), [], id="who-knows-is-not-told"),
        pytest.param(JOB, ("Job", Key("", "b")), ["a"], id="another-knows"),
        pytest.param(POD, None, [], id="a-kind-that-is-not-watched"),
    ],
)
def test_an_answer_is_taken_in_at_once(kind: Kind, knowing: Any, changed: list[str]) -> None:
    async def story() -> World:
        world = World()
        world.informers.remember(kind, job("a")[1], knowing)
        return world

    world = simulated(story)
    assert world.changed == changed
    assert world.known == ({"a"} if kind == JOB else set())


def test_an_outage_postpones_the_listing_and_nothing_is_forgotten() -> None:
    async def story() -> list[set[str]]:
        world = World(job("a"))
        await world.resync()
        listing = asyncio.create_task(world.informers.keep_listing(world.api, 10))  # type: ignore[arg-type]
        world.api.put(*job("b"))
        world.api.is_away = True
        await asyncio.sleep(11)
        with pytest.raises(ApiError):
            await world.resync()
        during = world.known
        world.api.is_away = False
        await asyncio.sleep(10)
        listing.cancel()
        return [during, world.known]

    assert simulated(story) == [{"a"}, {"a", "b"}]
