"""Transactions on a fake clock: when what is sent again, and when it is given up (RFC 3261 section 17.1.2)."""

from __future__ import annotations

import pytest

from voipkit.sip.message import Request, Response
from voipkit.sip.transaction import NonInvite

OPTIONS = Request((("Via", "SIP/2.0/UDP 1.2.3.4;branch=z9hG4bKa"), ("CSeq", "1 OPTIONS")), b"", "OPTIONS", "sip:a")


def answer(status, branch="z9hG4bKa", cseq="1 OPTIONS"):
    return Response((("Via", f"SIP/2.0/UDP 1.2.3.4;branch={branch}"), ("CSeq", cseq)), b"", status, "")


def run(machine, until):
    """Wake the machine whenever it wants to be woken, and return when it sent something."""
    sent = [0.0] if machine.outbox else []
    machine.outbox.clear()
    while machine.deadline is not None and machine.deadline <= until:
        now = machine.deadline
        machine.tick(now)
        sent += [now] * len(machine.outbox)
        machine.outbox.clear()
    return sent


def test_udp_repeats_after_half_a_second_doubling_up_to_four():
    machine = NonInvite(OPTIONS, 0.0, reliable=False)
    assert run(machine, 60.0) == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert machine.timed_out
    assert machine.deadline is None


def test_a_stream_repeats_nothing():
    machine = NonInvite(OPTIONS, 0.0, reliable=True)
    assert run(machine, 60.0) == [0]
    assert machine.timed_out


def test_a_provisional_answer_slows_the_repetition():
    machine = NonInvite(OPTIONS, 0.0, reliable=False)
    assert machine.receive(0.1, answer(100))
    assert run(machine, 10.0) == [0, 0.5, 4.5, 8.5]
    assert machine.codes == [100]


@pytest.mark.parametrize("late", [0.0, 0.4, 20.0])
def test_the_first_final_answer_counts(late):
    machine = NonInvite(OPTIONS, 0.0, reliable=False)
    run(machine, late)
    assert machine.receive(late, answer(200))
    assert machine.receive(late + 0.1, answer(403)), "a repetition or a late fork belongs to it, and changes nothing"
    assert (machine.final.status, machine.codes) == (200, [200])
    assert run(machine, 60.0) == []


@pytest.mark.parametrize("odd", [answer(200, branch="z9hG4bKb"), answer(200, cseq="2 OPTIONS"), answer(200, cseq="1 BYE"), answer(200, cseq="x"), answer(200, branch="")])  # fmt: skip
def test_what_belongs_to_another_transaction_is_left_alone(odd):
    machine = NonInvite(OPTIONS, 0.0, reliable=False)
    assert not machine.receive(0.1, odd)
    assert machine.final is None


def test_a_stopped_one_is_silent():
    machine = NonInvite(OPTIONS, 0.0, reliable=False)
    machine.stop()
    assert run(machine, 60.0) == [0]
    assert machine.settled
