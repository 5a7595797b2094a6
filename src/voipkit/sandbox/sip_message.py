"""SIP messages as the scripted peer reads and writes them (RFC 3261 section 7).

The peer judges a client, so it reads strictly: `parse` refuses what the grammar forbids, and `violations` names what a
well-formed request still gets wrong. It is written from the RFCs and shares no code with `voipkit.sip`, which is what
it is there to contradict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ["SipMessage", "parameters", "parse", "split_list", "unquote", "uri_user", "violations"]

MAGIC_COOKIE = "z9hG4bK"  # RFC 3261 section 8.1.1.7
UDP_LIMIT = 1300  # RFC 3261 section 18.1.1: a larger request must not go over UDP when the path MTU is unknown
_COMPACT = {
    "i": "call-id",
    "m": "contact",
    "e": "content-encoding",
    "l": "content-length",
    "c": "content-type",
    "f": "from",
    "s": "subject",
    "k": "supported",
    "t": "to",
    "v": "via",
}
_REQUEST = re.compile(r"([A-Z]+) (\S+) SIP/2\.0\Z")
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6]\d\d) (.*)\Z")
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+\Z")
_PARAMETER = re.compile(r"""\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;,\s"]*))?\s*(?:[;,]|\Z)""")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class SipMessage:
    """Hold one request or response.

    Attributes:
        method: Request method; "" for a response.
        uri: Request-URI; "" for a response.
        code: Status code; 0 for a request.
        reason: Reason phrase; "" for a request.
        headers: Names as sent and values, in order.
        body: Body.
    """

    method: str = ""
    uri: str = ""
    code: int = 0
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def get(self, name: str) -> str:
        """Return the first value of a header, or ""."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Return every value of a header in order; compact and long names are the same header."""
        return [value for given, value in self.headers if _canonical(given) == name.lower()]

    def added(self, *headers: tuple[str, str]) -> SipMessage:
        """Return this message with more headers at its end."""
        return replace(self, headers=self.headers + headers)

    def encode(self) -> bytes:
        """Return the bytes, with the right Content-Length."""
        start = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.code} {self.reason}"
        lines = [start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    @property
    def branch(self) -> str:
        """The branch of the topmost Via."""
        return parameters(self.get("via").partition(";")[2]).get("branch", "")

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """The CSeq number and method; (-1, "") where there is none to read."""
        number, _, method = self.get("cseq").partition(" ")
        return (int(number), method.strip()) if number.isdecimal() else (-1, "")

    def tag(self, name: str) -> str:
        """Return the tag of the From or To header, or ""."""
        return parameters(self.get(name).rpartition(">")[2].lstrip(";")).get("tag", "")


def parse(data: bytes) -> SipMessage:
    """Read one whole message.

    Raises:
        ValueError: The bytes are not a SIP message; the text says why.
    """
    head, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        raise ValueError("no empty line ends the headers (RFC 3261 section 7)")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.match(name.rstrip()) or _CONTROL.search(value):
            raise ValueError(f"not a header line: {line[:40]!r}")
        headers.append((name.rstrip(), value.strip()))
    request, response = _REQUEST.match(first), _RESPONSE.match(first)
    if request:
        return SipMessage(request[1], request[2], headers=tuple(headers), body=body)
    if response:
        return SipMessage(code=int(response[1]), reason=response[2], headers=tuple(headers), body=body)
    raise ValueError(f"neither a request line nor a status line: {first[:40]!r}")


def parameters(text: str) -> dict[str, str]:
    """Read ``name=value`` pairs divided by ``;`` or ``,``; names come in lower case and quotes are taken off."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and (match := _PARAMETER.match(text, at)):
        found.setdefault(match[1].lower(), unquote(match[2] or ""))
        at = match.end()
    return found


def unquote(text: str) -> str:
    """Take off the quotes and the backslashes of a quoted-string (RFC 3261 section 25.1)."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def split_list(values: list[str]) -> list[str]:
    """Divide header values at the commas that stand outside quotes and angle brackets."""
    parts = []
    for value in values:
        parts += re.findall(r"""\s*((?:[^,"<]|"(?:[^"\\]|\\.)*"|<[^>]*>)+)""", value)
    return [part.strip() for part in parts]


def uri_user(text: str) -> str:
    """Return the user part of the URI in a From, To or Request-URI, or ""."""
    found = re.search(r"sips?:([^@>;?]+)@", text)
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), found[1]) if found else ""


def violations(request: SipMessage, transport: str, size: int) -> list[str]:
    """Name what a request gets wrong that RFC 3261 says plainly.

    Args:
        request: The request.
        transport: How it came: ``udp``, ``tcp`` or ``tls``.
        size: Its size, in bytes.

    Returns:
        Sentences; an empty list where nothing is wrong.
    """
    wrong = [
        f"{name} is there {len(request.all(name))} times; 8.1.1 wants it once"
        for name in ("to", "from", "cseq", "call-id", "max-forwards")
        if len(request.all(name)) != 1
    ]
    via = request.get("via")
    if not request.branch.startswith(MAGIC_COOKIE):
        wrong.append(f"the branch does not begin with {MAGIC_COOKIE} (8.1.1.7)")
    if f"/{transport.upper()} " not in via:
        wrong.append(f"Via does not name the transport {transport} (18.1.1)")
    if transport == "udp" and "rport" not in via:
        wrong.append("Via does not ask for rport (RFC 3581 section 3)")
    if request.cseq[1] != request.method:
        wrong.append("CSeq names another method (8.1.1.5)")
    if not request.tag("from"):
        wrong.append("From has no tag (8.1.1.3)")
    length = request.get("content-length")
    if (transport != "udp" and not length) or (length and length != str(len(request.body))):
        wrong.append("Content-Length is missing or wrong (18.3)")
    if transport == "udp" and size > UDP_LIMIT:
        wrong.append(f"{size} bytes over UDP; {UDP_LIMIT} is the limit (18.1.1)")
    if request.method == "INVITE" and len(request.all("contact")) != 1:
        wrong.append("INVITE needs exactly one Contact (8.1.1.8)")
    return [f"{request.method}: {text}" for text in wrong]


def _canonical(name: str) -> str:
    return _COMPACT.get(name.lower(), name.lower())
