"""Bulk work: progress, resuming, cancelling, any executor; one bad number never stops the rest."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest

from tests.service import reopening
from voipkit.errors import IdempotencyConflict, InvalidField, JobInterrupted, ObjectNotFound
from voipkit.models import NewOperation
from voipkit.sandbox import Fault
from voipkit.service import jobs


@pytest.fixture
def connection(desk):
    return desk.connect()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setitem(jobs._BATCH, "import", 3)
    monkeypatch.setitem(jobs._BATCH, "verify", 3)


def results(service, job):
    return {item.number: (item.status, item.result["outcome"]) for item in service.job_items("acme", job.id).items}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("workers", [0, 3])
def test_many_numbers_are_imported_and_verified(desk, service, connection, workers, events):
    fresh = desk.bought(10)
    job = service.start_import("acme", connection.id, [*fresh, "+14155550123"], actor="ann")
    assert (job.total, job.settled, job.status) == (11, 0, "running")
    assert service.numbers("acme").items == ()

    with ThreadPoolExecutor(workers or 1) as pool:
        done = service.run_job("acme", job.id, pool if workers else None)
        assert (done.status, dict(done.counts)) == ("done", {"done": 10, "failed": 1})
        assert results(service, job)["+14155550123"] == ("failed", "not_owned")
        verified = service.run_job(
            "acme", service.start_verification("acme", connection.id).id, pool if workers else None
        )

    assert dict(verified.counts) == {"done": 10}
    assert {number.status for number in service.numbers("acme").items} == {"active"}
    assert len(desk.box.writes) == 10
    assert [event.type for event in events].count("number.imported") == 10


@pytest.mark.usefixtures("small_batches")
def test_a_carrier_in_trouble_fails_its_batch_and_not_the_job(desk, service, connection):
    job = service.start_import("acme", connection.id, desk.bought(7))
    desk.box.fail("telnyx", "*", Fault.status(401))

    done = service.run_job("acme", job.id)

    assert (done.status, dict(done.counts)) == ("done", {"failed": 7})
    assert {item.result["code"] for item in service.job_items("acme", job.id).items} == {"credentials_rejected"}
    assert service.numbers("acme").items == ()


@pytest.mark.usefixtures("small_batches")
def test_a_cancelled_job_begins_nothing_more(desk, service, connection):
    job = service.start_import("acme", connection.id, desk.bought(7))
    jobs.batch(service._shop, "acme", job.id, "first")

    cancelled = service.cancel_job("acme", job.id, actor="ann")

    assert (cancelled.status, dict(cancelled.counts)) == ("cancelled", {"done": 3, "cancelled": 4})
    assert service.run_job("acme", job.id) == cancelled
    assert len(service.numbers("acme").items) == 3
    assert service.cancel_job("acme", job.id) == cancelled


def claimed_by_a_dead_worker(desk, service, job):
    with desk.store.transaction("acme") as tx:
        tx.claim_items(job.id, "dead", limit=500, at=desk.clock(), lease_until=desk.clock() + 5 * service._shop.lease)


@pytest.mark.parametrize("kind", ["import", "verify"])
def test_what_a_dead_worker_had_claimed_of_a_cancelled_job_is_not_begun(desk, service, connection, kind):
    fresh = desk.bought(3)
    if kind == "import":
        job = service.start_import("acme", connection.id, fresh)
    else:
        desk.imported(connection, fresh)
        job = service.start_verification("acme", connection.id)
    desk.box.clear()
    claimed_by_a_dead_worker(desk, service, job)
    assert dict(service.cancel_job("acme", job.id).counts) == {"claimed": 3}

    desk.clock.turn(minutes=11)
    service.recover()

    ended = service.job("acme", job.id)
    assert (ended.status, dict(ended.counts), ended.finished_at is None) == ("cancelled", {"cancelled": 3}, False)
    assert [item.result for item in service.job_items("acme", job.id).items] == [None] * 3
    assert desk.box.requests == []
    assert service.recover().jobs == ()


def test_of_a_cancelled_job_what_an_import_had_done_counts(desk, service, connection):
    """The worker imported one number and died before it could say so; another had been imported before the job."""
    old, done, left = desk.bought(3)
    desk.imported(connection, [old])
    desk.clock.turn(minutes=1)
    job = service.start_import("acme", connection.id, [old, done, left])
    claimed_by_a_dead_worker(desk, service, job)
    (imported,) = desk.imported(connection, [done])
    service.cancel_job("acme", job.id)
    desk.box.clear()

    desk.clock.turn(minutes=11)
    service.recover()

    items = {item.number: item for item in service.job_items("acme", job.id).items}
    assert {number: item.status for number, item in items.items()} == {
        old: "cancelled", done: "done", left: "cancelled",
    }  # fmt: skip
    assert items[done].result["id"] == imported.id
    assert desk.box.requests == []


def test_a_worker_that_waits_begins_nothing_once_its_job_is_cancelled(desk, service, connection, monkeypatch):
    """Another import is at the number, so the worker waits; in the meantime the job is cancelled."""
    (number,) = desk.bought(1)
    job = service.start_import("acme", connection.id, [number])
    moment = desk.clock()
    with desk.store.transaction("acme") as tx:
        other = tx.begin_operation(
            NewOperation(
                kind="import", step="plan", connection_id=connection.id, data={"numbers": [number], "key": None},
                worker="other", lease_until=moment + 9 * service._shop.lease, created_at=moment,
            )
        )  # fmt: skip

    def cancelled_meanwhile(_seconds):
        service.cancel_job("acme", job.id)
        with desk.store.transaction("acme") as tx:
            tx.finish_operation(other.id, worker="other")
        monkeypatch.undo()

    monkeypatch.setattr(jobs.time, "sleep", cancelled_meanwhile)
    desk.box.clear()

    jobs.batch(service._shop, "acme", job.id, "waiting")

    assert dict(service.job("acme", job.id).counts) == {"cancelled": 1}
    assert desk.box.writes == []


@pytest.mark.usefixtures("small_batches")
def test_what_was_done_is_not_done_again(desk, service, connection):
    job = service.start_import("acme", connection.id, desk.bought(7))
    jobs.batch(service._shop, "acme", job.id, "first")
    desk.box.clear()

    service.run_job("acme", job.id)

    assert len(desk.box.writes) == 4


def test_a_batch_whose_worker_died_is_done_by_recover(desk, service, connection, clock):
    job = service.start_import("acme", connection.id, desk.bought(2))
    moment = clock()
    with desk.store.transaction("acme") as tx:
        tx.claim_items(job.id, "dead", limit=5, at=moment, lease_until=moment + 5 * service._shop.lease)
    assert service.recover().jobs == ()

    clock.turn(minutes=11)
    assert service.recover(run_jobs=False).jobs == (("acme", job.id),)
    assert service.recover().jobs == (("acme", job.id),)

    assert service.job("acme", job.id).status == "done"


class Losing(Executor):
    """An executor that loses its second piece of work."""

    def __init__(self):
        self._count = 0

    def submit(self, work, /, *args, **kwargs):
        future = Future()
        self._count += 1
        if self._count == 2:
            future.set_exception(RuntimeError("the worker is gone"))
        else:
            future.set_result(work(*args, **kwargs))
        return future


@pytest.mark.usefixtures("small_batches")
def test_work_that_the_executor_lost_is_told_and_done_by_the_next_run(desk, service, connection):
    job = service.start_import("acme", connection.id, desk.bought(9))

    with pytest.raises(JobInterrupted) as caught:
        service.run_job("acme", job.id, Losing())
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert service.job("acme", job.id).settled == 6

    assert dict(service.run_job("acme", job.id).counts) == {"done": 9}
    assert len(desk.box.writes) == 9


def test_the_same_key_is_the_same_job(desk, service, connection):
    fresh = desk.bought(2)
    job = service.start_import("acme", connection.id, fresh, idempotency_key="j1")

    assert service.start_import("acme", connection.id, fresh, idempotency_key="j1").id == job.id
    with pytest.raises(IdempotencyConflict):
        service.start_import("acme", connection.id, fresh[:1], idempotency_key="j1")
    assert [each.id for each in service.jobs("acme").items] == [job.id]


def test_items_are_read_page_by_page(desk, service, connection):
    fresh = desk.bought(5)
    job = service.start_import("acme", connection.id, fresh)

    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = service.job_items("acme", job.id, limit=2, cursor=cursor)
        seen += [item.number for item in page.items]
        cursor, pages = page.next_cursor, pages + 1

    assert (seen, pages) == (fresh, 3)


def test_wrong_arguments_begin_nothing(desk, service, connection):
    with pytest.raises(InvalidField):
        service.start_import("acme", connection.id, ["0100"])
    with pytest.raises(ObjectNotFound):
        service.start_import("other", connection.id, desk.bought(1))
    with pytest.raises(ObjectNotFound):
        service.start_verification("acme", connection.id, number_ids=[12345])
    job = service.start_import("acme", connection.id, desk.bought(1))
    for call in (service.job, service.run_job, service.job_items, service.cancel_job):
        with pytest.raises(ObjectNotFound):
            call("other", job.id)
    assert len(service.jobs("acme").items) == 1


def test_one_number_of_a_job_may_be_chosen(desk, service, connection):
    first, second = desk.imported(connection, desk.bought(2))

    service.run_job("acme", service.start_verification("acme", connection.id, number_ids=[second.id]).id)

    assert (service.number("acme", first.id).status, service.number("acme", second.id).status) == (
        "provisioning", "active",
    )  # fmt: skip


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
@pytest.mark.usefixtures("small_batches")
def test_processes_get_ids_and_no_secret(desk, service, connection, store, monkeypatch, key):
    url = store._engine.url.render_as_string(hide_password=False)
    secret = desk.box.credentials("telnyx")["api_key"]
    with desk.box.serve() as base_url:
        monkeypatch.setenv("TEST_DATABASE", url)
        monkeypatch.setenv("TEST_KEY", key)
        monkeypatch.setenv("TEST_SANDBOX", base_url)
        job = service.start_import("acme", connection.id, desk.bought(9))
        unit = reopening.pickled(jobs._Unit(reopening.service, "acme", job.id, "w"))
        assert secret not in unit
        assert key not in unit
        assert url not in unit

        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            done = service.run_job("acme", job.id, pool, reopen=partial(reopening.service))

    assert dict(done.counts) == {"done": 9}
    assert len(desk.box.writes) == 9
