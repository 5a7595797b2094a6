"""From what a probe found out to the checks that every carrier gives, and the look at a SIP URI that calls go to."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voipkit.errors import CredentialsInvalid
from voipkit.models import CarrierObject, Check, CheckStatus, Direction, PlacedCall
from voipkit.sip.outcomes import Outcome
from voipkit.sip.target import Budgets, Target
from voipkit.sip.uri import SipUri, parse_uri

if TYPE_CHECKING:
    from voipkit.sip.probe import Prober

__all__ = ["Reach", "as_check", "placed_call", "target_checks"]

_RINGING = (180, 183)
# Busy everywhere, busy, decline: said by the far end, or by a carrier on its behalf (RFC 3261 sections 21.4.24, 21.6).
_REFUSED_BY_CALLEE = (486, 600, 603)
# Our host is not the carrier's: a firewall may let the carrier's addresses in and turn ours away.
_ONLY_FROM_HERE = ("transport.", "reachability.")


@dataclass(frozen=True, slots=True)
class Reach:
    """What a probe may reach and how long it may take; the operator decides, never the customer.

    Attributes:
        allow_private: Allow addresses that are not public.
        allow_networks: Networks (CIDR) to allow besides the public ones.
        ca_file: PEM file of certificate authorities; None takes the usual ones.
        budgets: Seconds for each part.
    """

    allow_private: bool = False
    allow_networks: tuple[str, ...] = ()
    ca_file: str | None = None
    budgets: Budgets = field(default_factory=Budgets)


def as_check(
    outcome: Outcome,
    *,
    provider: str,
    name: str,
    direction: Direction,
    what: CarrierObject | None = None,
    status: CheckStatus | None = None,
) -> Check:
    """Make a check of an outcome.

    Args:
        outcome: Of an operation of a `voipkit.sip.Prober`.
        provider: Before the code: the carrier's id.
        name: The check's name for people.
        direction: The check's direction.
        what: The object that was looked at; None takes the address that was spoken to.
        status: In place of the outcome's.

    Returns:
        The check; ``vendor_code`` is the SIP status code.
    """
    peer = CarrierObject(type="sip_server", id=outcome.peer) if outcome.peer else None
    said = " ".join((outcome.message, *outcome.notes, *_bill(outcome)))
    return Check(
        name=name,
        direction=direction,
        status=status or outcome.status,
        code=f"{provider}.{outcome.verdict}",
        message=said,
        fix=outcome.fix,
        object=what or peer,
        vendor_code=str(outcome.sip_code) if outcome.sip_code else None,
        elapsed=outcome.elapsed,
    )


def _bill(outcome: Outcome) -> tuple[str, ...]:
    """Say what to look for on the bill, where a call was answered, or its end was not seen."""
    if not outcome.billable_risk:
        return ()
    ended = "" if outcome.verdict == "outbound.answered" else "The end of the call was not seen, so it may be billed. "
    return (f"{ended}Its Call-ID is {outcome.call_id}.",)


def placed_call(outcome: Outcome) -> PlacedCall:
    """Tell a dial-in check what the calling side saw.

    Args:
        outcome: Of `voipkit.sip.Prober.outbound`.
    """
    return PlacedCall(
        rang=any(code in _RINGING for code in outcome.codes) or outcome.sip_code in _REFUSED_BY_CALLEE,
        final=outcome.sip_code,
        held=outcome.held,
        answered=outcome.verdict == "outbound.answered",
        problem=outcome.message,
        fix=outcome.fix,
        reference=outcome.call_id or None,
    )


def target_checks(uri: str, *, provider: str, reach: Reach) -> list[Check]:
    """Ask the SIP URI that a number's calls go to whether it is there: DNS, transport, TLS, OPTIONS. No call is placed.

    An answer proves that the host is there, not that calls arrive, so that a pass has the direction ``network``. What
    the carrier would meet too (no such host, a certificate of another name) fails ``inbound``; what may be due to our
    own address (silence, a refused connection) is unknown.

    Args:
        uri: Such as ``sip:voice.example.com;transport=tls``.
        provider: Before the codes: the carrier's id.
        reach: What may be reached.

    Returns:
        The checks, in the order in which to read them.

    Raises:
        MissingExtra: The URI names a host, and the extra ``sip`` is not installed.
    """
    from voipkit.sip import run

    parsed = parse_uri(uri)
    what = CarrierObject(type="sip_uri", id=uri)
    if parsed is None:
        return [_unreadable(provider, what)]
    try:
        target = _target(parsed, reach)
    except CredentialsInvalid as error:  # such as a port of another service: the carrier may call there, we do not ask
        return [_not_asked(provider, what, " ".join(problem.problem for problem in error.problems))]
    outcomes = run(_outcomes(target, reach))
    return [_judged(name, outcome, provider, what) for name, outcome in outcomes]


def _target(uri: SipUri, reach: Reach) -> Target:
    named = dict(uri.params).get("transport", "").lower()
    # RFC 3261 section 26.2.2: sips wants TLS, whatever the parameter says.
    secure = uri.scheme == "sips"
    transport = "tls" if secure else named if named in ("udp", "tcp", "tls") else None
    return Target(
        host=uri.host,
        port=uri.port,
        transport=transport,  # type: ignore[arg-type]
        ca_file=reach.ca_file,
        allow_private=reach.allow_private,
        allow_networks=reach.allow_networks,
    )


def _outcomes(target: Target, reach: Reach) -> Coroutine[Any, Any, Sequence[tuple[str, Outcome]]]:
    async def look(prober: Prober) -> Sequence[tuple[str, Outcome]]:
        found = [("Inbound target, DNS", (await prober.resolve()).outcome)]
        if found[-1][1].status == "pass":
            found.append(("Inbound target, transport", await prober.connect()))
        if found[-1][1].status in ("pass", "skipped"):
            found.append(("Inbound target", await prober.options()))
        return found

    async def whole() -> Sequence[tuple[str, Outcome]]:
        from voipkit.sip import Prober

        async with Prober(target, budgets=reach.budgets) as prober:
            return await look(prober)

    return whole()


def _judged(name: str, outcome: Outcome, provider: str, what: CarrierObject) -> Check:
    ours = outcome.status == "fail" and outcome.verdict.startswith(_ONLY_FROM_HERE)
    check = as_check(
        outcome,
        provider=f"{provider}.target",
        name=name,
        direction="inbound" if outcome.status == "fail" and not ours else "network",
        what=what,
        status="unknown" if ours else None,
    )
    if not ours:
        return check
    said = f"{check.message} The carrier's addresses may be let in where ours are not."
    return check.model_copy(update={"message": said, "fix": "Verify a number with a witness: docs/sip-probing.md."})


def _not_asked(provider: str, what: CarrierObject, why: str) -> Check:
    return Check(
        name="Inbound target",
        direction="network",
        status="unknown",
        code=f"{provider}.target.not_asked",
        message=f"The SIP host was not asked: {why}",
        fix="Correct the SIP URI; or verify a number with a witness: docs/sip-probing.md.",
        object=what,
    )


def _unreadable(provider: str, what: CarrierObject) -> Check:
    return Check(
        name="Inbound target",
        direction="inbound",
        status="fail",
        code=f"{provider}.target.not_a_uri",
        message="Calls go to what is not a SIP URI that can be read.",
        fix="Write it as sip:HOST or sip:USER@HOST, with ;transport=tls where that is meant.",
        object=what,
    )
