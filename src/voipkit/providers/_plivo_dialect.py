"""What Plivo and Vobiz have in common: Vobiz's API and SDK began as copies of Plivo's.

Both SDKs lose the HTTP status and Retry-After of an answer that is no success, and return objects whose indexing
misbehaves; both carriers have the same applications and SIP trunks. No other carrier may use this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from voipkit.adapting.checking import Answer, Finding, Speaker, either, without_query
from voipkit.adapting.reading import text
from voipkit.adapting.translation import Facts
from voipkit.errors import NotFound
from voipkit.models import CarrierObject, Check, Direction

if TYPE_CHECKING:
    import requests

__all__ = [
    "Json",
    "application_checks",
    "inbound_trunk_checks",
    "outbound_trunk_checks",
    "plain",
    "read_answer",
    "refuse",
    "shared_findings",
]

Json = Mapping[str, Any]


# --- the SDKs --------------------------------------------------------------------------------------------------------


def refuse(reply: requests.Response, *_: object, **__: object) -> None:
    """Raise for an answer that is no success, before the SDK loses its status or sends the request again.

    A hook for a requests session. The SDKs' own ``process_response`` keeps neither status nor headers, stops with
    AttributeError where a listing is refused, and Plivo's repeats POST requests after a 5xx (plivo 4.63, vobiz 0.1.1).
    """
    import requests

    if not 200 <= reply.status_code < 300:  # noqa: PLR2004
        raise requests.HTTPError(f"answered {reply.status_code}", response=reply)


def read_answer(error: Any) -> Facts:
    """Read what `refuse` raised: {"error": text or object}, {"error", "message"}, or plain text (Plivo's 401)."""
    reply = error.response
    try:
        body = reply.json()
    except ValueError:
        words = reply.text.strip()
        return Facts(reply.status_code, message=None if words.startswith("<") else words or None)
    body = body if isinstance(body, dict) else {}
    said, code = body.get("error"), body.get("code")
    if isinstance(said, dict):
        code = said.get("code") or code
        said = said.get("message") or said.get("error") or "; ".join(f"{name}: {words}" for name, words in said.items())
    said = text(body.get("message")) or text(said)
    return Facts(reply.status_code, code=text(code), message=said)


def plain(value: Any) -> Any:
    """Turn an SDK's response objects, whose indexing and ``in`` misbehave, into dictionaries."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if type(value).__module__.partition(".")[0] in ("plivo", "vobiz"):
        return {name: plain(each) for name, each in vars(value).items()}
    return value


# --- words -----------------------------------------------------------------------------------------------------------


def shared_findings(label: str, apps: str, trunks: str) -> dict[str, Finding]:
    """Make the findings on applications and trunks.

    Args:
        label: The carrier's name.
        apps: Where its console keeps applications.
        trunks: Where its console keeps trunks.
    """
    # fmt: off
    return {
        "application.not_found": Finding(
            "fail", "Application", "The account has no {what}.", f"Copy an application's id: {apps}."),
        "application.disabled": Finding("fail", "Application", "The {what} is disabled.", f"Enable it: {apps}."),
        "application.enabled.unknown": Finding(
            "unknown", "Application", f"{label} does not say whether the {{what}} is enabled.", f"Look at it: {apps}."),
        "application.enabled": Finding("pass", "Application", "The {what} is enabled."),
        "application.no_answer_url": Finding(
            "fail", "Answer URL", "The {what} has no answer URL: nobody is asked what to do with a call.",
            f"Give it the URL of your server: {apps}."),
        "application.answer_url.unknown": Finding(
            "unknown", "Answer URL", f"{label} does not show the answer URL of the {{what}}.", f"Look at it: {apps}."),
        "application.answer_url_plain": Finding(
            "warn", "Answer URL", "The {what} asks {url}, without TLS: who calls whom can be read on the way.",
            f"Use an https URL: {apps}."),
        "application.answer_url": Finding("pass", "Answer URL", "The {what} asks {url}."),
        "trunk.not_found": Finding("fail", "Trunk", "The account has no {what}.", f"Copy a trunk's id: {trunks}."),
        "trunk.wrong_direction": Finding(
            "fail", "Trunk", "The {what} is for {is_} calls, not for {wanted} ones.",
            f"Name an {{wanted}} trunk: {trunks}."),
        "trunk.direction.unknown": Finding(
            "unknown", "Trunk", f"{label} does not say whether the {{what}} is {{wanted}}.", f"Look at it: {trunks}."),
        "trunk.disabled": Finding(
            "fail", "Trunk", "The {what} is not enabled: its status is '{status}'.", f"Enable it: {trunks}."),
        "trunk.enabled.unknown": Finding(
            "unknown", "Trunk", f"{label} does not say whether the {{what}} is enabled.", f"Look at it: {trunks}."),
        "trunk.enabled": Finding("pass", "Trunk", "The {what} is enabled for {wanted} calls."),
        "trunk.no_uri": Finding(
            "fail", "Origination URI", f"The {{what}} has no primary URI: {label} has nowhere to send calls to.",
            f"Give it your SIP server's URI: {trunks}."),
        "uri.unknown": Finding(
            "unknown", "Origination URI", f"{label} does not say whether the {{what}} has a primary URI.",
            f"Look at it: {trunks}."),
        "uri.not_found": Finding(
            "fail", "Origination URI", "The {what}, which the trunk names, does not exist.",
            f"Give the trunk another URI: {trunks}."),
        "uri.disabled": Finding("fail", "Origination URI", "The {what} is disabled.", f"Enable it: {trunks}."),
        "uri.empty": Finding(
            "fail", "Origination URI", "The {what} holds no address.", f"Give it your SIP server's address: {trunks}."),
        "uri.address.unknown": Finding(
            "unknown", "Origination URI", f"{label} does not say which address the {{what}} holds.",
            f"Look at it: {trunks}."),
        "uri.set": Finding("pass", "Origination URI", "Calls are sent to {uri}."),
        "trunk.no_authentication": Finding(
            "fail", "Trunk authentication",
            "The {what} has neither a credential nor an IP access list: every call is refused.",
            f"Give it one: {trunks}."),
        "trunk.authentication.unknown": Finding(
            "unknown", "Trunk authentication", f"{label} does not say how callers of the {{what}} prove who they are.",
            f"Look at it: {trunks}."),
        "trunk.authentication": Finding(
            "pass", "Trunk authentication", "Callers of the {what} prove who they are by {by}."),
    }
    # fmt: on


# --- where calls go --------------------------------------------------------------------------------------------------


def application_checks(speaker: Speaker, application_id: str, answer: Answer[Json]) -> list[Check]:
    """Judge whether an application answers calls: it is enabled and has an answer URL."""
    raw, say = answer.value, speaker.say
    what = CarrierObject(type="application", id=application_id, name=text((raw or {}).get("app_name")))
    if isinstance(answer.error, NotFound):
        return [say("application.not_found", "inbound", what, elapsed=answer.elapsed)]
    if raw is None:
        return [speaker.unknown("Application", "inbound", "application", answer, what)]
    enabled = either(raw.get("enabled"), "application.enabled", "application.disabled", "application.enabled.unknown")
    url = text(raw.get("answer_url"))
    if "answer_url" not in raw:
        code = "application.answer_url.unknown"
    elif url is None:
        code = "application.no_answer_url"
    else:
        code = "application.answer_url" if url.lower().startswith("https:") else "application.answer_url_plain"
    return [
        say(enabled, "inbound", what, elapsed=answer.elapsed),
        say(code, "inbound", what, url=without_query(url or ""), elapsed=answer.elapsed),
    ]


def inbound_trunk_checks(
    speaker: Speaker, trunk_id: str, trunk: Answer[Json], uri: Answer[Json] | None, *, on: frozenset[str]
) -> list[Check]:
    """Judge whether an inbound trunk delivers calls: its direction, its status, its primary URI.

    No page says that a field which an answer leaves out is unset, so only one that is there and empty is a fault.

    Args:
        speaker: The carrier's.
        trunk_id: The trunk's id.
        trunk: The trunk.
        uri: Its primary origination URI; None when it has none.
        on: The statuses in which a trunk works.
    """
    raw, what = trunk.value, _trunk(trunk_id, trunk)
    checks = _trunk_checks(speaker, trunk, "inbound", what, on)
    if raw is None:
        return checks
    uri_id = text(raw.get("primary_uri_uuid"))
    if uri_id is None or uri is None:
        code = "trunk.no_uri" if "primary_uri_uuid" in raw else "uri.unknown"
        return [*checks, speaker.say(code, "inbound", what)]
    target = CarrierObject(type="origination_uri", id=uri_id, name=text((uri.value or {}).get("name")))
    if isinstance(uri.error, NotFound):
        return [*checks, speaker.say("uri.not_found", "inbound", target, elapsed=uri.elapsed)]
    if uri.value is None:
        return [*checks, speaker.unknown("Origination URI", "inbound", "uri", uri, target)]
    address = text(uri.value.get("uri"))
    if uri.value.get("enabled") is False:
        code = "uri.disabled"
    elif address is None:
        code = "uri.empty" if "uri" in uri.value else "uri.address.unknown"
    else:
        code = "uri.set"
    return [*checks, speaker.say(code, "inbound", target, uri=address or "", elapsed=uri.elapsed)]


def outbound_trunk_checks(speaker: Speaker, trunk_id: str, trunk: Answer[Json], *, on: frozenset[str]) -> list[Check]:
    """Judge whether calls may be placed through an outbound trunk: its direction, its status, its authentication.

    One way to authenticate is enough; that there is none is known only where both are shown.
    """
    raw, what = trunk.value, _trunk(trunk_id, trunk)
    checks = _trunk_checks(speaker, trunk, "outbound", what, on)
    if raw is None:
        return checks
    ways = (("credential", "credential_uuid"), ("IP address", "ipacl_uuid"))
    by = [name for name, field in ways if raw.get(field)]
    code = "trunk.authentication" if by else "trunk.no_authentication"
    if not by and any(field not in raw for _, field in ways):
        code = "trunk.authentication.unknown"
    return [*checks, speaker.say(code, "outbound", what, by=" and ".join(by))]


def _trunk_checks(
    speaker: Speaker, trunk: Answer[Json], wanted: Direction, what: CarrierObject, on: frozenset[str]
) -> list[Check]:
    raw = trunk.value
    if isinstance(trunk.error, NotFound):
        return [speaker.say("trunk.not_found", wanted, what, elapsed=trunk.elapsed)]
    if raw is None:
        return [speaker.unknown("Trunk", wanted, "trunk", trunk, what)]
    direction, status = text(raw.get("trunk_direction")), text(raw.get("trunk_status"))
    if direction not in (None, "both", wanted):  # Vobiz's older pages allow "both"
        code = "trunk.wrong_direction"
    elif status is not None and status not in on:
        code = "trunk.disabled"
    elif direction is None:
        code = "trunk.direction.unknown"
    else:
        code = "trunk.enabled" if status else "trunk.enabled.unknown"
    words = {"is_": direction or "", "wanted": wanted, "status": status or ""}
    return [speaker.say(code, wanted, what, elapsed=trunk.elapsed, **words)]


def _trunk(trunk_id: str, trunk: Answer[Json]) -> CarrierObject:
    return CarrierObject(type="trunk", id=trunk_id, name=text((trunk.value or {}).get("name")))
