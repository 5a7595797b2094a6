"""What the scripted SIP peer saw: every message, every broken rule, and what was left behind."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from voipkit.sandbox.sip_message import SipMessage

__all__ = ["Flow", "Journal", "Seen"]

_KEPT = 20_000
_SECRET = re.compile(r'(response|cnonce)="?[0-9a-zA-Z]+"?')
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization"})


@dataclass(frozen=True)
class Flow:
    """Name the way back to a client.

    Attributes:
        transport: ``udp``, ``tcp`` or ``tls``.
        source: Address and port that the client sends from.
        send: Sends bytes on it.
    """

    transport: str
    source: tuple[str, int]
    send: Callable[[bytes], None] = field(repr=False, compare=False)

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats what is lost (RFC 3261 section 17)."""
        return self.transport != "udp"


@dataclass(frozen=True)
class Seen:
    """Hold one message, with the parts of digest answers that could be cracked taken out.

    Attributes:
        at: `time.monotonic` seconds.
        received: Whether the peer received it.
        transport: ``udp``, ``tcp`` or ``tls``.
        source: The client's address and port.
        message: The message.
        size: Its bytes on the wire.
    """

    at: float
    received: bool
    transport: str
    source: tuple[str, int]
    message: SipMessage
    size: int

    @property
    def label(self) -> str:
        """The method, or the code and the method that it answers, such as ``486 INVITE``."""
        return self.message.method or f"{self.message.code} {self.message.cseq[1]}"


@dataclass
class Journal:
    """Collect what happened since the peer started or `clear` was called.

    Attributes:
        seen: Messages, the last 20,000.
        violations: What the client did against an RFC, one sentence each.
        strays: What reached the trap, an address that only the peer's Contact names.
        bytes_in: Bytes received.
        bytes_out: Bytes sent.
    """

    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=_KEPT))
    violations: list[str] = field(default_factory=list)
    strays: list[bytes] = field(default_factory=list)
    bytes_in: int = 0
    bytes_out: int = 0

    @property
    def requests(self) -> list[SipMessage]:
        """The requests that the peer received, in order, repeated ones too."""
        return [each.message for each in list(self.seen) if each.received and each.message.method]

    @property
    def methods(self) -> list[str]:
        """Their methods."""
        return [request.method for request in self.requests]

    def ladder(self) -> list[str]:
        """Return the exchange as ``> OPTIONS`` and ``< 200 OPTIONS``; the client is on the left."""
        return [f"{'>' if each.received else '<'} {each.label}" for each in list(self.seen)]

    def note(self, message: SipMessage, flow: Flow, size: int, *, received: bool) -> None:
        """Write one message down."""
        self.seen.append(Seen(time.monotonic(), received, flow.transport, flow.source, _masked(message), size))

    def clear(self) -> None:
        """Forget everything."""
        self.seen.clear()
        self.violations.clear()
        self.strays.clear()
        self.bytes_in = self.bytes_out = 0


def _masked(message: SipMessage) -> SipMessage:
    headers = tuple(
        (name, _SECRET.sub(r'\1="***"', value) if name.lower() in _SECRET_HEADERS else value)
        for name, value in message.headers
    )
    return SipMessage(message.method, message.uri, message.code, message.reason, headers, message.body)
