"""SignalWire: from answers to checks. Pure functions: nothing here asks anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voipkit.adapting.checking import Answer, could_not_ask
from voipkit.adapting.reading import NOT_SHOWN
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, CheckStatus, Direction, NameSuggestion, ProviderNumber, Route
from voipkit.providers.signalwire.mapping import (
    GATEWAY,
    HANDLER,
    Json,
    destination,
    same_route,
    sip_key,
    text,
)
from voipkit.providers.signalwire.settings import SignalWireSip

__all__ = [
    "account",
    "application",
    "gateway",
    "name",
    "no_route_named",
    "not_asked",
    "not_e164",
    "not_owned",
    "number",
    "outbound",
    "settled",
]

_DASHBOARD = "your space's dashboard"


# --- the account -----------------------------------------------------------------------------------------------------


def account(space: str, numbers: Answer[Any], profile: Answer[Any], project: Answer[Json]) -> list[Check]:
    """Judge the token by three questions of three scopes.

    SignalWire answers 401 to a wrong token and to a missing scope alike (API reference), so the token is wrong only
    when all three are answered so.

    Args:
        space: The host that was asked.
        numbers: Needs the scope Numbers.
        profile: The SIP profile; needs the scope Voice.
        project: Needs the scope Management.
    """
    what = CarrierObject(type="project", id=text((project.value or {}).get("id")), name=project_name(project))
    if all(answer.error for answer in (numbers, profile, project)):
        refused = _refused(space, (numbers, profile, project), what)
        if refused:
            return [refused]
    words = "SignalWire accepts the credentials."
    checks = [_check("Credentials", "account", "pass", "credentials.accepted", words, None, what, numbers.elapsed)]
    if project.value is None:
        checks.append(_unread("Project", "account", "project", project, "Management"))
    else:
        parent = text(project.value.get("parent_project_id"))
        words = f"The project is '{what.name or what.id}'{f', a subproject of {parent}' if parent else ''}."
        checks.append(_check("Project", "account", "pass", "project.found", words, None, what, project.elapsed))
    if numbers.error is not None:
        checks.append(_unread("Numbers", "account", "numbers", numbers, "Numbers", "warn"))
    words = "The API shows neither whether the project is on trial nor which countries it may call."
    fix = f"On trial, SIP credentials place no calls and only verified numbers may be called: see {_DASHBOARD}."
    limits = _check("Trial and destinations", "account", "unknown", "project.limits.unknown", words, fix, what)
    return [*checks, limits]


def _refused(space: str, answers: Sequence[Answer[Any]], what: CarrierObject) -> Check | None:
    """Tell refusals apart: space gone, token wrong, permission missing, could not ask. None: the token is known."""
    title, errors = "Credentials", [answer.error for answer in answers if answer.error]
    elapsed, first = max(answer.elapsed for answer in answers), errors[0]
    if all(isinstance(error, CredentialsRejected) for error in errors):
        words = "SignalWire does not accept the credentials: it answers 401 to questions of three different scopes."
        fix = "Check that project ID, token and space belong together, and that the token was not deleted."
        return _check(title, "account", "fail", "credentials.rejected", words, fix, what, elapsed, first.code)
    if all(isinstance(error, NotFound) for error in errors):
        words = f"There is no SignalWire space at {space}."
        fix = "Check the space: it is the first part of your dashboard's address."
        return _check(title, "account", "fail", "space.not_found", words, fix, what, elapsed, first.code)
    if not any(isinstance(error, PermissionDenied) for error in errors):
        asked = next(a for a in answers if not isinstance(a.error, CredentialsRejected | NotFound))
        return could_not_ask(title, "account", "signalwire.credentials", asked, what)
    if all(isinstance(error, PermissionDenied | CredentialsRejected) for error in errors):
        words = "SignalWire knows the token, but it has none of the scopes Numbers, Voice and Management."
        fix = f"Give the token the scopes Numbers and Voice: {_DASHBOARD}, API."
        return _check(title, "account", "fail", "credentials.permission_missing", words, fix, what, elapsed, first.code)
    return None


def not_asked(direction: Direction) -> Check:
    """Say that a direction was not looked at because the token or the number is no good."""
    words = "Not looked at: see the check above."
    return _check(direction.capitalize(), direction, "skipped", f"{direction}.not_asked", words)


def project_name(project: Answer[Json]) -> str | None:
    """Return the project's name where it was answered."""
    return text(project.value.get("name")) if project.value else None


def settled(*answers: Answer[Any]) -> bool:
    """Say whether to ask again would give the same: one was answered, and the others lack their scope."""
    errors = [answer.error for answer in answers if answer.error]
    refused = all(isinstance(error, CredentialsRejected | PermissionDenied) for error in errors)
    return refused and len(errors) < len(answers)


def name(space: str, project: Answer[Json], first: Answer[ProviderNumber | None]) -> NameSuggestion:
    """Make a name for the connection: the project's, or else the space's, and the first number."""
    known = project_name(project)
    found = first.value.number if first.value else None
    label = f"SignalWire: {known or space.partition('.')[0]}"
    return NameSuggestion(name=f"{label} ({found})" if found else label, inferred=bool(known or found))


# --- where calls go --------------------------------------------------------------------------------------------------


def no_route_named() -> Check:
    """Say that no target of incoming calls is named."""
    words = "No SIP server and no application is named, so none was looked at."
    fix = "Name sip_config.sip_uri or sip_config.application_id, or import numbers with a webhook route."
    return _check("Route", "inbound", "skipped", "route.not_named", words, fix)


def gateway(uri: str, answer: Answer[Sequence[Json]]) -> Check:
    """Judge whether a SIP gateway leads to a URI.

    Args:
        uri: The SIP server.
        answer: The project's gateways.
    """
    title = "SIP gateway"
    if answer.value is None:
        return _unread(title, "inbound", "gateway", answer, "Voice")
    uris = {sip_key(gateway_uri(raw) or ""): raw for raw in reversed(answer.value)}
    raw = uris.get(sip_key(uri))
    if raw is None and not all(map(gateway_uri, answer.value)):
        return _shown_in_part(title, "inbound", "gateway", answer, "a gateway's URI")
    if raw is None:
        listed = ", ".join(filter(None, map(gateway_uri, answer.value[:3]))) or "none"
        words = f"No SIP gateway of the project leads to {uri}. There are: {listed}."
        fix = f"Add one in {_DASHBOARD}, Resources, or correct sip_config.sip_uri."
        what = CarrierObject(type=GATEWAY)
        return _check(title, "inbound", "fail", "gateway.not_found", words, fix, what, answer.elapsed)
    what = CarrierObject(type=GATEWAY, id=text(raw.get("id")), name=text(raw.get("display_name")))
    encryption = text(_inner(raw, GATEWAY).get("encryption"))
    words = f"A SIP gateway leads to {uri}{f' (encryption: {encryption})' if encryption else ''}."
    return _check(title, "inbound", "pass", "gateway.found", words, None, what, answer.elapsed)


def gateway_uri(raw: Json) -> str | None:
    """Return the SIP URI of a gateway, as SignalWire spells it."""
    return text(_inner(raw, GATEWAY).get("uri"))


def application(application_id: str, answer: Answer[Sequence[Json]]) -> Check:
    """Judge whether a cXML application answers calls: it needs a voice URL.

    An application has two ids: its own, which numbers name, and that of the resource around it, which the dashboard's
    address shows.
    """
    title, wanted = "cXML application", application_id.lower()
    if answer.value is None:
        return _unread(title, "inbound", "application", answer, "Voice")
    own = {str(_inner(raw, "cxml_application").get("id")).lower(): raw for raw in answer.value}
    raw = own.get(wanted)
    if raw is None:
        if not all(_inner(each, "cxml_application").get("id") for each in answer.value):
            return _shown_in_part(title, "inbound", "application", answer, "an application's own id")
        mistaken = next((raw for raw in answer.value if str(raw.get("id")).lower() == wanted), None)
        what = CarrierObject(type="cxml_application", id=application_id)
        words, fix, code = "The project has no such application.", "Check the application's id.", "not_found"
        if mistaken is not None:
            words = "This is the id of the application's resource, not of the application."
            fix, code = (
                f"Use the application's own id: {_inner(mistaken, 'cxml_application').get('id')}.",
                "resource_id",
            )
        return _check(title, "inbound", "fail", f"application.{code}", words, fix, what, answer.elapsed)
    what = CarrierObject(type="cxml_application", id=application_id, name=text(raw.get("display_name")))
    inner = _inner(raw, "cxml_application")
    url = text(inner.get("voice_url"))
    if "voice_url" not in inner:
        words, fix = "SignalWire does not show the application's voice URL.", f"Look at it: {_DASHBOARD}, Resources."
        return _check(title, "inbound", "unknown", "application.voice_url.unknown", words, fix, what, answer.elapsed)
    if url is None:
        words, fix = "The application has no URL for calls.", "Set the application's voice URL."
        return _check(title, "inbound", "fail", "application.no_voice_url", words, fix, what, answer.elapsed)
    words = f"The application asks {url}."
    return _check(title, "inbound", "pass", "application.voice_url", words, None, what, answer.elapsed)


# --- calls to the phone network --------------------------------------------------------------------------------------


def outbound(
    config: SignalWireSip,
    profile: Answer[Json],
    credentials: Answer[Sequence[Json]],
    number: str | None = None,
) -> list[Check]:
    """Judge what lets a SIP server place calls.

    Args:
        config: What the user named.
        profile: The SIP profile; looked at when a domain is named.
        credentials: The SIP credentials; looked at when one is named.
        number: The number that calls shall show, or None when any will do.
    """
    checks = []
    if config.domain:
        checks += _domain(config.domain, profile)
    if config.sip_username:
        checks += _credential(config.sip_username, credentials, number)
    else:
        words = "No SIP credential is named, so none was looked at."
        fix = "Name sip_config.sip_username if calls are placed over SIP."
        checks.append(_check("SIP credential", "outbound", "skipped", "sip_credential.not_named", words, fix))
    return checks


def _domain(expected: str, answer: Answer[Json]) -> list[Check]:
    title = "SIP domain"
    if answer.value is None:
        return [_unread(title, "outbound", "sip_profile", answer, "Voice")]
    domain, what = text(answer.value.get("domain")), CarrierObject(type="sip_profile")
    if domain is None:
        words = "SignalWire does not show the project's SIP domain."
        return [_check(title, "outbound", "unknown", "sip_profile.domain.unknown", words, None, what, answer.elapsed)]
    if domain.lower() == expected.lower():
        return []  # the right address alone proves no outbound calling
    words, fix = f"The project's SIP domain is {domain}, not {expected}.", "Correct sip_config.domain or the space."
    return [_check(title, "outbound", "fail", "sip_profile.domain_differs", words, fix, what, answer.elapsed)]


def _credential(username: str, answer: Answer[Sequence[Json]], number: str | None) -> list[Check]:
    """Judge a SIP credential by its outbound policy.

    In this API ``call_handler`` is what may be called: passthrough, block-pstn, resource, or default, which is what the
    SIP profile says and no API shows. (In the older endpoints API the same name means who answers calls.)
    """
    title = "SIP credential"
    if answer.value is None:
        return [_unread(title, "outbound", "sip_credential", answer, "Voice")]
    rows = [(raw, _inner(raw, "sip_endpoint") or raw) for raw in answer.value]
    raw, inner = next(((raw, inner) for raw, inner in rows if inner.get("username") == username), ({}, {}))
    what = CarrierObject(type="sip_endpoint", id=text(raw.get("id")), name=username)
    if not raw and not all(inner.get("username") for _, inner in rows):
        return [_shown_in_part(title, "outbound", "sip_credential", answer, "a SIP credential's name")]
    if not raw:
        words, fix = f"The project has no SIP credential '{username}'.", f"Add it in {_DASHBOARD}, or correct the name."
        return [_check(title, "outbound", "fail", "sip_credential.not_found", words, fix, what, answer.elapsed)]
    policy = text(inner.get("call_handler"))
    statuses: dict[str | None, tuple[CheckStatus, str, str]] = {
        "passthrough": ("pass", "passthrough", "may call the phone network."),
        "block-pstn": ("fail", "pstn_blocked", "may not call the phone network (block-pstn)."),
        "resource": ("unknown", "resource", "hands its calls to a resource; what that does is not looked at."),
    }
    otherwise: tuple[CheckStatus, str, str] = (
        "unknown",
        "policy.unknown",
        "follows the SIP profile's outbound policy, which the API does not show.",
    )
    status, code, says = statuses.get(policy, otherwise)
    repair = f"Set its outbound policy to passthrough: {_DASHBOARD}, Resources."
    words, advice = f"The SIP credential '{username}' {says}", None if status == "pass" else repair
    checks = [_check(title, "outbound", status, f"sip_credential.{code}", words, advice, what, answer.elapsed)]
    return checks + _caller_id(text(inner.get("send_as")), number, what)


def _caller_id(send_as: str | None, number: str | None, what: CarrierObject) -> list[Check]:
    """Warn where a credential's calls show another number than the one that is verified."""
    if number is None or send_as in (None, number):
        return []
    code = "random" if send_as == "random" else "other_number"
    words = f"Its calls show {'a random number of the project' if send_as == 'random' else send_as}, not {number}."
    fix = f"Set the credential's 'send as' to {number}."
    return [_check("Caller ID", "outbound", "warn", f"caller_id.{code}", words, fix, what)]


# --- a number --------------------------------------------------------------------------------------------------------


def number(found: ProviderNumber, expected: Route | None, gateways: Answer[Any] | None) -> list[Check]:
    """Judge a number by itself: owned, able to take voice calls, and where its calls go.

    Args:
        found: The number.
        expected: The route that it should have, or None when any will do.
        gateways: The SIP gateways, where they were asked for: without them a gateway's number shows no URI.
    """
    what = CarrierObject(type="phone_number", id=found.id, name=found.friendly_name or found.number)
    words = f"The project owns {found.number}."
    owned = _check("Number", "account", "pass", "number.owned", words, None, what)
    return [owned, _voice(found, what), _routed(found, expected, gateways, what)]


def _voice(found: ProviderNumber, what: CarrierObject) -> Check:
    title = "Voice"
    if found.routing.get("call_receive_mode") == "fax":
        words, fix = "The number answers calls as a fax.", "Import it with a route and on_conflict='overwrite'."
        return _check(title, "inbound", "fail", "number.fax_mode", words, fix, what)
    if found.capabilities is None:
        words = "SignalWire does not say whether the number can take voice calls."
        return _check(title, "inbound", "unknown", "number.voice.unknown", words, None, what)
    if "voice" not in found.capabilities:
        words, fix = "The number cannot take voice calls.", "Choose a number with voice."
        return _check(title, "inbound", "fail", "number.no_voice", words, fix, what)
    return _check(title, "inbound", "pass", "number.voice", "The number can take voice calls.", None, what)


def _routed(found: ProviderNumber, expected: Route | None, gateways: Answer[Any] | None, what: CarrierObject) -> Check:
    title, present = "Routing", destination(found.routing)
    if present == NOT_SHOWN:
        words, fix = "SignalWire does not show what handles the number's calls.", f"Look at it: {_DASHBOARD}."
        return _check(title, "inbound", "unknown", "number.handler.unknown", words, fix, what)
    if present is None:
        words = "Calls to the number go nowhere: it has no call handler, or one without its target."
        return _check(title, "inbound", "fail", "number.not_routed", words, "Import it with a route.", what)
    unnamed = found.route is None and found.routing.get(HANDLER) == GATEWAY
    if unnamed and gateways and gateways.error and (expected is None or expected.kind == "sip"):
        return _unread(title, "inbound", "number.routed", gateways, "Voice")
    shown = f"{found.route} ({present})" if found.route and found.route.kind == "sip" else present
    if expected is not None and not same_route(found.route, expected):
        words = f"Calls to the number go to {shown}, not to {expected}."
        fix = "Import it with that route and on_conflict='overwrite', if the present one may be given up."
        return _check(title, "inbound", "fail", "number.routed_elsewhere", words, fix, what)
    words = f"Calls to the number go to {shown}."
    if found.route is None:
        words += " What that does with them is not looked at."
        return _check(title, "inbound", "unknown", "number.routed_unseen", words, None, what)
    return _check(title, "inbound", "pass", "number.routed", words, None, what)


def not_owned(e164: str) -> Check:
    """Say that a number is not in the project."""
    words = f"{e164} is not in this project."
    fix = "Check the number, and that these credentials are of the project or subproject that owns it."
    return _check("Number", "account", "fail", "number.not_owned", words, fix, CarrierObject(type="phone_number"))


def not_e164(error: InvalidNumber) -> Check:
    """Say that a text is no phone number."""
    return _check("Number", "account", "fail", "number.not_e164", error.message, error.fix)


# --- words -----------------------------------------------------------------------------------------------------------


def _unread(
    title: str, direction: Direction, code: str, answer: Answer[Any], scope: str, status: CheckStatus = "unknown"
) -> Check:
    """Make the check for a question without an answer, where others proved that the token is good: 401 is its scope."""
    if not isinstance(answer.error, CredentialsRejected | PermissionDenied):
        return could_not_ask(title, direction, f"signalwire.{code}", answer)
    words = f"Not looked at: the token lacks the scope {scope}."
    fix = f"Give the token the scope {scope}: {_DASHBOARD}, API."
    code = f"scope.{scope.lower()}_missing"
    return _check(title, direction, status, code, words, fix, None, answer.elapsed, answer.error.code)


def _shown_in_part(title: str, direction: Direction, code: str, answer: Answer[Sequence[Json]], lacking: str) -> Check:
    """Make the check for a listing in which what was looked for may be the entry that is not shown whole."""
    words = f"SignalWire does not show {lacking}, so it is not known whether it is the one that is named."
    fix = f"Look at it: {_DASHBOARD}, Resources."
    return _check(title, direction, "unknown", f"{code}.unknown", words, fix, None, answer.elapsed)


def _inner(raw: Json, kind: str) -> Json:
    """Return the object inside a resource; an empty one where there is none."""
    inner = raw.get(kind)
    return inner if isinstance(inner, dict) else {}


def _check(
    title: str,
    direction: Direction,
    status: CheckStatus,
    code: str,
    message: str,
    fix: str | None = None,
    what: CarrierObject | None = None,
    elapsed: float = 0.0,
    vendor_code: str | None = None,
) -> Check:
    return Check(
        name=title,
        direction=direction,
        status=status,
        code=f"signalwire.{code}",
        message=message,
        fix=fix,
        object=what,
        elapsed=elapsed,
        vendor_code=vendor_code,
    )
