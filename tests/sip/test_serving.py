"""The listener's mind on a fake clock: who is answered, how much, and never with a yes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.errors import ConfigurationError
from voipkit.sip.message import Request, Response, parameters, parse
from voipkit.sip.serving import Refuser, Watch, same_number

CARRIER = ("203.0.113.5", 5060, None)
STRANGER = ("198.51.100.66", 5060, None)
CALLED, CALLER = "+15550001234", "+15550005678"


def invite(called=CALLED, caller=CALLER, branch="z9hG4bK1", method="INVITE", call_id="c", *extra):
    uri = f"sip:{called}@198.51.100.1"
    headers = (
        ("Via", f"SIP/2.0/UDP 203.0.113.5:5060;rport;branch={branch}"), ("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx"),
        ("From", f"<sip:{caller}@carrier.test>;tag=f"), ("To", f"<{uri}>"), ("Call-ID", call_id), ("CSeq", f"1 {method}"), *extra,
    )  # fmt: skip
    return Request(headers, b"", method, uri).encode()


class Listener:
    def __init__(self, *watches, sources=("203.0.113.0/24",), reliable=False):
        self.now, self.said, self.reliable = 0.0, [], reliable
        self.mind = Refuser(sources)
        for watch in watches:
            self.mind.arm(watch)

    def hears(self, data, source=CARRIER):
        self.mind.receive(self.now, data, source, reliable=self.reliable)
        return self.take()

    def take(self):
        found = [(source, parse(data), len(data)) for source, data in self.mind.outbox]
        self.mind.outbox.clear()
        self.said += found
        return [message.status for _, message, _ in found]

    def passes(self, seconds):
        ends, found = self.now + seconds, []
        while self.mind.deadline is not None and self.mind.deadline <= ends:
            self.now = self.mind.deadline
            self.mind.tick(self.now)
            found += self.take()
        self.now = ends
        return found


def watch(**changes):
    return Watch(**({"called": CALLED, "caller": CALLER, "hold": 1.2, "refusal": 486, "until": 45.0} | changes))


def test_the_armed_call_rings_is_held_and_refused():
    far = Listener(watch())
    assert far.hears(invite()) == [180]
    assert far.passes(1.1) == []
    assert far.passes(0.2) == [486]
    assert far.hears(invite(method="ACK")) == []
    assert far.mind.settled
    ((seen_by, sighting),) = far.mind.sightings
    assert (seen_by, sighting.called, sighting.caller, sighting.refusal) == (watch(), CALLED, CALLER, 486)
    assert (sighting.held, sighting.answered, sighting.source) == (1.2, False, "203.0.113.5:5060")
    final = far.said[-1][1]
    assert final.all("via")[1] == "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx"
    assert parameters(final.first("via")) == {"branch": "z9hG4bK1", "received": "203.0.113.5", "rport": "5060"}
    assert final.to_tag


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (invite(), STRANGER),
        (invite(), ("not an address", 5060, None)),
        (invite(called="+15550009999"), CARRIER),
        (invite(caller="+15550007777"), CARRIER),
        (invite(method="OPTIONS"), CARRIER),
        (invite(method="REGISTER"), CARRIER),
        (invite(method="BYE"), CARRIER),
        (invite(method="CANCEL"), CARRIER),
        (invite(method="ACK"), CARRIER),
        (invite(called="alice"), CARRIER),
        (b"", CARRIER),
        (b"\r\n\r\n", CARRIER),
        (b"garbage" * 200, CARRIER),
        (b"SIP/2.0 200 OK\r\n\r\n", CARRIER),
    ],
    ids=range(14),
)
def test_nobody_else_hears_a_byte(data, source):
    far = Listener(watch())
    assert far.hears(data, source) == []
    assert far.passes(60.0) == []
    assert far.mind.sightings == []
    assert far.mind.ignored == 1


def test_a_call_to_the_armed_number_from_another_caller_hears_nothing_and_is_noted():
    armed = watch()
    listener = Listener(armed)
    assert listener.hears(invite(caller="+19995550000")) == []
    assert listener.hears(invite(caller="+19995550001", branch="z9hG4bK2", call_id="d")) == []
    assert (listener.mind.ignored, listener.mind.settled) == (2, True)

    ((seen_by, sighting),) = listener.mind.strangers
    assert seen_by is armed
    assert (sighting.called, sighting.caller) == (CALLED, "+19995550000")
    assert (sighting.held, sighting.refusal, sighting.answered) == (None, None, False)

    listener.mind.disarm(armed)
    assert listener.mind.strangers == []


@pytest.mark.parametrize(
    ("data", "source", "when"),
    [
        (invite(called="+15550009999", caller="+19995550000"), CARRIER, 0.0),
        (invite(caller="+19995550000"), STRANGER, 0.0),
        (invite(caller="+19995550000"), CARRIER, 46.0),
        (invite(caller="+19995550000", method="OPTIONS"), CARRIER, 0.0),
    ],
)
def test_what_is_no_call_to_the_armed_number_is_not_noted(data, source, when):
    listener = Listener(watch())
    listener.now = when
    assert listener.hears(data, source) == []
    assert listener.mind.strangers == []


def test_nothing_is_said_while_nothing_is_armed_or_after_the_window():
    far = Listener()
    assert far.hears(invite()) == []
    far = Listener(watch())
    far.passes(45.1)
    assert far.hears(invite()) == []
    far = Listener(only := watch())
    far.mind.disarm(only)
    assert far.hears(invite()) == []


@pytest.mark.parametrize("refusal", [100, 180, 200, 202, 302, 399, 700])
def test_a_yes_cannot_be_armed(refusal):
    with pytest.raises(ConfigurationError, match="refuses"):
        Listener(watch(refusal=refusal))


def test_one_number_is_watched_once():
    with pytest.raises(ConfigurationError, match="already"):
        Listener(watch(), watch(caller=None))


def test_a_source_that_is_no_network_is_said():
    with pytest.raises(ConfigurationError, match="network"):
        Listener(sources=("anywhere",))


def test_repetitions_are_bounded():
    """Timer G would send eleven refusals; three are enough for an honest network and little for a spoofed one."""
    far = Listener(watch())
    for _ in range(20):
        far.hears(invite())
    assert [m.status for _, m, _ in far.said] == [180, 180, 180]
    assert far.passes(60.0) == [486, 486, 486]
    assert far.mind.settled


def test_a_stream_is_answered_once():
    far = Listener(watch(), reliable=True)
    far.hears(invite())
    assert far.passes(60.0) == [486]


def test_cancel_ends_the_call_and_still_counts_as_seen():
    far = Listener(watch(hold=5.0))
    far.hears(invite())
    far.passes(0.7)
    assert far.hears(invite(method="CANCEL")) == [200, 487]
    assert far.said[-2][1].cseq == (1, "CANCEL")
    assert far.said[-1][1].cseq == (1, "INVITE")
    ((_, sighting),) = far.mind.sightings
    assert (sighting.held, sighting.refusal) == (0.7, 487)


def test_a_flood_is_not_even_read():
    far = Listener(watch())
    for number in range(200):
        far.hears(invite(branch=f"z9hG4bK{number}", called="+15550009999"))
    assert far.hears(invite()) == [], "the second's share is used up"
    far.passes(1.1)
    assert far.hears(invite()) == [180]


def test_many_calls_to_the_armed_number_are_bounded():
    far = Listener(watch(caller=None))
    for number in range(30):
        far.hears(invite(branch=f"z9hG4bK{number}", call_id=str(number)))
    assert len(far.said) == 8


@pytest.mark.parametrize(
    "header",
    [
        ("P-Called-Party-ID", f"<sip:{CALLED}@x>"),
        ("Diversion", '"x" <sip:0015550001234@x>;reason=unconditional'),
        ("History-Info", "<sip:other@x>;index=1, <sip:5550001234@x>;index=1.1"),
        ("P-Called-Party-ID", "<tel:+1-555-000-1234;phone-context=+1>"),
    ],
)
def test_the_called_number_may_stand_elsewhere(header):
    far = Listener(watch())
    assert far.hears(invite("pbx", CALLER, "z9hG4bK1", "INVITE", "c", header)) == [180]


def test_a_withheld_caller_is_taken_and_not_made_up():
    far = Listener(watch())
    assert far.hears(invite(caller="anonymous")) == [180]
    far.passes(2.0)
    assert far.mind.sightings[0][1].caller is None
    far = Listener(watch(caller=None))
    far.hears(invite(caller="+15550300"))
    far.passes(2.0)
    assert far.mind.sightings[0][1].caller == "+15550300"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+15550001234", "15550001234", True), ("+15550001234", "0015550001234", True), ("+15550001234", "5550001234", True),
        ("+4930901820", "030901820", True), ("+15550001234", "(555) 000-1234", True), ("+15550001234", "0001234", False),
        ("+15550001234", "1234", False), ("+15550001234", "", False), ("", "", False), ("+15550001234", "alice", False),
        ("+15550001234", "+15550001235", False), ("+15550001234", "+445550001234", False),
    ],
)  # fmt: skip
def test_spellings_of_one_number(one, other, same):
    assert same_number(one, other) is same
    assert same_number(other, one) is same


@given(st.lists(st.tuples(st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"]), st.sampled_from(["a", "b"]), st.floats(0, 3)), max_size=30), st.sampled_from([486, 480, 603]))  # fmt: skip
def test_whatever_is_sent_no_invite_is_ever_answered_with_a_yes(steps, refusal):
    far = Listener(watch(refusal=refusal))
    for method, branch, pause in steps:
        far.hears(invite(method=method, branch=f"z9hG4bK{branch}"))
        far.passes(pause)
    far.passes(60.0)
    assert far.mind.settled
    for _, message, _ in far.said:
        assert isinstance(message, Response)
        assert not (message.cseq[1] == "INVITE" and 200 <= message.status < 300)
    assert all(sighting.answered is False for _, sighting in far.mind.sightings)


@given(st.binary(max_size=500))
def test_any_bytes_are_taken_without_an_error(data):
    far = Listener(watch())
    assert far.hears(data) == []


def test_control_characters_of_the_caller_are_not_written_back():
    far = Listener(watch())
    assert far.hears(invite().replace(b"tag=f", b"tag=\x01f")) == []
