"""Taking secrets out of what is recorded, and a search of its own that finds what was missed.

Two ways lead to a secret: its value, where it is known, in whatever encoding it turns up; and its name, in JSON, in
forms and in URLs, where it is not. What the first two overlook, `Scrubber.leaks` is to find: it decodes the text and
shares no pattern with them.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_plus

__all__ = ["BLANK", "SHORTEST", "Scrubber"]

BLANK = "**********"
"""What stands where a secret was."""

SHORTEST = 6
"""Characters; a shorter secret cannot be told from ordinary text, so nothing is recorded with it."""

_ASKED = frozenset({"accept", "content-type"})
_ANSWERED = re.compile(r"content-type|retry-after|link|(x-)?ratelimit.*")

_NAME = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|secret)|pwd|"
    r"(?:x[_-]?)?(?:auth|access|refresh|session|bearer|api)[_-]?token|token|(?:x[_-]?)?api[_-]?key|"
    r"private[_-]?key|signing[_-]?key|jwt|cookie|set-cookie|(?:proxy-)?authorization)"
)
_BY_NAME = (
    re.compile(rf'("{_NAME}"\s*:\s*")((?:[^"\\]|\\.)+)', re.IGNORECASE),  # JSON, a text
    re.compile(rf'("{_NAME}"\s*:\s*)(\d[\d.]*)(?=\s*[,}}])', re.IGNORECASE),  # JSON, a number
    re.compile(rf"((?:^|[?&;])(?:[\w-]+%5B)?{_NAME}(?:%5D)?=)([^&;#\s\"']+)", re.IGNORECASE),  # a form, a query
    re.compile(r"(\b(?:Basic|Bearer)(?:\s|%20|\+)+)([\w.~+/%-]{8,}=*)", re.IGNORECASE),  # RFC 7617, RFC 6750
    re.compile(r"((?://|sips?:)[^\s/@:\"'<>]+:)([^\s/@\"'<>]+)(?=@)", re.IGNORECASE),  # user information of a URI
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(r"[0-9a-fA-F]{12,}")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)")
_DIGITS = frozenset("+-_=%")  # of base64, beside letters and decimal digits; "/" would take whole paths along
_DEPTH = 3  # encodings within encodings: a URL in a form in JSON


class Scrubber:
    """Blanks the secrets of one account.

    Nothing of the secrets can be read from its repr.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Learn the secrets.

        Args:
            secrets: Their values, by the names under which they are reported.

        Raises:
            ValueError: One is too short to be told from ordinary text; the words name it.
        """
        short = [name for name, value in secrets.items() if len(value) < SHORTEST]
        if short:
            msg = f"{', '.join(short)}: shorter than {SHORTEST} characters, so it cannot be blanked safely"
            raise ValueError(msg)
        self._secrets = dict(secrets)
        values = dict.fromkeys(secrets.values())
        self._plain = [pattern for value in values for pattern in _plain(value)]
        self._encoded = [pattern for value in values for pattern in _encoded(value)]

    def __repr__(self) -> str:
        return f"<Scrubber of {', '.join(self._secrets) or 'nothing'}>"

    def text(self, text: str) -> str:
        """Return a URL, a body or a header's value without secrets."""
        for pattern in self._plain:
            text = pattern.sub(BLANK, text)
        for pattern in self._encoded:
            text = _sub_run(pattern, text)
        for pattern in _BY_NAME:
            text = pattern.sub(_blanked, text)
        return text

    def body(self, body: bytes) -> bytes:
        """Return a body without secrets; bytes that are no UTF-8 are kept as they are."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def asked(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request that are kept: what it wants and sends, never who asks."""
        return {name.lower(): self.text(value) for name, value in headers.items() if name.lower() in _ASKED}

    def answered(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an answer that are kept: its type, and what it says of pages and waiting."""
        kept = {name.lower(): value for name, value in headers.items() if _ANSWERED.fullmatch(name.lower())}
        return {name: self.text(value) for name, value in sorted(kept.items())}

    def leaks(self, text: str) -> list[str]:
        """Return the names of the secrets that a text still holds, in whatever encoding.

        Args:
            text: A whole file, as it is to be written.
        """
        readings = list(_readings(text))
        return [name for name, value in self._secrets.items() if any(value in reading for reading in readings)]


# --- finding a value -------------------------------------------------------------------------------------------------


def _plain(value: str) -> Iterator[re.Pattern[str]]:
    """Yield patterns for a secret, with any of its characters escaped, and in hexadecimal."""
    yield re.compile(_escaped(value))
    yield re.compile(value.encode().hex(), re.IGNORECASE)


def _encoded(value: str) -> Iterator[re.Pattern[str]]:
    """Yield patterns for what is the same in each base64 text (RFC 4648 section 4) that the secret is somewhere in."""
    raw = value.encode()
    for offset in range(3):  # where the secret begins within a group of three bytes
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        for spelled in dict.fromkeys((core, core.translate(str.maketrans("+/", "-_")))):
            yield re.compile(_escaped(spelled))


def _sub_run(pattern: re.Pattern[str], text: str) -> str:
    """Blank each match with the digits around it; looking for those in the pattern itself would take quadratic time."""
    kept, done = [], 0
    for match in pattern.finditer(text):
        start, end = match.span()
        while start > done and (text[start - 1].isalnum() or text[start - 1] in _DIGITS):
            start -= 1
        while end < len(text) and (text[end].isalnum() or text[end] in _DIGITS):
            end += 1
        kept += [text[done:start], BLANK] if start >= done else []
        done = max(done, end)
    return "".join([*kept, text[done:]])


def _escaped(value: str) -> str:
    """Return a pattern of a text with any character as it is, percent-encoded once or twice, or escaped as in JSON."""
    return "".join(_character(sign) for sign in value)


def _character(sign: str) -> str:
    code = ord(sign)
    percent = "".join(f"%(?:25)?{byte:02x}" for byte in sign.encode())
    ways = [re.escape(sign), f"(?i:{percent})", rf"(?i:\\+u{code:04x})", rf"&#(?i:0*{code}|x0*{code:x});"]
    ways += [r"\+"] if sign == " " else []
    ways += [rf"\\+{re.escape(sign)}"] if sign in '"\\/' else []
    ways += [re.escape(html.escape(sign))] if html.escape(sign) != sign else []
    return f"(?:{'|'.join(ways)})"


def _blanked(match: re.Match[str]) -> str:
    quote = '"' if match[2].isdigit() and match[1].rstrip().endswith(":") else ""
    return f"{match[1]}{quote}{BLANK}{quote}"


# --- finding what was missed -----------------------------------------------------------------------------------------


def _readings(text: str, depth: int = _DEPTH) -> Iterator[str]:
    """Yield a text, and everything that it says when it is decoded."""
    yield text
    if depth == 0:
        return
    for decoded in dict.fromkeys((unquote_plus(text), html.unescape(text), _ESCAPED.sub(_unescaped, text))):
        if decoded != text:
            yield from _readings(decoded, depth - 1)
    yield " ".join(_decoded(text))


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2]


def _decoded(text: str) -> Iterable[str]:
    """Yield what every run of base64 or hexadecimal digits says, wherever in it a group may begin."""
    for run in _HEX.findall(text):
        for start in range(2):
            yield bytes.fromhex(run[start : start + (len(run) - start) // 2 * 2]).decode("utf-8", "replace")
    for run in _BASE64.findall(text):
        plain = run.translate(str.maketrans("-_", "+/"))
        for start in range(4):
            part = plain[start:]
            part = part[: len(part) - (len(part) % 4 == 1)]  # one digit alone holds no byte
            try:
                yield base64.b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
            except binascii.Error:
                continue
