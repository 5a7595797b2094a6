"""What Vobiz's answers mean for calls: pure functions from answers to checks, no request.

A direction is a chain, and each link is a check of its own. Inbound: number, application (or inbound trunk and its
origination URI). Outbound: caller ID, call limits, credit, and the outbound trunk where one is named. `FINDINGS` holds
every check's words; the functions below it say when each is said. Beside these codes there is ``<link>.unknown`` for a
link that Vobiz could not be asked about.
"""

from __future__ import annotations

from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, either
from voipkit.adapting.reading import decimal, text
from voipkit.errors import CredentialsRejected, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Route
from voipkit.providers._plivo_dialect import Json, shared_findings

__all__ = [
    "FINDINGS",
    "NEVER_TOLD",
    "ON",
    "SPEAKER",
    "account_checks",
    "credit_check",
    "no_target_check",
    "not_e164_checks",
    "not_owned_checks",
    "notes_of",
    "number_checks",
    "outbound_checks",
    "route_of",
    "talks",
]

_CONSOLE = "console.vobiz.ai"

# fmt: off
FINDINGS: dict[str, Finding] = shared_findings(
    "Vobiz", f"{_CONSOLE}, Applications", f"{_CONSOLE}, SIP Trunks"
) | {
    # account
    "credentials.accepted": Finding("pass", "Credentials", "Vobiz accepts the auth id and token."),
    "credentials.rejected": Finding("fail", "Credentials", "{said}", "{advice}"),
    "credentials.permission_missing": Finding(
        "fail", "Credentials", "Vobiz shows these credentials neither the account nor its numbers.", "{advice}"),
    "account.not_found": Finding(
        "fail", "Account", "Vobiz has no account {auth_id}, or no longer.", f"Copy the auth id again: {_CONSOLE}."),
    "account.inactive": Finding(
        "fail", "Account", "Vobiz knows the credentials, but the account is not active.",
        f"Ask Vobiz to activate it: {_CONSOLE}."),
    "account.trial": Finding(
        "warn", "Account", "This is a trial account.", f"Upgrade it before real calls: {_CONSOLE}."),
    "account.active.unknown": Finding(
        "unknown", "Account", "Vobiz does not say whether the account is active.", f"Look at it: {_CONSOLE}."),
    "account.active": Finding("pass", "Account", "The account is active."),
    "numbers.listed": Finding("pass", "Phone numbers", "The account's phone numbers may be listed."),
    "numbers.not_permitted": Finding(
        "fail", "Phone numbers", "Vobiz does not let these credentials list the account's phone numbers.", "{advice}"),
    # where calls go
    "target.not_named": Finding(
        "skipped", "Application", "Neither an application nor an inbound trunk is named, so none was looked at.",
        "Name the application (applicationId) or the trunk (trunkId) that numbers shall use.{hint}"),
    # what lets calls out
    "caller_id.owned": Finding("pass", "Caller ID", "Calls may show {number}, a number of the account."),
    "caller_id.none": Finding(
        "warn", "Caller ID", "The account has no number that calls could show.", f"Buy one: {_CONSOLE}."),
    "caller_id.not_usable": Finding(
        "fail", "Caller ID", "Calls cannot show {number}: it is not active or has no voice.",
        "Use another number of the account."),
    "account.no_calls": Finding(
        "fail", "Call limits", "The account may place no calls: its limit of {limit} is 0.",
        f"Ask Vobiz for channels: {_CONSOLE}."),
    "account.limits.unknown": Finding(
        "unknown", "Call limits", "Vobiz does not say how many calls the account may place.",
        f"Look at it: {_CONSOLE}."),
    "account.calls": Finding("pass", "Call limits", "The account may place {channels} calls at once, {cps} a second."),
    "account.credit": Finding("pass", "Credit", "{credit}"),
    "account.no_credit": Finding(
        "fail", "Credit", "The account has {amount} {currency} to spend.", f"Add funds: {_CONSOLE}, Billing."),
    "account.credit.unknown": Finding(
        "unknown", "Credit", "Vobiz does not say how much the account may spend.", f"Look at it: {_CONSOLE}, Billing."),
    "destinations.unknown": Finding(
        "unknown", "Destinations", "Vobiz's API does not show which countries may be called.", "Place a test call."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "{number} is not in this Vobiz account.",
        "Check the number; one of a sub-account is opened with that sub-account's own auth id and token."),
    "number.owned": Finding("pass", "Number", "The number is in this account."),
    "number.not_active": Finding(
        "fail", "Status", "The number is not active: its status is '{status}'.",
        f"Finish what it waits for: {_CONSOLE}, Numbers."),
    "number.blocked": Finding("fail", "Status", "Vobiz has blocked the number.", f"Ask Vobiz why: {_CONSOLE}."),
    "number.active.unknown": Finding(
        "unknown", "Status", "Vobiz does not say whether the number is active.", f"Look at it: {_CONSOLE}, Numbers."),
    "number.active": Finding("pass", "Status", "The number is active."),
    "number.not_verified": Finding(
        "fail", "Identity", "The number's owner has not passed the Aadhaar verification that it needs.",
        f"Complete it: {_CONSOLE}, Numbers."),
    "number.no_voice": Finding(
        "fail", "Voice", "The number cannot take voice calls.", "Use a number with voice."),
    "number.voice.unknown": Finding(
        "unknown", "Voice", "Vobiz does not say whether the number can take voice calls.", "Place a test call."),
    "number.voice": Finding("pass", "Voice", "The number can take voice calls."),
    "number.not_routed": Finding(
        "fail", "Routing", "The number has neither an application nor a trunk: its calls go nowhere.",
        "Import it with a route."),
    "number.routed_elsewhere": Finding(
        "fail", "Routing", "Calls go to {present}, not to {expected}.",
        "Import it with on_conflict='overwrite' if it should move."),
    "number.routed_twice": Finding(
        "unknown", "Routing", "The number is on {present} at once; which one gets its calls is not documented.",
        "Import it with on_conflict='overwrite': that leaves one of them."),
    "number.routed": Finding("pass", "Routing", "Calls go to {present}."),
}
# fmt: on

SPEAKER = Speaker("vobiz", FINDINGS)
NEVER_TOLD = frozenset({"vobiz.destinations.unknown"})
"""The link that Vobiz's API shows of no account."""
ON = frozenset({"enabled", "active"})
"""The statuses in which a trunk works: requests say ``enabled``, answers may say ``active``."""

_say = SPEAKER.say


# --- the account -----------------------------------------------------------------------------------------------------


def account_checks(auth_id: str, account: Answer[Json], numbers: Answer[Json | None]) -> list[Check]:
    """Judge the credentials and the account.

    Args:
        auth_id: Of the account or sub-account.
        account: ``GET /auth/me``, or what is read of it.
        numbers: Any listing of numbers.
    """
    raw = account.value or {}
    what = CarrierObject(type="account", id=auth_id, name=text(raw.get("company")) or text(raw.get("name")))
    if account.error is not None and (numbers.error is not None or account.error.code == "ACCOUNT_INACTIVE"):
        return [_refused(auth_id, account, numbers, what)]
    checks = [_say("credentials.accepted", "account", what, elapsed=account.elapsed), _account(account, what)]
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
    flags = (raw.get("is_active"), raw.get("enabled"))
    if False in flags:
        code = "account.inactive"
    elif raw.get("is_trial_account") is True:
        code = "account.trial"
    else:
        code = "account.active" if True in flags else "account.active.unknown"
    return _say(code, "account", what, elapsed=account.elapsed)


def _refused(auth_id: str, account: Answer[Any], numbers: Answer[Any], what: CarrierObject) -> Check:
    """Tell five answers apart: account inactive, token wrong, account gone, permission missing, could not ask."""
    answers = [answer for answer in (account, numbers) if answer.error is not None]
    inactive = next((a for a in answers if a.error and a.error.code == "ACCOUNT_INACTIVE"), None)
    if inactive is not None:
        return _say("account.inactive", "account", what, elapsed=inactive.elapsed)
    for kind, code in (
        (CredentialsRejected, "credentials.rejected"),
        (NotFound, "account.not_found"),
        (PermissionDenied, "credentials.permission_missing"),
    ):
        refused = next((answer for answer in answers if isinstance(answer.error, kind)), None)
        if refused is not None and refused.error is not None:
            said, advice = refused.error.message, refused.error.fix or ""
            return _say(code, "account", what, elapsed=refused.elapsed, said=said, advice=advice, auth_id=auth_id)
    return SPEAKER.unknown("Credentials", "account", "credentials", account, what)


# --- where calls go --------------------------------------------------------------------------------------------------


def route_of(raw: Json) -> Route | None:
    """Read where a number's calls go; None for nowhere, and for both at once, since nobody says which one wins."""
    application, trunk = text(raw.get("application_id")), text(raw.get("trunk_group_id"))
    try:
        if application and not trunk:
            return Route.application(application)
        return Route.trunk(trunk) if trunk and not application else None
    except ValueError:  # an id with a space in it: the routing fields still say it
        return None


def no_target_check(first: Json | None) -> Check:
    """Say what to do when neither an application nor a trunk is named."""
    present = route_of(first) if first else None
    hint = f" The account's number {(first or {})['e164']} uses {present}." if present else ""
    return _say("target.not_named", "inbound", hint=hint)


# --- what lets calls out ---------------------------------------------------------------------------------------------


def outbound_checks(account: Answer[Json], caller: Answer[Json | None], credit: Check) -> list[Check]:
    """Judge whether calls may be placed: with a number to show, channels, and money.

    Args:
        account: The account.
        caller: The number that calls would show as caller ID, or None when the account has none.
        credit: From `credit_check`.
    """
    shown = _caller_id(caller)
    found = [_limits(account), credit, _say("destinations.unknown", "outbound")]
    if shown.status != "pass":  # channels and money alone let no call out
        found = [c.model_copy(update={"status": "skipped"}) if c.status == "pass" else c for c in found]
    return [shown, *found]


def _caller_id(caller: Answer[Json | None]) -> Check:
    if caller.error is not None:
        return SPEAKER.unknown("Caller ID", "outbound", "caller_id", caller)
    raw = caller.value
    if raw is None:
        return _say("caller_id.none", "outbound", elapsed=caller.elapsed)
    usable = text(raw.get("status")) in (None, "active") and raw.get("is_blocked") is not True
    code = "caller_id.owned" if usable and talks(raw) is not False else "caller_id.not_usable"
    what = CarrierObject(type="number", id=text(raw.get("id")), name=str(raw["e164"]))
    return _say(code, "outbound", what, number=str(raw["e164"]))


def _limits(account: Answer[Json]) -> Check:
    raw = account.value
    if raw is None:
        return SPEAKER.unknown("Call limits", "outbound", "account.limits", account)
    channels, cps = decimal(raw.get("concurrent_calls_limit")), decimal(raw.get("cps_limit"))
    if channels is not None and channels <= 0:
        return _say("account.no_calls", "outbound", limit="concurrent calls")
    if cps is not None and cps <= 0:
        return _say("account.no_calls", "outbound", limit="calls a second")
    if channels is None or cps is None:
        return _say("account.limits.unknown", "outbound")
    return _say("account.calls", "outbound", channels=str(channels), cps=str(cps))


def credit_check(account: Json, balance: Answer[Json] | None) -> Check:
    """Judge whether the account can pay for calls.

    Args:
        account: What is read of the account.
        balance: Its balance; None when the account is billed afterwards and it was not asked for.
    """
    raw = balance.value if balance else {}
    elapsed = balance.elapsed if balance else 0.0
    if raw is None:
        assert balance is not None
        return SPEAKER.unknown("Credit", "outbound", "account.credit", balance)
    if account.get("postpaid") is True or raw.get("is_postpaid") is True:
        return _say("account.credit", "outbound", elapsed=elapsed, credit="The account is billed afterwards.")
    available, currency = decimal(raw.get("available_balance", raw.get("balance"))), text(raw.get("currency")) or ""
    if available is None:
        return _say("account.credit.unknown", "outbound", elapsed=elapsed)
    if available <= 0:
        return _say("account.no_credit", "outbound", elapsed=elapsed, amount=f"{available:f}", currency=currency)
    credit = f"The account has {available:f} {currency} to spend."
    return _say("account.credit", "outbound", elapsed=elapsed, credit=credit)


# --- a number --------------------------------------------------------------------------------------------------------


def talks(raw: Json) -> bool | None:
    """Say whether a number can take voice calls, by its capabilities and its switch; None when neither says."""
    capabilities = raw.get("capabilities")
    listed = {str(name).lower(): has for name, has in capabilities.items()} if isinstance(capabilities, dict) else {}
    flags = (listed.get("voice"), raw.get("voice_enabled"))
    if False in flags:
        return False
    return True if True in flags else None


def not_owned_checks(number: str) -> list[Check]:
    """Say that the account lacks a number."""
    return [_say("number.not_owned", "account", CarrierObject(type="number", name=number), number=number)]


def not_e164_checks(message: str, fix: str | None) -> list[Check]:
    """Say that what was asked about is no phone number."""
    return [_say("number.not_e164", "account", said=message, advice=fix or "")]


def number_checks(raw: Json, expected: Route | None) -> list[Check]:
    """Judge a number itself: owned, active, verified, able to take calls, routed.

    Args:
        raw: The number as Vobiz lists it.
        expected: The route that it should have, or None when any will do.
    """
    what = CarrierObject(type="number", id=text(raw.get("id")), name=str(raw["e164"]))
    status = text(raw.get("status"))
    code = "number.active" if status == "active" else "number.not_active" if status else "number.active.unknown"
    if raw.get("is_blocked") is True:
        code = "number.blocked"
    checks = [_say("number.owned", "account", what), _say(code, "inbound", what, status=status or "")]
    if raw.get("aadhaar_verification_required") is True and raw.get("aadhaar_verified") is not True:
        checks.append(_say("number.not_verified", "inbound", what))
    voice = either(talks(raw), "number.voice", "number.no_voice", "number.voice.unknown")
    return [*checks, _say(voice, "inbound", what), _routed(raw, expected, what)]


def _routed(raw: Json, expected: Route | None, what: CarrierObject) -> Check:
    application, trunk = text(raw.get("application_id")), text(raw.get("trunk_group_id"))
    present = " and ".join(
        f"{kind} {target}" for kind, target in (("application", application), ("trunk", trunk)) if target
    )
    if not present:
        return _say("number.not_routed", "inbound", what)
    code = "number.routed"
    if application and trunk:
        code = "number.routed_twice"
    elif expected not in (None, route_of(raw)):
        code = "number.routed_elsewhere"
    return _say(code, "inbound", what, present=present, expected=str(expected or ""))


def notes_of(raw: Json) -> tuple[str, ...]:
    """Say what somebody should know before calls are sent to a number."""
    if raw.get("aadhaar_verification_required") is True and raw.get("aadhaar_verified") is not True:
        return (FINDINGS["number.not_verified"].message,)
    return ()
