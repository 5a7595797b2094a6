"""The carrier `manual` judged by kamailio: what it says is what a real registrar and proxy answered."""

from __future__ import annotations

import pytest

import voipkit
from tests.sip.peers import kamailio as kam
from tests.sip.peers.sipp import CALLEES, sipp
from voipkit.sip import drain, forget_rejections
from voipkit.sip.witness import ListenerWitness

OWN, FOREIGN = "+14155550100", "+12125550123"


@pytest.fixture(autouse=True)
def _fresh_memory():
    forget_rejections()


def opened(carrier, transport, credentials=None, **sip_config):
    given = {
        "host": "127.0.0.1", "port": carrier.ports[transport], "transport": transport, "username": "alice",
        "password": kam.ALICE[1],
    }  # fmt: skip
    config = {"domain": "trunk.test", "numbers": [OWN, kam.E164_DID, FOREIGN]}
    http = voipkit.HttpOptions(allow_private=True, ca_bundle=carrier.ca_file)
    return voipkit.open_provider(
        "manual", {**given, **(credentials or {})}, sip_config={**config, **sip_config}, http=http
    )


def codes(found, status):
    return {check.code for check in found.checks if check.status == status}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("which", ["carrier", "carrier_sha256"])
def test_good_and_wrong_credentials(which, transport, request):
    carrier = request.getfixturevalue(which)
    good = opened(carrier, transport).test_credentials()
    assert (good.status, good.credentials_valid, good.outbound_authorized) == ("pass", True, None)
    wrong = opened(carrier, transport, {"password": "wrong-password"}).test_credentials()
    assert (wrong.status, wrong.credentials_valid) == ("fail", False)
    assert codes(wrong, "fail") == {"manual.credentials.rejected"}
    assert carrier.bindings() == []


def test_a_call_that_is_let_out_and_one_with_a_foreign_caller_id(carrier, tmp_path):
    with sipp(tmp_path, CALLEES["ring"], carrier.pstn) as callee:
        trunk = opened(carrier, "udp", probe_number=kam.PSTN, allow_outbound_call=True, caller_id=OWN)
        found = trunk.test_credentials()
        assert (found.status, found.outbound_authorized) == ("pass", True)
        assert callee.judgement()[0] == 0
    refused = trunk.verify_number(FOREIGN)
    assert (refused.status, refused.outbound_authorized) == ("fail", False)
    assert codes(refused, "fail") == {"manual.outbound.refused"}


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_number_whose_calls_arrive(carrier, transport):
    trunk = opened(carrier, transport, caller_id=OWN, allow_outbound_call=True)
    found = trunk.verify_number(kam.E164_DID, witness=ListenerWitness("127.0.0.1", carrier.listener))
    assert "manual.dial_in.round_trip" in codes(found, "pass")
    assert found.inbound_reachable is True
    assert drain(10)


def test_a_number_whose_listener_is_down(carrier):
    trunk = opened(carrier, "udp", caller_id=OWN, allow_outbound_call=True)
    other = ListenerWitness("127.0.0.1", kam.free_port("udp", "tcp"))
    found = trunk.verify_number(kam.E164_DID, witness=other)
    assert found.inbound_reachable is not True
    assert codes(found, "unknown") | codes(found, "fail") >= {"manual.dial_in.inconclusive"}
