"""Vobiz: what to enter, what it is called, and what its errors mean.

Words: the *auth id* (MA_... of an account, SA_... of a sub-account) goes with the *auth token*. A number's calls go to
an *application*, which holds the voice webhooks (``answer_url``), or to an inbound *trunk*, which sends them to an
*origination URI*. A number names them in two fields, ``application_id`` and ``trunk_group_id``; which one wins when
both are set is not documented, so voipkit always leaves one of them empty.

API: https://docs.vobiz.ai; SDK vobiz-python 0.1.1 (imports as ``vobiz``); last checked 2026-11-21. Vobiz publishes no
OpenAPI document with its SDK, and its pages contradict each other. Not checked against a live account: that paths want
``/Account/`` with a capital (pages of July and August 2026; the SDK sends ``/account/``), the words of 401 and 403,
which field wins when a number has both, and whether attaching overwrites another application or is refused.
"""

from __future__ import annotations

from pydantic import SecretStr

from voipkit.adapting.translation import CodeRule, Rule, Rules
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
from voipkit.providers._plivo_dialect import read_answer

__all__ = ["INFO", "RULES", "VobizCredentials", "VobizSip"]

_ID = r"[0-9A-Za-z-]{1,64}"


class VobizCredentials(Settings):
    """An auth id with its auth token, and the application that numbers shall use."""

    auth_id: str = setting(
        "Auth ID",
        help="In the Vobiz console: MA_... of the account, or SA_... of a sub-account, which has its own numbers.",
        pattern=r"(MA|SA)_[0-9A-Za-z]{1,40}",
        wants="MA_ or SA_ and letters and digits",
        mistaken=(
            (r"(MA|SA)[0-9A-Za-z]{18}", "is a Plivo auth id (without an underscore)."),
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID."),
            (r"KEY.*", "is a Telnyx API key."),
            (r"[^_]{30,}", "looks like an auth token: are the two swapped?"),
        ),
        docs_url="https://docs.vobiz.ai",
    )
    auth_token: SecretStr = setting(
        "Auth token",
        help="Beside the auth id in the console; Vobiz documents no form.",
        docs_url="https://docs.vobiz.ai",
    )
    application_id: str | None = setting(
        "Application ID",
        help="The voice application that imported numbers are attached to, unless another route is named.",
        default=None,
        pattern=_ID,
        wants="the application's id",
        docs_url="https://docs.vobiz.ai",
    )


class VobizSip(Settings):
    """The SIP trunks that calls shall take, where they do not go by the Voice API."""

    trunk_id: str | None = setting(
        "Inbound trunk ID",
        help="The inbound trunk that imported numbers are assigned to, in place of an application.",
        default=None,
        pattern=_ID,
        wants="the trunk's id",
        docs_url="https://docs.vobiz.ai",
    )
    outbound_trunk_id: str | None = setting(
        "Outbound trunk ID",
        help="The outbound trunk that calls will be placed through; left out, calls go by the Voice API.",
        default=None,
        pattern=_ID,
        wants="the trunk's id",
        docs_url="https://docs.vobiz.ai",
    )


INFO = ProviderInfo(
    id="vobiz",
    label="Vobiz",
    extra="vobiz",
    setup_methods=(
        SetupMethod(id="api_key", label="Auth ID and auth token", credentials=VobizCredentials, sip_config=VobizSip),
    ),
    route_kinds=("application", "trunk"),
    docs_url="https://docs.vobiz.ai",
)

RULES = Rules(
    label="Vobiz",
    exceptions=(
        # What `api` raises for every answer that is no success, before the SDK sees it.
        Rule("requests.exceptions.HTTPError", read=read_answer),
        # What the SDK would raise of its own; none of these knows its HTTP status.
        Rule("vobiz.exceptions.AuthenticationError", CredentialsRejected),
        Rule("vobiz.exceptions.ForbiddenError", PermissionDenied),
        Rule("vobiz.exceptions.GeoPermissionError", PermissionDenied),
        Rule("vobiz.exceptions.InvalidRequestError", InvalidRequest),
        Rule("vobiz.exceptions.ValidationError", InvalidRequest),
        Rule("vobiz.exceptions.ResourceNotFoundError", NotFound),
        Rule("vobiz.exceptions.VobizServerError", ProviderUnavailable),
        Rule("vobiz.exceptions.VobizRestError", UnexpectedResponse),
    ),
    codes={
        "ACCOUNT_INACTIVE": CodeRule(PermissionDenied, "Ask Vobiz to activate the account: see its console."),
        "RATE_LIMIT_EXCEEDED": CodeRule(RateLimited),
    },
    statuses={
        401: "Copy the auth id and the auth token again from the Vobiz console.",
        403: "The account may be inactive, or the object belongs to a sub-account: use that one's own credentials.",
    },
)
