"""SIP URIs (RFC 3261 section 19.1): read tolerantly, written strictly.

Only what a prober meets: ``sip:`` and ``sips:`` with a user, a host, a port and parameters. Headers (``?Subject=...``)
are read over and never written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voipkit.addresses import literal

__all__ = ["SipUri", "addr_spec", "escape_user", "host_port", "parse_uri", "quoted"]

_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/")
"""Characters that stand for themselves in the user part: unreserved and user-unreserved, section 25.1."""

_LONGEST = 2048  # characters; nothing longer is a URI of a call's route
_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@\s<>\"]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;?<>@\"\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<params>(?:;[^;?\s<>\"]*)*)(?:\?[^\s<>\"]*)?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A SIP URI taken apart.

    Attributes:
        scheme: ``sip`` or ``sips``.
        user: As it stands on the wire, escapes and all; None when there is none.
        host: Name or address; IPv6 without brackets.
        port: None when there is none.
        params: Parameters as they stand, without the first semicolon; a flag has an empty value.
        text: The URI as it stood.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None
    params: tuple[tuple[str, str], ...]
    text: str

    def has(self, name: str) -> bool:
        """Tell whether a parameter is there, such as ``lr``."""
        return any(key == name for key, _ in self.params)


def parse_uri(text: str) -> SipUri | None:
    """Read a SIP URI, alone or as the ``<...>`` of a header's value; None when there is none or it is unsound.

    Args:
        text: Such as ``sip:alice@example.com;lr`` or ``"Alice" <sip:alice@example.com>;tag=1``.
    """
    spec = addr_spec(text)
    if len(spec) > _LONGEST or any(character < " " or character == "\x7f" for character in spec):
        return None
    match = _URI.fullmatch(spec)
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:  # noqa: PLR2004 - a port has 16 bits
        return None
    pairs = (part.partition("=") for part in match["params"].split(";") if part)
    return SipUri(
        scheme=match["scheme"].lower(),
        user=match["user"].partition(":")[0] if match["user"] else None,
        host=match["host"].strip("[]").lower(),
        port=port,
        params=tuple((name.lower(), value) for name, _, value in pairs),
        text=spec,
    )


def addr_spec(value: str) -> str:
    """Return the URI inside ``<...>``; without brackets what stands before the first ``;`` of a header's value.

    Section 20: without brackets every parameter belongs to the header, not to the URI.
    """
    start = _bracket(value)
    if start >= 0:
        return value[start + 1 :].partition(">")[0].strip()
    return value.strip() if value.lstrip()[:4].lower().startswith("sip") else value.partition(";")[0].strip()


def _bracket(value: str) -> int:
    """Find the ``<`` that is not inside a quoted display name; -1 when there is none."""
    quoted_now = False
    escaped = False
    for index, character in enumerate(value):
        if escaped:
            escaped = False
        elif character == "\\" and quoted_now:
            escaped = True
        elif character == '"':
            quoted_now = not quoted_now
        elif character == "<" and not quoted_now:
            return index
    return -1


def escape_user(user: str) -> str:
    """Write a user part: whatever may not stand for itself becomes ``%XX`` of its UTF-8 bytes, section 25.1."""
    return "".join(c if c in _UNRESERVED else "".join(f"%{byte:02X}" for byte in c.encode()) for c in user)


def quoted(text: str) -> str:
    r"""Write a quoted-string: ``\`` and ``"`` are escaped, section 25.1."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def host_port(host: str, port: int | None = None) -> str:
    """Write a host, IPv6 in brackets, and its port where there is one."""
    address = literal(host)
    shown = f"[{address}]" if address is not None and address.version == 6 else host  # noqa: PLR2004 - IPv6
    return shown if port is None else f"{shown}:{port}"
