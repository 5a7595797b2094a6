"""Cloudonix: what to enter, what it is called, and what its errors mean. No other package is needed for any of it.

Words: a *customer* ("tenant" in older pages) has *domains*; everything else is in one domain. A *voice application* is
a name for a webhook that answers calls. A *DNID* is a rule that sends calls for a called number, or a pattern of them,
to an application; what no DNID matches goes to the domain's *default application*. A *trunk* is a way to or from
another carrier. Cloudonix sells no numbers: they come from carriers of the customer's own, and all that it knows of
them is the DNIDs. So voipkit's numbers are the DNIDs that stand for one plain number.

API: https://developers.cloudonix.com; written from Cloudonix's OpenAPI document "Cloudonix REST API 1.0.0"; last
checked 2026-11-21. There is no Python SDK (PyPI, 2026-11-21), hence the thin client in `api`. Not checked against a
live account: whether a refused key is a 401 or a 403 (the document's text and its table differ), the length of the
window in which 10 requests are allowed (3 seconds in the document, 10 on an older page), that a DNID's PUT changes only
the fields that it names, which DNID wins when two match, and every console path.
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from voipkit.adapting.translation import Facts, Rule, Rules
from voipkit.errors import UnexpectedResponse
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["INFO", "RULES", "UUID", "CloudonixCredentials", "CloudonixSip"]

_DOCS = "https://developers.cloudonix.com"
_KEYS = "cockpit.cloudonix.io, the domain's (or the customer's) API Keys"
UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""The form of Cloudonix's UUIDs."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_MAYBE_NO_PAGE = frozenset({403, 404})


class CloudonixCredentials(Settings):
    """A key, the domain that it opens, and the application that numbers shall use."""

    api_key: SecretStr = setting(
        "API key",
        help=f"A key of the domain, or of the customer that owns it: {_KEYS}. A domain's key is enough.",
        # 34 characters in Cloudonix's pages; the length is left open, since no live key was seen.
        pattern=r"XI[!-~]{8,200}",
        wants="XI and the rest of the key, 34 characters in all",
        mistaken=(
            (r"(?i)bearer\s+\S.*", "is a whole Authorization header; give the key alone, from XI on."),
            (r"KEY.*", "is a Telnyx API key."),
            (r"AC[0-9a-fA-F]{32}", "is a Twilio account SID."),
            (r"SK[0-9a-fA-F]{32}", "is a Twilio API key SID."),
        ),
        docs_url=_DOCS,
    )
    domain: str = setting(
        "Domain",
        help="The domain's name, its short name (acme for acme.cloudonix.net), its numeric id or its UUID.",
        pattern=rf"(?!XI[0-9A-Za-z]{{20,}}$)(?:{UUID}|{_NAME})",  # a key that landed here would be shown
        wants="a domain name such as acme.cloudonix.net, or the domain's id",
        mistaken=(
            (r"(?i)https?://.*", "is a URL; give the domain's name alone, such as acme.cloudonix.net."),
            (r"(?i)sips?:.*", "is a SIP URI; give the domain's name alone, such as acme.cloudonix.net."),
            (r"XI[0-9A-Za-z]{20,}", "looks like an API key: are the two swapped?"),
        ),
        docs_url=_DOCS,
    )
    application_name: str | None = setting(
        "Application",
        help="The voice application that numbers shall use: its name, its numeric id or its UUID.",
        default=None,
        pattern=r"[!-~]{1,200}",
        wants="the application's name; its id where the name has a space",
        docs_url=_DOCS,
    )


class CloudonixSip(Settings):
    """How calls leave the domain, and what an import may add to it."""

    outbound_trunk: str | None = setting(
        "Outbound trunk",
        help="The trunk that calls will be placed through: its name, id or UUID; left out, any trunk that is active.",
        default=None,
        pattern=r"[!-~]{1,200}",
        wants="the trunk's name, id or UUID",
        docs_url=_DOCS,
    )
    create_dnids: bool = setting(
        "Create DNIDs",
        help="Let an import add a DNID for a number that the domain has none for; Cloudonix cannot tell whose it is.",
        default=False,
        docs_url=_DOCS,
    )


INFO = ProviderInfo(
    id="cloudonix",
    label="Cloudonix",
    extra="cloudonix",
    setup_methods=(
        SetupMethod(id="api_key", label="API key", credentials=CloudonixCredentials, sip_config=CloudonixSip),
    ),
    route_kinds=("application",),
    docs_url=_DOCS,
)


def _facts(error: Any) -> Facts:
    """Read a refusal: {"status": false, "message": ...}, {"error": ...}, or nothing at all.

    A web page with 403 or 404 is a proxy's, not Cloudonix's: taken for its word, it would mean a key without permission
    or a listing without entries.
    """
    body = error.body if isinstance(error.body, dict) else {}
    said = next((body[name] for name in ("message", "error") if isinstance(body.get(name), str)), None)
    foreign = error.is_page and error.status in _MAYBE_NO_PAGE
    return Facts(status=error.status, message=said, error=UnexpectedResponse if foreign else None)


RULES = Rules(
    label="Cloudonix",
    exceptions=(Rule("voipkit.providers.cloudonix.api.Refused", read=_facts),),
    statuses={
        401: f"Copy the whole key again, and check that it is of this domain: {_KEYS}.",
        403: f"Use a key of this domain, or of the customer that owns it: {_KEYS}.",
        429: "Wait: Cloudonix allows 10 requests in 3 seconds for a whole domain, its calls included.",
    },
)
