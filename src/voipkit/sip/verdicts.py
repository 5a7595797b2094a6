"""From an answer to its verdict: which row of the table, and the row filled in."""

from __future__ import annotations

from typing import Any

from voipkit.sip.message import clean
from voipkit.sip.outcomes import Outcome
from voipkit.sip.table import VERDICTS, Subject, Verdict

__all__ = ["VERDICTS", "Subject", "Verdict", "credentials_verdict", "options_verdict", "outbound_verdict", "outcome"]

_FROM_BEYOND = frozenset({480, 486, 487, 488, 600, 603, 606})
_REFUSALS = frozenset({403, 405, 420, 421, 433, 436, 437, 438, 489, 493, 494, 607, 608})
_UNKNOWN_NUMBER = frozenset({404, 410, 416, 484, 485, 604})
_OUTBOUND = (
    {402: "outbound.no_credit"}
    | dict.fromkeys({408, 504}, "outbound.downstream")
    | dict.fromkeys({482, 483}, "outbound.loop")
    | dict.fromkeys(_FROM_BEYOND, "outbound.authorized")
    | dict.fromkeys(_REFUSALS, "outbound.refused")
    | dict.fromkeys(_UNKNOWN_NUMBER, "outbound.number_unknown")
)


def options_verdict(status: int) -> str:
    """Return the code of the verdict on an answer to OPTIONS."""
    if status in (500, 503):
        return "reachability.out_of_service"
    return "reachability.redirected" if 300 <= status < 400 else "reachability.answered"  # noqa: PLR2004 - 3xx


def credentials_verdict(status: int, *, challenged: bool) -> str:
    """Return the code of the verdict on the last answer to REGISTER.

    Args:
        status: Of the answer.
        challenged: Whether it answers a request that answered a challenge.
    """
    if 200 <= status < 300 or status == 423:  # noqa: PLR2004 - 423 wants a longer time: past the password, section 10.3
        return "credentials.valid" if challenged else "credentials.unproven"
    if challenged:
        return "credentials.rejected" if status in (401, 403, 407) else "credentials.trouble"
    return "credentials.no_registrar" if 400 <= status < 500 or status in (501, 603) else "credentials.trouble"  # noqa: PLR2004 - 4xx


def outbound_verdict(status: int | None, *, rang: bool, cancelled: bool, tried: bool) -> str:
    """Return the code of the verdict on a call that was not answered.

    Args:
        status: The final one, or None when none came.
        rang: Whether a 180 to 189 came first.
        cancelled: Whether the call was cancelled before the final answer.
        tried: Whether anything came at all.
    """
    if rang:
        return "outbound.authorized"
    if status is None or (cancelled and status == 487):  # noqa: PLR2004 - our own CANCEL's echo, from the first hop
        return "outbound.only_trying" if tried else "outbound.silent"
    if 300 <= status < 400:  # noqa: PLR2004 - 3xx
        return "outbound.redirected"
    return _OUTBOUND.get(status, "outbound.trouble" if 500 <= status < 600 else "outbound.odd")  # noqa: PLR2004 - 5xx


def outcome(code: str, *, host: str = "", peer: str = "", detail: str = "", **facts: Any) -> Outcome:
    """Fill in a row of the table.

    Args:
        code: Of the row.
        host: The host that was asked for.
        peer: The address that was spoken to.
        detail: What the row's ``{detail}`` wants.
        **facts: Further fields of the `Outcome`.
    """
    row = VERDICTS[code]
    status, reason = facts.get("sip_code"), facts.get("reason", "")
    answer = f"{status} {reason}".strip() if status else "no final answer"
    message = row.message.format(host=host, peer=peer or host, detail=clean(detail), answer=clean(answer))
    return Outcome(verdict=code, status=row.status, message=message, fix=row.fix, peer=peer, **facts)
