"""Which hosts a customer may have us connect to: every notation that fools the standard library, and every range."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.addresses import TargetPolicy, host_name, literal
from voipkit.errors import ConfigurationError

PUBLIC = ["8.8.8.8", "1.1.1.1", "54.172.60.0", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"]
LAB = [
    "127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1",
    "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.18.0.1", "::1", "fc00::1", "fd12::1", "fe80::1", "2001:db8::1",
    "3fff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.1",
    "192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "fd00:ec2::254",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2002:7f00:1::", "2002:808:808::1",
    "::127.0.0.1", "::8.8.8.8", "5f00::1", "fec0::1", "ff02::1", "ff0e::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert TargetPolicy().allows(address)


@pytest.mark.parametrize("address", LAB)
def test_a_lab_must_be_asked_for(address):
    assert TargetPolicy().refusal(address)
    assert TargetPolicy(allow_private=True).allows(address)


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_allowed_by_a_switch(address):
    assert TargetPolicy().refusal(address)
    assert TargetPolicy(allow_private=True).refusal(address)


@pytest.mark.parametrize("address", ["169.254.169.254", "64:ff9b::7f00:1", "::ffff:169.254.169.254", "10.1.2.3"])
def test_an_operator_may_allow_one_network(address):
    plain = "169.254.169.254/32" if "169" in address else "64:ff9b::/96" if ":" in address else "10.1.0.0/16"
    assert TargetPolicy(allow_networks=(plain,)).allows(address)
    assert not TargetPolicy(allow_networks=("10.99.0.0/16",)).allows(address)


def test_a_scope_is_the_local_link_even_where_labs_are_allowed():
    assert TargetPolicy(allow_private=True).refusal(ipaddress.ip_address("fe80::1%eth0")) == "the local link"


def test_a_network_that_is_none_is_said_before_it_is_needed():
    with pytest.raises(ConfigurationError, match="allow_networks"):
        TargetPolicy(allow_networks=("10.0.0.0/33",))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_allowed(address):
    """The table may only be stricter than the standard library's."""
    mapped = getattr(address, "ipv4_mapped", None) or address
    if not mapped.is_global or mapped.is_multicast:
        assert not TargetPolicy().allows(address)


FOOLS = [
    "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "127.0.0.1.", "0", "0x7f000001", "017700000001", "127.0.0.0x1", "1.2.3",
    "①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1\x00.example.com", "[127.0.0.1]", "fe80::1%eth0", "::1%1", "[::1", "::1]",
    "example.com\r\nX: 1", "example.com\n", " example.com", "exa mple.com", "a@b", "a;b", "a?b", "<a>", "a/b", "a:5060",
    "", ".", "..", "a..b", "-a.com", "a-.com", "münchen.de", "a" * 64 + ".com", ".".join(["a" * 60] * 5),
]  # fmt: skip


@pytest.mark.parametrize("text", [text for text in FOOLS if text != "127.0.0.1."])
def test_odd_hosts_are_refused_and_never_repeated(text):
    with pytest.raises(ConfigurationError) as caught:
        host_name(text)
    assert len(text) < 3 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sip.Example.COM.", "sip.example.com"), ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"), ("_sip._udp.a", "_sip._udp.a"),
        ("localhost", "localhost"), ("127.0.0.1", "127.0.0.1"), ("[2001:DB8::1]", "2001:db8::1"), ("::1", "::1"),
        ("3com.com", "3com.com"),
    ],
)  # fmt: skip
def test_ordinary_hosts_take_one_form(text, name):
    assert host_name(text) == name
    assert host_name(name) == name


@given(st.text(max_size=60))
def test_a_host_is_either_plain_or_refused(text):
    try:
        name = host_name(text)
    except ConfigurationError:
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set(" @/;?<>%[]")
    if literal(name) is None:
        assert not name.rpartition(".")[2].isdigit(), "getaddrinfo would read it as an address"
