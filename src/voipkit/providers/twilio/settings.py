"""Twilio: what to enter, what it is called, and what its errors mean.

Words: a number is an *IncomingPhoneNumber* (PN...), a trunk an *Elastic SIP Trunk* (TK...), an application a *TwiML
App* (AP...). Calls to a number go to its trunk, else to its application, else to its ``voice_url``: a trunk silently
beats the others. Termination is what we call outbound (our SIP server to Twilio), origination is inbound.

API: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource and
https://www.twilio.com/docs/sip-trunking/api; SDK twilio 9.13.0; last checked 2026-11-21. Not checked against a live
account: what a suspended account's own token gets, and that an empty SID takes a number off its application (or,
outside us1, off its trunk).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import SecretStr, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from voipkit.adapting.translation import CodeRule, Facts, Rule, Rules
from voipkit.errors import CredentialsRejected, NotFound, PermissionDenied
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["EDGES", "INFO", "RULES", "TwilioCredentials", "TwilioSip"]

# Region -> the edge that it needs. Twilio stopped `api.<region>.twilio.com` without an edge on 2026-04-28, and such
# hosts had always processed in us1 (API domain migration guide); the SDK still builds them, so both are always passed.
EDGES = {"ie1": "dublin", "au1": "sydney"}
_LEGACY_REGION = (
    "is a legacy region name: such hosts always processed in us1 and stopped on 2026-04-28. Use us1, ie1 or au1."
)
_ERRORS = "https://www.twilio.com/docs/errors/{code}"


class TwilioCredentials(Settings):
    """An account SID with its auth token, or with an API key and its secret."""

    account_sid: str = setting(
        "Account SID",
        help="The account that owns the numbers; for a sub-account its own SID.",
        pattern=r"AC[0-9a-fA-F]{32}",
        wants="AC and 32 hexadecimal digits",
        mistaken=(
            (r"SK[0-9a-fA-F]{32}", "is an API key SID (SK...): it goes into api_key, beside the account's own SID."),
            (r"TK[0-9a-fA-F]{32}", "is a trunk SID (TK...): it goes into sip_config.trunk_sid."),
            (r"[0-9a-fA-F]{32}", "looks like an auth token: are the two swapped?"),
            (r"[0-9a-fA-F-]{36}", "is a UUID, which SignalWire uses: is this another carrier's credential?"),
            (r"KEY.*", "is a Telnyx API key."),
        ),
        docs_url="https://www.twilio.com/docs/iam/api/account",
    )
    auth_token: SecretStr | None = setting(
        "Auth token",
        help="On the first page of the Twilio console. It may do everything; an API key is safer.",
        default=None,
        pattern=r"[0-9a-fA-F]{32}",
        wants="32 hexadecimal digits",
        mistaken=((r"(AC|SK)[0-9a-fA-F]{32}", "is a SID, not an auth token: are the two swapped?"),),
        one_of="auth_token",
        docs_url="https://www.twilio.com/docs/iam/credentials/auth-token",
    )
    api_key: str | None = setting(
        "API key SID",
        help="A Main, Standard or Restricted API key of the account and region.",
        default=None,
        pattern=r"SK[0-9a-fA-F]{32}",
        wants="SK and 32 hexadecimal digits",
        mistaken=((r"AC[0-9a-fA-F]{32}", "is an account SID (AC...): it goes into account_sid."),),
        one_of="api_key",
        docs_url="https://www.twilio.com/docs/iam/api-keys",
    )
    api_secret: SecretStr | None = setting(
        "API key secret",
        help="Shown once, when the key is made.",
        default=None,
        one_of="api_key",
        docs_url="https://www.twilio.com/docs/iam/api-keys",
    )
    region: str = setting(
        "Region",
        help="Where the account's calls are processed. Keys and tokens belong to one region.",
        default="us1",
        options=("us1", *EDGES),
        mistaken=((r"us2|de1|jp1|jp2|br1|sg1", _LEGACY_REGION),),
        docs_url="https://www.twilio.com/docs/global-infrastructure",
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.api_key is None) != (self.api_secret is None):
            raise PydanticCustomError("half_a_key", "api_key and api_secret belong together.")
        if (self.auth_token is None) == (self.api_key is None):
            raise PydanticCustomError("one_way_in", "give either auth_token, or api_key and api_secret.")
        return self


class TwilioSip(Settings):
    """The trunk that calls shall use, and where they will go."""

    trunk_sid: str | None = setting(
        "Trunk SID",
        help="The Elastic SIP Trunk that imported numbers are attached to, unless another route is named.",
        default=None,
        pattern=r"TK[0-9a-fA-F]{32}",
        wants="TK and 32 hexadecimal digits",
        docs_url="https://www.twilio.com/docs/sip-trunking",
    )
    domain: str | None = setting(
        "Termination domain",
        help="The trunk's domain, such as acme.pstn.twilio.com; checked against the trunk.",
        default=None,
        pattern=r"[A-Za-z0-9-]+(\.[a-z0-9-]+)?\.pstn\.(\w+\.)?twilio\.com",
        wants="a name that ends in pstn.twilio.com",
    )
    destinations: tuple[Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")], ...] = setting(
        "Destinations",
        help="Countries that will be called (ISO 3166-1 alpha-2); left out, the account's own numbers' country.",
        default=(),
    )


INFO = ProviderInfo(
    id="twilio",
    label="Twilio",
    extra="twilio",
    setup_methods=(
        SetupMethod(
            id="api_key",
            label="API key, or account SID and auth token",
            credentials=TwilioCredentials,
            sip_config=TwilioSip,
        ),
    ),
    route_kinds=("trunk", "webhook", "application"),
    docs_url="https://www.twilio.com/docs/usage/api",
)


def _read_rest(error: Any) -> Facts:
    words = str(error.msg).removeprefix("Unable to ").partition(": ")[2] or None
    return Facts(status=error.status, code=_code(error.code, error.status), message=words)


def _read_problem(error: Any) -> Facts:
    return Facts(status=error.status, code=_code(error.code, None), message=error.detail or error.title)


def _read_listing(error: Any) -> Facts:
    """Listings raise a bare TwilioException whose second argument is the answer (twilio 9.13, measured)."""
    if len(error.args) < 2:  # noqa: PLR2004 - "Page Records can not be deserialized"
        return Facts(status=200, message="a listing without its list")
    response = error.args[1]
    try:
        body = json.loads(response.text)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    return Facts(response.status_code, _code(body.get("code"), response.status_code), body.get("message"))


def _code(code: object, status: int | None) -> str | None:
    """The SDK puts the HTTP status where Twilio gave no code."""
    return None if code in (None, status) else str(code)


_WRONG_KEY = (
    "Check the SID and the token or secret; or wrong region: a key works only in the region it was made in. "
    "A suspended or closed account answers the same."
)
RULES = Rules(
    label="Twilio",
    exceptions=(
        Rule("twilio.base.exceptions.TwilioRestException", read=_read_rest),
        Rule("twilio.base.exceptions.TwilioServiceException", read=_read_problem),
        Rule("twilio.base.exceptions.TwilioException", read=_read_listing),
    ),
    codes={
        "20003": CodeRule(CredentialsRejected, _WRONG_KEY),
        "20005": CodeRule(CredentialsRejected, "The account is not active: see the Twilio console."),
        "10001": CodeRule(CredentialsRejected, "The account is not active: see the Twilio console."),
        "20006": CodeRule(PermissionDenied),
        "20008": CodeRule(PermissionDenied, "These are test credentials: use the live SID and token or key."),
        "70051": CodeRule(PermissionDenied, "Give the restricted key the permission, or use a Standard key."),
        "20404": CodeRule(NotFound, "Check the SID, the account that owns it, and the region."),
        "10002": CodeRule(PermissionDenied, "A trial account lacks this: upgrade it."),
    },
    statuses={401: _WRONG_KEY},
    docs_url=_ERRORS,
)
