"""What a trunk's answers mean: pure functions from what was seen to checks.

That a host is reached (direction ``network``) proves neither credentials nor calls, so those stay unknown until a
trunk has said so itself. The words of each SIP answer are in `voipkit.sip.verdicts`; what is said here is what no
answer says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voipkit.adapting.checking import Finding, Speaker
from voipkit.models import CarrierObject, Check, Direction

if TYPE_CHECKING:
    from voipkit.providers.manual.probing import Seen
    from voipkit.sip import Outcome

__all__ = ["FINDINGS", "called_check", "not_e164_check", "number_check", "outbound_check", "say", "trunk_checks"]

PROVIDER = "manual"


_ALLOW = "Set allowOutboundCall and a probeNumber of your own in the SIP configuration; the call is never answered."

# fmt: off
FINDINGS: dict[str, Finding] = {
    "trunk.not_reached": Finding(
        "unknown", "Credentials", "The trunk was not reached, so the credentials were not tried.",
        "Correct what failed before this."),
    "credentials.call_accepted": Finding(
        "pass", "Credentials", "The trunk let a call through with them."),
    "credentials.not_asked_for": Finding(
        "unknown", "Credentials",
        "The trunk let a call through and never asked for the password: it knows this machine by its address. The "
        "password is not proven.",
        "Leave user name and password out where the trunk goes by address; else ask the carrier why it does not ask."),
    "tls.not_used": Finding(
        "warn", "TLS identity", "{transport} is neither encrypted nor proof of who answers.",
        "Use TLS where the carrier offers it (transport: tls)."),
    "outbound.not_reached": Finding(
        "unknown", "Outbound call", "The trunk was not reached, so it was not tried whether it lets calls out.",
        "Correct what failed before this."),
    "outbound.refused_before": Finding(
        "unknown", "Outbound call", "Not tried: the trunk refuses the credentials.", "Correct the credentials first."),
    "outbound.not_tried": Finding(
        "unknown", "Outbound call", "Whether the trunk lets calls out was not tried: that takes a call.", _ALLOW),
    "outbound.number_refused": Finding("unknown", "Outbound call", "{said}", "{advice}"),
    "outbound.one_by_one": Finding(
        "unknown", "Outbound call", "Whether the trunk lets calls from {number} out was not tried.",
        "Verify the number by itself: that places one call, where the SIP configuration allows it."),
    "inbound.not_tried": Finding(
        "unknown", "Dial-in", "Whether calls arrive was not tried: that takes a call to one of the numbers.",
        "Verify a number with a witness: docs/sip-probing.md."),
    "number.not_e164": Finding("fail", "Number", "{said}", "{advice}"),
    "number.not_declared": Finding(
        "fail", "Number", "{number} is not among the trunk's numbers.",
        "Add it to numbers in the SIP configuration, if the carrier gave it to this trunk."),
    "number.declared": Finding("pass", "Number", "{number} is among the numbers that were declared for this trunk."),
}
# fmt: on


say = Speaker(PROVIDER, FINDINGS).say


# --- the trunk -------------------------------------------------------------------------------------------------------


def trunk_checks(seen: Seen) -> list[Check]:
    """Judge a trunk: DNS, transport, TLS, OPTIONS, credentials, outbound, and what was not tried."""
    checks = [_of("DNS", "network", seen.dns)]
    if seen.transport is not None:
        checks += _transport_checks(seen.transport)
    if seen.options is not None:
        checks.append(_of("OPTIONS", "network", seen.options))
    checks.append(_credentials_check(seen))
    checks.append(outbound_check(seen))
    checks.append(say("inbound.not_tried", "inbound"))
    return checks


def _transport_checks(outcome: Outcome) -> list[Check]:
    """A TLS connection is a transport and an identity; of UDP and TCP nobody knows who answers."""
    if outcome.verdict.startswith("tls."):
        return [_of("TLS identity", "network", outcome)]
    check = _of("Transport", "network", outcome)
    if outcome.status in ("fail", "unknown"):
        return [check]
    spoken = outcome.peer.partition(":")[0].upper() or "UDP"
    return [check, say("tls.not_used", "network", check.object, transport=spoken)]


def _credentials_check(seen: Seen) -> Check:
    """Judge the credentials by REGISTER; where that says nothing, by what the call met."""
    if seen.credentials is None:
        return say("trunk.not_reached", "account")
    check, call = _of("Credentials", "account", seen.credentials), seen.outbound
    if check.status in ("pass", "fail") or call is None:
        return check
    if call.verdict == "outbound.credentials_rejected":
        from voipkit.sip.reading import proved_by_call

        return _of("Credentials", "account", proved_by_call(call, accepted=False, registered=seen.credentials))
    if call.status != "pass":
        return check
    # Without a password the address is what is proved; with one, a call proves it only where it was asked for.
    proved = seen.credentials.verdict == "credentials.none_given" or any(code in (401, 407) for code in call.codes)
    code = "credentials.call_accepted" if proved else "credentials.not_asked_for"
    return say(code, "account", check.object, elapsed=call.elapsed)


def outbound_check(seen: Seen) -> Check:
    """Judge whether calls get out, as far as one was allowed."""
    if seen.outbound is not None:
        return called_check(seen.outbound)
    if seen.not_called is not None:
        refused = seen.not_called
        return say("outbound.number_refused", "outbound", said=refused.message, advice=refused.fix or _ALLOW)
    if seen.credentials is None:
        return say("outbound.not_reached", "outbound")
    return say("outbound.refused_before" if seen.credentials.status == "fail" else "outbound.not_tried", "outbound")


def called_check(outcome: Outcome) -> Check:
    """Judge a call to the probe number."""
    return _of("Outbound call", "outbound", outcome)


def _of(name: str, direction: Direction, outcome: Outcome) -> Check:
    from voipkit.sip.checks import as_check

    return as_check(outcome, provider=PROVIDER, name=name, direction=direction)


# --- a number --------------------------------------------------------------------------------------------------------


def number_check(number: str, *, declared: bool) -> Check:
    """Say whether a number was declared for the trunk: nobody else knows."""
    what = CarrierObject(type="phone_number", name=number)
    return say("number.declared" if declared else "number.not_declared", "account", what, number=number)


def not_e164_check(message: str, fix: str | None) -> Check:
    """Say that what was asked about is no phone number."""
    return say("number.not_e164", "account", said=message, advice=fix or "")
