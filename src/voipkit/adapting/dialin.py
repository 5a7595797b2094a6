"""The dial-in check: a call is placed to a number, a witness says whether it arrives, and nobody answers it.

A number's routing says where calls should go; only a call shows that they come. The call rings for a random time and
is refused with a chosen status. Both come back through the phone network, where headers do not, so they tell this call
from any other: its fingerprint.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voipkit.adapting.checking import Finding, Speaker
from voipkit.errors import Unsupported
from voipkit.models import CarrierObject, Check, NumberVerification, PlacedCall, Route, Sighting
from voipkit.protocols import InboundWitness, Provider, SupportsDialIn

__all__ = ["FINDINGS", "WINDOW", "dial_in", "no_witness_check", "same_number", "verify_watched"]

WINDOW = 45.0
"""Seconds in which the call has to arrive."""

_HOLD = (0.6, 2.5)  # seconds to ring; the range is wide enough to tell two calls apart, and short for whoever waits
_TOLERANCE = 0.4  # seconds; measured through a proxy and a B2BUA on one machine: 4 to 13 ms
_GRACE = 3.0  # seconds that a witness may be slower than the calling side, once that call has rung
_PATIENCE = 5.0  # seconds beyond the hold that the call may ring: a phone network takes 1 to 5 to pass a refusal on
# Busy, and decline: both end a call at once. 480 and 5xx can make a carrier try a second route or voicemail.
_REFUSALS = (486, 603)
_DIALLING_DIGITS = 7  # the least that two spellings of one number have in common: a subscriber number

_random = random.SystemRandom()
_being_called: set[str] = set()
_lock = threading.Lock()


# fmt: off
FINDINGS: dict[str, Finding] = {
    "round_trip": Finding(
        "pass", "Dial-in", "A call to {called} arrived, and how it was refused came back: the whole path works."),
    "arrived": Finding(
        "pass", "Dial-in", "A call to {called} arrived where it should."),
    "answered": Finding(
        "warn", "Dial-in", "A call to {called} arrived and was answered, so it is billed.",
        "Let the witness refuse the call that it is told to look out for."),
    "answered_elsewhere": Finding(
        "fail", "Dial-in", "A call to {called} was answered by somebody else, and did not arrive where it should.",
        "Look for call forwarding and voicemail on the number, and at where the carrier delivers its calls."),
    "not_arrived": Finding(
        "fail", "Dial-in", "A call to {called} did not arrive where it should{how}.",
        "Look at where the carrier delivers the number's calls, and whether its addresses may reach that host."),
    "another_caller": Finding(
        "unknown", "Dial-in", "A call to {called} arrived, but with the caller ID {arrived}, not {caller}, from which "
        "it was called: the carrier may have replaced the caller ID, or it was somebody else's call.",
        "Try again; where {arrived} arrives each time, make it the caller ID that the call is placed from, or have the "
        "carrier pass the caller ID on."),
    "inconclusive": Finding(
        "unknown", "Dial-in", "Whether calls to {called} arrive was not seen: {how}", "{fix}"),
    "nobody_called": Finding(
        "unknown", "Dial-in", "No call to {called} was seen in {seconds} seconds.",
        "Call the number while the check waits; or give a witness for which a call is placed."),
    "busy": Finding(
        "unknown", "Dial-in", "Another dial-in check of {called} is under way.", "Try again when it is done."),
    "no_witness": Finding(
        "unknown", "Dial-in", "Whether calls to {called} arrive was not tried.",
        "Verify the number with a witness (a listener, a callback or a person): docs/sip-probing.md."),
}
# fmt: on


def dial_in(
    provider: str,
    called: str,
    caller: str | None,
    witness: InboundWitness,
    place: Callable[[float], PlacedCall],
    *,
    window: float = WINDOW,
) -> Check:
    """Have a number called, and find out whether the call arrives.

    Args:
        provider: The carrier's id, for the check's code.
        called: The number, E.164; one check at a time for each.
        caller: The number that calls, E.164, or None where anybody may.
        witness: Sees calls arrive.
        place: Places a call that may ring for so many seconds, and comes back when it is over; it must never let the
            call go on after an answer. It is not called where the witness sees to the call itself.
        window: Seconds that all of it may take.

    Returns:
        An inbound check.
    """
    began = time.monotonic()
    with _alone(called) as alone:
        if not alone:
            return _say(provider, "busy", called, began)
        hold, refusal = round(_random.uniform(*_HOLD), 2), _random.choice(_REFUSALS)
        with witness.arm(called, caller, hold=hold, refusal=refusal, window=window) as armed:
            placed = place(hold + _PATIENCE) if witness.needs_call else None
            left = max(0.0, window - (time.monotonic() - began))
            reached = placed is None or placed.rang or placed.answered
            sighting = armed.wait(left if placed is None else min(_GRACE, left) if reached else 0.0)
    if sighting is not None and not same_number(sighting.called, called):
        sighting = None
    if sighting is not None and _is_strange(sighting, caller):
        code, how = _judged_strange(placed, sighting, hold, refusal), ""
    else:
        code, how = _judged(placed, sighting, hold, refusal)
    words = {"how": how, "fix": (placed.fix if placed else None) or "Try again; or have a person call the number."}
    words |= {"caller": caller or "", "arrived": _shown(sighting.caller) if sighting and sighting.caller else ""}
    return _say(
        provider, code, called, began, seconds=f"{window:g}", reference=placed.reference if placed else None, **words
    )


def verify_watched(
    carrier: Provider, number: str, route: Route | None, witness: InboundWitness | None
) -> NumberVerification:
    """Verify a number of any carrier, with a witness where there is one.

    Args:
        carrier: An opened carrier.
        number: E.164.
        route: See `Provider.verify_number`.
        witness: Sees a call to the number arrive; None places no such call.

    Raises:
        Unsupported: There is a witness, and the carrier cannot have a call placed.
    """
    if witness is None:
        return carrier.verify_number(number, route)
    if not isinstance(carrier, SupportsDialIn):
        raise Unsupported(
            f"{carrier.info.label} cannot have a call placed, so a witness has nothing to see.",
            fix="Leave the witness out.",
        )
    return carrier.verify_number(number, route, witness=witness)


def no_witness_check(provider: str, called: str) -> Check:
    """Make the inbound check of a number that nobody watched: unknown, and what to do."""
    return _say(provider, "no_witness", called, time.monotonic())


def _judged(placed: PlacedCall | None, sighting: Sighting | None, hold: float, refusal: int) -> tuple[str, str]:
    """Return the finding, and how the call ended where it did not arrive."""
    if sighting is not None and sighting.arrived:
        if sighting.answered:
            return "answered", ""
        return ("round_trip" if placed and _same_call(placed, hold, refusal) else "arrived"), ""
    if placed is None:
        return ("nobody_called", "") if sighting is None else ("not_arrived", "")
    if placed.answered:
        return "answered_elsewhere", ""
    if placed.rang:
        return "not_arrived", f"; it ended with SIP {placed.final}" if placed.final else ""
    return "inconclusive", placed.problem or f"SIP {placed.final}."


def _is_strange(sighting: Sighting, caller: str | None) -> bool:
    """Say whether a call arrived with another caller ID than the one that it was placed with."""
    return bool(sighting.arrived and caller and sighting.caller and not same_number(caller, sighting.caller))


def _judged_strange(placed: PlacedCall | None, sighting: Sighting, hold: float, refusal: int) -> str:
    """Return the finding on a call whose caller ID is another: only the fingerprint can tell that it is the same."""
    if placed and sighting.refusal == refusal and _same_call(placed, hold, refusal):
        return "round_trip"
    if placed and placed.answered:
        return "answered" if sighting.answered else "answered_elsewhere"
    return "another_caller"


def _shown(caller: str) -> str:
    """Show a caller ID, which another machine wrote."""
    return (caller if caller.isprintable() else repr(caller))[:40]


def _same_call(placed: PlacedCall, hold: float, refusal: int) -> bool:
    """Say whether the calling side saw the fingerprint that the witness gave the call."""
    return placed.final == refusal and placed.held is not None and abs(placed.held - hold) <= _TOLERANCE


def same_number(one: str, other: str) -> bool:
    """Say whether two spellings can mean one number: ``+4930123456``, ``004930123456`` and ``030123456`` do."""
    left, right = (re.sub(r"\D", "", text.partition("@")[0]).lstrip("0") for text in (one, other))
    short, long = sorted((left, right), key=len)
    return len(short) >= _DIALLING_DIGITS and long.endswith(short)


@contextmanager
def _alone(called: str) -> Iterator[bool]:
    with _lock:
        free = called not in _being_called
        _being_called.add(called)
    try:
        yield free
    finally:
        if free:
            with _lock:
                _being_called.discard(called)


def _say(provider: str, code: str, called: str, began: float, *, reference: str | None = None, **words: str) -> Check:
    what = CarrierObject(type="call", id=reference) if reference else None
    findings = {f"dial_in.{name}": finding for name, finding in FINDINGS.items()}
    filled = {"called": called, "how": "", "fix": "", "caller": "", "arrived": ""} | words
    elapsed = time.monotonic() - began
    return Speaker(provider, findings).say(f"dial_in.{code}", "inbound", what, elapsed=elapsed, **filled)
