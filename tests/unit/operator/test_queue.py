"""The work queue on a simulated clock."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.operator.simulation import now, simulated
from tts_operator.engine.queue import WorkQueue


async def drained(queue: WorkQueue[str], until: float) -> list[tuple[str, float]]:
    """The keys that come out until a time, each worked on at once, with the second in which they came."""
    taken: list[tuple[str, float]] = []
    while True:
        try:
            key, _ = await asyncio.wait_for(queue.get(), until - now())
        except TimeoutError:
            return taken
        taken.append((key, round(now(), 3)))
        queue.done(key)


def test_a_key_is_handed_out_once_however_often_it_was_added() -> None:
    async def story() -> list[tuple[str, float]]:
        queue: WorkQueue[str] = WorkQueue()
        for key in "abaabb":
            queue.add(key)
        assert len(queue) == 2
        return await drained(queue, 5)

    assert simulated(story) == [("a", 0), ("b", 0)]


def test_no_two_workers_have_the_same_key_and_nothing_is_lost() -> None:
    async def story() -> None:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        key, _ = await queue.get()
        queue.add("a")
        queue.add("a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.get(), 60)
        queue.done(key)
        assert (await queue.get())[0] == "a"
        queue.done("a")
        assert len(queue) == 0

    simulated(story)


def test_failures_are_tried_again_after_twice_the_time_up_to_a_limit() -> None:
    async def story() -> list[float]:
        queue: WorkQueue[str] = WorkQueue(backoff_seconds=1, backoff_limit_seconds=10)
        queue.add("a")
        times = []
        for _ in range(6):
            key, _ = await queue.get()
            times.append(now())
            queue.retry(key)
            queue.done(key)
        queue.forget("a")
        key, _ = await queue.get()
        assert queue.retry(key) == 1
        return times

    assert simulated(story) == [0, 1, 3, 7, 15, 25]


@pytest.mark.parametrize(
    ("alarms", "taken"),
    [
        ([("a", 5.0)], [("a", 5)]),
        ([("a", 5.0), ("a", 2.0)], [("a", 2)]),
        ([("a", 2.0), ("a", 5.0)], [("a", 2)]),
        ([("a", 3.0), ("b", 1.0)], [("b", 1), ("a", 3)]),
        ([("a", -1.0)], [("a", 0)]),
        ([("a", 60.0)], []),
    ],
    ids=["one", "an-earlier-one-after", "a-later-one-after", "two-keys", "in-the-past", "too-late"],
)
def test_alarms_ring_in_time_and_only_the_earliest_of_a_key(
    alarms: list[tuple[str, float]], taken: list[tuple[str, float]]
) -> None:
    async def story() -> list[tuple[str, float]]:
        queue: WorkQueue[str] = WorkQueue()
        start = asyncio.get_running_loop().time()
        for key, seconds in alarms:
            queue.add_at(key, start + seconds)
        return await drained(queue, 30)

    assert simulated(story) == taken


def test_an_alarm_set_while_a_worker_waits_wakes_it() -> None:
    async def story() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_at("late", asyncio.get_running_loop().time() + 100)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        queue.add_at("soon", asyncio.get_running_loop().time() + 1)
        assert (await waiting)[0] == "soon"
        return now()

    assert simulated(story) == pytest.approx(2, abs=0.01)


def test_it_tells_how_long_a_key_waited() -> None:
    async def story() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add("a")
        await asyncio.sleep(7)
        return (await queue.get())[1]

    assert simulated(story) == pytest.approx(7, abs=0.01)


def test_many_workers_share_the_keys() -> None:
    async def story() -> tuple[int, int]:
        queue: WorkQueue[str] = WorkQueue()
        busy: set[str] = set()
        most = 0
        done: list[str] = []

        async def work() -> None:
            nonlocal most
            while True:
                key, _ = await queue.get()
                assert key not in busy
                busy.add(key)
                most = max(most, len(busy))
                await asyncio.sleep(1)
                busy.discard(key)
                done.append(key)
                queue.done(key)

        workers = [asyncio.create_task(work()) for _ in range(4)]
        for number in range(40):
            queue.add(str(number % 10))
            await asyncio.sleep(0.1)
        await asyncio.sleep(60)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return most, len(set(done))

    assert simulated(story) == (4, 10)
