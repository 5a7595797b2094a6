"""A call on a fake clock: whatever crosses whatever, nothing stays up and nothing is sent that must not be.

The far end here is written against RFC 3261 by itself: it knows which calls are up at the callee, and it is the judge.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.sip.call import Call, Patience
from voipkit.sip.digest import Challenge, Credentials
from voipkit.sip.message import Request, Response, parameters, parse, tag_of

INVITE = Request(
    (
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKinv;rport"),
        ("Max-Forwards", "70"),
        ("From", "<sip:+1555@trunk.test>;tag=us"),
        ("To", "<sip:+1556@trunk.test>"),
        ("Call-ID", "c1"),
        ("CSeq", "2 INVITE"),
        ("Proxy-Authorization", 'Digest username="alice", response="x"'),
        ("Contact", "<sip:+1555@192.0.2.1:5060>"),
    ),
    b"v=0\r\n",
    "INVITE",
    "sip:+1556@trunk.test",
)


def reply(request, status, tag="", *extra):
    kept = [(n, v) for n, v in request.headers if n in ("Via", "From", "To", "Call-ID", "CSeq")]
    headers = [(n, f"{v};tag={tag}" if n == "To" and tag and "tag=" not in v else v) for n, v in kept]
    return Response((*headers, *extra), b"", status, "")


class FarEnd:
    """Drive a call and keep books: what was sent, and which calls are up at the callee."""

    def __init__(self, *, reliable=False, **patience):
        self.now = 0.0
        self.sent = []
        self.up = {}
        self.call = Call(INVITE, 0.0, reliable=reliable, patience=Patience(**patience))
        self.refusal_acked = None
        self.take()

    def take(self):
        for data in self.call.outbox:
            request = parse(data)
            self.sent.append((self.now, request))
            tag = tag_of(request.first("to"))
            if request.method == "ACK" and tag in self.up:
                self.up[tag] = "confirmed" if self.up[tag] == "answered" else self.up[tag]
            if request.method == "ACK" and request.branch == "z9hG4bKinv":
                self.refusal_acked = self.now
        self.call.outbox = []

    def methods(self):
        return [request.method for _, request in self.sent]

    def requests(self, method):
        return [request for _, request in self.sent if request.method == method]

    def says(self, status, tag="callee", *extra):
        """Answer the INVITE."""
        if 200 <= status < 300:
            self.up.setdefault(tag, "answered")
        self.call.receive(self.now, reply(INVITE, status, tag, *extra))
        self.take()

    def answers(self, method, status=200, *extra):
        """Answer the last request of a method."""
        request = self.requests(method)[-1]
        if method == "BYE" and status < 300:
            self.up[tag_of(request.first("to"))] = "over"
        assert self.call.receive(self.now, reply(request, status, "", *extra))
        self.take()

    def passes(self, seconds):
        """Let time pass."""
        ends = self.now + seconds
        while self.call.deadline is not None and self.call.deadline <= ends:
            assert self.call.deadline >= self.now - 1e-9, "it wants to be woken in the past for ever"
            self.now = max(self.now, self.call.deadline)
            self.call.tick(self.now)
            self.take()
        self.now = ends


# --- the plain ways ---------------------------------------------------------------------------------------------------


def test_invite_is_repeated_doubling_until_anything_comes():
    far = FarEnd(first=40.0, linger=40.0)
    far.passes(20.0)
    assert [at for at, _ in far.sent] == [0, 0.5, 1.5, 3.5, 7.5, 15.5]
    far = FarEnd(ring=30.0)
    far.passes(1.0)
    far.says(100)
    far.passes(20.0)
    assert far.methods() == ["INVITE"] * 2, "a provisional answer ends the repetition, section 17.1.1.2"


def test_a_stream_repeats_nothing():
    far = FarEnd(reliable=True)
    far.passes(40.0)
    assert far.methods() == ["INVITE"]


def test_ringing_is_cancelled_at_once():
    far = FarEnd()
    far.says(100)
    assert "CANCEL" not in far.methods()
    far.says(180)
    assert far.methods()[-1] == "CANCEL"
    far.answers("CANCEL")
    far.says(487)
    assert (far.call.codes, far.call.final.status) == ([100, 180, 487], 487)
    assert not far.call.may_be_up


def test_cancel_is_the_invite_s_twin_section_9_1():
    far = FarEnd()
    far.says(183)
    cancel = far.requests("CANCEL")[0]
    for name in ("via", "from", "to", "call-id"):
        assert cancel.all(name) == INVITE.all(name)
    assert (cancel.uri, cancel.cseq) == (INVITE.uri, (2, "CANCEL"))
    assert not cancel.all("proxy-authorization")
    assert not cancel.body


def test_100_alone_rings_out_then_is_cancelled():
    far = FarEnd(ring=6.0)
    far.says(100)
    far.passes(5.9)
    assert "CANCEL" not in far.methods()
    far.passes(0.2)
    assert far.methods()[-1] == "CANCEL"


def test_hold_lets_it_ring_for_a_witness():
    far = FarEnd(hold=3.0, ring=6.0)
    far.says(100)
    far.passes(0.5)
    far.says(180)
    far.passes(2.0)
    far.says(486)
    assert "CANCEL" not in far.methods()
    assert far.call.decided_at - far.call.rang_at == 2.0
    far = FarEnd(hold=99.0, ring=6.0)
    far.says(180)
    far.passes(6.1)
    assert "CANCEL" in far.methods(), "the ring budget is above the hold"


@pytest.mark.parametrize("status", [300, 302, 401, 403, 404, 407, 486, 488, 500, 503, 600, 603])
def test_every_refusal_is_acknowledged_each_time_it_comes(status):
    far = FarEnd()
    far.says(status)
    for _ in range(2):
        far.passes(0.3)
        far.says(status)
    acks = far.requests("ACK")
    assert len(acks) == 3
    assert far.call.codes == [status]
    for ack in acks:
        assert (ack.branch, ack.cseq, ack.uri) == ("z9hG4bKinv", (2, "ACK"), INVITE.uri)
        assert tag_of(ack.first("to")) == "callee"
    assert "CANCEL" not in far.methods()


def test_silence_sends_no_cancel_but_a_late_1xx_is_cancelled():
    far = FarEnd(first=6.0)
    far.passes(6.0)
    assert far.call.decided_at == 6.0
    sent = len(far.sent)
    far.passes(14.0)
    assert len(far.sent) == sent, "given up: no CANCEL without a 1xx, and no INVITE again"
    far.says(180)
    assert far.methods()[-1] == "CANCEL"
    far.says(487)
    assert far.methods()[-1] == "ACK"
    far.passes(40.0)
    assert far.call.settled


def test_a_late_100_is_cancelled_at_once():
    far = FarEnd(first=1.0)
    far.passes(2.0)
    far.says(100)
    assert far.methods()[-1] == "CANCEL"


def test_the_guard_counts_from_cancel():
    far = FarEnd(ring=6.0, linger=32.0)
    far.says(100)
    far.passes(37.0)
    assert not far.call.settled
    far.says(200)
    assert far.methods()[-2:] == ["ACK", "BYE"]


def test_silence_ends_after_timer_b():
    far = FarEnd()
    far.passes(31.9)
    assert not far.call.settled
    far.passes(0.2)
    assert far.call.settled
    assert far.call.deadline is None


def test_cancel_is_repeated_over_udp_and_the_result_does_not_wait_for_ever():
    far = FarEnd(cancelled=4.0)
    far.says(180)
    far.passes(4.0)
    assert far.methods().count("CANCEL") == 4
    assert far.call.decided_at == 4.0
    assert far.call.may_be_up, "nobody said that it ended"


# --- calls that are answered ------------------------------------------------------------------------------------------

ROUTES = (
    ("Contact", "<sip:callee@203.0.113.9:5080;transport=tcp>"),
    ("Record-Route", '"a, b" <sip:p2.example.com;lr>, <sip:p1.example.com;lr;x=1>'),
    ("Record-Route", "<sip:p0.example.com;lr>"),
)


def test_a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up():
    far = FarEnd()
    far.says(180)
    far.answers("CANCEL")
    far.says(200, "callee", *ROUTES)
    assert far.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    ack, bye = far.requests("ACK")[0], far.requests("BYE")[0]
    for request in (ack, bye):
        assert request.uri == "sip:callee@203.0.113.9:5080;transport=tcp"
        assert request.all("route") == (
            "<sip:p0.example.com;lr>",
            "<sip:p1.example.com;lr;x=1>",
            "<sip:p2.example.com;lr>",
        )
        assert request.branch not in ("", "z9hG4bKinv")
        assert request.first("call-id") == "c1"
        assert tag_of(request.first("to")) == "callee"
    assert ack.branch != bye.branch
    assert (ack.cseq, bye.cseq) == ((2, "ACK"), (3, "BYE"))
    assert ack.all("proxy-authorization") == INVITE.all("proxy-authorization"), "section 13.2.2.4"
    assert far.call.may_be_up
    far.answers("BYE")
    assert not far.call.may_be_up
    assert far.call.answered


def test_a_repeated_200_draws_the_same_ack_and_no_second_bye():
    far = FarEnd()
    far.says(200)
    far.says(200)
    acks = [request.encode() for request in far.requests("ACK")]
    assert len(acks) == 2
    assert acks[0] == acks[1]
    assert far.methods().count("BYE") == 1


def test_bye_is_repeated_until_it_is_answered():
    far = FarEnd()
    far.says(200)
    far.passes(8.0)
    assert far.methods().count("BYE") == 5
    far.answers("BYE")
    far.passes(60.0)
    assert far.methods().count("BYE") == 5


def test_every_branch_of_a_fork_is_hung_up():
    far = FarEnd()
    far.says(200, "one")
    far.answers("BYE")
    far.passes(20.0)
    far.says(200, "two")
    far.answers("BYE")
    assert set(far.up.values()) == {"over"}
    assert {tag_of(bye.first("to")) for bye in far.requests("BYE")} == {"one", "two"}


def test_a_flood_of_forks_is_bounded():
    far = FarEnd()
    for number in range(100):
        far.says(200, f"t{number}")
    assert len(far.call.dialogs) == 32
    assert len(far.sent) <= 1 + 2 * 32


def test_a_200_after_a_refusal_is_hung_up_too():
    far = FarEnd()
    far.says(180)
    far.says(487)
    far.passes(5.0)
    assert far.call.settled
    far.says(200, "other")
    assert far.methods()[-2:] == ["ACK", "BYE"]
    assert far.call.answered
    far.passes(2.0)
    assert far.methods().count("BYE") == 3, "it is served again"
    far.answers("BYE")
    assert set(far.up.values()) == {"over"}


def test_a_strict_router_takes_the_request_uri_section_12_2_1_1():
    far = FarEnd()
    far.says(200, "c", ("Contact", "<sip:c@h>"), ("Record-Route", "<sip:b;lr>, <sip:a>"))
    bye = far.requests("BYE")[0]
    assert bye.uri == "sip:a"
    assert bye.all("route") == ("<sip:b;lr>", "<sip:c@h>")


@pytest.mark.parametrize("contact", ["", "*", "tel:+1", "<sip:a b>", "<sip:a@b\x00c>", "<sip:" + "a" * 3000 + "@b>", "<http://169.254.169.254/>"])  # fmt: skip
def test_an_unsound_contact_leaves_the_called_uri(contact):
    far = FarEnd()
    far.says(200, "c", ("Contact", contact), ("Record-Route", "<javascript:x>, \x01, <sip:p;lr>"))
    assert far.requests("BYE")[0].uri == INVITE.uri
    assert far.requests("BYE")[0].all("route") == ("<sip:p;lr>",)


def test_control_characters_of_the_far_end_never_stop_the_ack():
    far = FarEnd()
    far.says(200, "x\x01y")
    assert far.methods()[-2:] == ["ACK", "BYE"]
    far = FarEnd()
    far.says(486, "x\x01y")
    assert far.methods()[-1] == "ACK"


def test_a_challenged_bye_is_answered_once():
    credentials = Credentials("alice", "pw", Challenge("Digest", "r", "n1", qop=("auth",), proxy=True))
    credentials.header("INVITE", INVITE.uri)
    far = FarEnd()
    far.call = Call(INVITE, 0.0, reliable=False, credentials=credentials)
    far.take()
    far.says(200)
    assert "nc=00000002" in far.requests("BYE")[0].first("proxy-authorization")
    far.answers("BYE", 407, ("Proxy-Authenticate", 'Digest realm="r", nonce="n2", qop="auth"'))
    assert 'nonce="n2"' in far.requests("BYE")[1].first("proxy-authorization")
    assert far.requests("BYE")[1].cseq == (4, "BYE")
    far.answers("BYE", 407, ("Proxy-Authenticate", 'Digest realm="r", nonce="n3", qop="auth"'))
    far.passes(60.0)
    assert far.methods().count("BYE") == 2
    assert far.call.may_be_up, "it is not known that the call ended"


def test_the_far_end_may_hang_up_first():
    far = FarEnd()
    far.says(200)
    bye = Request(
        (("From", "<sip:x>;tag=callee"), ("To", "<sip:y>;tag=us"), ("Call-ID", "c1"), ("CSeq", "1 BYE")),
        b"",
        "BYE",
        "sip:us",
    )
    assert far.call.peer_hung_up(bye)
    assert not far.call.may_be_up
    stranger = Request((("From", "<sip:x>;tag=callee"), ("Call-ID", "other")), b"", "BYE", "sip:us")
    assert not far.call.peer_hung_up(stranger)


def test_endless_provisional_answers_end_the_call():
    far = FarEnd(hold=30.0, ring=30.0)
    for _ in range(50):
        far.says(183)
    assert len(far.call.codes) <= 20
    assert far.methods().count("CANCEL") == 1


# --- the matrix -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations([100, 180, 487, 200, "hang up"])), ids=str)
def test_any_order_of_anything(order, reliable):
    far = FarEnd(reliable=reliable)
    for step in order:
        if step == "hang up":
            far.call.hang_up(far.now)
            far.take()
        else:
            far.says(step, "one" if step == 200 else "callee")
        far.passes(0.1)
    judge(far)


EVENTS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from([100, 180, 183, 199, 200, 202, 302, 407, 486, 487, 503, 600]), st.sampled_from(["", "a", "b"])),
    st.tuples(st.just("passes"), st.floats(0.0, 20.0), st.just("")),
    st.tuples(st.just("hang up"), st.just(0), st.just("")),
    st.tuples(st.just("bye"), st.sampled_from([100, 200, 407, 481, 500]), st.just("")),
    st.tuples(st.just("cancel"), st.sampled_from([200, 481, 500]), st.just("")),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=25), st.booleans())
def test_any_history_ends_with_nothing_up(history, reliable):
    far = FarEnd(reliable=reliable)
    for what, value, tag in history:
        if what == "says":
            far.says(value, tag)
        elif what == "passes":
            far.passes(value)
        elif what == "hang up":
            far.call.hang_up(far.now)
            far.take()
        elif what.upper() in far.methods():
            far.answers(what.upper(), value)
    judge(far)


VALUES = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"<sip:", b"a@b", b">", b";lr", b";tag=", b'"', b",", b"\\", b"\x00", b"\xff", b"x", b" ", b"\r\n ", b"[::1]", b"%0d%0a"]), max_size=12).map(b"".join),
)  # fmt: skip


@given(st.sampled_from([180, 200, 302, 407, 486]), VALUES, VALUES, VALUES)
def test_whatever_stands_in_the_far_end_s_headers_our_requests_are_sound(status, to, contact, route):
    lines = [
        f"SIP/2.0 {status} X".encode(), b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKinv;rport", b"CSeq: 2 INVITE",
        b"To: " + to, b"Contact: " + contact, b"Record-Route: " + route, b"", b"",
    ]  # fmt: skip
    answer = parse(b"\r\n".join(lines))
    if answer is None:
        return
    call = Call(INVITE, 0.0, reliable=False)
    call.outbox = []
    call.receive(0.1, answer)
    for data in call.outbox:
        request = parse(data)
        assert request.first("call-id") == "c1"
        assert request.first("from") == INVITE.first("from")
        assert len(request.all("cseq")) == len(request.all("to")) == len(request.all("via")) == 1
        assert {name for name, _ in request.headers} <= {
            "Via",
            "Max-Forwards",
            "Route",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Proxy-Authorization",
        }
    if status == 200:
        assert [parse(data).method for data in call.outbox] == ["ACK", "BYE"]


def judge(far):
    """Hold what was sent against RFC 3261, then answer what is open and see that nothing stays up."""
    first_cancel = next((at for at, request in far.sent if request.method == "CANCEL"), None)
    assert first_cancel is None or far.call.codes, "CANCEL needs a provisional response first, section 9.1"
    for tag, state in far.up.items():
        assert state != "answered", f"the 200 of {tag!r} was never acknowledged"
        byes = [bye for bye in far.requests("BYE") if tag_of(bye.first("to")) == tag]
        assert byes, f"the call {tag!r} was never hung up"
        far.call.receive(far.now, reply(byes[-1], 200))
        far.take()
    assert len({request.branch for request in far.requests("BYE")}) == len(
        {request.cseq[0:1] + (tag_of(request.first("to")),) for request in far.requests("BYE")}
    )
    if far.call.final is None:
        far.call.hang_up(far.now)
    far.passes(70.0)
    assert far.call.settled
    assert far.call.decided_at is not None
    assert far.call.deadline is None
    before = len(far.sent)
    far.passes(100.0)
    assert len(far.sent) == before
    assert all(parameters(r.first("via")).get("branch", "").startswith("z9hG4bK") for _, r in far.sent)
