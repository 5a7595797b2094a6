"""A SIP trunk's number becomes active once a witness has seen a call arrive; no call is placed that nobody agreed to."""

from __future__ import annotations

import pytest

from tests.providers.test_manual import CALLS, FIRST, PASSWORD, SECOND, free_port
from tests.service.conftest import Desk
from voipkit.errors import RotationRefused, StateConflict, Unsupported
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sip import drain, forget_rejections
from voipkit.sip.witness import ListenerWitness
from voipkit.sip.witnesses import CallbackWitness

memory = pytest.mark.parametrize("store", ["memory"], indirect=True)


@pytest.fixture(autouse=True)
def fresh_memory():
    """Refused passwords are remembered for a while, which is not what these tests are about."""
    forget_rejections()


@pytest.fixture
def trunk():
    """A carrier that delivers calls to both numbers to one port of this machine."""
    with SipPeer("normal") as peer:
        port = free_port()
        peer.routes[FIRST] = peer.routes[SECOND] = ("127.0.0.1", port)
        peer.delivers_to = port
        yield peer
        drain(timeout=0.5)


@pytest.fixture
def watching(trunk, store, box, key, clock, events):
    """A desk whose host gave the service a witness."""
    witness = ListenerWitness("127.0.0.1", trunk.delivers_to)
    return Desk(store, box, key, clock, events, witness=witness)


def account(trunk, **sip_config):
    login = {"host": trunk.host, "port": trunk.port("udp"), "transport": "udp", "username": "alice"}
    return {
        "credentials": {**login, "password": PASSWORD},
        "sip_config": {"domain": "trunk.test", "numbers": [FIRST, SECOND], **CALLS, **sip_config},
    }


def connected(desk, trunk, **sip_config):
    given = account(trunk, **sip_config)
    return desk.service.create("acme", provider="manual", evidence=evidence_for(desk, given), **given)


def evidence_for(desk, given):
    tested = desk.service.test("acme", "manual", given["credentials"], sip_config=given["sip_config"])
    assert tested.status == "pass", tested.test.failures
    return tested.verification_evidence_id


def calls_to(trunk, number):
    invites = [r for r in trunk.journal.requests if r.method == "INVITE" and number in r.uri]
    return len({request.get("call-id") for request in invites})


def test_a_witness_makes_a_number_active(desk, trunk):
    (number, _) = desk.imported(connected(desk, trunk), [FIRST, SECOND])

    without = desk.service.verify_number("acme", number.id)
    assert (without.number.status, without.verification.inbound_reachable) == ("provisioning", None)
    with pytest.raises(StateConflict) as caught:
        desk.service.update_number("acme", number.id, status="active")
    assert "witness" in caught.value.fix
    assert calls_to(trunk, FIRST) == 0

    witness = ListenerWitness("127.0.0.1", trunk.delivers_to)
    seen = desk.service.verify_number("acme", number.id, witness=witness)
    assert (seen.number.status, seen.number.voip_verification_status) == ("active", "verified")
    assert calls_to(trunk, FIRST) == 1


@memory
def test_the_hosts_witness_serves_single_numbers_jobs_and_rotations(watching, trunk):
    connection = connected(watching, trunk)
    first, second = watching.imported(connection, [FIRST, SECOND])

    seen = watching.service.verify_number("acme", first.id)
    assert seen.number.status == "active", seen.verification.checks
    job = watching.service.start_verification("acme", connection.id, number_ids=[second.id])
    assert dict(watching.service.run_job("acme", job.id).counts) == {"done": 1}
    assert watching.service.number("acme", second.id).status == "active"

    again = account(trunk)
    evidence = evidence_for(watching, again)
    after = watching.service.update("acme", connection.id, **again, evidence=evidence)
    assert after.generation == 2
    assert {number.status for number in watching.service.numbers("acme").items} == {"active"}


@memory
def test_without_one_a_verified_trunk_is_rotated_on_purpose_only(desk, watching, trunk):
    connection = connected(watching, trunk)
    (number, _) = watching.imported(connection, [FIRST, SECOND])
    watching.service.verify_number("acme", number.id)
    again = account(trunk)
    evidence = evidence_for(desk, again)

    with pytest.raises(RotationRefused):
        desk.service.update("acme", connection.id, **again, evidence=evidence)
    assert desk.service.update("acme", connection.id, **again, evidence=evidence, force=True).generation == 2
    assert desk.service.number("acme", number.id).status == "active"


@memory
def test_a_trunk_that_allows_no_call_is_not_called(watching, trunk):
    connection = connected(watching, trunk, allow_outbound_call=False)
    (number,) = watching.imported(connection, [FIRST])

    seen = watching.service.verify_number("acme", number.id)

    assert (seen.number.status, seen.verification.inbound_reachable) == ("provisioning", None)
    assert [request for request in trunk.journal.requests if request.method == "INVITE"] == []


@memory
def test_a_call_that_an_account_pays_is_placed_only_when_it_is_asked_for(store, box, key, clock, events):
    witness = CallbackWitness()
    desk = Desk(store, box, key, clock, events, witness=witness)
    number = desk.imported(desk.connect(carrier="twilio"), desk.bought(1, "twilio"))[0]
    desk.box.clear()

    desk.service.verify_number("acme", number.id)
    job = desk.service.start_verification("acme", number.voip_connection_id)
    desk.service.run_job("acme", job.id)
    assert desk.box.writes == []

    found = desk.service.verify_number("acme", number.id, witness=witness).verification
    assert len(desk.box.writes) >= 1
    assert any(check.code.startswith("twilio.dial_in.") for check in found.checks)


@memory
def test_a_carrier_that_places_no_calls_refuses_a_witness(desk):
    (number,) = desk.imported(desk.connect(), desk.bought(1))
    desk.box.clear()
    with pytest.raises(Unsupported, match="witness"):
        desk.service.verify_number("acme", number.id, witness=CallbackWitness())
    assert desk.box.requests == []
