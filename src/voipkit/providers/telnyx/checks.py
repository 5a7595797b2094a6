"""What Telnyx's answers mean for calls: pure functions from answers to checks, no request.

A direction is a chain, and each link is a check of its own. Inbound: number, connection, endpoint. Outbound:
connection, outbound voice profile, allowed destinations, credit. `FINDINGS` holds every check's words; the functions
below it say when each is said. Beside these codes there is ``<link>.unknown`` for a link that Telnyx could not be asked
about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, could_not_ask, either
from voipkit.adapting.reading import decimal, text
from voipkit.errors import CredentialsRejected, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Direction

__all__ = [
    "ACTIVE",
    "FINDINGS",
    "Json",
    "Path",
    "account_checks",
    "credit_check",
    "endpoint_check",
    "inbound_checks",
    "no_connection_checks",
    "not_e164_checks",
    "not_owned_checks",
    "notes_of",
    "number_checks",
    "outbound_checks",
]

Json = Mapping[str, Any]

ACTIVE = frozenset({"active", "port-out-pending"})
"""Statuses in which calls flow; a number that is being ported out works until the port completes."""

_KEYS = "portal.telnyx.com, your name at the top right > API Keys"
_TRUNKS = "portal.telnyx.com, Voice > SIP Trunking (an application: Voice > Programmable Voice)"
_PROFILES = "portal.telnyx.com, Voice > Outbound Voice Profiles"
_NUMBERS = "portal.telnyx.com, Numbers > My Numbers"
_D_CODES = "https://developers.telnyx.com/docs/voice/sip-trunking/troubleshooting/response-codes"


# fmt: off
FINDINGS: dict[str, Finding] = {
    # account
    "key.accepted": Finding("pass", "API key", "Telnyx accepts the API key."),
    "key.rejected": Finding("fail", "API key", "{said}", "{advice}"),
    "numbers.listed": Finding("pass", "Phone numbers", "The API key may list the account's phone numbers."),
    "numbers.not_permitted": Finding(
        "fail", "Phone numbers", "The API key is valid but may not list the account's phone numbers.",
        f"Give the key the Numbers permission: {_KEYS}."),
    # a connection
    "connection.not_named": Finding(
        "skipped", "Connection", "No connection is named, so it was not looked at what calls would meet.",
        "Name the connection (connectionId) that numbers shall use.{hint}"),
    "connection.not_found": Finding(
        "fail", "Connection", "The account has no {what}.",
        f"Copy the id of a connection of this account: {_TRUNKS}."),
    "connection.inactive": Finding(
        "fail", "Connection", "The {what} is switched off.", f"Switch it on: {_TRUNKS}.", "D18"),
    "connection.active.unknown": Finding(
        "unknown", "Connection", "Telnyx does not say whether the {what} is active.", f"Look at it: {_TRUNKS}."),
    "connection.active": Finding("pass", "Connection", "The {what} is active."),
    # where it delivers calls to
    "connection.endpoint": Finding("pass", "Endpoint", "Calls are delivered to {where}."),
    "connection.no_fqdn": Finding(
        "fail", "Endpoint", "The {what} has no FQDN: Telnyx has nowhere to send calls to.",
        f"Add the host name of your SIP server to it: {_TRUNKS}."),
    "connection.no_ip": Finding(
        "fail", "Endpoint", "The {what} has no IP address: Telnyx has nowhere to send calls to.",
        f"Add the IP address of your SIP server to it: {_TRUNKS}."),
    "connection.no_webhook": Finding(
        "fail", "Endpoint", "The {what} has no webhook URL: nobody is told of calls.",
        f"Give it the URL of your server: {_TRUNKS}."),
    "connection.not_registered": Finding(
        "warn", "Endpoint", "No SIP endpoint is registered with the {what} now (Telnyx says '{where}').",
        "Register your SIP server or phone with it; until then incoming calls reach nobody."),
    "connection.endpoint.unknown": Finding(
        "unknown", "Endpoint", "Telnyx does not say where the {what} delivers calls to.", "Place a test call."),
    # what lets it place calls
    "connection.no_outbound_profile": Finding(
        "fail", "Outbound voice profile", "The {what} has no outbound voice profile: every outgoing call is refused.",
        f"Assign one in the connection's outbound settings: {_TRUNKS}.", "D38"),
    "connection.outbound_profile.unknown": Finding(
        "unknown", "Outbound voice profile", "Telnyx does not show which outbound voice profile the {what} has.",
        f"Look at the connection's outbound settings: {_TRUNKS}."),
    "profile.not_found": Finding(
        "fail", "Outbound voice profile", "The account has no {what}.",
        f"Assign a profile that exists to the connection: {_TRUNKS}."),
    "profile.disabled": Finding(
        "fail", "Outbound voice profile", "The {what} is disabled.", f"Enable it: {_PROFILES}."),
    "profile.enabled.unknown": Finding(
        "unknown", "Outbound voice profile", "Telnyx does not say whether the {what} is enabled.",
        f"Look at it: {_PROFILES}."),
    "profile.enabled": Finding("pass", "Outbound voice profile", "The {what} is enabled."),
    "profile.destination_allowed": Finding(
        "pass", "Allowed destinations", "The {what} allows calls to {countries}."),
    "profile.destination_not_allowed": Finding(
        "fail", "Allowed destinations", "The {what} does not allow calls to {countries}.",
        f"Add {{countries}} to its allowed destinations: {_PROFILES}.", "D12"),
    "profile.destination.unknown": Finding(
        "unknown", "Allowed destinations", "It is not known whether the {what} allows the calls that will be placed.",
        "Name the countries in the SIP configuration (destinations)."),
    "account.credit": Finding("pass", "Credit", "The account may spend {amount}."),
    "account.no_credit": Finding(
        "fail", "Credit", "The account may spend {amount}: Telnyx refuses calls.",
        "Add funds: portal.telnyx.com, Billing.", "D19"),
    "account.credit.unknown": Finding(
        "unknown", "Credit", "Telnyx does not say how much the account may spend.",
        "Look at it: portal.telnyx.com, Billing."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "{number} is not in this Telnyx account.",
        "Check the number, and that the API key is of the account that owns it."),
    "number.owned": Finding("pass", "Number", "The number is in this account."),
    "number.active": Finding("pass", "Status", "The number is active."),
    "number.active.unknown": Finding(
        "unknown", "Status", "Telnyx does not say whether the number is active.", f"Look at it: {_NUMBERS}."),
    "number.not_active": Finding(
        "fail", "Status", "The number is not active: its status is '{status}'.",
        f"Finish what it waits for: {_NUMBERS}."),
    "number.leaving": Finding(
        "warn", "Status", "The number is being ported away; it works until the port completes.",
        "Cancel the port if it is not wanted."),
    "number.routed": Finding("pass", "Routing", "Calls go to connection {present}."),
    "number.connection.unknown": Finding(
        "unknown", "Routing", "Telnyx does not show which connection the number has.", f"Look at it: {_NUMBERS}."),
    "number.not_routed": Finding(
        "fail", "Routing", "The number has no connection: its calls go nowhere.",
        "Import it with a route, or assign a connection in the portal."),
    "number.routed_elsewhere": Finding(
        "fail", "Routing", "Calls go to connection {present}, not to connection {expected}.",
        "Import it with on_conflict='overwrite' if it should move."),
    "number.not_forwarded": Finding("pass", "Call forwarding", "Calls are not forwarded."),
    "number.forwarded": Finding(
        "fail", "Call forwarding", "Every call is forwarded to {target} and never reaches the connection.",
        f"Switch call forwarding off if it is not wanted: {_NUMBERS}."),
    "number.forwarded_on_failure": Finding(
        "warn", "Call forwarding", "Calls that the connection does not take are forwarded to {target}.",
        f"Switch call forwarding off if it is not wanted: {_NUMBERS}."),
    "number.forwarding.unknown": Finding(
        "unknown", "Call forwarding", "Telnyx does not show whether calls are forwarded.",
        f"Look at it: {_NUMBERS}."),
    "number.translated": Finding(
        "warn", "Translated number", "Calls arrive with {target} as the called number.",
        f"Clear the translated number if it is not wanted: {_NUMBERS}."),
    "number.voice": Finding("pass", "Voice", "The number can take voice calls."),
    "number.no_voice": Finding(
        "fail", "Voice", "The number cannot take voice calls.", "Use a number with the voice feature."),
    "number.voice.unknown": Finding(
        "unknown", "Voice", "Telnyx does not say whether the number can take voice calls.", "Place a test call."),
}
# fmt: on

_say = Speaker("telnyx", FINDINGS, codes_url=_D_CODES).say


@dataclass(frozen=True, slots=True)
class Path:
    """What a call through one connection meets; later links are None where there is none or it was not asked about.

    Attributes:
        id: The connection's id.
        connection: ``GET /connections/{id}``.
        endpoint: Whether the connection has somewhere to deliver calls to.
        profile: ``GET /outbound_voice_profiles/{id}``.
    """

    id: str
    connection: Answer[Json]
    endpoint: Answer[Check] | None = None
    profile: Answer[Json] | None = None


# --- the account -----------------------------------------------------------------------------------------------------


def account_checks(balance: Answer[Any], numbers: Answer[Any], *others: Answer[Any]) -> list[Check]:
    """Judge the key: Telnyx has no whoami, so any answer that needs a valid key proves it."""
    answers = (numbers, balance, *others)
    if any(answer.error is None or _knows_the_key(answer) for answer in answers):
        quickest = min(answer.elapsed for answer in answers)
        return [_say("key.accepted", "account", elapsed=quickest), _listing_check(numbers)]
    rejected = next((answer for answer in answers if isinstance(answer.error, CredentialsRejected)), None)
    if rejected is None:
        return [could_not_ask("API key", "account", "telnyx.key", numbers)]
    error = rejected.error
    assert error is not None
    advice = error.fix or ""
    check = _say("key.rejected", "account", said=error.message, advice=advice, elapsed=rejected.elapsed)
    return [check.model_copy(update={"vendor_code": error.code, "docs_url": error.docs_url})]


def _knows_the_key(answer: Answer[Any]) -> bool:
    """A refusal in Telnyx's own words comes after authentication; a proxy's 403 page has no code, so proves nothing."""
    return isinstance(answer.error, PermissionDenied | NotFound) and answer.error.code is not None


def _listing_check(numbers: Answer[Any]) -> Check:
    if isinstance(numbers.error, PermissionDenied):
        return _say("numbers.not_permitted", "account", elapsed=numbers.elapsed)
    if numbers.error is not None:
        return could_not_ask("Phone numbers", "account", "telnyx.numbers", numbers)
    return _say("numbers.listed", "account", elapsed=numbers.elapsed)


def credit_check(balance: Answer[Json]) -> Check:
    """Judge whether the account can pay for calls (available credit is balance plus credit limit, as text)."""
    raw, what = balance.value, CarrierObject(type="balance")
    if raw is None:
        return could_not_ask("Credit", "outbound", "telnyx.account.credit", balance, what)
    available = decimal(raw.get("available_credit"))
    if available is None:
        return _say("account.credit.unknown", "outbound", what, elapsed=balance.elapsed)
    code = "account.credit" if available > 0 else "account.no_credit"
    amount = f"{available:f} {text(raw.get('currency')) or ''}".strip()
    return _say(code, "outbound", what, amount=amount, elapsed=balance.elapsed)


# --- a connection ----------------------------------------------------------------------------------------------------


def no_connection_checks(balance: Answer[Json], first: Json | None) -> list[Check]:
    """Say what to do when no connection is named; credit alone makes no call possible, so it never passes here."""
    used, hint = text((first or {}).get("connection_id")), ""
    if first and used:
        hint = f" The account's first number, {first['phone_number']}, uses {_shown(first)}."
    credit = credit_check(balance)
    return [
        _say("connection.not_named", "inbound", hint=hint),
        _say("connection.not_named", "outbound", hint=hint),
        *([credit] if credit.status != "pass" else []),
    ]


def inbound_checks(path: Path) -> list[Check]:
    """Follow a call that comes in: the connection, then its endpoint."""
    checks = [_connection_check(path, "inbound")]
    if path.endpoint is not None:
        found = path.endpoint.value or could_not_ask(
            "Endpoint",
            "inbound",
            "telnyx.connection.endpoint",
            path.endpoint,
            CarrierObject(type="connection", id=path.id),
        )
        checks.append(found.model_copy(update={"elapsed": path.endpoint.elapsed}))
    return checks


def outbound_checks(path: Path, balance: Answer[Json], destinations: Sequence[str]) -> list[Check]:
    """Follow a call that goes out: connection, outbound voice profile, destinations, credit."""
    checks = [_connection_check(path, "outbound")]
    raw = path.connection.value
    if raw is None:
        return checks
    if path.profile is None:
        unset = "outbound_voice_profile_id" in raw
        code = "connection.no_outbound_profile" if unset else "connection.outbound_profile.unknown"
        checks.append(_say(code, "outbound", _connection(path.id, raw)))
    else:
        checks += _profile_checks(text(raw.get("outbound_voice_profile_id")), path.profile, destinations)
    return [*checks, credit_check(balance)]


def _connection_check(path: Path, direction: Direction) -> Check:
    raw, elapsed = path.connection.value, path.connection.elapsed
    if raw is None:
        what = CarrierObject(type="connection", id=path.id)
        if isinstance(path.connection.error, NotFound):
            return _say("connection.not_found", direction, what, elapsed=elapsed)
        return could_not_ask("Connection", direction, "telnyx.connection", path.connection, what)
    active = raw.get("active")
    code = either(active, "connection.active", "connection.inactive", "connection.active.unknown")
    return _say(code, direction, _connection(path.id, raw), elapsed=elapsed)


def endpoint_check(connection_id: str, connection: Json, seen: object) -> Check:
    """Judge whether a connection has somewhere to deliver calls to.

    Args:
        connection_id: Its id.
        connection: ``GET /connections/{id}``.
        seen: What was read for its type: the FQDNs or IPs (a list), the registration status or the webhook's URL
            (texts); None when there is nothing to read for that type, or Telnyx does not say.
    """
    code, where = "connection.endpoint.unknown", ""
    match text(connection.get("record_type")), seen:
        case ("fqdn_connection" | "ip_connection") as kind, list():
            field = "fqdn" if kind == "fqdn_connection" else "ip_address"
            where = ", ".join(f"{row[field]}:{row.get('port') or '(SRV)'}" for row in seen if text(row.get(field)))
            if where or not seen:
                code = "connection.endpoint" if seen else f"connection.no_{field.removesuffix('_address')}"
        case "credential_connection", str() as status if status != "Not Applicable":
            registered = status == "Registered"
            where = "the SIP endpoint that is registered" if registered else status
            code = "connection.endpoint" if registered else "connection.not_registered"
        case "call_control_application" | "texml_application", str() as url:
            where = "its webhook"
            code = "connection.endpoint" if url else "connection.no_webhook"
        case _:
            pass
    return _say(code, "inbound", _connection(connection_id, connection), where=where)


def _profile_checks(profile_id: str | None, profile: Answer[Json], destinations: Sequence[str]) -> list[Check]:
    raw = profile.value
    what = CarrierObject(type="outbound_voice_profile", id=profile_id, name=text((raw or {}).get("name")))
    if raw is None:
        if isinstance(profile.error, NotFound):
            return [_say("profile.not_found", "outbound", what, elapsed=profile.elapsed)]
        return [could_not_ask("Outbound voice profile", "outbound", "telnyx.profile", profile, what)]
    code = either(raw.get("enabled"), "profile.enabled", "profile.disabled", "profile.enabled.unknown")
    enabled = _say(code, "outbound", what, elapsed=profile.elapsed)
    allowed = raw.get("whitelisted_destinations")
    if not destinations or not isinstance(allowed, list):
        return [enabled, _say("profile.destination.unknown", "outbound", what)]
    # "*" is documented for messaging profiles only; should a voice profile have it, it can mean nothing else.
    barred = [] if "*" in allowed else [country for country in destinations if country not in allowed]
    code = "profile.destination_not_allowed" if barred else "profile.destination_allowed"
    return [enabled, _say(code, "outbound", what, countries=", ".join(barred or destinations))]


# --- a number --------------------------------------------------------------------------------------------------------


def not_owned_checks(number: str) -> list[Check]:
    """Say that the account lacks a number."""
    return [_say("number.not_owned", "account", CarrierObject(type="phone_number", name=number), number=number)]


def not_e164_checks(message: str, fix: str | None) -> list[Check]:
    """Say that what was asked about is no phone number."""
    return [_say("number.not_e164", "account", said=message, advice=fix or "")]


def number_checks(
    number: str,
    raw: Json,
    expected: str | None,
    voice: Answer[Mapping[str, Json]],
    features: Answer[Mapping[str, bool]],
) -> list[Check]:
    """Judge a number itself: owned, active, routed to the connection, not diverted, able to take voice calls.

    Args:
        number: E.164.
        raw: The number as the listing shows it.
        expected: The id of the connection that it should use, or None when any will do.
        voice: Voice settings by number (``GET /phone_numbers/voice``).
        features: Whether a number can take voice calls (``POST /numbers_features``).
    """
    status = text(raw.get("status"))
    what = CarrierObject(type="phone_number", id=str(raw["id"]), name=number)
    if status is None:
        code = "number.active.unknown"
    elif status in ACTIVE:
        code = "number.active" if status == "active" else "number.leaving"
    else:
        code = "number.not_active"
    return [
        _say("number.owned", "account", what),
        _say(code, "inbound", what, status=status or ""),
        _routed_check(raw, expected, what),
        *_diverted_checks(number, voice, what),
        _voice_check(number, features, what),
    ]


def _routed_check(raw: Json, expected: str | None, what: CarrierObject) -> Check:
    present = text(raw.get("connection_id"))
    if present is None:
        code = "number.not_routed" if "connection_id" in raw else "number.connection.unknown"
        return _say(code, "inbound", what)
    code = "number.routed" if expected in (None, present) else "number.routed_elsewhere"
    return _say(code, "inbound", what, present=_shown(raw), expected=expected or "")


def _diverted_checks(number: str, voice: Answer[Mapping[str, Json]], what: CarrierObject) -> list[Check]:
    settings = (voice.value or {}).get(number)
    if settings is None:
        if voice.error is not None:
            return [could_not_ask("Call forwarding", "inbound", "telnyx.number.forwarding", voice, what)]
        return [_say("number.forwarding.unknown", "inbound", what, elapsed=voice.elapsed)]
    kind, target = _forwarding(settings)
    code = "number.forwarded" if kind == "always" else "number.forwarded_on_failure"
    if target is None:
        code = "number.not_forwarded" if _shows_forwarding(settings) else "number.forwarding.unknown"
    checks = [_say(code, "inbound", what, target=target or "", elapsed=voice.elapsed)]
    translated = text(settings.get("translated_number"))
    if translated:
        checks.append(_say("number.translated", "inbound", what, target=translated))
    return checks


def _voice_check(number: str, features: Answer[Mapping[str, bool]], what: CarrierObject) -> Check:
    if features.error is not None:
        return could_not_ask("Voice", "inbound", "telnyx.number.voice", features, what)
    can_talk = (features.value or {}).get(number)
    code = either(can_talk, "number.voice", "number.no_voice", "number.voice.unknown")
    return _say(code, "inbound", what, elapsed=features.elapsed)


def _forwarding(settings: Json) -> tuple[str | None, str | None]:
    """Read (type, target). No target means no forwarding, whatever the flag says: it is true for every number."""
    forwarding = settings.get("call_forwarding")
    if not isinstance(forwarding, dict) or forwarding.get("call_forwarding_enabled") is False:
        return None, None
    return text(forwarding.get("forwarding_type")), text(forwarding.get("forwards_to"))


def _shows_forwarding(settings: Json) -> bool:
    """Say whether it can be read of the settings that calls are not forwarded."""
    forwarding = settings.get("call_forwarding")
    return isinstance(forwarding, dict) and (
        "forwards_to" in forwarding or forwarding.get("call_forwarding_enabled") is False
    )


def notes_of(status: str | None, settings: Json | None) -> tuple[str, ...]:
    """Say what somebody should know before calls are sent to a number, from its status and its voice settings."""
    notes = ["The number is being ported away."] if status == "port-out-pending" else []
    if settings is None or not _shows_forwarding(settings):
        notes.append("Telnyx did not show whether calls to this number are forwarded.")
    if settings is None:
        return tuple(notes)
    kind, target = _forwarding(settings)
    if target:
        notes.append(f"Call forwarding ({kind or 'condition not shown'}) sends its calls to {target}.")
    translated = text(settings.get("translated_number"))
    if translated:
        notes.append(f"Its calls arrive with {translated} as the called number (translated number).")
    return tuple(notes)


# --- words -----------------------------------------------------------------------------------------------------------


def _shown(number: Json) -> str:
    name = text(number.get("connection_name"))
    return f"{number['connection_id']} '{name}'" if name else str(number["connection_id"])


def _connection(connection_id: str, raw: Json) -> CarrierObject:
    kind = text(raw.get("record_type")) or "connection"
    return CarrierObject(type=kind, id=connection_id, name=text(raw.get("connection_name")))
