"""Calls that the scripted SIP peer places itself: the INVITE client transaction (RFC 3261 section 17.1.1) over UDP."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from voipkit.sandbox.sip_message import MAGIC_COOKIE, SipMessage

__all__ = ["Dialled", "Dialler"]

FINAL, REFUSED = 200, 300
T1 = 0.5
MOST_SENDS = 7  # Timer B: 64 * T1 is seven sends, 0.5 s doubling


@dataclass(frozen=True)
class Dialled:
    """Say how a call went.

    Attributes:
        codes: Response codes in order, repeated ones once.
        at: Seconds after the INVITE at which each came.
        bytes_out: Bytes sent.
        bytes_in: Bytes received.
    """

    codes: tuple[int, ...]
    at: tuple[float, ...]
    bytes_out: int
    bytes_in: int

    @property
    def final(self) -> int:
        """The final code; 0 where none came."""
        return self.codes[-1] if self.codes and self.codes[-1] >= FINAL else 0


class Dialler:
    """Place calls from one UDP socket; responses are handed to `received` by whoever reads it."""

    def __init__(self, send: Callable[[bytes, tuple[str, int]], None], local: Callable[[], tuple[str, int]]) -> None:
        self._send = send
        self._local = local
        self._waiting: dict[str, asyncio.Queue[tuple[SipMessage, int]]] = {}

    def received(self, response: SipMessage, size: int) -> None:
        """Hand over a response; one that no call waits for is dropped."""
        queue = self._waiting.get(response.branch)
        if queue is not None:
            queue.put_nowait((response, size))

    async def call(
        self,
        to: tuple[str, int],
        called: str,
        caller: str,
        *,
        ring: float = 10.0,
        report: Callable[[int], None] | None = None,
        cancelled: asyncio.Event | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Dialled:
        """Call a number at an address and hang up at once if it is answered.

        Args:
            to: Address and port.
            called: Number in the Request-URI and To.
            caller: Number in From.
            ring: Seconds after which the call is cancelled.
            report: Told each code as it comes.
            cancelled: Cancels the call when set.
            headers: More headers.
        """
        invite = self._invite(to, called, caller, headers)
        self._waiting[invite.branch] = asyncio.Queue()
        try:
            return await self._run(invite, to, ring, report or (lambda _code: None), cancelled or asyncio.Event())
        finally:
            del self._waiting[invite.branch]

    async def _run(
        self,
        invite: SipMessage,
        to: tuple[str, int],
        ring: float,
        report: Callable[[int], None],
        cancelled: asyncio.Event,
    ) -> Dialled:
        began, data = time.monotonic(), invite.encode()
        codes: list[int] = []
        at: list[float] = []
        sent = received = sends = 0
        hung_up = False
        next_send = began
        while time.monotonic() - began < ring + T1 * 4:
            now = time.monotonic()
            if cancelled.is_set() and not codes:
                break  # no CANCEL goes before a provisional response (section 9.1): it is not tried any more
            if not codes and now >= next_send and sends < MOST_SENDS:
                self._send(data, to)
                sent, sends, next_send = sent + len(data), sends + 1, now + T1 * 2**sends
            if codes and not hung_up and (cancelled.is_set() or now - began > ring):
                hung_up = True
                sent += self._follow(invite, to, "CANCEL", invite.branch, None)
            try:
                response, size = await asyncio.wait_for(self._waiting[invite.branch].get(), 0.05)
            except TimeoutError:
                continue
            received += size
            if response.cseq[1] != "INVITE":
                continue
            if response.code not in codes:
                codes.append(response.code)
                at.append(time.monotonic() - began)
                report(response.code)
            if response.code >= FINAL:
                sent += self._end(invite, to, response)
                break
        return Dialled(tuple(codes), tuple(at), sent, received)

    def _end(self, invite: SipMessage, to: tuple[str, int], response: SipMessage) -> int:
        """Acknowledge a final response, and hang up an answer; return the bytes sent."""
        if response.code >= REFUSED:
            return self._follow(invite, to, "ACK", invite.branch, response)
        return sum(self._follow(invite, to, method, _branch(), response) for method in ("ACK", "BYE"))

    def _invite(
        self, to: tuple[str, int], called: str, caller: str, headers: tuple[tuple[str, str], ...]
    ) -> SipMessage:
        host, port = self._local()
        here = f"{host}:{port}"
        return SipMessage(
            "INVITE",
            f"sip:{called}@{to[0]}:{to[1]}",
            headers=(
                ("Via", f"SIP/2.0/UDP {here};branch={_branch()};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{caller}@{here}>;tag={secrets.token_hex(4)}"),
                ("To", f"<sip:{called}@{to[0]}>"),
                ("Call-ID", f"{secrets.token_hex(8)}@{host}"),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<sip:{here}>"),
                *headers,
            ),
        )

    def _follow(
        self, invite: SipMessage, to: tuple[str, int], method: str, branch: str, response: SipMessage | None
    ) -> int:
        number = 2 if method == "BYE" else 1
        via = invite.get("via").replace(invite.branch, branch)
        receiver = response.get("to") if response else invite.get("to")
        kept = [(name, value) for name, value in invite.headers if name in ("From", "Call-ID", "Max-Forwards")]
        headers = [("Via", via), *kept, ("To", receiver), ("CSeq", f"{number} {method}")]
        data = SipMessage(method, invite.uri, headers=tuple(headers)).encode()
        self._send(data, to)
        return len(data)


def _branch() -> str:
    return MAGIC_COOKIE + secrets.token_hex(8)
