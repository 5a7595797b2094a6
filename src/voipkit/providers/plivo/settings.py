"""Plivo: what to enter, what it is called, and what its errors mean.

Words: the *auth id* (MA... of an account, SA... of a sub-account) is the user name, the *auth token* the password. A
number's calls go to one *application*, which holds the voice webhooks (``answer_url``), or to one inbound *Zentrunk*
trunk, which sends them to an *origination URI*; the number names either in one field. An application is shared by all
its numbers, so voipkit moves numbers between applications and never writes an application.

API: https://www.plivo.com/docs/numbers/api/account-phone-number/ and
https://www.plivo.com/docs/sip-trunking/api/trunk/; SDK plivo 4.63.0; last checked 2026-11-21. Plivo publishes no
OpenAPI document, so the SDK's source is the reference. Not checked against a live account: whether a sub-account may
read its own account object, that a trunk comes nested under ``object``, what numbers of a PHLO show as their
application, that prices are always in USD, and that a change answered with 202 shows at once when the number is read.
"""

from __future__ import annotations

from pydantic import SecretStr

from voipkit.adapting.translation import Rule, Rules
from voipkit.errors import (
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderUnavailable,
    UnexpectedResponse,
)
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting
from voipkit.providers._plivo_dialect import read_answer

__all__ = ["INFO", "RULES", "PlivoCredentials", "PlivoSip"]

_TRUNK_ID = r"[0-9A-Za-z-]{1,64}"


class PlivoCredentials(Settings):
    """An auth id with its auth token, and the application that numbers shall use."""

    auth_id: str = setting(
        "Auth ID",
        help="On the overview page of the Plivo console: MA... of the account, or SA... of a sub-account.",
        pattern=r"(MA|SA)[0-9A-Za-z]{18}",
        wants="MA or SA and 18 letters and digits",
        mistaken=(
            (r"(MA|SA)_\w+", "is a Vobiz auth id (with an underscore)."),
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID."),
            (r"KEY.*", "is a Telnyx API key."),
            (r"[0-9A-Za-z]{30,}", "looks like an auth token: are the two swapped?"),
        ),
        docs_url="https://www.plivo.com/docs/account/api/overview/",
    )
    auth_token: SecretStr = setting(
        "Auth token",
        help="Beside the auth id in the console; Plivo documents no form.",
        docs_url="https://www.plivo.com/docs/account/api/overview/",
    )
    application_id: str | None = setting(
        "Application ID",
        help="The voice application that imported numbers are attached to, unless another route is named.",
        default=None,
        pattern=r"\d{1,32}",
        wants="the application's id: digits",
        docs_url="https://www.plivo.com/docs/account/api/application/",
    )


class PlivoSip(Settings):
    """The Zentrunk trunks that calls shall take, where they do not go by the Voice API."""

    trunk_id: str | None = setting(
        "Inbound trunk ID",
        help="The inbound Zentrunk trunk that imported numbers are attached to, in place of an application.",
        default=None,
        pattern=_TRUNK_ID,
        wants="the trunk's id",
        docs_url="https://www.plivo.com/docs/sip-trunking/",
    )
    outbound_trunk_id: str | None = setting(
        "Outbound trunk ID",
        help="The outbound Zentrunk trunk that calls will be placed through; left out, calls go by the Voice API.",
        default=None,
        pattern=_TRUNK_ID,
        wants="the trunk's id",
        docs_url="https://www.plivo.com/docs/sip-trunking/",
    )


INFO = ProviderInfo(
    id="plivo",
    label="Plivo",
    extra="plivo",
    setup_methods=(
        SetupMethod(id="api_key", label="Auth ID and auth token", credentials=PlivoCredentials, sip_config=PlivoSip),
    ),
    route_kinds=("application", "trunk"),
    docs_url="https://www.plivo.com/docs/",
)


RULES = Rules(
    label="Plivo",
    exceptions=(
        # What `api` raises for every answer that is no success, before the SDK sees it.
        Rule("requests.exceptions.HTTPError", read=read_answer),
        # What the SDK would raise of its own; none of these knows its HTTP status.
        Rule("plivo.exceptions.AuthenticationError", CredentialsRejected),
        Rule("plivo.exceptions.ForbiddenError", PermissionDenied),
        Rule("plivo.exceptions.GeoPermissionError", PermissionDenied),
        Rule("plivo.exceptions.InvalidRequestError", InvalidRequest),
        Rule("plivo.exceptions.ValidationError", InvalidRequest),
        Rule("plivo.exceptions.ResourceNotFoundError", NotFound),
        Rule("plivo.exceptions.PlivoServerError", ProviderUnavailable),
        Rule("plivo.exceptions.PlivoRestError", UnexpectedResponse),
    ),
    statuses={
        401: "Copy the auth id and the auth token again: the first page of console.plivo.com.",
        403: "See console.plivo.com: SIP trunking may not be enabled for the account, or the account is suspended.",
        429: "Wait, or lower HttpOptions.rate: Plivo allows an account 300 requests in 5 seconds.",
    },
)
