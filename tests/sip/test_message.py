"""Messages: what odd carriers send is read, what is no message is None, and nothing unsound is written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.errors import ConfigurationError
from voipkit.sip.message import MAX_BODY, MAX_HEAD, Framer, Request, Response, clean, parameters, parse, split_quoted


def lines(*text):
    return "\r\n".join((*text, "", "")).encode()


# RFC 4475 section 3.1.1.1, "a short tortuous INVITE": folding, case, compact names, odd blanks, escaped quotes.
TORTUOUS = (
    b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    b"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    b"MaX-fOrWaRdS: 0068\r\n"
    b"Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    b"Content-Length   : 150\r\n"
    b"cseq: 0009\r\n  INVITE\r\n"
    b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    b"s :\r\n"
    b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n'
) + b"v=0\r\n".ljust(150, b"x")  # fmt: skip


def test_the_tortuous_invite_of_rfc_4475():
    message = parse(TORTUOUS)
    assert (message.method, message.cseq) == ("INVITE", (9, "INVITE"))
    assert message.branch == "390skdjuw"
    assert message.to_tag == "1918181833n"
    assert parameters(message.first("from"))["tag"] == "98asjd8"
    assert len(message.listed("via")) == 3
    assert parameters(message.listed("via")[1])["branch"] == "z9hG4bK9ikj8"
    assert parameters(message.listed("contact")[0]) == {"newparam": "newvalue", "secondparam": "", "q": "0.33"}
    assert message.first("newfangledheader") == "newfangled value continued newfangled value"
    assert len(message.body) == 150


OK = lines("SIP/2.0 200 OK", "Via: SIP/2.0/UDP 1.2.3.4;branch=z9", "CSeq: 1 OPTIONS")


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (OK, 200, "OK"),
        (b"\r\n\r\n" + OK, 200, "OK"),
        (OK.replace(b"\r\n", b"\n"), 200, "OK"),
        (b"SIP/2.0 200\r\n\r\n", 200, ""),
        (b"SIP/2.0 200 \r\n\r\n", 200, ""),
        (b"sip/2.0 183 Session Progress\r\nCSeq: 1 INVITE\r\n", 183, "Session Progress"),
        ("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять\r\n\r\n".encode(), 200, "= 2**3 * 5**2 но сто девяносто девять"),
        (b"SIP/2.0 404 Nicht verf\xfcgbar\r\n\r\n", 404, "Nicht verf\udcfcgbar"),
        (b"SIP/2.0 200 OK\r\nno colon here\r\n: no name\r\nb@d: name\r\nCSeq: 1 A\r\n\r\n", 200, "OK"),
        (b"SIP/2.0 200 OK\r\nContent-Length: nonsense\r\n\r\n", 200, "OK"),
        (b"SIP/2.0 200 OK\r\nContent-Length: -7\r\n\r\n", 200, "OK"),
    ],
)  # fmt: skip
def test_reads_what_odd_carriers_send(data, status, reason):
    message = parse(data)
    assert (message.status, message.reason) == (status, reason)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n", b"\x00", b"hello", b"HTTP/1.1 200 OK\r\n\r\n", b"SIP/2.0 099 No\r\n\r\n", b"SIP/2.0 700 No\r\n\r\n",
        b"SIP/2.0 20 OK\r\n\r\n", b"SIP/3.0 200 OK\r\n\r\n", b"SIP/2.0 4294967301 better not break\r\n\r\n", b"INVITE\r\n\r\n",
        b"INVITE  sip:a@b\r\n\r\n", b"INVITE sip:a b SIP/2.0\r\n\r\n", b"invite sip:a SIP/2.0\r\n\r\n", b"OPTIONS sip:a SIP/2.0",
        b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"SIP/2.0 200 OK\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"SIP/2.0 200 OK\r\n" + b"A: b\r\n" * 600 + b"\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)  # fmt: skip
def test_what_is_no_message_is_none(data):
    assert parse(data) is None


def test_content_length_cuts_the_body():
    assert parse(b"SIP/2.0 200 OK\r\nl: 2\r\n\r\nabcd").body == b"ab"
    assert parse(b"SIP/2.0 200 OK\r\n\r\nabcd").body == b"abcd"


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_without_an_error(data):
    message = parse(data)
    if message is not None:
        assert isinstance(message.branch, str)
        assert isinstance(message.cseq, tuple)


PIECES = [b"SIP/2.0 200 OK", b"INVITE sip:a@b SIP/2.0", b"\r\n", b"\n", b" ", b"Via: ", b"v:", b";branch=", b'"', b"\\", b",", b"<", b">", b"CSeq: 1 INVITE", b"Content-Length: ", b"9", b"\x00", b"\xff", b":"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_scrambled_messages_are_read_without_an_error(data):
    message = parse(data)
    if message is not None:
        _ = (message.branch, message.cseq, message.to_tag, message.listed("via"))
    framer = Framer()
    framer.feed(data)


@pytest.mark.parametrize("piece", [b'"', b"\\", b",", b"<", b";", b"\r\n ", b":", b" ", b"="])
def test_no_input_takes_long(piece):
    data = b"SIP/2.0 200 OK\r\nVia: " + piece * ((MAX_HEAD - 100) // len(piece)) + b"\r\n\r\n"
    began = time.process_time()
    message = parse(data)
    if message is not None:
        _ = (message.branch, message.listed("via"))
    assert time.process_time() - began < 1.0


# --- writing ----------------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(
    lambda n: n.lower() not in ("content-length", "l")
)
PRINTABLE = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.tuples(NAMES, PRINTABLE.map(lambda v: v.strip(" "))), max_size=10), st.binary(max_size=300))
def test_what_is_written_is_read_back(headers, body):
    request = Request(tuple(headers), body, "OPTIONS", "sip:a@b")
    assert parse(request.encode()) == request
    response = Response(tuple(headers), body, 486, "Busy Here")
    assert parse(response.encode()) == response
    assert Framer().feed(request.encode() + response.encode()) == [request.encode(), response.encode()]


@pytest.mark.parametrize("bad", [chr(code) for code in (*range(32), 127)])
def test_no_control_character_is_written(bad):
    sound = (("From", "x"),)
    for message in (
        Request(sound, b"", "OPTIONS", f"sip:a{bad}@b"),
        Request(sound, b"", f"OPT{bad}IONS", "sip:a@b"),
        Request((("From", f"a{bad}b"),), b"", "OPTIONS", "sip:a@b"),
        Request(((f"Fr{bad}om", "b"),), b"", "OPTIONS", "sip:a@b"),
        Response(sound, b"", 200, f"O{bad}K"),
    ):
        with pytest.raises(ConfigurationError, match="control character"):
            message.encode()


# --- streams ----------------------------------------------------------------------------------------------------------

STREAM = [
    OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n") + b"a\r\n",
    b"SIP/2.0 100 Trying\r\nl:0\r\n\r\n",
    b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\nv=0\r\n",
]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=200))
def test_a_stream_in_any_pieces(sizes):
    whole = b"\r\n\r\n".join([b"", *STREAM, b""])  # keep-alives between, RFC 5626
    framer, found, at = Framer(), [], 0
    for size in [*sizes, len(whole)]:
        found += framer.feed(whole[at : at + size])
        at += size
    assert found == STREAM
    assert not framer.broken


@pytest.mark.parametrize(
    "data",
    [
        b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 1e3\r\n\r\n",
        f"SIP/2.0 200 OK\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode(),
        b"x" * (MAX_HEAD + 1),
    ],
)
def test_a_stream_beyond_the_bounds_is_given_up(data):
    framer = Framer()
    assert framer.feed(data) == []
    assert framer.broken
    assert framer.feed(OK) == []


def test_a_slow_stream_is_not_searched_again_and_again():
    framer, began = Framer(), time.process_time()
    for _ in range(MAX_HEAD - 100):
        framer.feed(b"x")
    assert time.process_time() - began < 1.0


# --- values -----------------------------------------------------------------------------------------------------------


def test_commas_in_quotes_and_brackets_divide_nothing():
    assert split_quoted('"a, \\"b" <sip:x;y,z>, c', ",") == ['"a, \\"b" <sip:x;y,z>', "c"]
    assert parameters('"a;tag=no" <sip:x;tag=no>;tag=yes;TAG=second') == {"tag": "yes"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[2Jb", "a [2Jb"), ("a\r\nb", "a b"), ("a\u202eb", "a b"), ("\udcfc", ""), ("é中", "é中"), ("x" * 300, "x" * 197 + "...")],
)  # fmt: skip
def test_text_of_the_far_end_is_cleaned(text, shown):
    assert clean(text) == shown


@given(st.text(max_size=400))
def test_cleaned_text_is_printable_and_short(text):
    shown = clean(text)
    assert shown.isprintable()
    assert len(shown) <= 200
