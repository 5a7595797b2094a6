"""A process dies at every step of every operation, and another one goes on: nothing lost, nothing twice, no orphan.

"Step" is every moment right before and right after a transaction is completed or the carrier has answered.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import Counter
from itertools import count

import pytest

from tests.service.conftest import Clock, Desk, found_in, kept
from tests.service.test_secrets import BEFORE, MARKS, OURS
from voipkit.evidence import generate_key
from voipkit.models import Route
from voipkit.sandbox import Sandbox
from voipkit.store import SqlStore

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.service.dying"])
_MOST = 120  # steps; no operation of these tests has that many


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """Makes fresh databases with voipkit's tables."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres").fresh
    numbered = count()

    def fresh():
        path = tmp_path / f"{next(numbered)}.db"
        store = SqlStore(path)
        store.upgrade()
        store.close()
        return f"sqlite:///{path}"

    return fresh


class World:
    """One database, one sandbox, and a service in this process, which survives."""

    def __init__(self, url):
        self.url, self.key, self.clock, self.events = url, generate_key(), Clock(), []
        self.box = Sandbox()
        self.store = SqlStore(url)
        self.desk = Desk(self.store, self.box, self.key, self.clock, self.events)
        self.service = self.desk.service

    def dies(self, step, method, *args, **kwargs):
        """Have the operation done by a process that dies at that step; False when it had ended before."""
        from tests.service import dying

        with self.box.serve() as base_url:
            child = FORKS.Process(target=dying.run, args=(self.url, base_url, self.key, step, method, args, kwargs))
            child.start()
            child.join(60)
        assert child.exitcode in (0, -signal.SIGKILL), f"the child ended with {child.exitcode}"
        return child.exitcode != 0

    def recover(self):
        """Do what the next process does once the leases of the dead one have passed."""
        self.clock.turn(minutes=5)
        recovered = self.service.recover()
        assert recovered.postponed == ()
        with self.store.transaction("acme", read_only=True) as tx:
            assert tx.operations() == ()
        return recovered

    def writes(self):
        """Count what was written at the carrier, by object."""
        return Counter(recorded.url for recorded in self.box.writes)

    def routed(self):
        return {n.phone_number: n.connection_id for n in self.box.telnyx.numbers}

    def generations(self, connection_id):
        with self.store.transaction("acme", read_only=True) as tx:
            return [(sealed.generation, sealed.state) for sealed in tx.generations(connection_id)]


def at_every_step(database, prepare, check):
    """Run the operation once for each of its steps, and once to its end."""
    died = 0
    for step in range(1, _MOST):
        world = World(database())
        try:
            method, args, kwargs = prepare(world)
            killed = world.dies(step, method, *args, **kwargs)
            died += killed
            check(world, method, args, kwargs)
        finally:
            world.store.close()
        if not killed:
            return died
    raise AssertionError("the operation does not end")


def test_create(database):
    def prepare(world):
        evidence = world.desk.evidence()
        return "create", ("acme",), {
            "provider": "telnyx", **world.desk.account(), "evidence": evidence, "idempotency_key": "k",
        }  # fmt: skip

    def check(world, method, args, kwargs):
        world.recover()
        created = getattr(world.service, method)(*args, **kwargs)
        assert [connection.id for connection in world.service.list("acme").items] == [created.id]
        assert world.generations(created.id) == [(1, "active")]
        assert world.service.available_numbers("acme", created.id)
        assert world.box.writes == []

    assert at_every_step(database, prepare, check) >= 2


def test_rotate(database):
    def prepare(world):
        connection = world.desk.connect()
        numbers = world.desk.imported(connection, world.desk.bought(2))
        world.numbers = [number.id for number in numbers]
        evidence = world.desk.evidence()
        world.box.clear()
        return "update", ("acme", connection.id), {
            **world.desk.account(), "evidence": evidence, "idempotency_key": "k",
        }  # fmt: skip

    def check(world, method, args, kwargs):
        world.recover()
        connection_id = args[1]
        assert world.generations(connection_id) in ([(1, "active")], [(1, "former"), (2, "active")])
        world.service.verify_number("acme", world.numbers[0])

        rotated = getattr(world.service, method)(*args, **kwargs)

        assert rotated.generation == 2
        assert world.generations(connection_id) == [(1, "former"), (2, "active")]
        assert {world.service.number("acme", number).status for number in world.numbers} == {"active"}
        assert world.box.writes == []
        actions = [entry.action for entry in world.service.audit("acme").items]
        assert actions.count("connection.rotated") == 1

    assert at_every_step(database, prepare, check) >= 8


def test_import(database):
    def prepare(world):
        connection = world.desk.connect()
        world.fresh = world.desk.bought(3)
        world.before = world.routed()
        world.box.clear()
        return "import_numbers", ("acme", connection.id, [*world.fresh, "+14155550123"]), {"idempotency_key": "k"}

    def check(world, method, args, kwargs):
        world.recover()
        recorded = {number.number for number in world.service.numbers("acme").items}
        changed = {number for number, target in world.routed().items() if target != world.before[number]}
        assert changed <= recorded, "the carrier routes numbers here of which there is no record"

        report = getattr(world.service, method)(*args, **kwargs)

        assert report.imported_count == 3
        assert [number.status for number in world.service.numbers("acme").items] == ["provisioning"] * 3
        assert set(world.writes().values()) == {1}, "a number was written twice"
        assert len(world.writes()) == 3
        world.service.delete("acme", args[1], restore_routing=True)
        assert world.routed() == world.before, "the routing before the import was lost"

    assert at_every_step(database, prepare, check) >= 12


def test_import_of_numbers_whose_webhook_has_a_password(database):
    """At no moment does a secret of a URL lie in the database; afterwards it is put back all the same."""

    def prepare(world):
        connection = world.desk.connect(carrier="twilio")
        world.fresh = world.box.twilio.seed_numbers(2, voice_url=BEFORE)
        world.box.clear()
        wanted = [number.phone_number for number in world.fresh]
        return "import_numbers", ("acme", connection.id, wanted), {
            "route": Route.webhook(OURS), "on_conflict": "overwrite", "idempotency_key": "k",
        }  # fmt: skip

    def check(world, method, args, kwargs):
        assert found_in(kept(world.store), MARKS) == []
        world.recover()
        report = getattr(world.service, method)(*args, **kwargs)

        assert report.imported_count == 2
        assert [number.voice_url for number in world.fresh] == [OURS, OURS]
        assert found_in(kept(world.store), MARKS) == []
        world.service.delete("acme", args[1], restore_routing=True)
        assert [number.voice_url for number in world.fresh] == [BEFORE, BEFORE]

    assert at_every_step(database, prepare, check) >= 10


def test_verify(database):
    def prepare(world):
        connection = world.desk.connect()
        number = world.desk.imported(connection, world.desk.bought(1))[0]
        world.box.clear()
        return "verify_number", ("acme", number.id), {}

    def check(world, method, args, kwargs):
        world.recover()
        assert world.service.number(*args).status in ("provisioning", "active")

        assert getattr(world.service, method)(*args, **kwargs).number.status == "active"

        actions = [entry.action for entry in world.service.number_versions(*args).items]
        assert actions == ["number.active", "number.imported"]
        assert world.box.writes == []

    assert at_every_step(database, prepare, check) >= 8


def test_transfer(database):
    def prepare(world):
        connection = world.desk.connect()
        number = world.desk.imported(connection, world.desk.bought(1))[0]
        world.service.update_number("acme", number.id, inbound_agent_id=7)
        world.box.clear()
        return "transfer_number", ("acme", number.id, "other"), {}

    def check(world, method, args, kwargs):
        world.recover()
        owners = [org for org in ("acme", "other") if world.service.numbers(org).items]
        assert len(owners) == 1
        if owners == ["acme"]:
            assert world.service.number("acme", args[1]).inbound_agent_id == 7
            getattr(world.service, method)(*args, **kwargs)
        moved = world.service.number("other", args[1])
        assert (moved.inbound_agent_id, moved.voip_connection_id) == (None, None)
        given = [entry.action for entry in world.service.audit("acme").items]
        received = [entry.action for entry in world.service.audit("other").items]
        assert (given.count("number.given"), received) == (1, ["number.received"])
        assert world.box.requests == []

    assert at_every_step(database, prepare, check) >= 2


def test_delete_with_restoring(database):
    def prepare(world):
        connection = world.desk.connect()
        fresh = world.desk.bought(3)
        world.before = world.routed()
        world.desk.imported(connection, fresh)
        world.box.clear()
        return "delete", ("acme", connection.id), {"restore_routing": True}

    def check(world, method, args, kwargs):
        world.recover()
        if world.service.list("acme").items:
            getattr(world.service, method)(*args, **kwargs)
        assert world.service.list("acme").items == ()
        assert world.generations(args[1]) == []
        assert world.routed() == world.before
        assert set(world.writes().values()) == {1}, "a number was written twice"
        assert [number.voip_connection_id for number in world.service.numbers("acme").items] == [None] * 3
        actions = [entry.action for entry in world.service.audit("acme").items]
        assert actions.count("connection.deleted") == 1

    assert at_every_step(database, prepare, check) >= 10


def job_of(world, kind):
    """Start a job of three numbers; gives the call that runs it."""
    connection = world.desk.connect()
    world.fresh = world.desk.bought(3)
    world.before = world.routed()
    if kind == "import":
        job = world.service.start_import("acme", connection.id, world.fresh)
    else:
        world.desk.imported(connection, world.fresh)
        job = world.service.start_verification("acme", connection.id)
    world.box.clear()
    return "run_job", ("acme", job.id), {}


@pytest.mark.parametrize("kind", ["import", "verify"])
def test_jobs(database, kind):
    def prepare(world):
        return job_of(world, kind)

    def check(world, method, args, kwargs):
        world.clock.turn(minutes=6)
        world.recover()
        done = world.service.job(*args)
        assert (done.status, dict(done.counts)) == ("done", {"done": 3})
        status = "provisioning" if kind == "import" else "active"
        assert [number.status for number in world.service.numbers("acme").items] == [status] * 3
        assert set(world.writes().values()) <= {1}
        assert len(world.writes()) == (3 if kind == "import" else 0)

    assert at_every_step(database, prepare, check) >= 8


@pytest.mark.parametrize("kind", ["import", "verify"])
def test_jobs_that_are_cancelled_after_the_crash(database, kind):
    """Nothing more is begun: the carrier is written to only where an import was under way already."""

    def prepare(world):
        return job_of(world, kind)

    def check(world, method, args, kwargs):
        with world.store.transaction("acme", read_only=True) as tx:
            under_way = any(operation.step == "write" for operation in tx.operations())
        cancelled = world.service.cancel_job(*args)
        asked = len(world.box.requests)
        world.clock.turn(minutes=6)
        world.recover()

        ended = world.service.job(*args)
        assert (ended.status, ended.settled) == (cancelled.status, 3)
        assert ended.finished_at is not None
        if not under_way:
            assert len(world.box.requests) == asked, "something was begun after the cancellation"
        assert set(world.writes().values()) <= {1}
        if kind == "import":
            done = {item.number for item in world.service.job_items(*args).items if item.status == "done"}
            assert done == {number.number for number in world.service.numbers("acme").items}
            assert done == {number for number, target in world.routed().items() if target != world.before[number]}
        else:
            assert world.box.writes == []

    assert at_every_step(database, prepare, check) >= 8
