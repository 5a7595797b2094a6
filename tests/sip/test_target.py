"""What is refused before a byte is sent, each time with the field's name and never with its value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from voipkit.errors import ConfigurationError, CredentialsInvalid, InvalidNumber
from voipkit.sip import Target
from voipkit.sip.numbers import check_called, check_caller
from voipkit.sip.target import port_refusal

BAD = ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "a\tb", "a\x1bb", "a\x7fb"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("field", ["host", "domain", "username", "auth_username", "from_user", "proxy", "nameservers", "password", "allow_networks"])  # fmt: skip
def test_a_control_character_in_any_field_is_refused_and_named(field, bad):
    value = {"password": SecretStr(bad), "nameservers": (bad,), "allow_networks": (bad,)}.get(field, bad)
    with pytest.raises(CredentialsInvalid) as caught:
        Target(**({"host": "sip.example.com"} | {field: value}))
    assert [problem.field for problem in caught.value.problems] == [field]
    if field != "allow_networks":
        assert "X-Evil" not in str(caught.value)


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(CredentialsInvalid) as caught:
        Target("a b", port=22, transport="sctp", domain="@", username="", password=SecretStr("p\n"))
    assert {p.field for p in caught.value.problems} == {"host", "port", "transport", "domain", "username", "password"}
    assert {p.alias for p in caught.value.problems} >= {"host", "port"}


@pytest.mark.parametrize("port", [0, -1, 22, 25, 53, 80, 1023, 3306, 5432, 6379, 11211, 65536, True, "5060"])
def test_ports_of_other_services_are_refused(port):
    with pytest.raises(CredentialsInvalid, match="port"):
        Target("sip.example.com", port=port)


@pytest.mark.parametrize("port", [443, 5060, 5061, 5080, 5099, 15060, 65535, None])
def test_ports_of_carriers_are_taken(port):
    assert Target("sip.example.com", port=port).port == port


def test_dns_may_choose_sip_ports_only():
    assert port_refusal(5070, configured=False, lab=False) is None
    for port in (443, 1024, 6379, 15060, 80):
        assert port_refusal(port, configured=False, lab=False)
    assert port_refusal(15060, configured=False, lab=True) is None
    assert port_refusal(6379, configured=False, lab=True)


@pytest.mark.parametrize(
    ("given", "send_to", "domain", "tls"),
    [
        ({"host": "Sip.Example.com."}, ("sip.example.com", None), "sip.example.com", "sip.example.com"),
        ({"host": "198.51.100.7", "domain": "acme.example.com"}, ("198.51.100.7", None), "acme.example.com", "acme.example.com"),
        ({"host": "a.com", "port": 5080, "proxy": "p.com:5090"}, ("p.com", 5090), "a.com", "p.com"),
        ({"host": "a.com", "proxy": "[2001:db8::1]:5090"}, ("2001:db8::1", 5090), "a.com", "a.com"),
        ({"host": "[2001:db8::1]"}, ("2001:db8::1", None), "2001:db8::1", "2001:db8::1"),
    ],
)  # fmt: skip
def test_where_it_goes_and_whom_it_must_be(given, send_to, domain, tls):
    target = Target(**given)
    assert (target.send_to, target.sip_domain, target.tls_name) == (send_to, domain, tls)


def test_a_bare_password_is_refused_and_not_repeated():
    with pytest.raises(CredentialsInvalid, match="SecretStr") as caught:
        Target("sip.example.com", password="hunter2-secret")
    assert "hunter2" not in str(caught.value)


def test_the_password_is_never_shown():
    target = Target("sip.example.com", username="alice", password=SecretStr("hunter2-secret"))
    assert "hunter2" not in f"{target!r} {target!s} {target.password!r}"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_taken_or_refused(host, user, proxy):
    try:
        target = Target(host, username=user, proxy=proxy)
    except CredentialsInvalid:
        return
    assert (target.host + user + proxy).isprintable()


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ["+15550001234", "+442079460000", "+4930901820", "442079460000", "+886223456789", "+8801712345678"]
)
def test_ordinary_numbers_may_be_called_once_named(number):
    check_called(number)


@pytest.mark.parametrize("number", ["911", "112", "+911", "110", "999", "+1911", "00442079460000", "0207946000", "", "+", "alice", "+1555000123456789", "+1 555 000 1234", "+15550001234\r\n", "+1555٠٠٠1234", "*99", "9005551234", "sip:+1555@x"])  # fmt: skip
def test_short_national_and_odd_forms_are_refused(number):
    with pytest.raises((InvalidNumber, ConfigurationError)):
        check_called(number)


@pytest.mark.parametrize("number", ["+19005551234", "+449098790000", "+870773111632", "+881612345678", "+88216123456", "+8835100012345", "+979123456789", "+87812345678", "+80812345678", "870773111632", "+999123456789"])  # fmt: skip
def test_dear_numbers_are_refused(number):
    with pytest.raises((InvalidNumber, ConfigurationError)):
        check_called(number)


@pytest.mark.parametrize("caller", ["", "a b", "a\r\nb", "é", "x" * 65])
def test_odd_callers_are_refused(caller):
    with pytest.raises(ConfigurationError):
        check_caller(caller)
