"""Calls that come in: from kamailio, from sipp, through a B2BUA, and from strangers, who get nothing."""

from __future__ import annotations

import socket
import time

import pytest
from pydantic import SecretStr

from tests.sip.peers import kamailio as kam
from tests.sip.peers.processes import free_port
from tests.sip.peers.sipp import CALLING, sipp
from tests.sip.probing import target
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sip import Budgets, Prober, Target, drain, run
from voipkit.sip.witness import ListenerWitness

NUMBER, CALLER = "+15550200", "+15550100"
BUDGETS = Budgets(ring=5.0, linger=2.0)


def placed(where, called=NUMBER, caller=CALLER, hold=4.0):
    """Place the call with voipkit's own prober, which gives the witness time to refuse."""

    async def calling():
        async with Prober(where, budgets=BUDGETS) as prober:
            return await prober.outbound(called, caller, allow_outbound_call=True, hold=hold, offer="ordinary")

    found = run(calling())
    assert drain(10)
    return found


@pytest.mark.parametrize("transport", ["udp", "tls"])
@pytest.mark.parametrize(("hold", "refusal"), [(0.4, 486), (0.9, 603), (0.6, 480)])
def test_a_self_call_through_kamailio(carrier, transport, hold, refusal):
    where = Target(
        "127.0.0.1", carrier.ports[transport], transport, domain="trunk.test", username="alice",
        password=SecretStr(kam.ALICE[1]), ca_file=carrier.ca_file, allow_private=True,
    )  # fmt: skip
    witness = ListenerWitness("127.0.0.1", carrier.listener)
    with witness.arm(NUMBER, CALLER, hold=hold, refusal=refusal, window=20.0) as armed:
        found = placed(where)
        sighting = armed.wait(2.0)
    assert (found.verdict, found.sip_code) == ("outbound.authorized", refusal)
    assert found.held == pytest.approx(hold, abs=0.3)
    assert (sighting.called, sighting.caller, sighting.refusal) == (NUMBER, CALLER, refusal)
    assert sighting.held == pytest.approx(hold, abs=0.3)
    assert not found.billable_risk


def test_sipp_calls_from_the_pstn(carrier, tmp_path):
    """Exit code 0: sipp heard 486 and its ACK went through."""
    witness = ListenerWitness("127.0.0.1", carrier.listener)
    with (
        witness.arm(NUMBER, None, hold=0.5, window=20.0) as armed,
        sipp(tmp_path, CALLING.format(code=486), carrier.pstn_in, remote=carrier.address()) as caller,
    ):
        sighting = armed.wait(10.0)
        assert caller.judgement() == (0, "")
    assert (sighting.caller, sighting.refusal) == ("+15550300", 486)


def test_a_number_that_leads_nowhere(carrier, tmp_path):
    witness = ListenerWitness("127.0.0.1", carrier.listener)
    with (
        witness.arm(NUMBER, None, hold=0.5, window=20.0) as armed,
        sipp(
            tmp_path, CALLING.format(code=404), carrier.pstn_in, remote=carrier.address(), service="+15550201"
        ) as caller,
    ):
        assert caller.judgement() == (0, "")
        assert armed.wait(0.2) is None


def test_a_b2bua_in_between(peer):
    """A new Call-ID, a new From tag, no header of ours: numbers, hold time and refusal are what is left to match."""
    witness = ListenerWitness()
    with witness.arm(NUMBER, CALLER, hold=0.7, refusal=603, window=20.0) as armed:
        peer.routes[NUMBER] = witness.address
        found = placed(target(peer))
        sighting = armed.wait(2.0)
    assert found.sip_code == sighting.refusal == 603
    assert found.held == pytest.approx(sighting.held, abs=0.3)


class TestStrangers:
    """The listener is closed unless it is armed, and answers nobody whom it does not look out for."""

    def test_nobody_listens_before_and_after(self, peer):
        port = free_port("udp", "tcp")
        witness = ListenerWitness("127.0.0.1", port)
        with witness.arm(NUMBER, CALLER, hold=0.1, window=5.0):
            assert witness.port == port
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as free:
                free.bind(("127.0.0.1", port))

    @pytest.mark.parametrize(
        ("called", "caller", "noted"),
        [
            ("+15550999", CALLER, None),
            (NUMBER, "+19995550000", "+19995550000"),
            ("", "", None),
            ("200", CALLER, None),
        ],
    )
    def test_a_wrong_call_gets_nothing(self, peer, called, caller, noted):
        witness = ListenerWitness()
        with witness.arm(NUMBER, CALLER, hold=0.1, window=5.0) as armed:
            dialled = peer.dial(witness.address, called, caller, ring=0.4)
            assert (dialled.codes, dialled.bytes_in) == ((), 0)
            seen = armed.wait(0.1)
            assert (seen and seen.caller) == noted
            if noted:  # somebody else's call does not hide the one that is looked out for
                assert peer.dial(witness.address, called, CALLER).codes == (180, 486)
                assert armed.wait(1.0).caller == CALLER

    def test_nobody_outside_the_sources_gets_anything(self, peer):
        witness = ListenerWitness(sources=("198.51.100.0/24",))
        with witness.arm(NUMBER, None, hold=0.1, window=5.0):
            assert peer.dial(witness.address, NUMBER, CALLER, ring=0.4).bytes_in == 0

    def test_a_closed_window_answers_nobody(self, peer):
        witness = ListenerWitness()
        with witness.arm(NUMBER, CALLER, hold=0.1, window=0.2):
            time.sleep(0.3)
            assert peer.dial(witness.address, NUMBER, CALLER, ring=0.4).bytes_in == 0

    @pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "BYE", "SUBSCRIBE", "CANCEL", "ACK"])
    def test_no_other_method_is_answered(self, method):
        witness = ListenerWitness()
        with witness.arm(NUMBER, None, hold=0.1, window=5.0), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.3)
            udp.connect(witness.address)
            udp.send(invite(method))
            with pytest.raises(TimeoutError):
                udp.recv(4096)

    def test_a_spoofed_invite_draws_a_bounded_answer(self):
        """Nobody acknowledges: 180, the refusal, and two repetitions are all there is."""
        witness = ListenerWitness()
        with witness.arm(NUMBER, None, hold=0.05, window=30.0), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5.0)
            udp.connect(witness.address)
            udp.send(invite("INVITE"))
            answers = []
            end = time.monotonic() + 6
            while time.monotonic() < end:
                udp.settimeout(max(0.01, end - time.monotonic()))
                try:
                    answers.append(udp.recv(4096))
                except TimeoutError:
                    break
        codes = [answer.split()[1] for answer in answers]
        assert codes == [b"180", b"486", b"486", b"486"]
        assert all(len(answer) <= len(invite("INVITE")) for answer in answers)

    def test_an_answer_is_never_given(self):
        from voipkit.errors import ConfigurationError

        for refusal in (200, 100, 183, 302, 700):
            with pytest.raises(ConfigurationError), ListenerWitness().arm(NUMBER, refusal=refusal):
                pass


def invite(method):
    lines = [
        f"{method} sip:{NUMBER}@127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKstranger;rport",
        "Max-Forwards: 70",
        f"From: <sip:{CALLER}@127.0.0.1>;tag=1",
        f"To: <sip:{NUMBER}@127.0.0.1>",
        "Call-ID: stranger",
        f"CSeq: 1 {method}",
        "Contact: <sip:a@127.0.0.1:5999>",
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def test_the_witness_goes_by_the_scripted_peer_too(peer):
    """An inbound call as a carrier places it, refused after the hold time and acknowledged."""
    witness = ListenerWitness()
    with SipPeer(), witness.arm(NUMBER, CALLER, hold=0.5, window=5.0) as armed:
        dialled = peer.dial(witness.address, NUMBER, CALLER)
        sighting = armed.wait(1.0)
    assert dialled.codes == (180, 486)
    assert dialled.at[1] - dialled.at[0] == pytest.approx(0.5, abs=0.3)
    assert sighting.held == pytest.approx(0.5, abs=0.3)
