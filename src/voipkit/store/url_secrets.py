"""Where a URL holds a secret: found in any text, so that something else can be put in its place.

Carriers take the password of a webhook in its URL, as ``https://user:password@host/path?token=...`` (RFC 3986, section
3.2.1). Secret are the password, or all of the user information where a colon does not part it, and the whole query. Of
a SIP URI (RFC 3261, section 19.1) it is the password and the headers; its user is a phone number or a name. A path is
taken for no secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

__all__ = ["MASK", "UrlSecret", "mapped", "masked", "replaced"]

MASK = "***"

_SCHEME = r"\b(?:[a-z][a-z0-9+.-]{0,15}://|sips?:)"
_LONGEST_USERINFO = 4096  # twice what a route takes; a bound, so that no text takes the square of its length
_TAIL = ".,;:)'\""  # what may follow a URL in a sentence, and belongs to the sentence


class UrlSecret(NamedTuple):
    """A secret of a URL.

    Attributes:
        part: Where it is.
        text: The secret.
        url: The URL without its secrets.
    """

    part: Literal["userinfo", "password", "query"]
    text: str
    url: str


def replaced(text: str, change: Callable[[UrlSecret], str]) -> str:
    """Put something in the place of each secret of each URL in a text.

    Args:
        text: A URL, or any text with URLs in it.
        change: Returns what takes a secret's place. The result has its secrets where the text had them as long as it
            returns letters, digits, dots, hyphens and underscores.
    """
    if "@" not in text and "?" not in text:
        return text
    urls = _WHOLE if _STARTS.match(text) else _WITHIN
    return urls.sub(lambda found: _rewritten(found, change), text)


def masked(text: str) -> str:
    """Return a text for people: every secret of a URL is shown as `MASK`."""
    return replaced(text, _mask)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON values with every text in them changed; keys of objects stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: mapped(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [mapped(each, change) for each in value]
    return value


def _urls(user: str, rest: str, query: str) -> re.Pattern[str]:
    # A URL ends where the next one begins: in a list, or in the path of one that calls another.
    rest = rf"(?:(?!{_SCHEME}){rest})*"
    userinfo = rf"{user}{{0,{_LONGEST_USERINFO}}}"
    return re.compile(rf"({_SCHEME})(?:({userinfo})@)?({rest})(?:\?({query}*))?", re.IGNORECASE | re.DOTALL)


_STARTS = re.compile(_SCHEME, re.IGNORECASE)
_WHOLE = _urls(r"[^/?#]", r"[^?]", r".")  # the text begins with a URL, so white space in it is the URL's
_WITHIN = _urls(r"[^/?#\s]", r"[^?\s]", r"\S")


def _rewritten(found: re.Match[str], change: Callable[[UrlSecret], str]) -> str:
    scheme, userinfo, rest, query = found.groups()
    name, colon, password = (userinfo or "").partition(":")
    part: Literal["userinfo", "password"] = "password"
    if scheme.endswith("/") and not colon:
        part, name, password = "userinfo", "", name
    url = f"{scheme}{name}{colon}@{rest}"

    def instead(where: Literal["userinfo", "password", "query"], secret: str | None) -> str:
        return change(UrlSecret(where, secret, url)) if secret else ""

    # In one expression: a frame that is left by an error holds no secret that was opened before.
    return (
        f"{scheme}{name}{colon}{instead(part, password)}{'' if userinfo is None else '@'}{rest}"
        f"{'' if query is None else '?'}{instead('query', query)}"
    )


def _mask(secret: UrlSecret) -> str:
    words = secret.text.rstrip(_TAIL)
    return MASK + secret.text[len(words) :] if words and secret.part == "query" else MASK
