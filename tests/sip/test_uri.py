"""SIP URIs: read tolerantly, written strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.sip.uri import addr_spec, escape_user, host_port, parse_uri, quoted


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:alice@example.com", "alice", "example.com", None),
        ("SIPS:+15550001234@Example.COM:5061;transport=tls", "+15550001234", "example.com", 5061),
        ('"A <b> \\" c" <sip:alice:secret@example.com:5060;lr>;tag=1', "alice", "example.com", 5060),
        ("<sip:[2001:db8::1]:5060;lr>", None, "2001:db8::1", 5060),
        ("sip:example.com?Subject=x", None, "example.com", None),
        ("sip:%61lice;day=tuesday@example.com", "%61lice;day=tuesday", "example.com", None),
    ],
)
def test_reads(text, user, host, port):
    found = parse_uri(text)
    assert (found.user, found.host, found.port) == (user, host, port)


@pytest.mark.parametrize(
    "text",
    ["", "*", "tel:+1555", "http://a", "sip:", "sip:@", "sip:a b@c", "sip:a@b:0", "sip:a@b:99999", "sip:a@b\r\nX: 1", "<sip:a@b\x00>", "sip:a@<b>", "sip:" + "a" * 3000],
)  # fmt: skip
def test_what_is_unsound_is_none(text):
    assert parse_uri(text) is None


def test_a_parameter_belongs_to_the_uri_only_inside_brackets():
    assert parse_uri("<sip:p.example.com;lr>").has("lr")
    assert not parse_uri("<sip:p.example.com>;lr").has("lr")
    assert addr_spec("<sip:a@b>;tag=2") == "sip:a@b"


@pytest.mark.parametrize(
    ("user", "written"),
    [("+1555", "+1555"), ("alice", "alice"), ("a b", "a%20b"), ("a@b:c", "a%40b%3Ac"), ("a\r\nb", "a%0D%0Ab"), ("é", "%C3%A9"), ("<x>", "%3Cx%3E")],
)  # fmt: skip
def test_a_user_is_escaped(user, written):
    assert escape_user(user) == written


@given(st.text(max_size=80))
def test_any_user_stays_in_its_place(user):
    try:
        written = escape_user(user)
    except UnicodeEncodeError:  # lone surrogates never get past Target
        return
    found = parse_uri(f"sip:{written}@example.com")
    assert found.host == "example.com"
    assert (found.user or "") == written


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text):
    found = parse_uri(text)
    assert found is None or (found.host and found.text.isprintable() is not None)


def test_hosts_and_quotes():
    assert host_port("example.com", 5060) == "example.com:5060"
    assert host_port("::1", 5060) == "[::1]:5060"
    assert quoted('a"b\\') == '"a\\"b\\\\"'
