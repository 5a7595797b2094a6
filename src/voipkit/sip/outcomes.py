"""What a probe found out, and what DNS said on the way."""

from __future__ import annotations

from dataclasses import dataclass

from voipkit.models import CheckStatus
from voipkit.sip.target import Transport

__all__ = ["Hop", "Outcome", "Resolution"]


@dataclass(frozen=True, slots=True)
class Hop:
    """One address to send to, checked.

    Attributes:
        address: Ordinary notation, IPv6 without brackets.
        port: Of the far end.
        transport: What to speak there.
        name: The host name that the address belongs to; empty when the address itself was configured.
    """

    address: str
    port: int
    transport: Transport
    name: str = ""

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.transport}:{shown}:{self.port}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one operation of a `voipkit.sip.Prober`.

    Attributes:
        verdict: Stable code of a row of `voipkit.sip.verdicts.VERDICTS`, such as ``credentials.valid``.
        status: As in a `voipkit.models.Check`.
        message: What was seen, in one or two sentences.
        fix: What to change and where, or None.
        sip_code: The final SIP status code, or None when there was none.
        reason: Its reason phrase and the Warning or Reason header, cleaned; it comes from the far end.
        elapsed: Seconds until the verdict was known.
        call_id: The Call-ID, to find the exchange in the carrier's log; empty when nothing was sent.
        billable_risk: Whether a call was answered, or was under way when the result was reported: look at the bill.
        codes: Every SIP status code that came, in order, provisional ones included.
        peer: The address that was spoken to, such as ``udp:198.51.100.7:5060``; empty when there was none.
        held: Seconds between the first ringing (180 or 183) and the final answer; None when one of them is missing.
        retry_after: Seconds that the far end asks to wait, or None.
        notes: Further things worth knowing, such as a digest that can be cracked offline.
    """

    verdict: str
    status: CheckStatus
    message: str
    fix: str | None = None
    sip_code: int | None = None
    reason: str = ""
    elapsed: float = 0.0
    call_id: str = ""
    billable_risk: bool = False
    codes: tuple[int, ...] = ()
    peer: str = ""
    held: float | None = None
    retry_after: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What DNS said of a target, RFC 3263.

    Attributes:
        hops: Where to send, best first; empty when ``outcome`` is no pass.
        steps: Each look-up and its answer, for people.
        outcome: ``dns.resolved``, ``dns.literal``, or what went wrong.
    """

    hops: tuple[Hop, ...]
    steps: tuple[str, ...]
    outcome: Outcome
