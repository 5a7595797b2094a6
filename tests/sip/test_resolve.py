"""From a name to addresses: RFC 3263, and no way to lead a probe where it must not go. The name server is a stub."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from voipkit.errors import MissingExtra
from voipkit.sip import Prober, Target
from voipkit.sip.resolve import resolve

IPV4, IPV6, OTHER = "198.51.100.1", "2001:db8::1", "198.51.100.2"
# The guard lets these documentation ranges through here, and nothing else that is not public.
NETWORKS = ("198.51.100.0/24", "2001:db8::/32")


class Stub(asyncio.DatagramProtocol):
    """Answer from a table {(name, kind): [texts]}; a name that is nowhere is NXDOMAIN."""

    def __init__(self, table, asked):
        self.table, self.asked = table, asked

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        query = dns.message.from_wire(data)
        name, kind = (
            query.question[0].name.to_text(omit_final_dot=True),
            dns.rdatatype.to_text(query.question[0].rdtype),
        )
        self.asked.append((kind, name))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        found = self.table.get((name, kind))
        if callable(found):
            found = found()
        if found == "silence":
            return
        if found == "SERVFAIL":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            answer.answer.append(dns.rrset.from_text(name + ".", 60, "IN", kind, *found))
        elif not any(known == name for known, _ in self.table):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if alias := self.table.get((name, "CNAME")):
            answer.answer.insert(0, dns.rrset.from_text(name + ".", 60, "IN", "CNAME", *alias))
            target = alias[0].rstrip(".")
            if self.table.get((target, kind)):
                answer.answer.append(dns.rrset.from_text(alias[0], 60, "IN", kind, *self.table[target, kind]))
        self.transport.sendto(answer.to_wire(max_size=65535), addr)


@contextlib.asynccontextmanager
async def name_server(table):
    asked = []
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Stub(table, asked), local_addr=("127.0.0.1", 0)
    )
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}", asked
    finally:
        transport.close()
        await asyncio.sleep(0)


def look_up(table, timeout=1.0, **target):
    """Resolve a target with the stub; return the resolution and what was asked."""

    async def go():
        async with name_server(table) as (server, asked):
            settings = {"host": "t.test", "nameservers": (server,), "allow_networks": NETWORKS}
            return await resolve(Target(**(settings | target)), timeout=timeout), asked

    return asyncio.run(go())


def hops(found):
    return [str(hop) for hop in found.hops]


HOST = {("t.test", "A"): [IPV4]}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({}, ["udp:198.51.100.1:5060"]),
        ({"transport": "tcp"}, ["tcp:198.51.100.1:5060"]),
        ({"transport": "tls"}, ["tls:198.51.100.1:5061"]),
        ({"port": 5080}, ["udp:198.51.100.1:5080"]),
        ({"port": 5080, "transport": "tls"}, ["tls:198.51.100.1:5080"]),
        ({"host": "elsewhere.test", "proxy": "t.test:5090"}, ["udp:198.51.100.1:5090"]),
    ],
)
def test_a_name_with_an_address(target, expected):
    found, _ = look_up(HOST, **target)
    assert hops(found) == expected
    assert (found.outcome.verdict, found.outcome.status) == ("dns.resolved", "pass")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"host": IPV4}, "udp:198.51.100.1:5060"),
        ({"host": IPV4, "transport": "tls"}, "tls:198.51.100.1:5061"),
        ({"host": "[2001:db8::1]", "port": 5070}, "udp:[2001:db8::1]:5070"),
    ],
)
def test_an_address_is_not_looked_up(target, expected):
    found, asked = look_up({}, **target)
    assert hops(found) == [expected]
    assert found.outcome.verdict == "dns.literal"
    assert asked == []


def test_ipv4_comes_before_ipv6_and_both_are_kept():
    found, _ = look_up(HOST | {("t.test", "AAAA"): [IPV6]})
    assert hops(found) == ["udp:198.51.100.1:5060", "udp:[2001:db8::1]:5060"]


def test_naptr_then_srv_then_addresses_in_their_order():
    table = {
        ("t.test", "NAPTR"): [
            '20 50 "s" "SIP+D2U" "" _sip._udp.t.test.', '10 50 "S" "SIPS+D2T" "" _sips._tcp.t.test.',
            '5 50 "u" "E2U+sip" "!^.*$!sip:x@evil.test!" .', '6 1 "s" "SIP+D2W" "" ws.t.test.',
        ],
        ("_sips._tcp.t.test", "SRV"): ["10 0 5071 b.test.", "5 0 5070 a.test."],
        ("_sip._udp.t.test", "SRV"): ["1 0 5062 a.test."],
        ("a.test", "A"): [IPV4],
        ("b.test", "A"): [OTHER],
    }  # fmt: skip
    found, asked = look_up(table)
    assert hops(found) == ["tls:198.51.100.1:5070", "tls:198.51.100.2:5071", "udp:198.51.100.1:5062"]
    assert ("NAPTR", "t.test") in asked
    assert not any("evil" in name for _, name in asked)
    assert any("_sips._tcp" in step for step in found.steps)


def test_a_named_transport_asks_for_no_other():
    table = HOST | {
        ("t.test", "NAPTR"): ['1 1 "s" "SIP+D2U" "" _sip._udp.t.test.'],
        ("_sip._udp.t.test", "SRV"): ["1 0 5062 t.test."],
    }
    found, asked = look_up(table, transport="tls")
    assert hops(found) == ["tls:198.51.100.1:5061"], "TLS never falls back to what DNS prefers"
    assert {name for kind, name in asked if kind in ("NAPTR", "SRV")} == {"_sips._tcp.t.test"}


def test_a_port_means_no_srv():
    _, asked = look_up(HOST, port=5062)
    assert {kind for kind, _ in asked} == {"A", "AAAA"}


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "verdict", "status"),
    [
        ({}, "dns.no_host", "fail"),
        ({("t.test", "TXT"): ["x"]}, "dns.no_address", "fail"),
        ({("t.test", "A"): "SERVFAIL", ("t.test", "AAAA"): "SERVFAIL"}, "dns.unanswered", "unknown"),
        ({("t.test", "A"): "silence", ("t.test", "AAAA"): "silence"}, "dns.unanswered", "unknown"),
        ({("t.test", "NAPTR"): "silence"}, "dns.unanswered", "unknown"),
        ({("_sip._udp.t.test", "SRV"): ["1 0 5060 gone.test."]}, "dns.no_host", "fail"),
    ],
)
def test_failures_are_told_apart(table, verdict, status):
    began = time.monotonic()
    found, _ = look_up(table, timeout=0.6)
    assert (found.outcome.verdict, found.outcome.status, found.hops) == (verdict, status, ())
    assert time.monotonic() - began < 1.5


def test_a_service_that_is_said_not_to_be_there():
    table = HOST | {("_sip._tcp.t.test", "SRV"): ["0 0 0 ."]}
    assert look_up(table, transport="tcp")[0].outcome.verdict == "dns.no_service"
    assert look_up(table)[0].outcome.verdict == "dns.resolved"


# --- what must not be reached -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "168.63.129.16"]
)
@pytest.mark.parametrize("beside", [[], [IPV4]])
def test_a_name_that_leads_inside_is_refused_even_beside_a_public_address(address, beside):
    found, _ = look_up({("t.test", "A"): [*beside, address]})
    assert (found.outcome.verdict, found.hops) == ("address.denied", ())


@pytest.mark.parametrize(
    "address", ["::1", "fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:127.0.0.1", "::127.0.0.1"]
)
def test_ipv6_ways_inside_are_refused(address):
    assert look_up(HOST | {("t.test", "AAAA"): [address]})[0].outcome.verdict == "address.denied"


def test_srv_and_cname_lead_no_further_than_a_record_does():
    srv = {("_sip._udp.t.test", "SRV"): ["1 0 5060 in.test."], ("in.test", "A"): ["127.0.0.1"]}
    assert look_up(srv)[0].outcome.verdict == "address.denied"
    cname = {("t.test", "CNAME"): ["in.test."], ("in.test", "A"): ["127.0.0.1"]}
    assert look_up(cname)[0].outcome.verdict == "address.denied"


@pytest.mark.parametrize("port", [25, 53, 443, 6379, 11211, 15060])
def test_srv_may_not_choose_another_service_s_port(port):
    table = HOST | {("_sip._udp.t.test", "SRV"): [f"1 0 {port} t.test."]}
    found, _ = look_up(table)
    assert (found.outcome.verdict, found.hops) == ("port.denied", ())


def test_a_flood_of_records_is_bounded():
    table = {("_sip._udp.t.test", "SRV"): [f"1 0 5060 h{n}.test." for n in range(60)]}
    table |= {(f"h{n}.test", "A"): [f"198.51.100.{n}", f"198.51.100.{n + 100}"] for n in range(60)}
    found, asked = look_up(table)
    assert len(found.hops) <= 8
    assert len([1 for kind, _ in asked if kind == "A"]) <= 8


def test_an_alias_that_bites_its_tail_ends():
    began = time.monotonic()
    found, _ = look_up({("t.test", "CNAME"): ["t.test."]}, timeout=1.0)
    assert not found.hops
    assert time.monotonic() - began < 2.0


def test_a_name_is_looked_up_once_for_a_probe():
    """Rebinding: the second answer would be inside."""
    answers = iter([[IPV4], ["127.0.0.1"], ["127.0.0.1"]])

    async def go():
        async with name_server({("t.test", "A"): lambda: next(answers)}) as (server, asked):
            target = Target("t.test", port=5060, transport="udp", nameservers=(server,), allow_networks=NETWORKS)
            async with Prober(target) as prober:
                first, second = await prober.resolve(), await prober.resolve()
            return first, second, asked

    first, second, asked = asyncio.run(go())
    assert first is second
    assert hops(first) == ["udp:198.51.100.1:5060"]
    assert len(asked) == 2, "A and AAAA, once"


def test_without_dnspython_the_command_is_named(monkeypatch):
    for name in [name for name in sys.modules if name == "dns" or name.startswith("dns.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "dns", None)

    async def go(host):
        return await resolve(Target(host, allow_private=True))

    with pytest.raises(MissingExtra, match=r"pip install 'voipkit\[sip\]'"):
        asyncio.run(go("t.test"))
    assert asyncio.run(go("127.0.0.1")).hops, "an address needs no look-up"
