"""Digest: published vectors, every form of a challenge that carriers send, and nothing shown."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.sip.digest import Challenge, Credentials, challenges_of, choose, parse_challenges
from voipkit.sip.message import Response

# RFC 7616 section 3.9.1
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def answer(challenge, user="Mufasa", password="Circle of Life", method="GET", uri="/dir/index.html", **more):
    name, value = Credentials(user, password, challenge).header(method, uri, **more)
    assert value.startswith("Digest ")
    return name, dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,\s]+)', value))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616(algorithm, response):
    challenge = Challenge("Digest", "http-auth@example.org", NONCE, OPAQUE, algorithm, ("auth", "auth-int"))
    name, sent = answer(challenge, cnonce=CNONCE)
    assert name == "Authorization"
    assert sent["response"] == f'"{response}"'
    assert (sent["qop"], sent["nc"], sent["opaque"]) == ("auth", "00000001", f'"{OPAQUE}"')


def test_the_vector_of_rfc_2617_section_3_5():
    challenge = Challenge(
        "Digest",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "5ccc069c403ebaf9f0171e9517f40e41",
        qop=("auth",),
    )
    _, sent = answer(challenge, password="Circle Of Life", cnonce="0a4f113b")
    assert sent["response"] == '"6629fae49393a05397450978507c4ef1"'


def test_the_vector_of_rfc_2069_without_qop_errata_749():
    challenge = Challenge("Digest", "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    _, sent = answer(challenge, password="CircleOfLife")
    assert sent["response"] == '"1949323746fe6a43ef61f9606e7febea"'
    assert not {"qop", "nc", "cnonce"} & set(sent)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
@pytest.mark.parametrize("session", [False, True])
@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
def test_every_combination_by_the_formula(algorithm, session, qop):
    """The formula of RFC 7616 section 3.4.1 to 3.4.3, written out once more."""
    make = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]

    def h(text):
        return hashlib.new(make, text if isinstance(text, bytes) else text.encode()).hexdigest()

    challenge = Challenge("Digest", "r", "n", None, algorithm + ("-SESS" if session else ""), (qop,) if qop else ())
    _, sent = answer(challenge, "u", "p", "INVITE", "sip:x@y", body=b"v=0\r\n", cnonce="c")
    a1 = h("u:r:p")
    a1 = h(f"{a1}:n:c") if session else a1
    a2 = h(f"INVITE:sip:x@y:{h(b'v=0' + bytes([13, 10]))}" if qop == "auth-int" else "INVITE:sip:x@y")
    expected = h(f"{a1}:n:00000001:c:{qop}:{a2}") if qop else h(f"{a1}:n:{a2}")
    assert sent["response"] == f'"{expected}"'
    assert sent["algorithm"] == algorithm + ("-sess" if session else "")


def test_a_nonce_is_counted():
    credentials = Credentials("u", "p", Challenge("Digest", "r", "n", qop=("auth",)))
    counts = [re.search(r"nc=(\w+)", credentials.header("BYE", "sip:x")[1])[1] for _ in range(3)]
    assert counts == ["00000001", "00000002", "00000003"]


def test_quotes_and_backslashes_are_escaped_on_the_wire_and_hashed_plain():
    challenge = parse_challenges([r'Digest realm="a \"b\" \\ c", nonce="n"'])[0]
    assert challenge.realm == r'a "b" \ c'
    _, value = Credentials('al"ice', "p", challenge).header("REGISTER", "sip:x")
    assert r'username="al\"ice"' in value
    assert r'realm="a \"b\" \\ c"' in value
    plain = hashlib.md5(b'al"ice:a "b" \\ c:p', usedforsecurity=False).hexdigest()
    second = hashlib.md5(b"REGISTER:sip:x", usedforsecurity=False).hexdigest()
    assert hashlib.md5(f"{plain}:n:{second}".encode(), usedforsecurity=False).hexdigest() in value


# --- challenges -------------------------------------------------------------------------------------------------------


def response(status, *headers):
    return Response(tuple(headers), b"", status, "")


def test_several_headers_and_several_in_one_header():
    joined = (
        'Digest realm="a, b", nonce="1", qop="auth,auth-int", algorithm=MD5 , Digest nonce="2",realm="Digest x=\\"1\\", '
        'y",algorithm=SHA-256,qop="auth"'
    )
    found = parse_challenges([joined, 'Digest realm="c", nonce="3", algorithm=SHA-512-256'])
    assert [(c.realm, c.nonce, c.algorithm, c.qop) for c in found] == [
        ("a, b", "1", "MD5", ("auth", "auth-int")),
        ('Digest x="1", y', "2", "SHA-256", ("auth",)),
        ("c", "3", "SHA-512-256", ()),
    ]


def test_the_strongest_is_answered_whatever_the_order():
    kinds = ["MD5", "SHA-512-256", "SHA-256"]
    found = parse_challenges([f'Digest realm="r", nonce="{kind}", algorithm={kind}' for kind in kinds])
    assert choose(found).nonce == "SHA-512-256"
    assert choose(found[:1]).nonce == "MD5"


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="r"',
        'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
        'Digest realm="r", nonce="n", algorithm=SHA-1',
        'Digest realm="r", nonce="n", qop="auth-conf"',
        'Digest realm="r"',
        'NTLM realm="r", nonce="n"',
        "Digest",
        "",
        "=",
        ',,,"',
    ],
)
def test_what_cannot_be_answered_is_not(value):
    assert choose(parse_challenges([value])) is None


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("dIgEsT REALM=r,NONCE=n,ALGORITHM=md5", ("r", "n", "MD5", (), False)),
        ('Digest  realm = "r" , nonce = "n" , algorithm = "sha-256" , stale=TRUE,', ("r", "n", "SHA-256", (), True)),
        ('Digest nonce="n", realm="", qop=auth', ("", "n", "MD5", ("auth",), False)),
        ('Digest realm="r",,nonce="n", qop=" auth-int , auth ", x=y', ("r", "n", "MD5", ("auth-int", "auth"), False)),
        ('Digest realm="r", nonce="n", algorithm=MD5-sess', ("r", "n", "MD5-SESS", (), False)),
        ('Digest realm="r", nonce="n", nonce="second"', ("r", "n", "MD5", (), False)),
    ],
)
def test_odd_spellings(value, fields):
    found = choose(parse_challenges([value]))
    assert (found.realm, found.nonce, found.algorithm, found.qop, found.stale) == fields


def test_401_and_407_ask_in_their_own_headers():
    both = (("WWW-Authenticate", 'Digest realm="w", nonce="1"'), ("Proxy-Authenticate", 'Digest realm="p", nonce="2"'))
    assert [(c.realm, c.proxy) for c in challenges_of(response(401, *both))] == [("w", False)]
    found = challenges_of(response(407, *both))
    assert [(c.realm, c.proxy) for c in found] == [("p", True)]
    assert Credentials("u", "p", found[0]).header("INVITE", "sip:x")[0] == "Proxy-Authorization"


@pytest.mark.parametrize("bad", ["\r\n X-Evil: 1", "\x00", "\n", "\x1b[2J", "\x7f"])
@pytest.mark.parametrize("where", ["realm", "nonce", "opaque"])
def test_control_characters_of_the_far_end_are_not_echoed(where, bad):
    value = ", ".join(f'{name}="a{bad if name == where else ""}"' for name in ("realm", "nonce", "opaque"))
    assert choose(parse_challenges([f"Digest {value}"])) is None


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_text_is_read_without_an_error(values):
    for challenge in parse_challenges(values):
        assert isinstance(challenge.answerable, bool)


@given(st.text(alphabet='Digest realm=",\\ nonce', max_size=4000))
def test_hostile_quoting_is_read_in_no_time(value):
    assert len(parse_challenges([value * 3])) <= 16


@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=60))
def test_a_quoted_realm_comes_back_as_it_was(realm):
    from voipkit.sip.uri import quoted

    assert [c.realm for c in parse_challenges([f'Digest realm={quoted(realm)}, nonce="n"'])] == [realm]


def test_nothing_is_shown():
    shown = Credentials("alice", "hunter2-secret", Challenge("Digest", "r", "n"))
    assert "hunter2" not in repr(shown) + str(shown)
