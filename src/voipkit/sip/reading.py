"""Small readings of what came back: a second challenge, a reason, a call as a word on the password."""

from __future__ import annotations

from dataclasses import replace

from voipkit.sip.call import Call
from voipkit.sip.digest import Challenge
from voipkit.sip.message import Response, clean
from voipkit.sip.outcomes import Outcome
from voipkit.sip.verdicts import outcome

__all__ = ["UNAUTHORIZED", "accepted_by", "proved_by_call", "reason_of", "retry_after_of", "second_challenge"]

UNAUTHORIZED = (401, 407)
_CARRIED = ("sip_code", "reason", "call_id", "billable_risk", "codes", "retry_after", "notes")


def second_challenge(previous: Challenge, now: Challenge) -> str | None:
    """Return the verdict on a second challenge; None where the nonce was only too old, RFC 7616 section 3.3.

    Another realm is another server, behind one that was content with the answer (RFC 3261 section 22.3).
    """
    if now.realm != previous.realm:
        return "credentials.two_challenges"
    return None if now.stale and now.nonce != previous.nonce else "credentials.rejected"


def accepted_by(call: Call) -> bool:
    """Tell whether a call that carried the digest got past it: it rang, or ended with anything but a challenge."""
    return call.rang_at is not None or (call.final is not None and call.final.status not in UNAUTHORIZED)


def proved_by_call(found: Outcome, *, accepted: bool, registered: Outcome) -> Outcome:
    """Read a call's outcome as one on the credentials.

    Args:
        found: Of the call.
        accepted: Whether the call got past the digest.
        registered: What REGISTER said before; it stays where the call says nothing of the password.
    """
    facts = {name: getattr(found, name) for name in _CARRIED}
    if found.verdict == "outbound.credentials_rejected":
        return outcome("credentials.rejected", peer=found.peer, **facts)
    if accepted:
        return outcome("credentials.accepted_by_call", peer=found.peer, **facts)
    note = f"A call was tried too: {found.message}"
    return replace(registered, billable_risk=found.billable_risk, notes=(*registered.notes, note))


def reason_of(final: Response) -> str:
    """Return the reason phrase, with the Warning (section 20.43) and Reason (RFC 3326) headers where there are any."""
    more = [*final.all("warning")[:2], *final.all("reason")[:2]]
    return clean("; ".join(part for part in (final.reason, *more) if part), 200)


def retry_after_of(final: Response) -> float | None:
    """Return the seconds of a Retry-After header, section 20.33; None where there is none that makes sense."""
    number = final.first("retry-after").split("(")[0].split(";")[0].strip()
    return float(number) if number.isascii() and number.isdigit() and len(number) <= 6 else None  # noqa: PLR2004
