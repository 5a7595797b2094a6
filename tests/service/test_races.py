"""Two processes at the same unique thing at once: exactly one wins, and the other is told so in words of ours."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import dying
from voipkit.errors import EvidenceReused, IdempotencyConflict, OperationInProgress

pytestmark = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.service.dying"])


@pytest.fixture
def both(desk, store, key):
    """Do two calls in two processes that begin together; gives what each returned, or the error that it raised."""

    def run(*calls):
        url = store._engine.url.render_as_string(hide_password=False)
        results, start = FORKS.Queue(), FORKS.Barrier(len(calls))
        with desk.box.serve() as base_url:
            children = [
                FORKS.Process(target=dying.race, args=(url, base_url, key, start, results, index, *call))
                for index, call in enumerate(calls)
            ]
            for child in children:
                child.start()
            answers = dict(results.get(timeout=60) for _ in children)
            for child in children:
                child.join(60)
        return [answers[index] for index in range(len(calls))]

    return run


def errors_in(answers):
    return [answer for answer in answers if isinstance(answer, Exception)]


def create(desk, evidence, **more):
    return "create", ("acme",), {"provider": "telnyx", **desk.account(), "evidence": evidence, **more}


def test_evidence_is_used_once(desk, service, both):
    evidence = desk.evidence()

    answers = both(create(desk, evidence), create(desk, evidence))

    (lost,) = errors_in(answers)
    assert isinstance(lost, EvidenceReused)
    assert len(service.list("acme").items) == 1


def test_one_idempotency_key_is_one_connection(desk, service, both):
    evidence = desk.evidence()

    answers = both(create(desk, evidence, idempotency_key="k"), create(desk, evidence, idempotency_key="k"))

    assert errors_in(answers) == []
    assert answers[0] == answers[1]
    assert len(service.list("acme").items) == 1


def test_another_body_under_one_key(desk, service, both):
    answers = both(
        create(desk, desk.evidence(), idempotency_key="k", name="One"),
        create(desk, desk.evidence(), idempotency_key="k", name="Two"),
    )

    (lost,) = errors_in(answers)
    assert isinstance(lost, IdempotencyConflict)
    assert len(service.list("acme").items) == 1


def test_a_number_is_imported_into_one_tenant(desk, service, both):
    numbers = desk.bought(3)
    first, second = desk.connect("acme"), desk.connect("other")

    answers = both(
        ("import_numbers", ("acme", first.id, numbers), {}), ("import_numbers", ("other", second.id, numbers), {})
    )

    assert errors_in(answers) == []
    assert sum(answer.imported_count for answer in answers) == 3
    mine = {number.number for number in service.numbers("acme").items}
    theirs = {number.number for number in service.numbers("other").items}
    assert (mine | theirs, mine & theirs) == (set(numbers), set())
    assert len({recorded.url for recorded in desk.box.writes}) == len(desk.box.writes) == 3


def test_one_default_outbound(desk, service, both):
    first, second = desk.connect(), desk.connect()

    answers = both(("set_default_outbound", ("acme", first.id), {}), ("set_default_outbound", ("acme", second.id), {}))

    assert len([c for c in service.list("acme").items if c.default_outbound]) == 1
    assert errors_in(answers) == []


def test_many_choose_the_default_outbound(desk, service):
    """Each call locks the tenant's connections in one order, so no two wait for each other (seen in CI, 2026-11-21)."""
    ids = [desk.connect().id for _ in range(4)]

    with ThreadPoolExecutor(8) as pool:
        chosen = list(pool.map(lambda each: service.set_default_outbound("acme", each), ids * 10))

    assert all(connection.default_outbound for connection in chosen)
    assert len([c for c in service.list("acme").items if c.default_outbound]) == 1


def test_one_rotation_at_a_time(desk, service, both, store):
    connection = desk.connect()
    desk.imported(connection, desk.bought(2))

    answers = both(
        ("update", ("acme", connection.id), {**desk.account(), "evidence": desk.evidence()}),
        ("update", ("acme", connection.id), {**desk.account(), "evidence": desk.evidence()}),
    )

    won = len(answers) - len(errors_in(answers))
    assert won >= 1
    assert all(isinstance(error, OperationInProgress) for error in errors_in(answers))
    assert service.get("acme", connection.id).generation == 1 + won
    with store.transaction("acme") as tx:
        assert tx.operations() == ()
        assert [sealed.state for sealed in tx.generations(connection.id)] == ["former"] * won + ["active"]


def test_a_number_is_handed_over_once(desk, service, both):
    number = desk.imported(desk.connect(), desk.bought(1))[0]

    answers = both(
        ("transfer_number", ("acme", number.id, "other"), {}), ("transfer_number", ("acme", number.id, "third"), {})
    )

    assert len(errors_in(answers)) == 1
    assert len(service.numbers("other").items) + len(service.numbers("third").items) == 1


def test_two_recover_and_one_resumes(desk, service, both, store):
    connection = desk.connect()
    from voipkit.service import operations

    data = {"numbers": [], "key": None, "actor": None}
    with store.transaction("acme") as tx:
        begun = operations.begin(service._shop, tx, "import", connection.id, data, step="plan")
        tx.advance_operation(begun.id, worker=begun.worker, step="plan", data=data, lease_until=begun.created_at)

    answers = both(("recover", (), {}), ("recover", (), {}))

    assert sorted(answer.undone for answer in answers) == [(), (begun.id,)]
