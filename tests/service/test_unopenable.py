"""A connection that does not open: its key is lost, its row is damaged, its carrier's extra is gone. Nothing stays."""

from __future__ import annotations

import sys

import pytest

from tests.service.conftest import Desk
from voipkit.errors import MissingExtra, SealBroken, SealKeyMissing
from voipkit.evidence import generate_key
from voipkit.models import Route

WEBHOOK = "https://ours:PWcanaryOurs-3f9e@app.example/in"


@pytest.fixture
def connection(desk):
    return desk.connect(carrier="twilio")


@pytest.fixture
def numbers(desk, connection):
    return [number.number for number in desk.imported(connection, desk.bought(2, "twilio"))]


@pytest.fixture(params=["key", "row", "extra"])
def broken(request, desk, store, box, clock, connection, numbers, monkeypatch):
    """A desk at which the connection does not open, and the error that says why."""
    if request.param == "key":
        return Desk(store, box, generate_key(), clock, []), SealKeyMissing
    if request.param == "row":
        damage(desk, connection)
        return desk, SealBroken
    monkeypatch.setitem(sys.modules, "twilio.rest", None)
    return desk, MissingExtra


def damage(desk, connection):
    """Change a byte of the credentials in use, as a disk or a stranger would."""
    with desk.store.transaction("acme") as tx:
        (sealed,) = tx.generations(connection.id)
    turned = sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1])
    assert desk.store.replace_sealed([(sealed, sealed.model_copy(update={"sealed": turned}))]) == 1


def under_way(desk):
    with desk.store.transaction("acme") as tx:
        return tx.operations()


def test_an_import_leaves_nothing_behind(broken, connection):
    desk, error = broken
    fresh = desk.bought(1, "twilio")
    before = desk.service.numbers("acme")

    for _ in range(2):
        with pytest.raises(error):
            desk.service.import_numbers("acme", connection.id, fresh, idempotency_key="k1")

    assert under_way(desk) == ()
    assert desk.service.numbers("acme") == before
    assert desk.service.delete("acme", connection.id).connection_id == connection.id


def test_a_deletion_that_would_restore_does_not_hold_up_one_that_does_not(broken, connection, numbers):
    desk, error = broken

    with pytest.raises(error):
        desk.service.delete("acme", connection.id, restore_routing=True)

    assert under_way(desk) == ()
    report = desk.service.delete("acme", connection.id)
    assert {left.number for left in report.left} == set(numbers)


def test_a_deletion_that_a_crash_left_is_given_up(broken, connection, clock):
    from voipkit.service import operations

    desk, error = broken
    with desk.store.transaction("acme") as tx:
        operations.begin(desk.service._shop, tx, "delete", connection.id, {"actor": None}, step="restore")
    clock.turn(minutes=5)

    assert len(desk.service.recover().undone) == 1

    assert desk.service.get("acme", connection.id)
    assert desk.service.audit("acme").items[0].after == {"reason": error.kind}
    assert under_way(desk) == ()


@pytest.mark.parametrize("broken", ["key", "row"], indirect=True)
def test_new_credentials_and_sip_configuration_replace_what_does_not_open(broken, connection):
    desk, error = broken
    account, evidence = desk.account("twilio"), desk.evidence(carrier="twilio")

    for half in ({"credentials": account["credentials"]}, {"sip_config": account["sip_config"]}):
        with pytest.raises(error) as caught:
            desk.service.update("acme", connection.id, evidence=evidence, **half)
        assert "credentials and sip_config" in caught.value.fix
    after = desk.service.update("acme", connection.id, evidence=evidence, **account)

    assert (after.generation, after.status) == (2, "connected")
    assert desk.service.available_numbers("acme", connection.id) is not None
    assert desk.service.maintain() == 0


@pytest.mark.parametrize("broken", ["key"], indirect=True)
def test_a_route_that_does_not_open_stops_a_rotation_and_leaves_the_connection_free(broken, desk, connection):
    """What the number was imported with cannot be proved, so nothing is said of it; the error says what to do."""
    (number,) = desk.imported(connection, desk.bought(1, "twilio"), route=Route.webhook(WEBHOOK))
    without, error = broken
    evidence = without.evidence(carrier="twilio")

    for _ in range(2):
        with pytest.raises(error) as caught:
            without.service.update(
                "acme", connection.id, **desk.account("twilio"), evidence=evidence, idempotency_key="k"
            )
        assert number.number in caught.value.message
        assert "PWcanary" not in str(caught.value)

    assert under_way(desk) == ()
    assert desk.service.get("acme", connection.id).generation == 1
    without.service.release_number("acme", number.id)
    assert without.service.update("acme", connection.id, **desk.account("twilio"), evidence=evidence).generation == 2
