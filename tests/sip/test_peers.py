"""The peers themselves, before they judge anybody: each is asked by a third hand what it is there to answer."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import warnings

import pytest

from tests.sip.peers import kamailio as kam
from tests.sip.peers.client import Client
from tests.sip.peers.dnsmasq import dnsmasq
from tests.sip.peers.namespaces import FAR, inside, two_hosts
from tests.sip.peers.processes import free_port, need
from tests.sip.peers.relay import lossy_relay
from tests.sip.peers.sipp import CALLEES, CALLING, sipp
from voipkit.sandbox.sip_message import SipMessage, parameters, parse, split_list, violations
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sandbox.sip_registrar import SipAccount, expected
from voipkit.sandbox.sip_scenarios import SCENARIOS

TRANSPORTS = ("udp", "tcp", "tls")


def to(peer, transport="udp", **options):
    return Client((peer.host, peer.port(transport)), transport, str(peer.ca_file), **options)


def to_kamailio(carrier, transport="udp", **options):
    return Client(carrier.address(transport), transport, carrier.ca_file, **options)


def wait_for(happened):
    """Wait until something is so, for at most five seconds."""
    end = time.monotonic() + 5
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)


class TestScripted:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_registrar_and_call_path(self, peer, transport):
        with to(peer, transport) as client:
            assert client.options().code == 200
            assert client.register() == [401, 200]
            assert client.invite("+15550100") == [407, 100, 180]
            assert [answer.code for answer in client.final()] == [486]
            client.send("ACK", client.uri, to=peer_to(peer), branch=client.invited, cseq=client.number)
        with to(peer, transport, password="wrong") as client:
            assert client.register() == [401, 401]
        assert (
            peer.journal.methods
            == ["OPTIONS", "REGISTER", "REGISTER", "INVITE", "ACK", "INVITE", "ACK"] + ["REGISTER"] * 2
        )

    @pytest.mark.parametrize(
        ("algorithm", "value"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_digest_is_that_of_rfc_7616(self, algorithm, value):
        answer = {
            "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "nc": "00000001",
            "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "qop": "auth",
            "uri": "/dir/index.html",
        }
        account = SipAccount("Mufasa", "Circle of Life")
        assert expected(account, "http-auth@example.org", SipMessage("GET"), answer, algorithm) == value

    def test_leftovers_are_seen(self, loose_peer):
        loose_peer.scenario = "rings"
        with to(loose_peer) as client:
            client.register(contact="<sip:alice@127.0.0.1:9>")
            client.invite("+15550100")
            left = loose_peer.leftovers()
            assert len(left) == 2, left
            assert "still rings" in left[0]
            assert "is bound to <sip:alice@127.0.0.1:9>" in left[1]
            assert client.cancel() == [200, 487]
        with to(loose_peer, "tcp") as client:
            client.register(contact="*", headers=("Expires: 0",))
            assert loose_peer.leftovers() == ("1 open connections",)
        assert loose_peer.settle() == ()

    def test_an_answer_is_up_until_a_bye_along_the_route(self, loose_peer):
        loose_peer.scenario = "late-200"
        with to(loose_peer) as client:
            assert client.invite("+15550100") == [407, 100, 180]
            assert client.cancel() == [200, 200]
            assert client.hang_up(route=False) == 404
            assert any("is still up" in text for text in loose_peer.settle(0.1))
            assert client.hang_up() == 200
        assert loose_peer.settle() == ()
        assert any("route set" in text for text in loose_peer.journal.violations)

    def test_a_final_is_repeated_until_it_is_acknowledged(self, loose_peer):
        loose_peer.scenario = "no-registrar-404"
        with to(loose_peer) as client:
            client.send("INVITE", "sip:1@trunk.test", headers=("Contact: <sip:a@127.0.0.1>",))
            seen = [client.receive(2), client.receive(2)]
            assert [answer.code for answer in seen] == [407, 407]
            assert 0.3 < seen[1].at - seen[0].at < 1.8
            assert loose_peer.leftovers() != ()

    def test_what_breaks_the_rules_is_named(self, loose_peer):
        with to(loose_peer) as client:
            client.socket.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=1\r\nCSeq: 1 INFO\r\n\r\n")
            client.socket.send(b"not SIP at all")
            wait_for(lambda: any("no empty line" in text for text in loose_peer.journal.violations))
        text = "\n".join(loose_peer.journal.violations)
        for part in (
            "branch does not begin",
            "transport udp",
            "rport",
            "another method",
            "From has no tag",
            "no empty line",
        ):
            assert part in text

    def test_the_trap_is_a_trap(self, loose_peer):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
            stray.sendto(b"hello", ("127.0.0.1", loose_peer.port("trap")))
        wait_for(lambda: loose_peer.journal.strays)
        assert loose_peer.journal.strays == [b"hello"]

    def test_no_secret_in_the_journal(self, peer):
        with to(peer) as client:
            client.register()
            sent = parameters(client.answer("REGISTER", "sip:trunk.test", Answered()).partition("Digest ")[2])
        text = repr(list(peer.journal.seen)) + repr(peer.registrar)
        assert client.password not in text
        assert sent["response"] not in text
        assert re.search(r'response="\*\*\*"', text)

    def test_a_route_plays_the_far_end_without_the_callers_headers(self, peer):
        with SipPeer("ip-authenticated") as far:
            peer.routes["+15550200"] = ("127.0.0.1", far.port("udp"))
            with to(peer) as client:
                assert client.invite("+15550200", headers=("X-Nonce: 1",), caller="+15550100") == [407, 100, 180]
                final = client.final()
                assert final[-1].code == 486
                client.ack(final[-1], "+15550100", branch=client.invited)
            assert far.settle() == ()
            request = far.journal.requests[0]
            assert request.get("x-nonce") == ""
            assert request.call_id != client.call_id
            assert "+15550100" in request.get("from")

    def test_dial_counts_codes_and_bytes(self, peer):
        with SipPeer("ip-authenticated") as far:
            dialled = peer.dial(("127.0.0.1", far.port("udp")), "+15550200", "+15550300")
            assert dialled.codes == (100, 180, 486)
            assert far.settle() == ()
            assert (dialled.bytes_in, dialled.bytes_out) == (far.journal.bytes_out, far.journal.bytes_in)
        assert peer.dial(("127.0.0.1", free_port("udp")), "+1", "+2", ring=0.5).codes == ()

    def test_loopback_only(self, peer):
        with pytest.raises(ValueError, match="loopback"):
            SipPeer(host="0.0.0.0")
        with pytest.raises(ValueError, match="loopback"):
            peer.dial(("192.0.2.1", 5060), "+1", "+2")
        with pytest.raises(ValueError, match="no scenario"):
            SipPeer("perfect")

    def test_a_taken_port_is_an_error_and_nothing_stays_open(self, peer):
        with warnings.catch_warnings(), pytest.raises(OSError, match="in use"), SipPeer(port=peer.port("udp")):
            pass

    def test_every_scenario_runs(self):
        with SipPeer() as peer:
            for name in SCENARIOS:
                peer.scenario = name
                with to(peer) as client:
                    client.send("OPTIONS", "sip:trunk.test")
                    answer = client.receive(0.1 if name in ("silent", "options-silent") else 2)
                if name not in ("silent", "options-silent", "lossy"):
                    assert answer is not None, name

    def test_strict_reading(self):
        with pytest.raises(ValueError, match="no empty line"):
            parse(b"OPTIONS sip:a SIP/2.0\r\n")
        with pytest.raises(ValueError, match="neither"):
            parse(b"HELLO\r\n\r\n")
        with pytest.raises(ValueError, match="header line"):
            parse(b"OPTIONS sip:a SIP/2.0\r\nX: a\nY: b\r\n\r\n")
        assert split_list(['<sip:a,b;lr>, "x, y" <sip:c>']) == ["<sip:a,b;lr>", '"x, y" <sip:c>']
        assert parameters('realm="a \\"b\\", c", qop=auth;x') == {"realm": 'a "b", c', "qop": "auth", "x": ""}
        assert violations(SipMessage("INVITE"), "udp", 1400)


class Answered:
    """A challenge to compute one answer from."""

    code = 401

    def all(self, _name):
        return ['Digest realm="trunk.test", nonce="00", algorithm=MD5']


def peer_to(peer):
    """Return the To of the last final response that the peer gave to an INVITE."""
    finals = [s.message for s in peer.journal.seen if not s.received and s.message.code >= 300]
    return [m.get("to") for m in finals if m.cseq[1] == "INVITE"][-1]


class TestKamailio:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    @pytest.mark.parametrize("digest", ["MD5", "SHA-256"])
    def test_registrar(self, request, transport, digest):
        carrier = request.getfixturevalue("carrier" if digest == "MD5" else "carrier_sha256")
        with to_kamailio(carrier, transport) as client:
            assert client.options().code == 200
            assert client.register() == [401, 200]
            assert f"algorithm={digest}" in client.answer("REGISTER", "sip:x", challenge(client))
        with to_kamailio(carrier, transport, password="wrong") as client:
            assert client.register() == [401, 401]
        with to_kamailio(carrier, transport) as client:
            assert client.register(user="bob") == [401, 403]

    def test_lock_out(self, carrier):
        for _ in range(3):
            with to_kamailio(carrier, user="mallory", password="wrong") as client:
                assert client.register() == [401, 401]
        with to_kamailio(carrier, user="mallory", password=kam.MALLORY[1]) as client:
            assert client.register() == [401, 403]

    def test_call_path(self, carrier):
        with to_kamailio(carrier) as client:
            assert client.invite(kam.NOBODY, caller=kam.CALLER) == [407, 404]
            assert client.invite(kam.NOBODY, caller="+19995550000") == [407, 403]
            assert client.invite(kam.DEAD, caller=kam.CALLER) == [407, 100, 408]


def challenge(client):
    client.send("REGISTER", "sip:trunk.test")
    return client.receive()


class TestSipp:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_the_race_judges_the_caller(self, carrier, tmp_path, transport):
        with sipp(tmp_path, CALLEES["race"], carrier.pstn) as far, to_kamailio(carrier, transport) as client:
            assert client.invite(kam.PSTN, caller=kam.CALLER) == [407, 100, 180]
            assert client.cancel() == [200, 200]
            assert client.hang_up() == 200
            assert far.judgement() == (0, "")

    def test_a_caller_that_does_not_hang_up_fails(self, carrier, tmp_path):
        impatient = CALLEES["race"].replace('timeout="8000"', 'timeout="700"')
        with sipp(tmp_path, impatient, carrier.pstn) as far, to_kamailio(carrier) as client:
            client.invite(kam.PSTN, caller=kam.CALLER)
            assert client.cancel() == [200, 200]
            assert far.judgement()[0] != 0

    def test_a_caller_reaches_the_customers_host(self, carrier, tmp_path):
        """The PSTN calls the DID, kamailio routes it, the scripted peer refuses it."""
        call = CALLING.format(code=486)
        with (
            SipPeer("ip-authenticated", port=carrier.listener) as host,
            sipp(tmp_path, call, carrier.pstn_in, remote=carrier.address()) as caller,
        ):
            assert caller.judgement() == (0, "")
            assert host.settle() == ()


class TestDnsmasq:
    def test_records(self, tmp_path):
        resolver = pytest.importorskip("dns.resolver")
        with dnsmasq(
            tmp_path,
            hosts=[("sip1.trunk.test", "127.0.0.1")],
            services=[("_sip._udp.trunk.test", "sip1.trunk.test", 5062, 10, 60)],
            naptr=[("trunk.test", 30, 50, "SIP+D2U", "_sip._udp.trunk.test")],
            aliases=[("alias.test", "sip1.trunk.test")],
        ) as server:
            ask = resolver.Resolver(configure=False)
            ask.nameservers, ask.port = ["127.0.0.1"], int(server.partition(":")[2])
            assert str(ask.resolve("_sip._udp.trunk.test", "SRV")[0]) == "10 60 5062 sip1.trunk.test."
            assert "SIP+D2U" in str(ask.resolve("trunk.test", "NAPTR")[0])
            assert str(ask.resolve("alias.test", "A")[0]) == "127.0.0.1"
            with pytest.raises(resolver.NXDOMAIN):
                ask.resolve("nobody.test", "A")
            with pytest.raises(resolver.NoAnswer):
                ask.resolve("sip1.trunk.test", "AAAA")


def test_the_relay_loses_its_share(peer):
    with (
        lossy_relay(("127.0.0.1", peer.port("udp")), loss=0.2) as relay,
        Client(relay.address) as client,
    ):
        answered = 0
        for _ in range(100):
            client.send("OPTIONS", "sip:trunk.test")
            answered += client.receive(0.05) is not None
        assert 45 < answered < 80, "about 0.8 * 0.8 of them"
        assert len(relay.lost) == 100 - answered


def test_two_hosts():
    """A datagram goes from one namespace to the other, and an address that nobody has is silent."""
    program = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(1)
    try:
        udp.connect((sys.argv[1], 5060))
        udp.send(b"x")
        udp.recv(1)
    except OSError as error:
        print(type(error).__name__)
"""
    with two_hosts() as (near, _far):

        def told(host):
            command = inside(near, sys.executable, "-c", program, host)
            return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()

        assert told(FAR) == "ConnectionRefusedError"
        assert told("203.0.113.9") == "OSError", "no route"


def test_a_missing_daemon_is_loud(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("shutil.which", lambda *_a, **_k: None)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="kamailio is missing"):
        need("kamailio")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED"):
        need("kamailio")
