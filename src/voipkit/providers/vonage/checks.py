"""What Vonage's answers mean for calls: pure functions from answers to checks, no request.

A direction is a chain, and each link is a check of its own. Inbound: number, its forwarding or its application, the
application's answer URL. Outbound: the application's voice capability and key, what the number cannot do, credit,
price. `FINDINGS` holds every check's words; the functions below it say when each is said. Beside these codes there is
``<link>.unknown`` for a link that Vonage could not be asked about.

A direction counts as working only when every link is known: `voipkit.adapting.checking.only_if_known` sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, could_not_ask
from voipkit.adapting.reading import decimal, text
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Direction, ProviderNumber, Route

__all__ = [
    "FINDINGS",
    "account_checks",
    "application_checks",
    "credit_check",
    "not_e164_check",
    "not_named_checks",
    "not_owned_check",
    "number_checks",
    "price_checks",
    "same_uri",
    "sip_outbound_check",
    "without_secrets",
]

Json = Mapping[str, Any]

_APPLICATIONS = "dashboard.nexmo.com, Applications"
_NUMBERS = "dashboard.nexmo.com, Numbers > Your numbers"
_SIP = "https://developer.vonage.com/en/sip/overview"


# fmt: off
FINDINGS: dict[str, Finding] = {
    # account
    "key.accepted": Finding("pass", "API key", "Vonage accepts the API key and secret."),
    "key.rejected": Finding("fail", "API key", "{said}", "{advice}"),
    "key.not_permitted": Finding(
        "fail", "API key", "Vonage knows the API key but lets it see neither numbers nor balance.", "{advice}"),
    "account.not_found": Finding("fail", "Account", "Vonage has no account for this API key.", "{advice}"),
    "numbers.listed": Finding("pass", "Phone numbers", "The API key may list the account's phone numbers."),
    "numbers.not_permitted": Finding(
        "fail", "Phone numbers", "The API key is valid but may not list the account's phone numbers.", "{advice}"),
    "numbers.empty": Finding(
        "skipped", "Phone numbers", "Vonage lists no phone number for this account.",
        f"Rent or port a number: {_NUMBERS}."),
    # an application
    "application.not_named": Finding(
        "skipped", "Application", "No application is named, so it was not looked at what calls would meet.",
        "Name the application (applicationId) that numbers shall use, or verify a number that is forwarded to SIP."
        "{hint}"),
    "application.not_found": Finding(
        "fail", "Application", "The account has no {what}.",
        f"Copy the id of one of its applications: {_APPLICATIONS}."),
    "application.no_voice": Finding(
        "fail", "Application", "The {what} has no voice capability.", f"Switch Voice on: {_APPLICATIONS}."),
    "application.voice": Finding("pass", "Application", "The {what} has the voice capability."),
    "application.voice.unknown": Finding(
        "unknown", "Application", "Vonage does not say what the {what} can do.", f"Look at it: {_APPLICATIONS}."),
    "application.answer_url": Finding("pass", "Answer URL", "The {what} asks {where} what to do with calls."),
    "application.answer_url.unknown": Finding(
        "unknown", "Answer URL", "Vonage does not show the answer URL of the {what}.",
        "Look at it: dashboard.nexmo.com, Applications."),
    "application.no_answer_url": Finding(
        "fail", "Answer URL", "The {what} has no answer URL: nobody is asked what to do with calls.",
        f"Set the answer URL of your server: {_APPLICATIONS}."),
    "application.key": Finding(
        "pass", "Application key", "The {what} has a public key; calls are placed with the private one, which your "
        "program holds and voipkit does not ask for."),
    "application.key.unknown": Finding(
        "unknown", "Application key", "Vonage shows no public key of the {what}, without which it can place no call.",
        f"Look at it: {_APPLICATIONS}."),
    # what lets calls be placed
    "sip.outbound.unknown": Finding(
        "unknown", "SIP", "A SIP server places calls at sip.nexmo.com with the API key and secret; no API of Vonage "
        "says whether they would be accepted there.", f"Place a test call; see {_SIP}."),
    "account.credit": Finding("pass", "Credit", "The account has {amount}."),
    "account.credit_reload": Finding(
        "warn", "Credit", "The account has {amount}; it is topped up automatically.",
        "See whether the last top-up failed: dashboard.nexmo.com, Billing."),
    "account.no_credit": Finding(
        "fail", "Credit", "The account has {amount} and is not topped up automatically.",
        "Add funds: dashboard.nexmo.com, Billing. With a contract that is paid afterwards, look at its credit limit."),
    "account.credit.unknown": Finding(
        "unknown", "Credit", "Vonage does not say how much the account has.",
        "Look at it: dashboard.nexmo.com, Billing."),
    "price": Finding("pass", "Destination", "Vonage sells calls to {countries}."),
    "price.not_listed": Finding(
        "unknown", "Destination", "Vonage's price list for calls to {countries} is empty.",
        "Place a test call, or ask Vonage support."),
    "price.not_asked": Finding(
        "unknown", "Destination", "This test does not look up prices of calls to {countries}.",
        "Verify a number: that looks at every destination."),
    "price.no_destination": Finding(
        "unknown", "Destination", "No destination is named, and there is no number whose country could stand for one.",
        "Name the countries in the SIP configuration (destinations)."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "{number} is not in this Vonage account.",
        "Check the number, and that the API key is of the account that owns it; a sub-account has a key of its own."),
    "number.owned": Finding("pass", "Number", "The number is in this account."),
    "number.voice": Finding("pass", "Voice", "The number can take voice calls."),
    "number.no_voice": Finding(
        "fail", "Voice", "The number cannot take voice calls.", "Use a number with the VOICE feature."),
    "number.voice.unknown": Finding(
        "unknown", "Voice", "Vonage does not say whether the number can take voice calls.", "Place a test call."),
    "number.routed": Finding("pass", "Routing", "Calls go to {present}."),
    "number.not_routed": Finding(
        "fail", "Routing", "The number has neither an application nor a forwarding: its calls go nowhere.",
        "Import it with a route."),
    "number.routed_elsewhere": Finding(
        "fail", "Routing", "Calls go to {present}, not to {expected}.",
        "Import it with on_conflict='overwrite' if it should move."),
    "number.forwarded_to_phone": Finding(
        "fail", "Routing", "Every call is forwarded to the phone number {present}; a forwarding goes before an "
        "application.", "Import it with a route and on_conflict='overwrite' if it should move."),
    "number.routing.unknown": Finding(
        "unknown", "Routing", "Calls go to {present}, which voipkit does not know.", f"Look at it: {_NUMBERS}."),
    "number.limited.unknown": Finding(
        "unknown", "Limitation", "Vonage lists limitations of its voice calls ({limits}); it is not documented "
        "whether they name what it can reach or what it cannot.", "Place a test call, or ask Vonage support."),
}
# fmt: on

_say = Speaker("vonage", FINDINGS).say


# --- the account -----------------------------------------------------------------------------------------------------


def account_checks(balance: Answer[Json], numbers: Answer[list[Json]], *others: Answer[Json]) -> list[Check]:
    """Judge the key: any answer that needs a good one proves it, and so does a refusal after authentication.

    An empty listing does not: ``{}`` is also what a proxy may say.
    """
    answers = (numbers, balance, *others)
    proved = bool(numbers.value) or balance.value is not None or any(other.value is not None for other in others)
    if proved or _only_partly_refused(answers):
        quickest = min(answer.elapsed for answer in answers)
        return [_say("key.accepted", "account", elapsed=quickest), _listing_check(numbers)]
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (CredentialsRejected, "key.rejected"),
        (PermissionDenied, "key.not_permitted"),
        (NotFound, "account.not_found"),
    )
    for kind, code in kinds:
        refused = next((a for a in answers if isinstance(a.error, kind) and a.error.code), None)
        if refused is None or refused.error is None:
            continue
        error = refused.error
        said = _say(code, "account", elapsed=refused.elapsed, said=error.message, advice=error.fix or "")
        return [said.model_copy(update={"vendor_code": error.code})]
    asked = next((answer for answer in answers if answer.error is not None), balance)
    return [could_not_ask("API key", "account", "vonage.key", asked)]


def _only_partly_refused(answers: Sequence[Answer[Any]]) -> bool:
    """A refusal in Vonage's words of one thing, while another could not be asked, still proves the key."""
    refused = [a for a in answers if isinstance(a.error, PermissionDenied | NotFound) and a.error.code]
    rejected = any(isinstance(answer.error, CredentialsRejected) for answer in answers)
    return bool(refused) and len(refused) < len(answers) and not rejected


def _listing_check(numbers: Answer[list[Json]]) -> Check:
    if isinstance(numbers.error, PermissionDenied):
        return _say("numbers.not_permitted", "account", elapsed=numbers.elapsed, advice=numbers.error.fix or "")
    if numbers.error is not None:
        return could_not_ask("Phone numbers", "account", "vonage.numbers", numbers)
    return _say("numbers.listed" if numbers.value else "numbers.empty", "account", elapsed=numbers.elapsed)


def not_named_checks(first: Json | None) -> list[Check]:
    """Say that no application is named, and which one the account's first number has."""
    used = text((first or {}).get("app_id"))
    hint = f" Number {(first or {}).get('msisdn')} has application {used}." if used else ""
    return [_say("application.not_named", direction, hint=hint) for direction in ("inbound", "outbound")]


def credit_check(balance: Answer[Json], *, proves: bool) -> Check:
    """Judge whether the account can pay for calls.

    Args:
        balance: ``GET /account/get-balance``: ``value`` in euros, ``autoReload``.
        proves: Whether credit counts as a pass; alone it makes no call possible.
    """
    raw, what = balance.value, CarrierObject(type="balance")
    if raw is None:
        return could_not_ask("Credit", "outbound", "vonage.account.credit", balance, what)
    value = decimal(raw.get("value"))
    if value is None:
        return _say("account.credit.unknown", "outbound", what, elapsed=balance.elapsed)
    reload = raw.get("autoReload")
    code = "account.credit"
    if value <= 0 and isinstance(reload, bool):
        code = "account.credit_reload" if reload else "account.no_credit"
    elif value <= 0:
        code = "account.credit.unknown"
    said = _say(code, "outbound", what, amount=f"{value:.2f} EUR", elapsed=balance.elapsed)
    return said if proves else _unproven(said)


def price_checks(prices: Mapping[str, Answer[Json]], destinations: Sequence[str], *, proves: bool) -> list[Check]:
    """Judge whether Vonage sells calls to the countries that will be called.

    Args:
        prices: ``GET /account/get-pricing/outbound/voice`` by country.
        destinations: ISO 3166-1 alpha-2; those without an answer were not asked about.
        proves: Whether a price counts as a pass; alone it makes no call possible.
    """
    if not destinations:
        return [_say("price.no_destination", "outbound")]
    checks, sold = [], []
    for country in destinations:
        answer = prices.get(country)
        what = CarrierObject(type="price_list", id=country)
        if answer is None:
            checks.append(_say("price.not_asked", "outbound", what, countries=country))
        elif answer.value is None:
            checks.append(could_not_ask("Destination", "outbound", "vonage.price", answer, what))
        elif not _has_price(answer.value):
            checks.append(_say("price.not_listed", "outbound", what, countries=country, elapsed=answer.elapsed))
        else:
            sold.append(country)
    if sold:
        elapsed = max(answer.elapsed for country, answer in prices.items() if country in sold)
        said = _say("price", "outbound", CarrierObject(type="price_list"), countries=", ".join(sold), elapsed=elapsed)
        checks.insert(0, said if proves else _unproven(said))
    return checks


def _has_price(raw: Json) -> bool:
    networks = raw.get("networks")
    rows = networks if isinstance(networks, list) else []
    shown = [row.get("price") for row in rows if isinstance(row, dict)]
    return any(text(price) for price in (raw.get("defaultPrice"), *shown))


def sip_outbound_check() -> Check:
    """Say that nothing shows whether a SIP server may place calls."""
    return _say("sip.outbound.unknown", "outbound")


# --- an application --------------------------------------------------------------------------------------------------


def application_checks(application_id: str, answer: Answer[Json]) -> list[Check]:
    """Judge an application in both directions: its voice capability, its answer URL, its key."""
    raw, elapsed = answer.value, answer.elapsed
    what = CarrierObject(type="application", id=application_id, name=text((raw or {}).get("name")))
    directions: tuple[Direction, ...] = ("inbound", "outbound")
    if raw is None:
        if isinstance(answer.error, NotFound):
            return [_say("application.not_found", each, what, elapsed=elapsed) for each in directions]
        return [could_not_ask("Application", each, "vonage.application", answer, what) for each in directions]
    capabilities = raw.get("capabilities")
    if not isinstance(capabilities, dict):
        return [_say("application.voice.unknown", each, what, elapsed=elapsed) for each in directions]
    voice = capabilities.get("voice")
    if not isinstance(voice, dict):
        return [_say("application.no_voice", each, what, elapsed=elapsed) for each in directions]
    where, shown = _address(voice)
    code = "application.no_answer_url" if shown else "application.answer_url.unknown"
    code = "application.answer_url" if where else code
    keys = raw.get("keys")
    has_key = isinstance(keys, dict) and text(keys.get("public_key"))
    return [
        _say(code, "inbound", what, where=without_secrets(where or ""), elapsed=elapsed),
        _say("application.voice", "outbound", what, elapsed=elapsed),
        _say("application.key" if has_key else "application.key.unknown", "outbound", what),
    ]


def _address(voice: Json) -> tuple[str | None, bool]:
    """Read the answer URL, and whether it is shown: a webhook that is not set is left out of the webhooks."""
    webhooks = voice.get("webhooks")
    answer_url = webhooks.get("answer_url") if isinstance(webhooks, dict) else None
    if isinstance(answer_url, dict):
        return text(answer_url.get("address")), "address" in answer_url
    return None, isinstance(webhooks, dict)


# --- a number --------------------------------------------------------------------------------------------------------


def not_owned_check(number: str) -> Check:
    """Say that the account lacks a number."""
    return _say("number.not_owned", "account", CarrierObject(type="number", name=number), number=number)


def not_e164_check(error: InvalidNumber) -> Check:
    """Say that what was asked about is no phone number."""
    return _say("number.not_e164", "account", said=error.message, advice=error.fix or "")


def number_checks(number: ProviderNumber, limits: Sequence[str], expected: Route | None) -> list[Check]:
    """Judge a number itself: owned, able to take calls, routed where it should be, unlimited.

    Args:
        number: The number.
        limits: Its limitations for voice, each as "OUTBOUND DOMESTIC".
        expected: The route that its calls should take, or None when any will do.
    """
    what = CarrierObject(type="number", id=number.id, name=number.number)
    code = "number.voice.unknown"
    if number.capabilities is not None:
        code = "number.voice" if "voice" in number.capabilities else "number.no_voice"
    checks = [
        _say("number.owned", "account", what),
        _say(code, "inbound", what),
        _routed_check(number, expected, what),
    ]
    directions: tuple[Direction, ...] = ("inbound", "outbound")
    for direction in directions:
        shown = [limit for limit in limits if limit.upper().startswith(direction.upper())]
        if shown:
            checks.append(_say("number.limited.unknown", direction, what, limits=", ".join(shown)))
    return checks


def _routed_check(number: ProviderNumber, expected: Route | None, what: CarrierObject) -> Check:
    kind, value = number.routing.get("voiceCallbackType"), number.routing.get("voiceCallbackValue")
    forwards, wanted = (kind or "").lower(), without_secrets(str(expected or ""))
    if forwards == "sip":
        fits = expected is None or (expected.kind == "sip" and same_uri(value, expected.target))
        code = "number.routed" if fits else "number.routed_elsewhere"
        return _say(code, "inbound", what, present=f"SIP {without_secrets(value or '')}", expected=wanted)
    if forwards == "tel":
        return _say("number.forwarded_to_phone", "inbound", what, present=value or "(none)")
    if kind:
        return _say("number.routing.unknown", "inbound", what, present=f"a callback of type '{kind}'")
    if number.route is None:
        return _say("number.not_routed", "inbound", what)
    fits = expected is None or (expected.kind, expected.target.lower()) == (number.route.kind, number.route.target)
    code = "number.routed" if fits else "number.routed_elsewhere"
    return _say(code, "inbound", what, present=str(number.route), expected=wanted)


def same_uri(present: str | None, wanted: str) -> bool:
    """Say whether a forwarding's value, which may list several URIs, holds a URI: same user, same host.

    Parameters and port may differ, and "sip:" may be missing; hosts are compared without case.
    """
    return _user_and_host(wanted) in [_user_and_host(uri) for uri in (present or "").split(",")]


def without_secrets(address: str) -> str:
    """Show a URL, or SIP URIs, without what follows "?" and without passwords: hosts keep tokens of their own there."""
    bare = re.sub(r"[?#][^,\s]*", "", re.sub(r"(?<=//)[^/@\s]+@", "", address))
    return re.sub(r"(?i)(?<![^,\s:])(?!sips?:)([^:@,\s/]+):[^@,\s/]+@", r"\1@", bare)


def _user_and_host(uri: str) -> tuple[str, str]:
    bare = uri.strip().partition(";")[0]
    scheme, colon, rest = bare.partition(":")
    bare = rest if colon and scheme.lower() in ("sip", "sips") else bare
    user, _, host = bare.rpartition("@")
    return user, host.partition(":")[0].lower()


# --- words -----------------------------------------------------------------------------------------------------------


def _unproven(check: Check) -> Check:
    return check.model_copy(update={"status": "skipped"}) if check.status == "pass" else check
