"""SIP messages (RFC 3261 sections 7, 20 and 25): read tolerantly, written strictly.

Reading takes what odd carriers send: compact names, folded lines, bare line feeds, any byte. It is bounded, and what is
no message is None, never an exception. Writing has one gate, `encode`, which refuses control characters in the start
line and in every header, wherever they come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voipkit.errors import ConfigurationError

__all__ = [
    "MAX_BODY",
    "MAX_HEAD",
    "Framer",
    "Headers",
    "Message",
    "Request",
    "Response",
    "clean",
    "parameters",
    "parse",
    "split_quoted",
]

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024
"""Bytes; far beyond what a UDP datagram, or an honest carrier's answer, holds."""

_MAX_LINES = 512
_CODEC = ("utf-8", "surrogateescape")  # section 7: UTF-8; surrogateescape gives odd bytes back as they came
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via", "x": "session-expires",
}  # fmt: skip
_STATUS_LINE = re.compile(r"SIP/2\.0[ \t]+([1-6][0-9]{2})(?:[ \t]+(.*))?", re.IGNORECASE | re.ASCII)
_REQUEST_LINE = re.compile(r"([A-Z]{1,32})[ \t]+(\S{1,2048})[ \t]+SIP/2\.0[ \t]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Headers = tuple[tuple[str, str], ...]
"""Names and values in the order of the wire; names as they were spelled."""


@dataclass(frozen=True, slots=True)
class _Common:
    headers: Headers
    body: bytes

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a header, in order, by its long name in any case."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if _long(key) == wanted)

    def first(self, name: str) -> str:
        """Return a header's first value; empty when there is none."""
        return next(iter(self.all(name)), "")

    def listed(self, name: str) -> tuple[str, ...]:
        """Return every element of a header that is a comma-separated list, over all its lines."""
        return tuple(item for value in self.all(name) for item in split_quoted(value, ",") if item)

    @property
    def cseq(self) -> tuple[int, str]:
        """CSeq's number and method; (-1, "") when it is unsound."""
        number, _, method = self.first("cseq").partition(" ")
        return (int(number), method.strip()) if re.fullmatch("[0-9]{1,10}", number, re.ASCII) else (-1, "")

    @property
    def branch(self) -> str:
        """The branch of the top Via: with the method it names the transaction, section 17.1.3."""
        return parameters(next(iter(self.listed("via")), "")).get("branch", "")

    @property
    def to_tag(self) -> str:
        """The tag of To; with Call-ID and From's tag it names the dialog, section 12."""
        return tag_of(self.first("to"))


@dataclass(frozen=True, slots=True)
class Request(_Common):
    """A request."""

    method: str
    uri: str

    def encode(self) -> bytes:
        """Write the request; `ConfigurationError` on a control character anywhere but in the body."""
        return _encode(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response(_Common):
    """A response."""

    status: int
    reason: str

    def encode(self) -> bytes:
        """Write the response; `ConfigurationError` on a control character anywhere but in the body."""
        return _encode(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


def _encode(start: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    for line in lines:
        if _CONTROL.search(line):
            name = line.partition(":")[0] if line is not start else "the start line"
            raise ConfigurationError(
                f"A SIP message was not sent: {clean(name, 40)} holds a control character.",
                fix="Remove line ends, tabs and other control characters from the trunk's settings.",
            )
    return "\r\n".join([*lines, "", ""]).encode(*_CODEC) + body


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(data: bytes) -> Message | None:
    """Read one message, as a UDP datagram or a `Framer` holds it.

    Args:
        data: The bytes; line ends before the message are ignored (section 7.5).

    Returns:
        The message; None when it is none, or is beyond the bounds. Content-Length cuts the body and is not kept.
    """
    data = data.lstrip(b"\r\n")
    head, body = _split(data)
    if head is None or len(head) > MAX_HEAD:
        return None
    lines = _unfolded(head.decode(*_CODEC))
    if not lines or len(lines) > _MAX_LINES:
        return None
    headers = tuple(_header_lines(lines[1:]))
    length = _content_length(headers)
    if length is not None:
        if length > len(body):
            return None  # section 18.3: the message was cut off
        body = body[:length]
    kept = tuple((name, value) for name, value in headers if _long(name) != "content-length")
    if status := _STATUS_LINE.fullmatch(lines[0]):
        return Response(kept, body[:MAX_BODY], int(status[1]), (status[2] or "").strip())
    if request := _REQUEST_LINE.fullmatch(lines[0]):
        return Request(kept, body[:MAX_BODY], request[1], request[2])
    return None


def _split(data: bytes) -> tuple[bytes | None, bytes]:
    found = re.search(rb"\r?\n\r?\n", data[: MAX_HEAD + 4])
    if found:
        return data[: found.start()], data[found.end() :]
    return (data.rstrip(b"\r\n"), b"") if data.endswith(b"\n") else (None, b"")


def _unfolded(head: str) -> list[str]:
    """Split lines; a line that starts with a blank goes on with the one before, section 7.3.1."""
    lines: list[str] = []
    for line in re.split(r"\r?\n", head):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] = f"{lines[-1].rstrip()} {line.strip()}"
        else:
            lines.append(line)
    return lines


def _header_lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if colon and _NAME.fullmatch(name):
            yield name, value.strip(" \t\r")


def _content_length(headers: Headers) -> int | None:
    """Return the announced length; None when there is none, or none that makes sense."""
    for name, value in headers:
        if _long(name) == "content-length":
            return int(value) if re.fullmatch("[0-9]{1,9}", value, re.ASCII) else None
    return None


def _long(name: str) -> str:
    lowered = name.lower()
    return _COMPACT.get(lowered, lowered)


class Framer:
    """Cut a TCP or TLS stream into messages by Content-Length, section 18.3, within bounds.

    Attributes:
        broken: Whether the stream cannot be followed any more: a message is beyond the bounds, or has no sound length.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0
        self.broken = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived and return the messages that are complete by now."""
        found: list[bytes] = []
        self._buffer += data
        while not self.broken and (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        # Keep-alives (RFC 5626 section 4.4.1) and stray line ends stand between messages.
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        if blank:
            del self._buffer[:blank]
            self._looked = 0
        end = re.compile(rb"\r?\n\r?\n").search(self._buffer, max(0, self._looked - 3))
        if end is None or end.end() > MAX_HEAD:
            self._looked = len(self._buffer)
            self.broken = len(self._buffer) > MAX_HEAD
            return None
        lines = _unfolded(bytes(self._buffer[: end.start()]).decode(*_CODEC))
        headers = tuple(_header_lines(lines[1:]))
        length = _content_length(headers)
        if length is None:
            # Section 20.14 wants one on streams; some answers without a body lack it, and an unsound one ends the flow.
            self.broken = any(_long(name) == "content-length" for name, _ in headers)
            length = 0
        if self.broken or length > MAX_BODY:
            self.broken = True
            return None
        whole = end.end() + length
        if len(self._buffer) < whole:
            self._looked = end.start()
            return None
        message = bytes(self._buffer[:whole])
        del self._buffer[:whole]
        self._looked = 0
        return message


# --- values -----------------------------------------------------------------------------------------------------------


def split_quoted(text: str, separator: str) -> list[str]:
    """Split at a character that stands neither in a quoted-string nor in ``<...>``; parts are stripped."""
    parts: list[str] = []
    start = 0
    quoted = escaped = bracketed = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character in "<>":
            bracketed = character == "<"
        elif character == separator and not bracketed:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]


def parameters(value: str) -> dict[str, str]:
    """Return the ``;name=value`` parameters of a header's value, names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for part in split_quoted(value, ";")[1:]:
        name, _, content = part.partition("=")
        found.setdefault(name.strip().lower(), unquoted(content.strip()))
    return found


def tag_of(value: str) -> str:
    """Return the tag of a From or To value; empty when there is none."""
    return parameters(value).get("tag", "")


def unquoted(text: str) -> str:
    """Return what a quoted-string holds; other text as it is."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):  # noqa: PLR2004 - two quotes
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def clean(text: str, longest: int = 200) -> str:
    """Make text of the far end fit to be shown: no control, no direction and no terminal characters, and capped."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * longest]).split())
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."
