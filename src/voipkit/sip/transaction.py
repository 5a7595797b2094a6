"""Client transactions without sockets or clocks: RFC 3261 section 17.1, as far as a prober needs them.

Every machine is fed with the time and what arrived, fills its ``outbox`` with bytes to send, and names in ``deadline``
when it wants to be woken. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from typing import Protocol

from voipkit.sip.message import Request, Response

__all__ = ["LIFETIME", "T1", "T2", "Machine", "NonInvite", "Retransmission"]

T1 = 0.5
"""Seconds; round-trip estimate, table 4 of RFC 3261."""
T2 = 4.0
"""Seconds; longest wait between two retransmissions of anything but INVITE."""
LIFETIME = 64 * T1
"""Seconds; timers B and F: what has not come by then does not come."""

_OK = 200


class Machine(Protocol):
    """What a flow drives."""

    outbox: list[bytes]

    @property
    def deadline(self) -> float | None:
        """When `tick` wants to be called; None when nothing is due."""

    @property
    def settled(self) -> bool:
        """Whether nothing more needs to be sent or waited for."""

    def receive(self, now: float, response: Response) -> bool:
        """Take a response; False when it belongs to something else."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Retransmission:
    """When to send the same bytes again over UDP; never over TCP or TLS (section 17.1.1.2).

    Args:
        now: When the bytes were sent first.
        reliable: Whether the transport repeats by itself.
        longest: Longest wait in seconds; None for INVITE, whose waits double without end (timer A).
    """

    def __init__(self, now: float, *, reliable: bool, longest: float | None = T2) -> None:
        self._longest = longest
        self._wait = T1
        self.due: float | None = None if reliable else now + T1

    def advance(self, now: float, *, proceeding: bool = False) -> None:
        """Set the next time after a retransmission; timer E is T2 once a provisional answer came."""
        doubled = self._wait * 2
        self._wait = T2 if proceeding else doubled if self._longest is None else min(doubled, self._longest)
        self.due = now + self._wait

    def stop(self) -> None:
        """Retransmit no more."""
        self.due = None


class NonInvite:
    """A client transaction of any method but INVITE and ACK, section 17.1.2.

    Args:
        request: To send; its top Via's branch names the transaction.
        now: The time.
        reliable: Whether the transport repeats by itself.
        lifetime: Seconds until timer F.

    Attributes:
        outbox: Bytes to send.
        codes: Every status code that came.
        final: The final response, or None.
        timed_out: Whether timer F fired.
    """

    def __init__(self, request: Request, now: float, *, reliable: bool, lifetime: float = LIFETIME) -> None:
        self.request = request
        self._bytes = request.encode()
        self._again = Retransmission(now, reliable=reliable)
        self._ends = now + lifetime
        self.outbox = [self._bytes]
        self.codes: list[int] = []
        self.final: Response | None = None
        self.timed_out = False

    @property
    def deadline(self) -> float | None:
        """When it wants to be woken."""
        if self.settled:
            return None
        return self._ends if self._again.due is None else min(self._ends, self._again.due)

    @property
    def settled(self) -> bool:
        """Whether the answer came, or is not waited for any more."""
        return self.final is not None or self.timed_out

    def receive(self, now: float, response: Response) -> bool:
        """Take a response if it is this transaction's: branch and CSeq method match, section 17.1.3."""
        del now
        if response.branch != self.request.branch or response.cseq != self.request.cseq:
            return False
        if not self.settled:
            self.codes.append(response.status)
            if response.status >= _OK:
                self.final = response
        return True

    def tick(self, now: float) -> None:
        """Retransmit (timer E) or give up (timer F)."""
        if self.settled:
            return
        if now >= self._ends:
            self.timed_out = True
        elif self._again.due is not None and now >= self._again.due:
            self.outbox.append(self._bytes)
            self._again.advance(now, proceeding=bool(self.codes))

    def stop(self) -> None:
        """Wait no longer; nothing of it is left at the far end."""
        if self.final is None:
            self.timed_out = True
