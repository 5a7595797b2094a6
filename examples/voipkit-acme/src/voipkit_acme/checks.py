"""What Acme's answers mean for calls: pure functions from answers to checks, no request.

``pass`` and ``fail`` are what Acme said of the object that a call will use; ``unknown`` is everything that it did not
say; ``skipped`` is what nobody asked about. `FINDINGS` holds the words, the functions below say when each is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, either
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Direction, ProviderNumber

__all__ = ["FINDINGS", "NEVER_TOLD", "account_checks", "line_checks", "not_owned", "number_checks"]

_KEYS = "Acme's console, Settings > API"
_LINES = "Acme's console, Lines"
_NUMBERS = "Acme's console, Numbers"
_MOVE = "Import it with on_conflict='overwrite' if it should move."

# fmt: off
FINDINGS: dict[str, Finding] = {
    # the account
    "key.accepted": Finding("pass", "API key", "Acme accepts the key."),
    "key.rejected": Finding("fail", "API key", "{said}", f"Make a new one: {_KEYS}."),
    "key.not_permitted": Finding("fail", "API key", "{said}", f"Give the key the scope 'account': {_KEYS}."),
    "account.closed": Finding("fail", "Account", "{said}", "Ask Acme to open it again, or use another account."),
    "account.open": Finding("pass", "Account", "The {what} is open."),
    "account.not_open": Finding("fail", "Account", "The {what} is {state}: it has no calls.", "Settle it with Acme."),
    "account.state.unknown": Finding("unknown", "Account", "Acme does not say whether the {what} is open."),
    # the line: what a call uses in either direction
    "line.not_named": Finding("skipped", "Line", "No line is named, so none was looked at."),
    "line.not_found": Finding("fail", "Line", "The account has no {what}.", f"Correct its id: {_LINES}."),
    "line.live": Finding("pass", "Line", "The {what} is live."),
    "line.not_live": Finding("fail", "Line", "The {what} is {state}: it carries no calls.", f"Start it: {_LINES}."),
    "line.state.unknown": Finding("unknown", "Line", "Acme does not say whether the {what} is live."),
    "line.destination": Finding("pass", "Destination", "The {what} leads to {destination}."),
    "line.no_destination": Finding(
        "fail", "Destination", "The {what} leads nowhere: callers hear a busy tone.", f"Give it one: {_LINES}."),
    "line.destination.unknown": Finding("unknown", "Destination", "Acme does not show where the {what} leads."),
    "line.registered": Finding("pass", "Registration", "A device is registered on the {what}."),
    "line.not_registered": Finding(
        "fail", "Registration", "No device is registered on the {what}.", "Let your PBX register, and test again."),
    "line.not_watched": Finding(
        "unknown", "Registration", "The {what} has a fixed address; Acme cannot tell whether it answers.",
        "Place a test call."),
    "line.registered.unknown": Finding("unknown", "Registration", "Acme does not show whether the {what} is in use."),
    "line.calls_out": Finding("pass", "Calls out", "The {what} may place calls."),
    "line.no_calls_out": Finding("fail", "Calls out", "The {what} may not place calls.", f"Allow it: {_LINES}."),
    "line.calls_out.unknown": Finding("unknown", "Calls out", "Acme does not say whether the {what} may place calls."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "The account has no number {number}.", f"Check it, and the account: {_NUMBERS}."),
    "number.owned": Finding("pass", "Number", "The account has the number."),
    "number.not_active": Finding("fail", "State", "The {what} is {state}: no calls.", f"Look at it: {_NUMBERS}."),
    "number.no_voice": Finding("fail", "Voice", "The {what} takes no calls.", "Choose a number with voice."),
    "number.voice.unknown": Finding("unknown", "Voice", "Acme does not say whether the {what} takes calls."),
    "number.routed": Finding("pass", "Routing", "Calls go to line {present}."),
    "number.routed_elsewhere": Finding("fail", "Routing", "Calls go to line {present}, not to {line}.", _MOVE),
    "number.not_routed": Finding("fail", "Routing", "Calls go nowhere.", "Import it."),
    "number.forwarded": Finding("fail", "Routing", "Calls are forwarded to {to}, whatever the line is.", _MOVE),
}
# fmt: on

NEVER_TOLD = frozenset({"acme.line.not_watched"})
"""What no API of Acme tells of any account: a direction may count as good without it."""

_say = Speaker("acme", FINDINGS).say
_unknown = Speaker("acme", FINDINGS).unknown
_BOTH: tuple[Direction, Direction] = ("inbound", "outbound")

Json = Mapping[str, Any]


# --- the account -----------------------------------------------------------------------------------------------------


def account_checks(answer: Answer[Json]) -> Iterator[Check]:
    """Judge the key and the account.

    Args:
        answer: ``GET /account``.
    """
    error, took = answer.error, answer.elapsed
    if isinstance(error, CredentialsRejected):
        yield _say("key.rejected", "account", elapsed=took, said=error.message)
    elif isinstance(error, PermissionDenied):
        code = "account.closed" if error.code == "account_closed" else "key.not_permitted"
        yield _say(code, "account", elapsed=took, said=error.message)
    elif error is not None:
        yield _unknown("API key", "account", "key", answer)
    elif answer.value is not None:
        what = CarrierObject(type="account", id=answer.value["id"], name=answer.value.get("name") or None)
        yield _say("key.accepted", "account", what, elapsed=took)
        yield _state("account", "open", answer.value, "account", what)


# --- the line --------------------------------------------------------------------------------------------------------


def line_checks(line: str | None, answer: Answer[Json] | Answer[Json | None] | None) -> Iterator[Check]:
    """Judge a line, in each direction.

    Args:
        line: Its id; None when none is meant.
        answer: ``GET /lines/{line}``.
    """
    for direction in _BOTH:
        what = CarrierObject(type="line", id=line)
        if line is None or answer is None:
            yield _say("line.not_named", direction)
        elif isinstance(answer.error, NotFound):
            yield _say("line.not_found", direction, what, elapsed=answer.elapsed)
        elif answer.value is None:  # also where the key may not read lines: that says nothing of the line
            yield _unknown("Line", direction, "line", answer, what)
        else:
            what = CarrierObject(type="line", id=line, name=answer.value.get("name") or None)
            yield _state("line", "live", answer.value, direction, what)
            yield from (_inbound if direction == "inbound" else _outbound)(answer.value, what)


def _inbound(line: Json, what: CarrierObject) -> Iterator[Check]:
    destination = line.get("destination")
    if destination:
        yield _say("line.destination", "inbound", what, destination=destination)
    else:
        shown = "destination" in line
        yield _say("line.no_destination" if shown else "line.destination.unknown", "inbound", what)
    if "registered" in line:  # null on a line with a fixed address
        code = either(line["registered"], "line.registered", "line.not_registered", "line.not_watched")
    else:
        code = "line.registered.unknown"
    yield _say(code, "inbound", what)


def _outbound(line: Json, what: CarrierObject) -> Iterator[Check]:
    code = either(line.get("calls_out"), "line.calls_out", "line.no_calls_out", "line.calls_out.unknown")
    yield _say(code, "outbound", what)


def _state(kind: str, good: str, raw: Json, direction: Direction, what: CarrierObject) -> Check:
    state = raw.get("state")
    if not state:
        return _say(f"{kind}.state.unknown", direction, what)
    return _say(f"{kind}.{good}" if state == good else f"{kind}.not_{good}", direction, what, state=state)


# --- a number --------------------------------------------------------------------------------------------------------


def not_owned(wanted: str | InvalidNumber) -> Check:
    """Say that the account has no such number, or that the text is none."""
    if isinstance(wanted, InvalidNumber):
        return _say("number.not_e164", "account", said=wanted.message, advice=wanted.fix or "")
    return _say("number.not_owned", "account", CarrierObject(type="number", name=wanted), number=wanted)


def number_checks(number: ProviderNumber, line: str | None) -> Iterator[Check]:
    """Judge a number itself: active, able to talk, and on the line that is meant.

    Args:
        number: As it was listed.
        line: The line that its calls should go to; None when none is meant.
    """
    what = CarrierObject(type="number", id=number.id, name=number.number)
    yield _say("number.owned", "account", what)
    if not number.active:
        yield _say("number.not_active", "account", what, state=str(number.status))
    if number.capabilities is None:
        yield _say("number.voice.unknown", "inbound", what)
    elif "voice" not in number.capabilities:
        yield _say("number.no_voice", "inbound", what)
    yield _routed(number, line, what)


def _routed(number: ProviderNumber, line: str | None, what: CarrierObject) -> Check:
    present, forward_to = number.routing["line"], number.routing["forward_to"]
    if forward_to:
        return _say("number.forwarded", "inbound", what, to=forward_to)
    if present is None:
        return _say("number.not_routed", "inbound", what)
    code = "number.routed" if present == line else "number.routed_elsewhere"
    return _say(code, "inbound", what, present=present, line=str(line))
