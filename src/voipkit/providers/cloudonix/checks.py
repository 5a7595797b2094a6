"""What Cloudonix's answers mean for calls: pure functions from answers to checks, no request.

A direction is a chain, and each link is a check of its own. Inbound: an entry to the domain, the domain, the number's
DNID, its application, that one's URL. Outbound: the domain, a trunk. Both chains end at another carrier, of which
Cloudonix knows nothing: these ends are always ``unknown`` (`NEVER_TOLD`). `FINDINGS` holds every check's words. Beside
these codes there is ``<link>.unknown`` for a link that Cloudonix could not be asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voipkit.adapting.checking import Answer, Finding, Speaker, could_not_ask, either, without_query
from voipkit.adapting.reading import text
from voipkit.errors import CredentialsRejected, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, Direction
from voipkit.providers.cloudonix.api import Json, is_called
from voipkit.providers.cloudonix.dnids import Owned, is_drain, rule_of, rules, spelled

__all__ = [
    "FINDINGS",
    "NEVER_TOLD",
    "account_checks",
    "application_checks",
    "conflict_of",
    "default_application",
    "dnids_checks",
    "domain_checks",
    "entry_checks",
    "no_application_check",
    "not_e164_checks",
    "not_owned_checks",
    "notes_of",
    "number_checks",
    "trunk_checks",
]

_COCKPIT = "cockpit.cloudonix.io"
_KEYS = f"{_COCKPIT}, the domain's (or the customer's) API Keys"
_APPS = f"{_COCKPIT}, the domain's Voice Applications"
_TRUNKS = f"{_COCKPIT}, the domain's Trunks"
_DNIDS = f"{_COCKPIT}, the application's DNIDs"
_MOST_NAMED = 5  # domains that a fix lists
_MOST_RULES = 3  # DNIDs that a message lists

NEVER_TOLD = frozenset({"cloudonix.delivery.unknown", "cloudonix.acceptance.unknown"})
"""Codes of the links that Cloudonix never tells, and that therefore say nothing of this domain."""


# fmt: off
FINDINGS: dict[str, Finding] = {
    # account
    "key.accepted": Finding("pass", "API key", "Cloudonix accepts the API key for the {what}."),
    "key.rejected": Finding(
        "fail", "API key", "Cloudonix does not accept the API key for the domain {domain}.{said}",
        f"Copy the whole key again, or make a new one for this domain: {_KEYS}."),
    "key.other_domain": Finding(
        "fail", "API key", "The API key is good, but not for the domain {domain}.{said}",
        f"Use a key of this domain, or correct the domain: {_KEYS}.{{hint}}"),
    "key.scope": Finding(
        "fail", "API key", "The API key is known, but may not look at the domain {domain}.{said}",
        f"Use a key of the domain or of its customer, not one of an application or a subscriber: {_KEYS}."),
    "domain.not_found": Finding(
        "fail", "Domain", "Cloudonix has no domain {domain}, or not for this key.", "Correct the domain.{hint}"),
    "customer.inactive": Finding(
        "fail", "Customer", "The {what} is not active.", "Ask Cloudonix: support@cloudonix.io."),
    "dnids.listed": Finding("pass", "DNIDs", "The API key may list the domain's DNIDs."),
    "dnids.no_numbers": Finding(
        "skipped", "DNIDs", "{count} of the domain's {all} DNIDs ({shown}) are patterns, extensions or names: they"
        " stand for no single phone number, so they are not listed among the numbers.",
        f"To use one of their numbers here, give it a DNID of its own: {_DNIDS}."),
    "dnids.not_permitted": Finding(
        "fail", "DNIDs", "The API key is good but may not list the domain's DNIDs.",
        f"Use a key of the domain or of its customer: {_KEYS}."),
    # the domain
    "domain.active": Finding("pass", "Domain", "The {what} is active."),
    "domain.inactive": Finding("fail", "Domain", "The {what} is not active.", f"Activate it: {_COCKPIT}, Domains."),
    "domain.active.unknown": Finding(
        "unknown", "Domain", "Cloudonix does not say whether the {what} is active.",
        f"Look at it: {_COCKPIT}, Domains."),
    # how calls come in
    "entry.alias": Finding(
        "pass", "Entry", "A call that another carrier addresses to the {what} is let in, without any inbound trunk."),
    "entry.trunk": Finding("pass", "Entry", "Calls are let in by the {what}."),
    "entry.unknown": Finding(
        "unknown", "Entry", "The domain has no active automatic alias and no active inbound trunk.",
        f"Add an inbound trunk, or ask Cloudonix where your carrier shall send calls to: {_TRUNKS}."),
    "delivery.unknown": Finding(
        "unknown", "Delivery", "Cloudonix cannot tell whether the carrier that sold the number sends its calls here.",
        "Place a test call."),
    # the application
    "application.not_named": Finding(
        "skipped", "Application", "No application is named and the domain has no default one, so none was looked at.",
        "Name the application (applicationName) that numbers shall use."),
    "application.not_found": Finding(
        "fail", "Application", "The domain has no {what}.", f"Correct its name: {_APPS}."),
    "application.inactive": Finding("fail", "Application", "The {what} is not active.", f"Activate it: {_APPS}."),
    "application.active.unknown": Finding(
        "unknown", "Application", "Cloudonix does not say whether the {what} is active.", f"Look at it: {_APPS}."),
    "application.active": Finding("pass", "Application", "The {what} is active."),
    "application.blackhole": Finding(
        "fail", "Application", "The {what} drops every call.", f"Name an application of your own: {_APPS}."),
    "application.built_in": Finding(
        "unknown", "Application", "The {what} is built in; Cloudonix does not show what it does with calls.",
        "Place a test call."),
    "application.url": Finding("pass", "URL", "The {what} asks {url} what to do with a call."),
    "application.url_plain": Finding(
        "warn", "URL", "The {what} asks {url}, without TLS: who calls whom can be read on the way.",
        f"Use an https URL: {_APPS}."),
    "application.no_url": Finding(
        "fail", "URL", "The {what} has no URL: nobody is asked what to do with a call.",
        f"Give it the URL of your server: {_APPS}."),
    "application.url.unknown": Finding(
        "unknown", "URL", "Cloudonix does not show the URL of the {what}.", f"Look at it: {_APPS}."),
    # how calls go out
    "trunk.none": Finding(
        "fail", "Outbound trunk", "The domain has no outbound trunk: calls cannot leave it.", f"Add one: {_TRUNKS}."),
    "trunk.not_found": Finding(
        "fail", "Outbound trunk", "The domain has no {what}.", f"Correct its name: {_TRUNKS}."),
    "trunk.wrong_direction": Finding(
        "fail", "Outbound trunk", "The {what} is for {is_} calls.", f"Name an outbound trunk: {_TRUNKS}."),
    "trunk.direction.unknown": Finding(
        "unknown", "Outbound trunk", "Cloudonix does not say which calls the {what} is for.",
        f"Look at it: {_TRUNKS}."),
    "trunk.inactive": Finding(
        "fail", "Outbound trunk", "No outbound trunk is active; there is the {what}.", f"Activate it: {_TRUNKS}."),
    "trunk.active.unknown": Finding(
        "unknown", "Outbound trunk", "Cloudonix does not say whether the {what} is active.",
        f"Look at it: {_TRUNKS}."),
    "trunk.active": Finding("pass", "Outbound trunk", "Calls leave by the {what}."),
    "acceptance.unknown": Finding(
        "unknown", "Acceptance", "Cloudonix cannot tell whether the carrier behind a trunk takes its calls.",
        "Place a test call."),
    # a number
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_owned": Finding(
        "fail", "Number", "The domain has no DNID of its own for {number}.{default}",
        "Check the number and the domain, or add a DNID: import it with createDnids, or use the cockpit."),
    "number.owned": Finding(
        "pass", "Number", "The domain has a DNID for the number, which is all that Cloudonix knows of it."),
    "number.active": Finding("pass", "DNID", "The {what} is active."),
    "number.inactive": Finding("fail", "DNID", "The {what} is not active.", f"Activate it: {_DNIDS}."),
    "number.active.unknown": Finding(
        "unknown", "DNID", "Cloudonix does not say whether the {what} is active.", f"Look at it: {_DNIDS}."),
    "number.routed": Finding("pass", "Routing", "Calls go to {present}."),
    "number.routed_elsewhere": Finding(
        "fail", "Routing", "Calls go to {present}, not to {expected}.",
        "Import it with on_conflict='overwrite' if it should move."),
    "number.route.unknown": Finding(
        "unknown", "Routing", "Cloudonix does not show which application the {what} leads to.",
        f"Look at it: {_DNIDS}."),
    "number.spelled_twice": Finding(
        "warn", "Spelling", "The {what} sends calls that arrive for {spelled} to {present}.",
        f"Remove it, or give it the same application: {_DNIDS}."),
    "number.pattern.unknown": Finding(
        "unknown", "Patterns", "The {what} ('{spelled}') may take this number's calls, and leads to {present};"
        " Cloudonix does not document which of two DNIDs that match wins.",
        f"Narrow the pattern, or give it the same application: {_DNIDS}."),
}
# fmt: on

_say = Speaker("cloudonix", FINDINGS).say


# --- the account and the domain --------------------------------------------------------------------------------------


def account_checks(name: str, domain: Answer[Json], domains: Answer[list[Json]] | None) -> list[Check]:
    """Judge the key and the domain's name.

    Args:
        name: The domain that was asked for.
        domain: ``GET /customers/self/domains/{domain}``.
        domains: ``GET /customers/self/domains``, asked only after a 401 or a 404: what it gives tells a wrong key from
            a good one that is not of this domain.
    """
    error, raw = domain.error, domain.value
    if raw is not None:
        return [_say("key.accepted", "account", _domain(raw), elapsed=domain.elapsed), *_customer_checks(raw)]
    assert error is not None
    names = [text(each.get("domain")) for each in (domains.value if domains else None) or ()]
    hint = f" This key opens: {', '.join(filter(None, names[:_MOST_NAMED]))}." if names else ""
    words: dict[str, Any] = {"domain": name, "said": _said(error.message), "hint": hint, "elapsed": domain.elapsed}
    knows_the_key = domains is not None and (domains.error is None or isinstance(domains.error, PermissionDenied))
    what = CarrierObject(type="domain", name=name)
    if isinstance(error, NotFound):
        return [_say("domain.not_found", "account", what, **words)]
    if isinstance(error, PermissionDenied):
        return [_say("key.scope", "account", what, **words)]
    if isinstance(error, CredentialsRejected):
        return [_say("key.other_domain" if knows_the_key else "key.rejected", "account", what, **words)]
    return [could_not_ask("API key", "account", "cloudonix.key", domain, what)]


def _said(message: str) -> str:
    """Keep Cloudonix's own words, which an error quotes at its end."""
    _, said, words = message.partition(" It says: ")
    return f" It says: {words}" if said else ""


def _customer_checks(raw: Json) -> list[Check]:
    customer = raw.get("tenant")
    if not isinstance(customer, dict) or customer.get("active") is not False:
        return []
    what = CarrierObject(type="customer", id=text(customer.get("id")), name=text(customer.get("name")))
    return [_say("customer.inactive", "account", what)]


def domain_checks(domain: Answer[Json], direction: Direction) -> list[Check]:
    """Judge whether the domain takes calls of a direction at all."""
    raw = domain.value
    if raw is None:
        return [could_not_ask("Domain", direction, "cloudonix.domain", domain)]
    code = either(raw.get("active"), "domain.active", "domain.inactive", "domain.active.unknown")
    return [_say(code, direction, _domain(raw))]


def dnids_checks(dnids: Answer[list[Json]]) -> list[Check]:
    """Judge whether the key may list DNIDs, and tell of those that are not listed as numbers."""
    if isinstance(dnids.error, PermissionDenied):
        return [_say("dnids.not_permitted", "account", elapsed=dnids.elapsed)]
    if dnids.error is not None:
        return [could_not_ask("DNIDs", "account", "cloudonix.dnids", dnids)]
    listed, rows = _say("dnids.listed", "account", elapsed=dnids.elapsed), dnids.value or []
    others = rules(rows)
    if not others:
        return [listed]
    named = [f"'{rule_of(raw)}'" for raw in others[:_MOST_RULES]] + ["..."] * (len(others) > _MOST_RULES)
    count, shown = str(len(others)), ", ".join(named)
    return [listed, _say("dnids.no_numbers", "account", count=count, all=str(len(rows)), shown=shown)]


def default_application(domain: Json | None) -> Json | None:
    """Read the application that takes the calls which no DNID matches."""
    raw = (domain or {}).get("application")
    return raw if isinstance(raw, dict) and text(raw.get("id")) else None


# --- how calls come in and go out ------------------------------------------------------------------------------------


def entry_checks(domain: Answer[Json], trunks: Answer[list[Json]]) -> list[Check]:
    """Judge whether the domain lets calls of other carriers in, and say what never can be known of their sending.

    Without an inbound trunk a call is let in by its address; not having one is no fault.
    """
    aliases = (domain.value or {}).get("aliases")
    found = [_say("delivery.unknown", "inbound")]
    for alias in aliases if isinstance(aliases, list) else ():
        if isinstance(alias, dict) and alias.get("type") == "auto" and alias.get("active") is True:
            what = CarrierObject(type="alias", id=text(alias.get("id")), name=text(alias.get("alias")))
            return [_say("entry.alias", "inbound", what), *found]
    trunk = next((t for t in trunks.value or () if _is_for(t, "inbound") and t.get("active") is True), None)
    if trunk is not None:
        return [_say("entry.trunk", "inbound", _trunk(trunk)), *found]
    if trunks.error is not None:
        return [could_not_ask("Entry", "inbound", "cloudonix.entry", trunks), *found]
    return [_say("entry.unknown", "inbound"), *found]


def trunk_checks(trunks: Answer[list[Json]], named: str | None) -> list[Check]:
    """Judge whether calls may leave by a trunk.

    Args:
        trunks: The domain's trunks.
        named: Name, id or UUID of the one that calls will be placed through; None means any: Cloudonix tries the active
            ones in turn.
    """
    never_told, took = _say("acceptance.unknown", "outbound"), trunks.elapsed
    if trunks.value is None:
        return [could_not_ask("Outbound trunk", "outbound", "cloudonix.trunk", trunks), never_told]
    if named is None:
        chosen = [trunk for trunk in trunks.value if _is_for(trunk, "outbound")]
        silent = [trunk for trunk in trunks.value if text(trunk.get("direction")) is None]
        if not chosen and silent:  # the document does not require the field
            return [_say("trunk.direction.unknown", "outbound", _trunk(silent[0]), elapsed=took), never_told]
        if not chosen:
            return [_say("trunk.none", "outbound", elapsed=took), never_told]
    else:
        chosen = [trunk for trunk in trunks.value if is_called(trunk, named)]
        if not chosen:
            missing = CarrierObject(type="trunk", name=named)
            return [_say("trunk.not_found", "outbound", missing, elapsed=took), never_told]
        if not _is_for(chosen[0], "outbound"):
            is_ = text(chosen[0].get("direction"))
            code = "trunk.wrong_direction" if is_ else "trunk.direction.unknown"
            return [_say(code, "outbound", _trunk(chosen[0]), is_=is_ or "", elapsed=took), never_told]
    best = min(chosen, key=lambda trunk: (trunk.get("active") is not True, trunk.get("active") is False))
    code = either(best.get("active"), "trunk.active", "trunk.inactive", "trunk.active.unknown")
    return [_say(code, "outbound", _trunk(best), elapsed=took), never_told]


def _is_for(trunk: Json, direction: str) -> bool:
    """Cloudonix and its users write ``outbound`` as well as ``public-outbound``; both carry calls."""
    return (text(trunk.get("direction")) or "").removeprefix("public-") == direction


# --- the application -------------------------------------------------------------------------------------------------


def no_application_check() -> Check:
    """Say that no application was looked at."""
    return _say("application.not_named", "inbound")


def application_checks(named: str, answer: Answer[Json]) -> list[Check]:
    """Judge whether an application answers calls.

    Args:
        named: What it was asked for by.
        answer: The application.
    """
    raw, took = answer.value, answer.elapsed
    if raw is None:
        what = CarrierObject(type="application", id=named)
        if isinstance(answer.error, NotFound):
            return [_say("application.not_found", "inbound", what, elapsed=took)]
        return [could_not_ask("Application", "inbound", "cloudonix.application", answer, what)]
    what = _application(raw)
    code = either(raw.get("active"), "application.active", "application.inactive", "application.active.unknown")
    found = [_say(code, "inbound", what, elapsed=took)]
    if is_drain(raw):
        return [_say("application.blackhole", "inbound", what, elapsed=took)]
    if raw.get("type") == "Cloudonix:built-in":
        return [*found, _say("application.built_in", "inbound", what)]
    url = text(raw.get("url"))
    if url is None:
        code = "application.no_url" if raw.get("url") == "" else "application.url.unknown"
    else:
        code = "application.url" if url.lower().startswith("https:") else "application.url_plain"
    return [*found, _say(code, "inbound", what, url=without_query(url or ""))]


# --- a number --------------------------------------------------------------------------------------------------------


def not_e164_checks(message: str, fix: str | None) -> list[Check]:
    """Say that what was asked about is no phone number."""
    return [_say("number.not_e164", "account", said=message, advice=fix or "")]


def not_owned_checks(number: str, domain: Json | None) -> list[Check]:
    """Say that the domain has no DNID for a number, and where its calls go instead."""
    default = default_application(domain)
    words = f" Unless a pattern matches, its calls go to the default {_application(default)}." if default else ""
    return [_say("number.not_owned", "account", CarrierObject(type="dnid", name=number), number=number, default=words)]


def number_checks(number: str, owned: Owned, named: str | None, target: Answer[Json] | None) -> list[Check]:
    """Judge a number itself: known, active, routed to the application, and its calls not taken by another DNID.

    Args:
        number: E.164.
        owned: Its DNID, and those that may take its calls.
        named: Name, id or UUID of the application that it should lead to; None when any will do.
        target: That application; None when none was looked at.
    """
    raw = owned.raw
    what = _dnid(raw, number)
    active = either(raw.get("active"), "number.active", "number.inactive", "number.active.unknown")
    found = [
        _say("number.owned", "account", what),
        _say(active, "inbound", what),
        _routed_check(raw, named, target, what),
    ]
    present = text(raw.get("applicationId"))
    rivals = [other for other in (*owned.twins, *owned.patterns) if text(other.get("applicationId")) != present]
    return found + [_rival_check(other) for other in rivals]


def _routed_check(raw: Json, named: str | None, target: Answer[Json] | None, what: CarrierObject) -> Check:
    present, shown = text(raw.get("applicationId")), raw.get("application")
    if present is None:
        return _say("number.route.unknown", "inbound", what)
    wanted = (target.value if target else None) or {}
    is_it = named is None or present in (named, text(wanted.get("id")))
    if is_it or (isinstance(shown, dict) and is_called(shown, named or "")):
        return _say("number.routed", "inbound", what, present=_shown(raw))
    if target and target.error and not isinstance(target.error, NotFound):
        return could_not_ask("Routing", "inbound", "cloudonix.number.routing", target, what)
    expected = str(_application(wanted)) if wanted else f"application '{named}'"
    return _say("number.routed_elsewhere", "inbound", what, present=_shown(raw), expected=expected)


def _rival_check(raw: Json) -> Check:
    plain = spelled(raw)
    code = "number.spelled_twice" if plain else "number.pattern.unknown"
    return _say(code, "inbound", _dnid(raw, None), spelled=plain or rule_of(raw), present=_shown(raw))


def notes_of(owned: Owned) -> tuple[str, ...]:
    """Say what somebody should know before a number is moved: other DNIDs that may take its calls."""
    return tuple(_rival_check(raw).message for raw in (*owned.twins, *owned.patterns))


def conflict_of(owned: Owned) -> str:
    """Say where a number's calls go now."""
    return f"Its calls go to {_shown(owned.raw)} now."


# --- words -----------------------------------------------------------------------------------------------------------


def _domain(raw: Json) -> CarrierObject:
    return CarrierObject(type="domain", id=text(raw.get("id")), name=text(raw.get("domain")))


def _application(raw: Json) -> CarrierObject:
    return CarrierObject(type="application", id=text(raw.get("id")), name=text(raw.get("name")))


def _trunk(raw: Json) -> CarrierObject:
    return CarrierObject(type="trunk", id=text(raw.get("id")), name=text(raw.get("name")))


def _dnid(raw: Json, number: str | None) -> CarrierObject:
    return CarrierObject(type="dnid", id=text(raw.get("id")), name=number)


def _shown(dnid: Json) -> str:
    """Name the application that a DNID leads to."""
    application_id, application = text(dnid.get("applicationId")), dnid.get("application")
    if isinstance(application, Mapping) and text(application.get("id")) == application_id:
        return str(_application(application))
    return f"application {application_id}" if application_id else "an application that is not shown"
