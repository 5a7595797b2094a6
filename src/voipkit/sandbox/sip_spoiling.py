"""What can be wrong with the bytes of a SIP response, and what is only odd (RFC 4475 has more)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from voipkit.sandbox.sip_message import SipMessage
from voipkit.sandbox.sip_scenarios import Spoil

__all__ = ["spoilt"]

_HUGE = 60_000
_COMPACT = {
    "Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Length": "l",
}  # fmt: skip


def spoilt(message: SipMessage, kind: Spoil) -> bytes:
    """Return the bytes of a response with one thing wrong or odd; whole and right where ``kind`` is ""."""
    return _HOW[kind](message) if kind else message.encode()


def _folded(message: SipMessage) -> bytes:
    return message.encode().replace(b";received", b"\r\n  ;received", 1)


def _compact(message: SipMessage) -> bytes:
    return "\r\n".join(_short(line) for line in message.encode().decode().split("\r\n")).encode()


def _short(line: str) -> str:
    name, colon, value = line.partition(":")
    return f"{_COMPACT.get(name, name)}{colon}{value}"


def _without(message: SipMessage, name: str) -> SipMessage:
    return replace(message, headers=tuple(pair for pair in message.headers if pair[0] != name))


_HOW: dict[Spoil, Callable[[SipMessage], bytes]] = {
    # wrong
    "garbage": lambda _: bytes(range(256)) + b"\r\n\r\n",
    "truncated": lambda m: m.encode()[: len(m.encode()) // 2],
    "no-cseq": lambda m: _without(m, "CSeq").encode(),
    "wrong-branch": lambda m: m.encode().replace(m.branch.encode(), b"z9hG4bKsomebodyelse"),
    # only odd
    "huge-header": lambda m: m.added(("X-Padding", "x" * _HUGE)).encode(),
    "negative-length": lambda m: re.sub(rb"Content-Length: \d+", b"Content-Length: -1", m.encode()),
    "folded": _folded,
    "latin-1": lambda m: replace(m, reason="Schön").encode().replace("ö".encode(), b"\xf6"),
    "lf-only": lambda m: m.encode().replace(b"\r\n", b"\n"),
    "compact": _compact,
    "no-reason": lambda m: replace(m, reason="").encode(),
    "control-characters": lambda m: replace(m, reason="\x1b[31mOK\x1b[0m").encode(),
}
