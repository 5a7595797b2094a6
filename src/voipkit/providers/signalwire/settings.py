"""SignalWire: what to enter, what it is called, and what its errors mean.

Words: a *space* is a customer's host (acme.signalwire.com), a *project* the account in it; a number has one *call
handler*, and beside it the one companion field that the handler uses (``laml_webhooks`` and ``call_request_url``).
cXML, once LaML, is the Twilio-like XML that a webhook or an *application* answers with. There is no trunk: calls leave
SignalWire for a SIP server through a *SIP gateway*, and reach it from a SIP server with a *SIP credential*.

API: https://signalwire.com/docs/apis; SDK signalwire-sdk 3.7.5; OpenAPI documents of 2026-08-21; last checked
2026-11-21. Not checked against a live project:

- that the ``phone_route_id`` which routes a number to a resource is the number's own id (the document says only "id of
  the phone route"); the number is read back, so that a wrong guess is a failed import and never a silent one;
- that null takes a number off its handler: the document gives no way at all to do that;
- whether a missing scope is 401 (API reference) or 403 (page on error codes); both are understood;
- the ``PT`` at the start of a token, which is therefore not asked for.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from voipkit.adapting.translation import CodeRule, Facts, Rule, Rules
from voipkit.errors import NotFound, ProviderTimeout, ProviderUnavailable
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["INFO", "RULES", "SignalWireCredentials", "SignalWireSip"]

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_DOMAIN = ".signalwire.com"
_KEYS = "your space's dashboard, API"


class SignalWireCredentials(Settings):
    """A project and an API token of it, and the space in which it lives."""

    project_id: str = setting(
        "Project ID",
        help=f"The project that owns the numbers: {_KEYS}. A subproject has its own.",
        pattern=_UUID,
        wants="a UUID",
        mistaken=(
            (r"PT\S{20,}", "looks like an API token (PT...): are the two swapped?"),
            (r"(AC|SK)[0-9a-fA-F]{32}", "is a Twilio SID."),
            (r"KEY\S+", "is a Telnyx API key."),
        ),
        docs_url="https://signalwire.com/docs/platform/your-signalwire-api-space",
    )
    api_token: SecretStr = setting(
        "API token",
        help=f"With the scopes Numbers and Voice; Management shows the project's name: {_KEYS}.",
        pattern=rf"(?!{_UUID}$)(?!KEY)\S+",
        wants="the whole token (PT...), without spaces",
        mistaken=(
            (_UUID, "is a UUID, as project IDs are: are the two swapped?"),
            (r"KEY\S+", "is a Telnyx API key."),
            (r"(?i)(basic|bearer)\s.*", "is a whole Authorization header; give the token alone."),
        ),
        docs_url="https://signalwire.com/docs/platform/your-signalwire-api-space",
    )
    space: str = setting(
        "Space",
        help="The name or address of your space: acme, or acme.signalwire.com. The token is sent to that host alone.",
        pattern=r"(?:https://)?[A-Za-z0-9-]{1,63}(?:\.[Ss]ignal[Ww]ire\.com)?/?",
        wants="a space's name or its address below signalwire.com, such as acme or acme.signalwire.com",
        mistaken=(
            (r"(?i)http://.*", "starts with http: the token would travel in the clear. Give acme.signalwire.com."),
            (r"(?i)(https://)?[a-z0-9-]+\.sip\.signalwire\.com/?", "is a SIP domain: it goes into sip_config.domain."),
            (r"(?i)(https://)?[a-z0-9-]+\.signalwire\.com[/?].*", "has a path; give acme.signalwire.com alone."),
            (r".*[.:].*", "is not below signalwire.com: the token would be sent to that host, so it is refused."),
        ),
    )

    @field_validator("space")
    @classmethod
    def _whole_host(cls, space: str) -> str:
        """Bring every spelling into one, so that one space has one fingerprint."""
        name = space.lower().removeprefix("https://").removesuffix("/").removesuffix(_DOMAIN)
        return name + _DOMAIN


class SignalWireSip(Settings):
    """Where imported numbers go, and the SIP credential with which a SIP server places calls."""

    sip_uri: str | None = setting(
        "SIP server",
        help="The URI of the SIP gateway that imported numbers are routed to, unless another route is named.",
        default=None,
        pattern=r"sips?:(?:[^\s@]+@)?[A-Za-z0-9\[][A-Za-z0-9.:\-\]]*(?:;\S+)?",
        wants="a SIP URI such as sip:pbx@sip.example.com",
        mistaken=((r"[^\s@:]+@\S+", "lacks its scheme: write sip: before it."),),
        docs_url="https://signalwire.com/docs/apis/rest/sip-gateways/list-sip-gateways",
    )
    application_id: str | None = setting(
        "cXML application ID",
        help="The cXML (LaML) application that imported numbers are routed to, instead of a SIP server.",
        default=None,
        pattern=_UUID,
        wants="a UUID",
    )
    sip_username: str | None = setting(
        "SIP user name",
        help="The SIP credential with which your SIP server places calls; looked at by the outbound checks.",
        default=None,
        pattern=r"[^\s@]{1,255}",
        wants="the user name alone, without a space or an @",
    )
    domain: str | None = setting(
        "SIP domain",
        help="The SIP domain that your server sends calls to; checked against the project's SIP profile.",
        default=None,
        pattern=r"[A-Za-z0-9-]+\.sip\.signalwire\.com",
        wants="a name that ends in .sip.signalwire.com",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.sip_uri and self.application_id:
            raise PydanticCustomError("two_routes", "give either sip_uri or application_id: a number has one handler.")
        return self


INFO = ProviderInfo(
    id="signalwire",
    label="SignalWire",
    extra="signalwire",
    setup_methods=(
        SetupMethod(
            id="api_key",
            label="Project and API token",
            credentials=SignalWireCredentials,
            sip_config=SignalWireSip,
        ),
    ),
    route_kinds=("sip", "webhook", "application"),
    docs_url="https://signalwire.com/docs/apis",
)


def _read_answer(error: Any) -> Facts:
    """Read one of four bodies: {error}, {errors: [{detail, code}]}, {errors: [{message, code}]}, {message, code}."""
    body = error.body if isinstance(error.body, dict) else {}
    listed = body.get("errors")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    words = [_words(entry) for entry in entries] or [_words(body)]
    codes = (str(entry["code"]) for entry in (*entries, body) if entry.get("code"))
    code = next((code for code in codes if code != str(error.status_code)), None)
    return Facts(status=error.status_code, code=code, message="; ".join(filter(None, words)) or None)


def _words(entry: dict[str, Any]) -> str:
    said = next((str(entry[name]) for name in ("detail", "message", "error", "title") if entry.get(name)), "")
    return f"{said} (at {entry['attribute']})" if said and entry.get("attribute") else said


def _read_silence(error: Any) -> Facts:
    """A time-out differs from a lost connection only in the cause that the SDK keeps (3.7.5, measured)."""
    timed_out = "Timeout" in type(error.__cause__).__name__
    return Facts(error=ProviderTimeout if timed_out else ProviderUnavailable)


_WRONG_KEY = (
    "Check the project ID, the token and the space; or give the token the scope that this needs (Numbers, Voice, "
    "Management): SignalWire may answer both with 401."
)
RULES = Rules(
    label="SignalWire",
    exceptions=(
        Rule("signalwire.rest._base.SignalWireRestTransportError", read=_read_silence),
        Rule("signalwire.rest._base.SignalWireRestError", read=_read_answer),
    ),
    # https://signalwire.com/docs/apis/error-codes, read 2026-11-21
    codes={
        "provided_id_is_unrecognized": CodeRule(NotFound, "Check the id, and that it is of this project."),
    },
    statuses={
        401: _WRONG_KEY,
        403: f"Give the token the scope that this needs (Numbers, Voice, Management): {_KEYS}.",
        429: "Wait, or lower HttpOptions.rate; SignalWire takes 13,800 writes in 10 seconds.",
    },
)
