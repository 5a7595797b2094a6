"""Questions that are asked together: in one round trip, each with its own answer."""

from __future__ import annotations

import threading

import pytest

from voipkit.adapting.checking import ask, ask_together, could_not_ask
from voipkit.errors import MissingExtra, PermissionDenied, ProviderTimeout
from voipkit.models import CarrierObject


def test_an_error_is_an_answer_to_its_question_only():
    lost = ProviderTimeout("Silence.")

    def fails():
        raise lost

    first, second, third = ask_together(lambda: 1, fails, lambda: None)

    assert (first.value, first.error) == (1, None)
    assert (second.value, second.error) == (None, lost)
    assert (third.value, third.error) == (None, None)


def test_questions_are_asked_at_the_same_time():
    met = threading.Barrier(5, timeout=5)

    assert [answer.error for answer in ask_together(*[met.wait] * 5)] == [None] * 5


def test_answers_keep_the_order_of_the_questions():
    gate = threading.Event()

    def slow():
        gate.wait(5)
        return "slow"

    def quick():
        gate.set()
        return "quick"

    assert [answer.value for answer in ask_together(slow, quick)] == ["slow", "quick"]


@pytest.mark.parametrize("mistake", [MissingExtra("No SDK."), ValueError("A bug.")])
def test_what_the_carrier_did_not_say_is_no_answer(mistake):
    def fails():
        raise mistake

    for call in (lambda: ask(fails), lambda: ask_together(lambda: 1, fails)):
        with pytest.raises(type(mistake)):
            call()
    assert not [t for t in threading.enumerate() if t.name.startswith("voipkit-ask")]


def test_elapsed_covers_failures_too():
    def fails():
        threading.Event().wait(0.02)
        raise ProviderTimeout("Silence.")

    assert ask(fails).elapsed >= 0.02


def test_could_not_ask_is_unknown_and_repeats_what_to_do():
    def fails():
        raise PermissionDenied("Not yours.", code="20006", docs_url="https://docs.example/20006", fix="Ask the owner.")

    trunk = CarrierObject(type="trunk", id="TK1")
    check = could_not_ask("Trunk", "inbound", "acme.trunk", ask(fails), trunk)

    assert (check.status, check.code, check.direction) == ("unknown", "acme.trunk.unknown", "inbound")
    assert (check.fix, check.vendor_code, check.docs_url) == ("Ask the owner.", "20006", "https://docs.example/20006")
    assert check.object == trunk
    assert "Not yours." in check.message
