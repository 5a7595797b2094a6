"""What a user types in for Telnyx, and what Telnyx's errors mean. No SDK is needed for any of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import SecretStr, StringConstraints

from voipkit.adapting.reading import text
from voipkit.adapting.translation import CodeRule, Facts, Rule, Rules
from voipkit.errors import (
    Conflict,
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["HOSTS", "INFO", "RULES", "TelnyxCredentials", "TelnyxSipConfig"]

_KEYS = "portal.telnyx.com, your name at the top right > API Keys"

HOSTS = {
    "us": "api.telnyx.com",
    "eu": "api.telnyx.eu",
    "au": "api.telnyx.com.au",
    "ca": "api.telnyx.ca",
    "me": "api.telnyx.me",
}
"""Telnyx's regional hosts; keys, data and shapes are the same at each."""


class TelnyxCredentials(Settings):
    """What opens a Telnyx account."""

    api_key: SecretStr = setting(
        "API key",
        help=f"An API v2 key: {_KEYS}.",
        # Telnyx documents no form beyond the prefix.
        pattern=r"KEY\S+",
        wants="KEY and the rest of an API v2 key, without spaces",
        mistaken=(
            (r"(?i)bearer\s+\S.*", "is a whole Authorization header; give the key alone, from KEY on."),
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID, not a Telnyx API key."),
            (r"SK[0-9a-fA-F]{32}", "is a Twilio API key SID, not a Telnyx API key."),
            (r"[A-Za-z0-9+/]{43}=", "is Telnyx's public key, which proves webhooks; give an API key (KEY...)."),
        ),
        docs_url="https://developers.telnyx.com/development/api-fundamentals/create-api-keys",
    )
    connection_id: str | None = setting(
        "Connection ID",
        help="The SIP connection, Call Control application or TeXML application that numbers shall use.",
        default=None,
        pattern=r"\d{1,20}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        wants="the connection's id: digits, or a UUID",
    )
    region: str = setting(
        "API region",
        help="The host that is asked; the same keys work in each.",
        default="us",
        options=tuple(HOSTS),
    )


class TelnyxSipConfig(Settings):
    """What voipkit should know of the SIP side."""

    domain: str | None = setting(
        "SIP domain",
        help="The connection's SIP subdomain, kept for your SIP server's set-up; voipkit does not look at it.",
        default=None,
        pattern=r"[A-Za-z0-9][A-Za-z0-9.-]{0,200}\.[A-Za-z]{2,63}",
        wants="a host name such as acme.sip.telnyx.com",
        mistaken=((r"(?i)sips?:.*", "is a SIP URI; give the host name alone, such as acme.sip.telnyx.com."),),
    )
    destinations: tuple[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], ...] = setting(
        "Destinations",
        help="ISO 3166-1 alpha-2 countries that will be called; none means the number's own country.",
        default=(),
    )


INFO = ProviderInfo(
    id="telnyx",
    label="Telnyx",
    extra="telnyx",
    setup_methods=(
        SetupMethod(id="api_key", label="API key", credentials=TelnyxCredentials, sip_config=TelnyxSipConfig),
    ),
    route_kinds=("trunk", "application"),
    docs_url="https://developers.telnyx.com/api-reference",
)


def _facts(error: Any) -> Facts:
    """Read the first of the answer's errors: {"errors": [{"code", "title", "detail", "source": {"pointer"}}]}."""
    errors = error.body.get("errors") if isinstance(error.body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    pointers = first.get("source")
    source = pointers if isinstance(pointers, dict) else {}
    said = text(first.get("detail")) or text(first.get("title"))
    where = text(source.get("pointer")) or text(source.get("parameter"))
    message = f"{said} (at {where})" if said and where else said
    return Facts(status=error.status_code, code=text(first.get("code")), message=message)


RULES = Rules(
    label="Telnyx",
    exceptions=(
        Rule("telnyx.APITimeoutError", ProviderTimeout),
        Rule("telnyx.APIConnectionError", ProviderUnavailable),
        Rule("telnyx.APIStatusError", read=_facts),
        Rule("telnyx.APIResponseValidationError", UnexpectedResponse),
        Rule("telnyx.TelnyxError", UnexpectedResponse),
    ),
    # https://developers.telnyx.com/development/api-fundamentals/api-errors, read 2026-11-21
    codes={
        "10005": CodeRule(NotFound, "Check the id, and that it belongs to the account of this API key."),
        "10006": CodeRule(fix="Check the id: Telnyx says that it is not one of its ids."),
        "10007": CodeRule(fix="Try again; if it lasts, ask Telnyx support with the request id."),
        "10009": CodeRule(CredentialsRejected, f"Copy the whole key again, or make a new one: {_KEYS}."),
        "10010": CodeRule(PermissionDenied, f"Give the API key the permission, or use another key: {_KEYS}."),
        "10011": CodeRule(RateLimited, "Wait, or lower HttpOptions.rate or HttpOptions.concurrency."),
        "10012": CodeRule(Conflict, "It exists already; look it up instead."),
        "10013": CodeRule(InvalidRequest, "The connection or profile named does not exist; check its id."),
        "10015": CodeRule(InvalidRequest, "Correct the value that Telnyx names."),
        "10016": CodeRule(InvalidRequest, "Write the number in E.164, with the plus."),
        "10017": CodeRule(InvalidRequest, "The connection or profile named does not exist; check its id."),
    },
    statuses={401: f"Copy the whole key again, or make a new one: {_KEYS}."},
    docs_url="https://developers.telnyx.com/docs/overview/errors/{code}",
)
