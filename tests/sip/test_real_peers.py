"""The prober against kamailio, sipp and dnsmasq, on every transport, through loss, and between two hosts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys

import pytest
from pydantic import SecretStr

from tests.sip.peers import kamailio as kam
from tests.sip.peers.client import Client
from tests.sip.peers.dnsmasq import dnsmasq
from tests.sip.peers.namespaces import FAR, inside, two_hosts
from tests.sip.peers.processes import free_port
from tests.sip.peers.relay import lossy_relay
from tests.sip.peers.sipp import CALLEES, CODES, DIRECT, REGISTRAR, sipp
from tests.sip.probing import BUDGETS, UNRELIABLE, call, probe
from voipkit.sip import Budgets, Prober, Target, forget_rejections

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.fixture(autouse=True)
def _fresh_memory():
    forget_rejections()


@pytest.fixture(params=["MD5", "SHA-256"])
def either(request):
    """Run a test against both instances of kamailio."""
    return request.getfixturevalue("carrier" if request.param == "MD5" else "carrier_sha256")


def trunk(carrier, transport="udp", user=kam.ALICE, **changes):
    settings = {
        "host": "127.0.0.1",
        "port": carrier.ports[transport],
        "transport": transport,
        "domain": "trunk.test",
        "username": user[0],
        "password": SecretStr(user[1]),
        "from_user": kam.CALLER,
        "ca_file": carrier.ca_file if transport == "tls" else None,
        "allow_private": True,
    }
    return Target(**(settings | changes))


@contextlib.contextmanager
def bound(carrier, contact):
    """Be a customer whose phone is registered."""
    with Client(carrier.address()) as customer:
        assert customer.register(contact=f"{contact};expires=60") == [401, 200]
    yield
    with Client(carrier.address()) as customer:
        assert customer.register(contact=f"{contact};expires=0") == [401, 200]


WRONG = ("alice", "not-the-password")


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestKamailio:
    def test_reachable(self, either, transport):
        found = probe(trunk(either, transport), "options")
        assert (found.verdict, found.sip_code) == ("reachability.answered", 200)

    @pytest.mark.parametrize(
        ("user", "verdict", "code"),
        [
            (kam.ALICE, "credentials.valid", 200),
            (WRONG, "credentials.rejected", 401),
            (("nobody", "wonderland-7f3a"), "credentials.rejected", 401),
        ],
    )
    def test_credentials_change_no_binding(self, either, transport, user, verdict, code):
        with bound(either, "<sip:alice@127.0.0.1:5999>"):
            found = probe(trunk(either, transport, user), "credentials")
            assert [binding.partition(";")[0] for binding in either.bindings()] == ["<sip:alice@127.0.0.1:5999>"]
        assert (found.verdict, found.sip_code, found.codes) == (verdict, code, (401, code))

    def test_another_customers_user(self, either, transport):
        bob_as_alice = trunk(either, transport, kam.ALICE, username="bob", auth_username="alice")
        found = probe(bob_as_alice, "credentials")
        assert (found.verdict, found.sip_code) == ("credentials.rejected", 403)

    @pytest.mark.parametrize(
        ("called", "caller", "verdict", "code"),
        [
            (kam.NOBODY, kam.CALLER, "outbound.number_unknown", 404),
            (kam.NOBODY, "+19995550000", "outbound.refused", 403),
        ],
    )
    def test_call_path(self, either, transport, called, caller, verdict, code):
        found = call(trunk(either, transport), called, caller)
        assert (found.verdict, found.sip_code) == (verdict, code)
        assert not found.billable_risk

    def test_a_dead_next_hop(self, carrier, transport):
        found = call(trunk(carrier, transport), kam.DEAD, budgets=Budgets(ring=3.0))
        assert (found.verdict, found.sip_code) == ("outbound.downstream", 408)

    def test_a_wrong_password_on_the_call_path(self, carrier, transport):
        found = call(trunk(carrier, transport, WRONG), kam.NOBODY)
        assert (found.verdict, found.sip_code) == ("outbound.credentials_rejected", 407)


def test_kamailio_locks_out_who_tries_and_the_prober_does_not(carrier_sha256):
    """Three wrong answers lock mallory out; five probes with a wrong password make one."""
    wrong = trunk(carrier_sha256, user=("mallory", "not-the-password"))
    verdicts = [probe(wrong, "credentials").verdict for _ in range(5)]
    assert verdicts == ["credentials.rejected"] + ["credentials.held_back"] * 4
    assert probe(trunk(carrier_sha256, user=kam.MALLORY), "credentials").verdict == "credentials.valid"
    for _ in range(2):
        with Client(carrier_sha256.address(), user="mallory", password="wrong") as client:
            client.register()
    locked = probe(trunk(carrier_sha256, user=kam.MALLORY), "credentials")
    assert (locked.verdict, locked.sip_code) == ("credentials.rejected", 403)
    assert "locked" in locked.message


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestSipp:
    """sipp's exit code says whether the prober acknowledged, cancelled and hung up as it should."""

    @pytest.mark.parametrize(
        ("callee", "verdict", "code"),
        [
            ("ring", "outbound.authorized", 487),
            ("early-media", "outbound.authorized", 487),
            ("race", "outbound.answered", 200),
            ("instant-answer", "outbound.answered", 200),
        ],
    )
    def test_a_callee(self, carrier, tmp_path, transport, callee, verdict, code):
        with sipp(tmp_path, CALLEES[callee], carrier.pstn) as far:
            found = call(trunk(carrier, transport), kam.PSTN, budgets=Budgets(linger=2.0))
            assert far.judgement() == (0, "")
        assert (found.verdict, found.sip_code) == (verdict, code)
        assert found.billable_risk is (verdict == "outbound.answered")


# One refusal over TCP and TLS is enough: kamailio's leg differs, not the answer.
@pytest.mark.parametrize(("transport", "code"), [*(("udp", code) for code in CODES), ("tcp", 486), ("tls", 486)])
class TestSippRefuses:
    def test_a_refusal(self, carrier, tmp_path, transport, code):
        with sipp(tmp_path, CALLEES[f"reject-{code}"], carrier.pstn) as far:
            found = call(trunk(carrier, transport), kam.PSTN, hold=2.0, budgets=Budgets(linger=2.0))
            assert far.judgement() == (0, "")
        assert found.sip_code == (500 if code == 503 else code)  # RFC 3261 section 16.7: a proxy makes 500 of 503
        assert found.verdict == "outbound.authorized", "it rang"


@pytest.mark.parametrize("callee", DIRECT)
def test_sipp_with_nobody_in_between(tmp_path, callee):
    """Copies, repetitions and nonsense reach the prober itself; sipp counts the ACKs."""
    port = free_port("udp", "tcp")
    where = Target("127.0.0.1", port, "udp", domain="trunk.test", from_user=kam.CALLER, allow_private=True)
    with sipp(tmp_path, DIRECT[callee], port) as far:
        found = call(where, kam.PSTN, hold=2.0)
        assert far.judgement() == (0, "")
    assert (found.verdict, found.sip_code, found.billable_risk) == ("outbound.authorized", 486, False)


def test_sipp_judges_one_of_three_challenges(tmp_path):
    """SHA3-512 with quotes and a comma in its realm, then MD5 with auth-int first, then Basic."""
    port = free_port("udp", "tcp")
    where = Target(
        "127.0.0.1",
        port,
        "udp",
        domain="trunk.test",
        username="alice",
        password=SecretStr(kam.ALICE[1]),
        allow_private=True,
    )
    with sipp(tmp_path, REGISTRAR, port) as registrar:
        assert probe(where, "credentials").verdict == "credentials.valid"
        assert registrar.judgement() == (0, "")


# --- Loss -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_verdicts_with_one_datagram_of_five_lost(carrier, seed):
    with lossy_relay(carrier.address(), loss=0.2, seed=seed) as relay:
        lossy = dict(zip(("host", "port"), relay.address, strict=True))
        found = [
            probe(trunk(carrier, **lossy), "options", budgets=UNRELIABLE).verdict,
            probe(trunk(carrier, **lossy), "credentials", budgets=UNRELIABLE).verdict,
            probe(trunk(carrier, user=WRONG, **lossy), "credentials", budgets=UNRELIABLE).verdict,
            call(trunk(carrier, **lossy), kam.NOBODY, budgets=UNRELIABLE).verdict,
        ]
    assert found == ["reachability.answered", "credentials.valid", "credentials.rejected", "outbound.number_unknown"]
    assert relay.lost


# --- DNS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zone(tmp_path_factory, carrier):
    """Serve a zone that leads to kamailio, and astray."""
    udp, tls = carrier.ports["udp"], carrier.ports["tls"]
    with dnsmasq(
        tmp_path_factory.mktemp("dnsmasq"),
        hosts=[
            ("sip1.trunk.test", "127.0.0.1"),
            ("trunk.test", "127.0.0.1"),
            ("plain.test", "127.0.0.1"),
            ("metadata.test", "169.254.169.254"),
            ("private.test", "10.0.0.5"),
            ("mapped.test", "::ffff:10.0.0.5"),
        ],
        services=[
            ("_sip._udp.trunk.test", "sip1.trunk.test", udp, 10, 60),
            ("_sip._tcp.trunk.test", "sip1.trunk.test", udp, 10, 60),
            ("_sips._tcp.trunk.test", "sip1.trunk.test", tls, 10, 60),
            ("_sip._udp.failover.test", "sip1.trunk.test", udp, 20, 60),
            ("_sip._udp.redis.test", "sip1.trunk.test", 6379, 10, 60),
            ("_sip._udp.inward.test", "metadata.test", 5060, 10, 60),
            ("_sip._udp.nothere.test", "nowhere.test", 5060, 10, 60),
            ("_sip._udp.none.test",),  # no target: a dot, "not offered here" (RFC 2782)
        ],
        naptr=[
            ("trunk.test", 30, 50, "SIP+D2U", "_sip._udp.trunk.test"),
            ("secure.test", 10, 50, "SIPS+D2T", "_sips._tcp.trunk.test"),
        ],
        aliases=[("alias.test", "sip1.trunk.test")],
    ) as server:
        yield server


def named(zone, host, carrier, **changes):
    settings = {
        "domain": "trunk.test",
        "username": "alice",
        "password": SecretStr(kam.ALICE[1]),
        "ca_file": carrier.ca_file,
        "allow_private": True,
        "nameservers": (zone,),
    }
    return Target(host, **(settings | changes))


class TestDns:
    @pytest.mark.parametrize("transport", [None, *TRANSPORTS])
    def test_a_domain_leads_to_kamailio(self, zone, carrier, transport):
        found = probe(named(zone, "trunk.test", carrier, transport=transport), "credentials")
        assert found.verdict == "credentials.valid"
        chosen = transport or "udp"  # NAPTR offers UDP alone
        assert found.peer == f"{chosen}:127.0.0.1:{carrier.ports[chosen]}"

    def test_naptr_may_demand_tls(self, zone, carrier):
        found = probe(named(zone, "secure.test", carrier), "credentials")
        assert found.verdict == "credentials.valid"
        assert found.peer == f"tls:127.0.0.1:{carrier.ports['tls']}"

    @pytest.mark.parametrize("host", ["plain.test", "alias.test"])
    def test_an_address_record_alone(self, zone, carrier, host):
        found = probe(named(zone, host, carrier, port=carrier.ports["udp"], transport="udp"), "credentials")
        assert found.verdict == "credentials.valid"

    @pytest.mark.parametrize(
        ("host", "changes", "verdict"),
        [
            ("trunk.test", {}, "dns.resolved"),
            ("127.0.0.1", {"transport": "udp"}, "dns.literal"),
            ("nobody.test", {}, "dns.no_host"),
            ("nothere.test", {"transport": "udp"}, "dns.no_host"),
            ("secure.test", {"transport": "udp"}, "dns.no_address"),
            ("none.test", {"transport": "udp"}, "dns.no_service"),
            ("redis.test", {"transport": "udp", "allow_private": False}, "port.denied"),
            ("inward.test", {"transport": "udp", "allow_private": False}, "address.denied"),
            ("private.test", {"allow_private": False}, "address.denied"),
            ("mapped.test", {"allow_private": False}, "address.denied"),
            ("metadata.test", {"allow_private": False}, "address.denied"),
        ],
    )
    def test_what_dns_says(self, zone, carrier, host, changes, verdict):
        if verdict == "port.denied":
            changes = changes | {"allow_networks": ("127.0.0.0/8",)}
        found = resolved(named(zone, host, carrier, **changes))
        assert found.outcome.verdict == verdict

    def test_a_name_server_that_is_silent(self, carrier):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            found = resolved(named(f"127.0.0.1:{silent.getsockname()[1]}", "trunk.test", carrier))
        assert found.outcome.verdict == "dns.unanswered"


def resolved(where, budgets=BUDGETS):
    async def run():
        async with Prober(where, budgets=budgets) as prober:
            return await prober.resolve()

    return asyncio.run(run())


# --- Two hosts --------------------------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, json, sys
from pydantic import SecretStr
from voipkit.sip import Budgets, Prober, Target

async def main():
    found = []
    for host, transport in json.load(sys.stdin):
        where = Target(host, 5060, transport, allow_private=True)
        async with Prober(where, budgets=Budgets(connect=0.5, options=0.5)) as prober:
            found.append((await prober.options()).verdict)
    print(json.dumps(found))

asyncio.run(main())
"""


def test_two_hosts_and_no_route():
    questions = [[FAR, "udp"], [FAR, "tcp"], ["203.0.113.9", "udp"], ["203.0.113.9", "tcp"]]
    with two_hosts() as (near, _far):
        done = subprocess.run(
            inside(near, sys.executable, "-c", PROGRAM),
            input=json.dumps(questions), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "transport.refused",
        "transport.refused",
        "transport.unreachable",
        "transport.unreachable",
    ]
