"""Vonage (once Nexmo): what to enter, what it is called, and what its errors mean. No SDK is needed for any of it.

Words: an *MSISDN* is a number without its plus; an *LVN* is a number that one rents; an *application* holds the URLs
that Vonage asks what to do with a call, and a key pair whose private half places calls. A number's calls go to its SIP
or telephone forwarding (``voiceCallbackType``) where it has one, else to its application (``app_id``).

API: https://developer.vonage.com/en/api/numbers, .../account and .../application.v2. Written from vonage-http-client
1.5.2, Vonage's OpenAPI documents Numbers 1.0.20 and 1.1.0, Account 1.0.3 and Application 2.1.0; last checked
2026-11-21. Not checked against a live account:

- that an update clears what it does not name. It is read off the vendor's own command line tool, which sends all of a
  number's settings again and unlinks an application by leaving it out;
- what a closed account answers, and what stands in an answer's body where permission is missing;
- whether ``limitations`` names what a number can reach or what it cannot;
- prices: the path is the SDK's, no OpenAPI document has it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import SecretStr, StringConstraints

from voipkit.adapting.reading import text
from voipkit.adapting.translation import CodeRule, Facts, Rule, Rules
from voipkit.errors import (
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["API_HOST", "INFO", "REST_HOST", "RULES", "Refusal", "VonageCredentials", "VonageSip"]

REST_HOST = "rest.nexmo.com"
"""Numbers, balance and prices."""

API_HOST = "api.nexmo.com"
"""Applications."""

_DASHBOARD = "dashboard.nexmo.com, API settings"
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_IS_APPLICATION = (_UUID, "is a UUID, as an application's id is: it goes into application_id.")


class VonageCredentials(Settings):
    """What opens a Vonage account. No private key: nothing here asks an API that wants a JWT."""

    api_key: str = setting(
        "API key",
        help=f"The account's key: {_DASHBOARD}. For a sub-account its own key.",
        pattern=r"[0-9A-Za-z]{8}",
        wants="8 letters and digits, such as abcd1234",
        mistaken=(
            _IS_APPLICATION,
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID, not a Vonage API key."),
            (r"KEY\S+", "is a Telnyx API key, not a Vonage one."),
            (r"\S{16,25}", "is as long as an API secret: are the two swapped?"),
        ),
        docs_url="https://developer.vonage.com/en/account/secret-management",
    )
    api_secret: SecretStr = setting(
        "API secret",
        help=f"The key's secret: {_DASHBOARD}.",
        # An account's first secret has 16 characters; those made since have 8 to 25 (Account API 1.0.3, createSecret).
        pattern=r"[!-~]{8,25}",
        wants="8 to 25 characters without spaces",
        mistaken=(
            _IS_APPLICATION,
            (r"-----BEGIN .*", "is a private key; give the account's API secret."),
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID, not a Vonage API secret."),
        ),
        docs_url="https://developer.vonage.com/en/account/secret-management",
    )
    application_id: str | None = setting(
        "Application ID",
        help="The application that numbers shall be linked to: dashboard.nexmo.com, Applications.",
        default=None,
        pattern=_UUID,
        wants="a UUID",
        docs_url="https://developer.vonage.com/en/application/overview",
    )


class VonageSip(Settings):
    """What voipkit should know of the calls that will be placed."""

    destinations: tuple[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], ...] = setting(
        "Destinations",
        help="ISO 3166-1 alpha-2 countries that will be called; none means the number's own country.",
        default=(),
    )


INFO = ProviderInfo(
    id="vonage",
    label="Vonage",
    extra="vonage",
    setup_methods=(
        SetupMethod(id="api_key", label="API key and secret", credentials=VonageCredentials, sip_config=VonageSip),
    ),
    route_kinds=("application", "sip"),
    docs_url="https://developer.vonage.com/en/api/numbers",
)


# --- errors ----------------------------------------------------------------------------------------------------------


class Refusal(Exception):
    """A refusal in the body of an answer whose HTTP status is 200; the SDK takes such a listing for an empty one."""

    def __init__(self, status: int, code: str, label: str | None) -> None:
        super().__init__(f"{code} {label or ''}".strip())
        self.facts = Facts(status=status, code=code, message=label)


def _facts(error: Any) -> Facts:
    """Read an error answer: {"error-code", "error-code-label"} of rest.nexmo.com, or RFC 7807 of api.nexmo.com."""
    status = error.response.status_code
    try:
        body = json.loads(error.response.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Facts(status=status)
    title, detail = text(body.get("title")), text(body.get("detail"))
    said = text(body.get("error-code-label")) or ": ".join(part for part in (title, detail) if part)
    _, _, kind = (text(body.get("type")) or "").rpartition("#")
    return Facts(status=status, code=text(body.get("error-code")) or kind or None, message=said or None)


_WRONG_KEY = (
    f"Copy key and secret again: {_DASHBOARD}. A secret that was revoked there answers the same, and so does, as far "
    "as is known, an account that was closed."
)
_MISSING = f"See which products the account and the key may use: {_DASHBOARD}."
_CREDIT = "Add funds in the dashboard: Billing."
_REFUSED = (
    "See that the account owns the number in that country, that the application exists, and that the number's webhook "
    "for messages answers with 200: Vonage asks it at each change. Some numbers can be changed in the dashboard only."
)

RULES = Rules(
    label="Vonage",
    exceptions=(
        Rule("vonage_http_client.errors.HttpRequestError", read=_facts),
        Rule("voipkit.providers.vonage.settings.Refusal", read=lambda error: error.facts),  # type: ignore[attr-defined]
        Rule("vonage_utils.errors.VonageError", UnexpectedResponse),
        Rule("pydantic_core._pydantic_core.ValidationError", UnexpectedResponse),
    ),
    # Numbers in a body mirror HTTP statuses (Numbers API 1.1.0); words are the ends of RFC 7807 types
    # (https://developer.vonage.com/en/api-errors), read 2026-11-21.
    codes={
        "401": CodeRule(CredentialsRejected, _WRONG_KEY),
        "unauthorized": CodeRule(CredentialsRejected, _WRONG_KEY),
        "402": CodeRule(PermissionDenied, _CREDIT),
        "low-balance": CodeRule(PermissionDenied, _CREDIT),
        "403": CodeRule(PermissionDenied, _MISSING),
        "forbidden": CodeRule(PermissionDenied, _MISSING),
        "unprovisioned": CodeRule(PermissionDenied, _MISSING),
        "404": CodeRule(NotFound),
        "not-found": CodeRule(NotFound),
        "420": CodeRule(InvalidRequest, _REFUSED),
        "429": CodeRule(RateLimited),
        "rate-limit": CodeRule(RateLimited),
        "throttled": CodeRule(RateLimited),
        "500": CodeRule(ProviderUnavailable),
    },
    statuses={401: _WRONG_KEY, 403: _MISSING, 420: _REFUSED},
)
