"""Twilio: from answers to checks. Pure functions: nothing here asks anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from voipkit.adapting.checking import Answer, could_not_ask
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, PermissionDenied
from voipkit.models import CarrierObject, Check, CheckStatus, Direction, NameSuggestion, ProviderNumber, Route

if TYPE_CHECKING:
    from twilio.rest.api.v2010.account import AccountInstance
    from twilio.rest.trunking.v1.trunk import TrunkInstance
    from twilio.rest.trunking.v1.trunk.origination_url import OriginationUrlInstance

__all__ = [
    "account",
    "application",
    "caller_id",
    "geo",
    "inbound_region",
    "name",
    "no_trunk_named",
    "not_asked",
    "not_e164",
    "not_owned",
    "number",
    "trunk_inbound",
    "trunk_outbound",
]

_TRIAL = (
    "This is a trial account: it calls only verified numbers and has one trunk and one number. "
    "See https://www.twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account"
)


def account(sid: str, answer: Answer[AccountInstance], proof: Answer[Any]) -> list[Check]:
    """Judge the key and the account.

    A Standard API key may not read the account although it is good (API keys page), so a second question, the listing
    of numbers, decides where the first is refused.

    Args:
        sid: The account that was asked for.
        answer: The account.
        proof: Any other question that needs a good key.
    """
    found = answer.value
    what = CarrierObject(type="account", id=sid, name=_friendly_name(found))
    if found is None and proof.error is not None:
        return [_refused(sid, answer, proof, what)]
    text = "Twilio accepts the credentials."
    checks = [_check("Credentials", "account", "pass", "credentials.accepted", text, None, what, answer.elapsed)]
    if found is None:
        return [*checks, could_not_ask("Account", "account", "twilio.account", answer, what)]
    if str(found.status) in ("suspended", "closed"):  # annotated as an enum, is text (twilio 9.13)
        text = f"The account is {found.status}: no call is possible."
        fix = "See the Twilio console: most often a payment or a review is open."
        return [*checks, _check("Account", "account", "fail", f"account.{found.status}", text, fix, what)]
    if str(found.type) == "Trial":
        fix = "Upgrade the account before real calls."
        return [*checks, _check("Account", "account", "warn", "account.trial", _TRIAL, fix, what, vendor_code="32100")]
    sub = f", a sub-account of {found.owner_account_sid}" if found.owner_account_sid not in (None, sid) else ""
    return [*checks, _check("Account", "account", "pass", "account.active", f"The account is active{sub}.", None, what)]


def _refused(sid: str, answer: Answer[Any], proof: Answer[Any], what: CarrierObject) -> Check:
    """Tell five refusals apart: test credentials, account gone, key wrong, permission missing, could not ask."""
    errors = [error for error in (answer.error, proof.error) if error is not None]
    title, codes = "Credentials", {error.code for error in errors}
    error = next((e for e in errors if isinstance(e, CredentialsRejected)), errors[-1])
    if "20008" in codes:
        text = "These are Twilio test credentials: they can make pretend calls and purchases, and read nothing."
        fix = "Use the live account SID with its auth token or an API key."
        return _check(title, "account", "fail", "credentials.test_credentials", text, fix, what, vendor_code="20008")
    if codes & {"20005", "10001"}:
        text = "Twilio says that the account is not active."
        return _check(title, "account", "fail", "account.not_active", text, error.fix, what, vendor_code=error.code)
    if all(isinstance(e, NotFound) for e in errors):
        text = f"Twilio knows the key but no account {sid} that it may use."
        return _check(title, "account", "fail", "account.not_found", text, error.fix, what, vendor_code=error.code)
    if all(isinstance(e, CredentialsRejected) for e in errors):
        return _check(
            title, "account", "fail", "credentials.rejected", error.message, error.fix, what, vendor_code=error.code
        )
    if all(isinstance(e, CredentialsRejected | PermissionDenied) for e in errors):
        text = "Twilio knows the key, but it may read neither the account nor its numbers."
        fix = "Give the restricted key read permission for phone numbers, or use a Standard key."
        return _check(
            title, "account", "fail", "credentials.permission_missing", text, fix, what, vendor_code=error.code
        )
    asked = next(a for a in (proof, answer) if not isinstance(a.error, CredentialsRejected | PermissionDenied))
    return could_not_ask(title, "account", "twilio.credentials", asked, what)


def not_asked(direction: Direction) -> Check:
    """Say that a direction was not looked at because the key or the number is no good."""
    text = "Not looked at: see the failed check above."
    return _check(direction.capitalize(), direction, "skipped", f"{direction}.not_asked", text)


def no_trunk_named(direction: Direction, trunks: Answer[Sequence[TrunkInstance]]) -> Check:
    """Say that no trunk is named, and which ones there are."""
    names = ", ".join(f"{t.sid} '{t.friendly_name}'" for t in (trunks.value or ())[:3])
    text = f"No trunk is named, so none was looked at. The account has: {names}." if names else "No trunk is named."
    fix = "Name one in sip_config.trunk_sid, or route numbers to a webhook or an application."
    return _check("Trunk", direction, "skipped", "trunk.not_named", text, fix)


def trunk_inbound(
    sid: str, trunk: Answer[TrunkInstance], urls: Answer[Sequence[OriginationUrlInstance]]
) -> list[Check]:
    """Judge whether a trunk hands calls on: it needs an enabled origination URL."""
    title, what = "Origination URL", _trunk_object(sid, trunk)
    if isinstance(trunk.error, NotFound):
        return [_trunk_gone("inbound", trunk, what)]
    if urls.value is None:
        return [could_not_ask(title, "inbound", "twilio.trunk.origination", urls, what)]
    enabled = [url.sip_url for url in urls.value if url.enabled]
    if not enabled and any(url.enabled is None for url in urls.value):
        text, fix = "Twilio does not say whether the trunk's origination URLs are enabled.", "See its Origination page."
        return [_check(title, "inbound", "unknown", "trunk.origination.unknown", text, fix, what, urls.elapsed)]
    if not enabled:
        text = "The trunk has no enabled origination URL, so calls to its numbers go nowhere."
        fix = "In the trunk's Origination page, add a SIP URI of your server and enable it."
        return [_check(title, "inbound", "fail", "trunk.no_origination", text, fix, what, urls.elapsed)]
    text = f"The trunk hands calls to {', '.join(str(url) for url in enabled)}."
    return [_check(title, "inbound", "pass", "trunk.origination", text, None, what, urls.elapsed)]


def trunk_outbound(
    sid: str, trunk: Answer[TrunkInstance], account_sid: str, expected_domain: str | None
) -> list[Check]:
    """Judge whether a trunk takes calls: it needs a termination domain and a way to authenticate."""
    what, found = _trunk_object(sid, trunk), trunk.value
    if isinstance(trunk.error, NotFound):
        return [_trunk_gone("outbound", trunk, what)]
    if found is None:
        return [could_not_ask("Trunk", "outbound", "twilio.trunk", trunk, what)]
    if found.account_sid is None:
        text, fix = "Twilio does not say which account the trunk belongs to.", "Look at the trunk in the console."
        unsaid = _check("Trunk", "outbound", "unknown", "trunk.account.unknown", text, fix, what, trunk.elapsed)
        return [unsaid, _domain(found, what, trunk.elapsed, expected_domain), _authentication(found, what)]
    if found.account_sid != account_sid:
        text = f"The trunk belongs to account {found.account_sid}, not to {account_sid}."
        fix = "Trunks follow the key's own account: for a sub-account use a key of that sub-account."
        return [_check("Trunk", "outbound", "fail", "trunk.other_account", text, fix, what, trunk.elapsed)]
    return [_domain(found, what, trunk.elapsed, expected_domain), _authentication(found, what)]


def _domain(trunk: TrunkInstance, what: CarrierObject, elapsed: float, expected: str | None) -> Check:
    title, domain = "Termination domain", trunk.domain_name
    if not domain:
        text = "The trunk has no termination domain, so nothing can be sent to it."
        fix = "In the trunk's Termination page, set a Termination SIP URI."
        return _check(title, "outbound", "fail", "trunk.no_domain", text, fix, what, elapsed)
    if expected and expected.lower() != domain.lower():
        text = f"The trunk's domain is {domain}, not {expected}."
        fix = "Correct sip_config.domain or sip_config.trunk_sid: they name different trunks."
        return _check(title, "outbound", "fail", "trunk.domain_differs", text, fix, what, elapsed)
    return _check(title, "outbound", "pass", "trunk.domain", f"Calls may be sent to {domain}.", None, what, elapsed)


def _authentication(trunk: TrunkInstance, what: CarrierObject) -> Check:
    title = "Termination authentication"
    if trunk.auth_type is None:  # the SDK's word for a field that is left out; Twilio's example of "none" is ""
        text = "Twilio does not say how the trunk authenticates calls."
        fix = "Look at the trunk's Termination page: it needs a credential list or an IP access control list."
        return _check(title, "outbound", "unknown", "trunk.authentication.unknown", text, fix, what)
    if not trunk.auth_type:  # "If empty, the domain will not receive any traffic" (trunking API, Trunk.auth_type)
        text = "The trunk has neither a credential list nor an IP access control list, so it refuses every call."
        fix = "In the trunk's Termination page, add a credential list or an IP access control list."
        return _check(title, "outbound", "fail", "trunk.no_authentication", text, fix, what)
    text = f"The trunk authenticates calls by {trunk.auth_type}."
    return _check(title, "outbound", "pass", "trunk.authentication", text, None, what)


def geo(answer: Answer[Mapping[str, bool]], countries: Sequence[str], *, proves: bool = True) -> list[Check]:
    """Judge whether the account may call some countries.

    Args:
        answer: Permission by ISO country; the row "US" stands for the whole of +1 (Canada, the Caribbean).
        countries: ISO 3166-1 alpha-2.
        proves: Whether permission counts as a pass; without a trunk it alone proves no outbound calling.
    """
    title = "Geo permission"
    if answer.value is None:
        return [could_not_ask(title, "outbound", "twilio.geo", answer)]
    if not countries:
        text = "No destination is named, and there is no number whose country could stand for one."
        return [_check(title, "outbound", "skipped", "geo.no_destination", text, "Name sip_config.destinations.")]
    allowed = {country: answer.value.get(_row(country)) for country in countries}
    closed = [country for country, open_ in allowed.items() if open_ is False]
    unlisted = [country for country, open_ in allowed.items() if open_ is None]
    listed = ", ".join(closed or unlisted or countries)
    what = CarrierObject(type="dialing_permissions", id=_row((closed or unlisted or list(countries))[0]))
    if closed:
        fix = "Allow it in the console: Voice, Settings, Geo permissions."
        text = f"The account may not call {listed}."
        return [_check(title, "outbound", "fail", "geo.not_allowed", text, fix, what, answer.elapsed, "13227")]
    if unlisted:
        text = f"Twilio's list of countries does not name {listed}."
        return [_check(title, "outbound", "unknown", "geo.not_listed", text, "Check the country code.", what)]
    status: CheckStatus = "pass" if proves else "skipped"
    return [
        _check(title, "outbound", status, "geo.allowed", f"The account may call {listed}.", None, what, answer.elapsed)
    ]


def _row(country: str) -> str:
    """Countries of the North American plan share the row "US"."""
    import phonenumbers

    code = country.upper()
    return "US" if phonenumbers.country_code_for_region(code) == 1 else code


def number(found: ProviderNumber, expected: Route | None) -> list[Check]:
    """Judge a number by itself: voice, and where its calls go."""
    what = CarrierObject(type="incoming_phone_number", id=found.id, name=found.friendly_name)
    checks = [_voice(found, what), _routed(found, expected, what)]
    if found.status not in (None, "in-use"):
        text = f"Twilio lists the number as '{found.status}'."
        checks.append(
            _check("Number", "inbound", "fail", "number.not_in_use", text, "See the number in the console.", what)
        )
    return checks


def _voice(found: ProviderNumber, what: CarrierObject) -> Check:
    title = "Voice"
    if found.capabilities is None:
        text, fix = "Twilio does not say whether the number can take voice calls.", "Place a test call."
        return _check(title, "inbound", "unknown", "number.voice.unknown", text, fix, what)
    if "voice" not in found.capabilities:
        fix = "Choose a number with voice."
        return _check(title, "inbound", "fail", "number.no_voice", "The number cannot take voice calls.", fix, what)
    if found.routing.get("voice_receive_mode") == "fax":
        fix = "In the number's settings, accept incoming voice calls instead of faxes."
        return _check(title, "inbound", "fail", "number.fax_mode", "The number answers calls as a fax.", fix, what)
    return _check(title, "inbound", "pass", "number.voice", "The number can take voice calls.", None, what)


def _routed(found: ProviderNumber, expected: Route | None, what: CarrierObject) -> Check:
    title, present = "Routing", found.route
    if present is None:
        text = "Calls to the number go nowhere: it has no trunk, no application and no voice URL of its own."
        fix = "Import it with a route."
        return _check(title, "inbound", "fail", "number.not_routed", text, fix, what)
    if expected is not None and present != expected:
        beats = " A trunk silently beats a voice URL." if present.kind == "trunk" and expected.kind == "webhook" else ""
        text = f"Calls to the number go to {present}, not to {expected}.{beats}"
        fix = "Import it with that route and on_conflict='overwrite', if the present one may be given up."
        return _check(title, "inbound", "fail", "number.routed_elsewhere", text, fix, what)
    return _check(title, "inbound", "pass", "number.routed", f"Calls to the number go to {present}.", None, what)


def not_owned(e164: str) -> Check:
    """Say that a number is not in the account."""
    text = f"{e164} is not in this account."
    fix = "Check the number, and that these credentials are of the account and region that own it."
    return _check(
        "Number", "account", "fail", "number.not_owned", text, fix, CarrierObject(type="incoming_phone_number")
    )


def not_e164(error: InvalidNumber) -> Check:
    """Say that a text is no phone number."""
    return _check("Number", "account", "fail", "number.not_e164", error.message, error.fix)


def caller_id(found: ProviderNumber) -> Check:
    """Judge whether a number may be shown as caller ID: an owned one may (error 32204 names the alternatives)."""
    what = CarrierObject(type="incoming_phone_number", id=found.id, name=found.friendly_name)
    text = "The account owns the number, so calls may show it as caller ID."
    return _check("Caller ID", "outbound", "pass", "caller_id.owned", text, None, what)


def application(sid: str, answer: Answer[Any]) -> Check:
    """Judge whether a TwiML application answers calls: it needs a voice URL."""
    title = "Application"
    what = CarrierObject(type="application", id=sid, name=_friendly_name(answer.value))
    if isinstance(answer.error, NotFound):
        text, fix = "Twilio has no such application in this account and region.", "Check the application's SID."
        return _check(title, "inbound", "fail", "application.not_found", text, fix, what, answer.elapsed)
    if answer.value is None:
        return could_not_ask(title, "inbound", "twilio.application", answer, what)
    if not answer.value.voice_url:
        text, fix = "The application has no voice URL.", "Set the application's voice request URL."
        return _check(title, "inbound", "fail", "application.no_voice_url", text, fix, what, answer.elapsed)
    text = f"The application asks {answer.value.voice_url}."
    return _check(title, "inbound", "pass", "application.voice_url", text, None, what, answer.elapsed)


def inbound_region(e164: str, answer: Answer[str], expected: str) -> Check:
    """Judge whether a number's calls are handed to the region in which its trunk or application lives."""
    title, what = "Inbound region", CarrierObject(type="inbound_processing_region", id=e164)
    if answer.value is None:
        return could_not_ask(title, "inbound", "twilio.number.region", answer, what)
    if answer.value != expected:
        text = f"Calls to the number are processed in {answer.value}, but these credentials are of {expected}."
        fix = f"Move the number's inbound region to {expected}; it takes up to 5 minutes."
        return _check(title, "inbound", "fail", "number.other_region", text, fix, what, answer.elapsed)
    text = f"Calls to the number are processed in {expected}."
    return _check(title, "inbound", "pass", "number.region", text, None, what, answer.elapsed)


def name(sid: str, account_answer: Answer[AccountInstance], first: Answer[ProviderNumber | None]) -> NameSuggestion:
    """Make a name for the connection.

    A fresh account is called after its owner's e-mail address or "My first Twilio account" (API, Account): neither
    is a name to show to others, so the number alone has to do.
    """
    given = _friendly_name(account_answer.value) or ""
    given = "" if "@" in given or given.startswith("My first Twilio") else given.strip()
    found = first.value.number if first.value else None
    if given:
        return NameSuggestion(name=f"Twilio: {given} ({found})" if found else f"Twilio: {given}", inferred=True)
    if found:
        return NameSuggestion(name=f"Twilio ({found})", inferred=True)
    return NameSuggestion(name=f"Twilio (...{sid[-4:]})", inferred=False)


def _trunk_object(sid: str, trunk: Answer[TrunkInstance]) -> CarrierObject:
    return CarrierObject(type="trunk", id=sid, name=_friendly_name(trunk.value))


def _friendly_name(found: object) -> str | None:
    """Read what somebody called an object; the SDK passes on whatever JSON held, and what is no text is no name."""
    given = getattr(found, "friendly_name", None)
    return given if isinstance(given, str) else None


def _trunk_gone(direction: Direction, trunk: Answer[TrunkInstance], what: CarrierObject) -> Check:
    text = "Twilio has no such trunk in this account and region."
    fix = "Check sip_config.trunk_sid, and that the trunk was made in this region and account."
    code = trunk.error.code if trunk.error else None
    return _check("Trunk", direction, "fail", "trunk.not_found", text, fix, what, trunk.elapsed, code)


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
        code=f"twilio.{code}",
        message=message,
        fix=fix,
        object=what,
        elapsed=elapsed,
        vendor_code=vendor_code,
        docs_url=f"https://www.twilio.com/docs/errors/{vendor_code}" if vendor_code else None,
    )
