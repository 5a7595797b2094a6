"""Twilio's dial-in check: a call that the account places, and a witness that sees it arrive, or not."""

from __future__ import annotations

import pytest

from voipkit.models import Sighting
from voipkit.protocols import SupportsDialIn
from voipkit.sandbox import Fault
from voipkit.sip.witnesses import CallbackWitness, HumanWitness

CALLED, OTHER = "+14155550100", "+442079460018"
HANG_UP = "<Response><Hangup/></Response>"


@pytest.fixture
def twilio(box, opened):
    return opened("twilio")


def inbound(found):
    (check,) = (check for check in found.checks if ".dial_in." in check.code)
    return check


def writes(box):
    return [recorded.operation for recorded in box.requests if recorded.write]


def test_without_a_witness_no_call_is_placed(box, twilio):
    assert isinstance(twilio, SupportsDialIn)
    twilio.verify_number(CALLED)
    list(twilio.verify_numbers([CALLED]))
    cost = twilio.dial_in_cost(CALLED)
    assert (cost.places_call, cost.amount, "billed" in cost.note) == (True, None, True)
    assert writes(box) == []


def test_a_call_that_arrives(box, twilio):
    witness = CallbackWitness()

    def platform(call):
        witness.saw(Sighting(called=call.called, caller=call.caller, refusal=486))
        return "busy"

    box.twilio.on_call = platform
    found = twilio.verify_number(CALLED, witness=witness)
    (call,) = box.twilio.calls
    assert (call.called, call.caller, call.twiml) == (CALLED, OTHER, HANG_UP)
    assert (inbound(found).code, inbound(found).status) == ("twilio.dial_in.arrived", "pass")
    assert inbound(found).object.id == call.sid
    assert writes(box) == ["create_call"]


def test_a_call_that_does_not_arrive(box, twilio):
    box.twilio.on_call = lambda _: "no-answer"
    found = twilio.verify_number(CALLED, witness=CallbackWitness())
    assert (inbound(found).code, inbound(found).status) == ("twilio.dial_in.not_arrived", "fail")
    assert found.inbound_reachable is False


def test_a_call_that_somebody_else_answers(box, twilio):
    box.twilio.on_call = lambda _: "completed"
    found = twilio.verify_number(CALLED, witness=CallbackWitness())
    assert inbound(found).code == "twilio.dial_in.answered_elsewhere"


def test_a_call_that_rings_for_ever_is_ended(box, twilio, monkeypatch):
    monkeypatch.setattr("voipkit.providers.twilio.dialin._SLOWER", -20.0)
    box.twilio.on_call = lambda _: "ringing"
    twilio.verify_number(CALLED, witness=CallbackWitness())
    assert [call.status for call in box.twilio.calls] == ["canceled"]
    assert writes(box) == ["create_call", "update_call"]


@pytest.mark.parametrize(
    "fault", [Fault.status(401), Fault.status(400, 21210), Fault.status(500), Fault.timeout(), Fault.html(200)]
)
def test_a_call_that_could_not_be_placed_is_unknown_and_sent_once(fault, box, opened):
    carrier = opened("twilio", retries=2)
    box.fail("twilio", "create_call", fault)
    found = carrier.verify_number(CALLED, witness=CallbackWitness())
    assert (inbound(found).code, inbound(found).status) == ("twilio.dial_in.inconclusive", "unknown")
    assert inbound(found).message
    assert [r.operation for r in box.requests].count("create_call") == 1


def test_an_only_number_calls_itself_and_a_foreign_one_is_not_called(box, twilio):
    for number in list(box.twilio.numbers):
        if number.phone_number != CALLED:
            box.twilio.numbers.remove(number.sid)
    twilio.verify_number(CALLED, witness=CallbackWitness())
    assert [(call.called, call.caller) for call in box.twilio.calls] == [(CALLED, CALLED)]
    found = twilio.verify_number("+12125550199", witness=CallbackWitness())
    assert found.status == "fail"
    assert len(box.twilio.calls) == 1


def test_a_person_dials_and_twilio_does_not(box, twilio):
    found = twilio.verify_number(CALLED, witness=HumanWitness(lambda _: True))
    assert inbound(found).code == "twilio.dial_in.arrived"
    assert writes(box) == []
