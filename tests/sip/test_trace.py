"""The trace: what was said, without the answer to a challenge, and fit for a terminal."""

from __future__ import annotations

import pytest

from voipkit.sip import Trace

SENT = (
    b"REGISTER sip:trunk.test SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9\r\nCSeq: 2 REGISTER\r\n"
    b'AUTHORIZATION : Digest username="alice",\r\n response="0123456789abcdef",\r\n\tcnonce="feedbeef"\r\n'
    b'Proxy-Authorization:Digest response="fedcba9876543210"\r\nUser-Agent: voipkit\r\n\r\n'
)


def test_answers_to_challenges_are_masked_in_every_spelling():
    trace = Trace()
    trace.message("sent", SENT)
    trace.message("received", SENT.replace(b"\r\n", b"\n"))
    for entry in trace.entries:
        for secret in ("0123456789abcdef", "feedbeef", "fedcba9876543210"):
            assert secret not in entry.text
        assert entry.text.count("*** masked ***") == 2
        assert "User-Agent: voipkit" in entry.text


def test_the_ladder_shows_direction_and_order():
    trace = Trace()
    trace.note("trunk.test: udp:1.2.3.4:5060")
    trace.message("sent", SENT)
    trace.message("received", b"SIP/2.0 401 Unauthorized\r\nCSeq: 2 REGISTER\r\n\r\n")
    trace.message("received", b"garbage")
    _, note, sent, received, garbage = trace.ladder().splitlines()
    assert "udp:1.2.3.4:5060" in note
    assert "REGISTER sip:trunk.test" in sent
    assert sent.endswith(">|")
    assert "401 Unauthorized (2 REGISTER)" in received
    assert "|<" in received
    assert "7 bytes" in garbage


@pytest.mark.parametrize("evil", [b"\x1b[2J\x1b]0;owned\x07", b"\xe2\x80\xae", b"\xff\xfe", b"\x9b31m"])
def test_terminal_escapes_do_not_get_through(evil):
    trace = Trace()
    trace.message("received", b"SIP/2.0 403 " + evil + b"\r\nWarning: " + evil + b"\r\nCSeq: 1 INVITE\r\n\r\n")
    trace.note(evil.decode("latin-1"))
    shown = trace.ladder() + "".join(entry.text for entry in trace.entries)
    assert shown.replace("\n", "").isprintable()


def test_it_is_bounded():
    trace = Trace()
    for _ in range(600):
        trace.message("received", b"x" * 1000)
    assert len(trace.entries) == 500
    assert trace.left_out == 100
    assert "100 more" in trace.ladder()
