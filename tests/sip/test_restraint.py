"""One probe at a time for each trunk; no refused password twice within minutes."""

from __future__ import annotations

import asyncio
import threading

from pydantic import SecretStr

from voipkit.sip import Target
from voipkit.sip.restraint import Flights, Rejections


def trunk(password="p", **changes):
    return Target(**({"host": "sip.example.com", "username": "alice", "password": SecretStr(password)} | changes))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_waits_of_one_five_and_thirty_minutes():
    clock = Clock()
    memory = Rejections(clock)
    assert memory.wait(trunk()) is None
    for wait in (60, 300, 1800, 1800):
        memory.refused(trunk())
        assert memory.wait(trunk()) == wait
        clock.now += wait - 1
        assert memory.wait(trunk()) == 1
        clock.now += 1
        assert memory.wait(trunk()) is None


def test_another_password_user_or_host_is_another_matter():
    memory = Rejections(Clock())
    memory.refused(trunk())
    assert memory.wait(trunk("corrected")) is None
    assert memory.wait(trunk(host="sip2.example.com")) is None
    assert memory.wait(trunk(auth_username="bob")) is None
    assert memory.wait(trunk(from_user="+1555")) == 60, "another caller ID is the same login"


def test_success_forgets():
    memory = Rejections(Clock())
    memory.refused(trunk())
    memory.accepted(trunk())
    assert memory.wait(trunk()) is None
    memory.refused(trunk())
    assert memory.wait(trunk()) == 60


def test_the_memory_holds_no_password_and_is_bounded():
    memory = Rejections(Clock())
    memory.refused(trunk("hunter2-secret"))
    assert "hunter2" not in repr(vars(memory))
    for number in range(10_100):
        memory.refused(trunk(username=f"u{number}"))
    assert len(memory._refused) == 10_000


async def take(flights, target, log, name, seconds=0.05, patience=5.0):
    async with flights.one(target, patience) as mine:
        log.append((name, "in" if mine else "busy"))
        await asyncio.sleep(seconds if mine else 0)
        log.append((name, "out"))
    return mine


def test_one_trunk_one_probe_another_trunk_at_once():
    async def together():
        flights, log = Flights(), []
        await asyncio.gather(
            *(take(flights, trunk(), log, n) for n in range(3)), take(flights, trunk(host="b.com"), log, "b")
        )
        assert not flights._waiting
        return log

    log = asyncio.run(together())
    same = [entry for entry in log if entry[0] != "b"]
    assert same == [(n, what) for n in range(3) for what in ("in", "out")]
    assert log.index(("b", "in")) < log.index((0, "out"))


def test_who_waits_too_long_or_leaves_does_not_block_the_next():
    async def story():
        flights, log = Flights(), []
        first = asyncio.create_task(take(flights, trunk(), log, "first", 0.2))
        await asyncio.sleep(0.01)
        impatient = asyncio.create_task(take(flights, trunk(), log, "impatient", patience=0.05))
        leaver = asyncio.create_task(take(flights, trunk(), log, "leaver"))
        last = asyncio.create_task(take(flights, trunk(), log, "last"))
        await asyncio.sleep(0.1)
        leaver.cancel()
        assert await asyncio.gather(first, impatient, last) == [True, False, True]
        assert not flights._waiting
        return log

    log = asyncio.run(story())
    assert ("leaver", "in") not in log


def test_who_is_cancelled_in_the_moment_of_its_turn_passes_it_on():
    async def story():
        flights = Flights()
        assert await flights._take(b"key", 1.0)
        waiter = asyncio.create_task(flights._take(b"key", 1.0))
        await asyncio.sleep(0)
        flights._pass_on(b"key")
        await asyncio.sleep(0)  # its turn has come, and it has not noticed yet
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert waiter.cancelled()
        assert await flights._take(b"key", 0.1)

    asyncio.run(story())


def test_turns_go_over_threads_and_loops():
    flights, log, seen = Flights(), [], []

    def one(name):
        seen.append(asyncio.run(take(flights, trunk(), log, name, 0.02)))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [True] * 6
    names = [name for name, _ in log]
    assert names[::2] == names[1::2], "nobody came in before the one before was out"
    assert not flights._waiting
