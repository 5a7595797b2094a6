"""What Acme asks for, what it can do, and what its errors mean.

Acme's words: a *number* is a phone number without its plus; a *line* is what its calls go to (voipkit: a trunk). A
number has one line, or is forwarded to another phone number, or neither. Acme is fiction; of a real carrier, this
docstring would have links to its pages, and the date on which they were read.
"""

from __future__ import annotations

from pydantic import SecretStr
from voipkit.adapting.translation import CodeRule, Facts, Rule, Rules
from voipkit.errors import Conflict, PermissionDenied
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

__all__ = ["INFO", "RULES", "AcmeCredentials"]


class AcmeCredentials(Settings):
    """What opens an Acme account."""

    api_key: SecretStr = setting(
        "API key",
        help="Made in Acme's console, under Settings > API.",
        pattern=r"acme_[0-9a-f]{24}",
        wants="acme_ and 24 hexadecimal digits",
        mistaken=((r"ln_\w+", "is the id of a line, not an API key."),),
    )
    line: str | None = setting(
        "Line",
        help="Id of the line that imported numbers go to; Lines in Acme's console shows it.",
        pattern=r"ln_\w+",
        wants="ln_ and the line's name",
        default=None,
    )


INFO = ProviderInfo(
    id="acme",
    label="Acme",
    setup_methods=(SetupMethod(id="api_key", label="API key", credentials=AcmeCredentials),),
    route_kinds=("trunk",),
    docs_url="https://docs.acme.example/api",
)


def _facts(error: BaseException) -> Facts:
    """Read Acme's own words out of an answer that is an error: ``{"problem": "...", "detail": "..."}``."""
    response = getattr(error, "response")  # noqa: B009 - the rule below names the class; httpx is not imported here
    try:
        said = response.json()
    except ValueError:  # a proxy in between answers with HTML
        said = None
    if not isinstance(said, dict):
        return Facts(status=response.status_code)
    return Facts(status=response.status_code, code=said.get("problem"), message=said.get("detail"))


RULES = Rules(
    label="Acme",
    exceptions=(Rule("httpx.HTTPStatusError", read=_facts),),
    codes={
        "account_closed": CodeRule(PermissionDenied, "Ask Acme to open the account again, or use another account."),
        "number_porting": CodeRule(Conflict, "Wait until the number has been ported, and try again."),
    },
)
