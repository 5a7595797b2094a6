"""What Plivo's answers mean for calls: pure functions from answers to checks, no request.

A direction is a chain, and each link is a check of its own. Inbound: number, application (or inbound trunk and its
origination URI). Outbound: caller ID, credit, and the outbound trunk where one is named. `FINDINGS` holds every
check's words; the functions below it say when each is said. Beside these codes there is ``<link>.unknown`` for a link
that Plivo could not be asked about.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, either
from voipkit.adapting.numbers import canonical
from voipkit.adapting.reading import NOT_SHOWN, decimal, text
from voipkit.errors import CredentialsRejected, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Route
from voipkit.models.base import now
from voipkit.providers._plivo_dialect import Json, shared_findings

__all__ = [
    "FINDINGS",
    "NEVER_TOLD",
    "ON",
    "SPEAKER",
    "account_checks",
    "attached_to",
    "no_target_check",
    "not_e164_checks",
    "not_owned_checks",
    "notes_of",
    "number_checks",
    "outbound_checks",
    "route_of",
]

_CONSOLE = "console.plivo.com"
_APPS = f"{_CONSOLE}, Voice > Applications > XML"
_TRUNKS = f"{_CONSOLE}, Zentrunk"
_NUMBERS = f"{_CONSOLE}, Phone Numbers > Your Numbers"
_BILLING = f"{_CONSOLE}, Account > Billing"
_GEO = f"{_CONSOLE}, Voice > Geo Permissions"


# fmt: off
FINDINGS: dict[str, Finding] = shared_findings("Plivo", _APPS, _TRUNKS) | {
    # account
    "credentials.accepted": Finding("pass", "Credentials", "Plivo accepts the auth id and token."),
    "credentials.rejected": Finding("fail", "Credentials", "{said}", "{advice}"),
    "credentials.permission_missing": Finding(
        "fail", "Credentials", "Plivo shows these credentials neither the account nor its numbers.", "{advice}"),
    "account.not_found": Finding(
        "fail", "Account", "Plivo has no account {auth_id}, or no longer.",
        f"Copy the auth id again: {_CONSOLE}."),
    "account.disabled": Finding(
        "fail", "Account", "The sub-account is disabled.", f"Enable it in its parent account: {_CONSOLE}."),
    "account.trial": Finding(
        "warn", "Account", "This is a trial account: it calls only verified numbers.",
        f"Upgrade it before real calls: {_BILLING}."),
    "account.active": Finding("pass", "Account", "The account answers."),
    "numbers.listed": Finding("pass", "Phone numbers", "The account's phone numbers may be listed."),
    "numbers.not_permitted": Finding(
        "fail", "Phone numbers", "Plivo does not let these credentials list the account's phone numbers.", "{advice}"),
    # an application
    "target.not_named": Finding(
        "skipped", "Application", "Neither an application nor an inbound trunk is named, so none was looked at.",
        "Name the application (applicationId) or the trunk (trunkId) that numbers shall use.{hint}"),
    # what lets calls out
    "caller_id.owned": Finding("pass", "Caller ID", "Calls may show {number}, a number of the account."),
    "caller_id.none": Finding(
        "unknown", "Caller ID",
        "The account has no number that takes calls, so only a verified caller ID could be shown; not looked at.",
        f"Buy a number: {_NUMBERS}."),
    "caller_id.no_voice": Finding(
        "unknown", "Caller ID", "It is not known whether calls may show {number}: it takes none itself.",
        f"Look at it: {_NUMBERS}."),
    "account.credit": Finding("pass", "Credit", "{credit}"),
    "account.no_credit": Finding(
        "fail", "Credit", "The account's credit is {amount} USD, and it is not recharged automatically.",
        f"Add funds: {_BILLING}."),
    "account.credit.unknown": Finding(
        "unknown", "Credit", "Plivo does not say how much the account may spend.", f"Look at it: {_BILLING}."),
    "geo.unknown": Finding(
        "unknown", "Destinations", "Plivo's API does not show which countries may be called.",
        f"Look at the geo permissions: {_GEO}."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "{number} is not in this Plivo account.",
        "Check the number, and that these credentials are of the account that owns it."),
    "number.owned": Finding("pass", "Number", "The number is in this account."),
    "number.inactive": Finding(
        "fail", "Status", "The number is not active.", f"Finish what it waits for: {_NUMBERS}."),
    "number.active": Finding("pass", "Status", "The number is active."),
    "number.renewal_overdue": Finding(
        "warn", "Renewal", "The number was due for renewal on {due}.", f"See that it is paid: {_BILLING}."),
    "number.no_voice": Finding(
        "fail", "Voice", "The number cannot take voice calls.", "Use a number with voice."),
    "number.voice.unknown": Finding(
        "unknown", "Voice", "Plivo does not say whether the number can take voice calls.", "Place a test call."),
    "number.voice": Finding("pass", "Voice", "The number can take voice calls."),
    "number.not_compliant": Finding(
        "fail", "Compliance", "The number's compliance status is '{status}'; calls wait for 'accepted'.",
        f"Complete its compliance application: {_NUMBERS}."),
    "number.compliance.unknown": Finding(
        "unknown", "Compliance", "Indian numbers need an accepted compliance application; Plivo does not show one.",
        f"Look at it: {_NUMBERS}."),
    "number.compliant": Finding("pass", "Compliance", "The number's compliance application is accepted."),
    "number.not_routed": Finding(
        "fail", "Routing", "The number has no application: its calls go nowhere.", "Import it with a route."),
    "number.routed_elsewhere": Finding(
        "fail", "Routing", "Calls go to {present}, not to {expected}.",
        "Import it with on_conflict='overwrite' if it should move."),
    "number.application.unknown": Finding(
        "unknown", "Routing", "Plivo does not show which application the number has.", f"Look at it: {_NUMBERS}."),
    "number.routing.unknown": Finding(
        "unknown", "Routing", "Calls go to {present}, which voipkit cannot look at.", "Place a test call."),
    "number.routed": Finding("pass", "Routing", "Calls go to {present}."),
}
# fmt: on


SPEAKER = Speaker("plivo", FINDINGS)
NEVER_TOLD = frozenset({"plivo.geo.unknown"})
"""The link that Plivo's API shows of no account."""
ON = frozenset({"enabled"})
"""The statuses in which a trunk works."""

_say = SPEAKER.say


# --- the account -----------------------------------------------------------------------------------------------------


def account_checks(auth_id: str, account: Answer[Json], numbers: Answer[Json | None]) -> list[Check]:
    """Judge the credentials and the account.

    That a sub-account may read its account object is not documented, so the listing of numbers, which it may ask for,
    speaks for it too.

    Args:
        auth_id: Of the account or sub-account.
        account: ``GET /v1/Account/{auth_id}/``.
        numbers: Any listing of numbers.
    """
    what = CarrierObject(type="account", id=auth_id, name=text((account.value or {}).get("name")))
    if account.error is not None and numbers.error is not None:
        return [_refused(auth_id, account, numbers, what)]
    checks = [_say("credentials.accepted", "account", what, elapsed=account.elapsed)]
    checks.append(_account(account, what))
    if isinstance(numbers.error, PermissionDenied):
        advice = numbers.error.fix or ""
        checks.append(_say("numbers.not_permitted", "account", what, elapsed=numbers.elapsed, advice=advice))
    elif numbers.error is not None:
        checks.append(SPEAKER.unknown("Phone numbers", "account", "numbers", numbers, what))
    else:
        checks.append(_say("numbers.listed", "account", what, elapsed=numbers.elapsed))
    return checks


def _account(account: Answer[Json], what: CarrierObject) -> Check:
    raw = account.value
    if raw is None:
        return SPEAKER.unknown("Account", "account", "account", account, what)
    code = "account.active"
    if raw.get("enabled") is False:
        code = "account.disabled"
    elif raw.get("account_type") == "developer":  # Plivo's word for a trial account
        code = "account.trial"
    return _say(code, "account", what, elapsed=account.elapsed)


def _refused(auth_id: str, account: Answer[Any], numbers: Answer[Any], what: CarrierObject) -> Check:
    """Tell four answers apart: token wrong, account gone, permission missing, could not ask."""
    answers = (numbers,) if auth_id.startswith("SA") else (numbers, account)
    for kind, code in (
        (CredentialsRejected, "credentials.rejected"),
        (NotFound, "account.not_found"),
        (PermissionDenied, "credentials.permission_missing"),
    ):
        refused = next((answer for answer in answers if isinstance(answer.error, kind)), None)
        if refused is not None and refused.error is not None:
            said, advice = refused.error.message, refused.error.fix or ""
            return _say(code, "account", what, elapsed=refused.elapsed, said=said, advice=advice, auth_id=auth_id)
    return SPEAKER.unknown("Credentials", "account", "credentials", numbers, what)


# --- where calls go --------------------------------------------------------------------------------------------------


def attached_to(raw: Json) -> str | None:
    """Read what a number's calls go to, without the account in front.

    Args:
        raw: A number, whose ``application`` is such as ``/v1/Account/MA.../Application/123/``.

    Returns:
        Such as ``Application/123`` or ``Zentrunk/Trunk/456``; None for nothing; `NOT_SHOWN` where the record does not
        say; another text as Plivo gives it.
    """
    if "application" not in raw:
        return NOT_SHOWN
    uri = text(raw.get("application"))
    if uri is None:
        return None
    _, found, rest = uri.partition("/Account/")
    _, slash, tail = rest.partition("/")
    return (tail if found and slash else uri).strip("/") or None


def route_of(attached: str | None) -> Route | None:
    """Make the route of what `attached_to` gave; None for anything but an application or a trunk."""
    try:
        match (attached or "").split("/"):
            case ["Application", target]:
                return Route.application(target)
            case ["Zentrunk", "Trunk", target]:
                return Route.trunk(target)
    except ValueError:  # an id with a space in it: the routing field still says it
        pass
    return None


def no_target_check(first: Json | None) -> Check:
    """Say what to do when neither an application nor a trunk is named."""
    present = attached_to(first) if first else None
    if first is None or present in (None, NOT_SHOWN):
        return _say("target.not_named", "inbound", hint="")
    hint = f" The account's first number, {canonical(str(first['number']))}, uses {present}."
    return _say("target.not_named", "inbound", hint=hint)


# --- what lets calls out ---------------------------------------------------------------------------------------------


def outbound_checks(auth_id: str, account: Answer[Json], caller: Answer[Json | None]) -> list[Check]:
    """Judge whether calls may be placed: with a number to show, and with money.

    Args:
        auth_id: Of the account.
        account: The account.
        caller: The number that calls would show as caller ID, or None when the account has none.
    """
    return [_caller_id(caller), _credit(auth_id, account), _say("geo.unknown", "outbound")]


def _caller_id(caller: Answer[Json | None]) -> Check:
    if caller.error is not None:
        return SPEAKER.unknown("Caller ID", "outbound", "caller_id", caller)
    raw = caller.value
    if raw is None:
        return _say("caller_id.none", "outbound", elapsed=caller.elapsed)
    number = canonical(str(raw["number"]))
    code = "caller_id.owned" if raw.get("voice_enabled") is True else "caller_id.no_voice"
    return _say(code, "outbound", CarrierObject(type="number", id=str(raw["number"])), number=number)


def _credit(auth_id: str, account: Answer[Json]) -> Check:
    raw, what = account.value, CarrierObject(type="account", id=auth_id)
    if raw is None:
        return SPEAKER.unknown("Credit", "outbound", "account.credit", account, what)
    cash = decimal(raw.get("cash_credits"))
    amount = "" if cash is None else f"{cash:f}"
    if raw.get("billing_mode") == "postpaid":
        code, credit = "account.credit", "The account is billed afterwards."
    elif cash is not None and cash > 0:
        code, credit = "account.credit", f"The account's credit is {amount} USD."
    elif raw.get("auto_recharge") is True:
        code, credit = "account.credit", "The account is recharged automatically."
    else:
        code, credit = "account.credit.unknown" if cash is None else "account.no_credit", ""
    return _say(code, "outbound", what, elapsed=account.elapsed, amount=amount, credit=credit)


# --- a number --------------------------------------------------------------------------------------------------------


def not_owned_checks(number: str) -> list[Check]:
    """Say that the account lacks a number."""
    return [_say("number.not_owned", "account", CarrierObject(type="number", name=number), number=number)]


def not_e164_checks(message: str, fix: str | None) -> list[Check]:
    """Say that what was asked about is no phone number."""
    return [_say("number.not_e164", "account", said=message, advice=fix or "")]


def number_checks(raw: Json, expected: Route | None) -> list[Check]:
    """Judge a number itself: owned, active, paid, compliant, able to take calls, routed.

    Args:
        raw: The number as Plivo shows it.
        expected: The route that it should have, or None when any will do.
    """
    number = canonical(str(raw["number"]))
    what = CarrierObject(type="number", id=str(raw["number"]), name=text(raw.get("alias")))
    voice = either(raw.get("voice_enabled"), "number.voice", "number.no_voice", "number.voice.unknown")
    return [
        _say("number.owned", "account", what),
        *_status(raw, what),
        *_renewal(raw, what),
        *_compliance(number, raw, what),
        _say(voice, "inbound", what),
        _routed(raw, expected, what),
    ]


def _status(raw: Json, what: CarrierObject) -> list[Check]:
    """Judge whether a number is active; Plivo leaves the field out of some numbers (the SDK's fixtures)."""
    active = raw.get("active")
    if not isinstance(active, bool):
        return []
    return [_say("number.active" if active else "number.inactive", "inbound", what)]


def _renewal(raw: Json, what: CarrierObject) -> list[Check]:
    try:
        due = date.fromisoformat((text(raw.get("renewal_date")) or "")[:10])
    except ValueError:
        return []
    return [_say("number.renewal_overdue", "inbound", what, due=due.isoformat())] if due < now().date() else []


def _compliance(number: str, raw: Json, what: CarrierObject) -> list[Check]:
    """Judge an Indian number, which needs an accepted application; what the status means elsewhere is not known."""
    if not number.startswith("+91"):
        return []
    status = text(raw.get("compliance_status"))
    if status is None:
        return [_say("number.compliance.unknown", "inbound", what)]
    code = "number.compliant" if status.lower() == "accepted" else "number.not_compliant"
    return [_say(code, "inbound", what, status=status)]


def _routed(raw: Json, expected: Route | None, what: CarrierObject) -> Check:
    attached = attached_to(raw)
    if attached is None:
        return _say("number.not_routed", "inbound", what)
    if attached == NOT_SHOWN:
        return _say("number.application.unknown", "inbound", what)
    present = route_of(attached)
    code = "number.routed" if present else "number.routing.unknown"
    if expected not in (None, present):
        code = "number.routed_elsewhere"
    return _say(code, "inbound", what, present=str(present or attached), expected=str(expected or ""))


def notes_of(raw: Json) -> tuple[str, ...]:
    """Say what somebody should know before calls are sent to a number."""
    notes = []
    owner = text(raw.get("sub_account"))
    if owner:
        notes.append(f"The number is lent to sub-account {owner.strip('/').rpartition('/')[2]}.")
    found = _compliance(canonical(str(raw["number"])), raw, CarrierObject(type="number"))
    notes += [check.message for check in found if check.status != "pass"]
    return tuple(notes)
