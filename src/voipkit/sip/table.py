"""The table of verdicts, as data: what was seen, what it counts as, and what to do.

A verdict's code is stable: hosts store it, and docs/sip-probing.md is generated from here. Status codes are those of
RFC 3261 section 21; what carriers use them for was seen with kamailio 5.6.3 and sipp 3.6.1 (2026-11-21) and read in the
carriers' documentation. What proves nothing is ``unknown``, never ``pass``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voipkit.models import CheckStatus

__all__ = ["VERDICTS", "Subject", "Verdict"]

Subject = Literal["dns", "transport", "tls", "reachability", "credentials", "outbound"]

_SUBJECTS: dict[str, Subject] = {
    "dns": "dns",
    "address": "dns",
    "port": "dns",
    "transport": "transport",
    "answer": "transport",
    "tls": "tls",
    "reachability": "reachability",
    "probe": "reachability",
    "credentials": "credentials",
    "outbound": "outbound",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the table.

    Attributes:
        code: Stable and dotted.
        status: What the answer counts as.
        signal: What was seen, in words, for the documentation.
        message: For the user; ``{host}``, ``{peer}``, ``{answer}`` (status and reason) and ``{detail}`` are filled in.
        fix: What to change and where, or None.
    """

    code: str
    status: CheckStatus
    signal: str
    message: str
    fix: str | None = None

    @property
    def check(self) -> Subject:
        """What was asked."""
        return _SUBJECTS[self.code.partition(".")[0]]


_ADDRESS = "Check the host, port and transport against the carrier's documentation."
_FIREWALL = (
    "Check host, port and transport, and that both firewalls, yours and the carrier's, let this address through."
)
_ALLOW_LIST = "Add the address that calls come from to the trunk's allow list (IP ACL) at the carrier."
_TRUNK = "Check user, digest user and password; if they are right, ask the carrier whether the account is locked."
_LATER = "Try again later; if it stays so, ask the carrier and quote the Call-ID."

_ROWS = (
    # --- DNS and addresses ---
    Verdict(
        "dns.resolved",
        "pass",
        "addresses found",
        "{host} resolves to {detail}.",
    ),
    Verdict(
        "dns.literal",
        "pass",
        "the host is an address",
        "{host} is an address; nothing to look up.",
    ),
    Verdict(
        "dns.no_host",
        "fail",
        "NXDOMAIN",
        "{host} does not exist in DNS.",
        "Check the host's spelling.",
    ),
    Verdict(
        "dns.no_address",
        "fail",
        "NODATA for SRV, A and AAAA",
        "{host} has no address in DNS ({detail}).",
        "Check the host and the transport; the carrier may publish it for another transport only.",
    ),
    Verdict(
        "dns.no_service",
        "fail",
        "SRV whose target is a dot",
        "{host} says in DNS that it does not offer SIP over this transport.",
        "Choose another transport.",
    ),
    Verdict(
        "dns.unanswered",
        "unknown",
        "time-out, SERVFAIL or REFUSED",
        "DNS did not answer for {host} ({detail}).",
        "Check this machine's name servers, and try again.",
    ),
    Verdict(
        "address.denied",
        "fail",
        "an address that is not public",
        "{host} leads to an address that may not be probed: {detail}.",
        "Give the public address of the trunk; allow private addresses only in a lab.",
    ),
    Verdict(
        "port.denied",
        "fail",
        "SRV names a port of another service",
        "{host} leads to a port that may not be probed: {detail}.",
        "Name the trunk's port yourself if it is right.",
    ),
    # --- transport ---
    Verdict(
        "transport.open",
        "pass",
        "TCP connection made",
        "{peer} accepts connections.",
    ),
    Verdict(
        "transport.connectionless",
        "skipped",
        "UDP",
        "UDP has no connection; the next answer tells.",
    ),
    Verdict(
        "transport.refused",
        "fail",
        "ICMP port unreachable, or TCP reset",
        "{peer}: nobody listens there.",
        _ADDRESS,
    ),
    Verdict(
        "transport.unreachable",
        "fail",
        "no route",
        "{peer} cannot be reached from here ({detail}).",
        "Check this machine's network: route, IPv6, and firewall.",
    ),
    Verdict(
        "transport.no_answer",
        "fail",
        "TCP connection not made in time",
        "{peer} does not answer.",
        _FIREWALL,
    ),
    Verdict(
        "transport.closed",
        "fail",
        "connection closed before an answer",
        "{peer} closed the connection without an answer.",
        "Check the transport: the port may speak another one, or this address is not allowed.",
    ),
    Verdict(
        "answer.malformed",
        "unknown",
        "only what is no SIP",
        "{peer} answered with what is no SIP ({detail}).",
        _ADDRESS,
    ),
    Verdict(
        "answer.flood",
        "unknown",
        "more answers than any carrier sends",
        "{peer} sent {detail}; it was cut off.",
        "Ask the carrier; the far end may not be a SIP server.",
    ),
    # --- TLS ---
    Verdict(
        "tls.open",
        "pass",
        "certificate good",
        "{peer} shows a good certificate for {host} ({detail}).",
    ),
    Verdict(
        "tls.untrusted",
        "fail",
        "certificate of an unknown authority, or expired",
        "{peer}: the certificate is not trusted ({detail}).",
        (
            "If the carrier uses an authority of its own, give its certificate as CA file. Nothing is sent "
            "without a good certificate."
        ),
    ),
    Verdict(
        "tls.name",
        "fail",
        "certificate for another name",
        "{peer}: the certificate is not for {host} ({detail}).",
        "Give the SIP domain as the carrier spells it; the certificate must hold that name.",
    ),
    Verdict(
        "tls.failed",
        "fail",
        "no TLS handshake",
        "{peer} does not speak TLS as expected ({detail}).",
        ("Check the port: SIP over TLS usually has 5061, plain SIP 5060. voipkit never falls back to plain SIP."),
    ),
    # --- OPTIONS ---
    Verdict(
        "reachability.answered",
        "pass",
        "any answer to OPTIONS (200, 401, 403, 404, 405, 481, 486, 501, ...)",
        "{peer} answers SIP ({answer}).",
    ),
    Verdict(
        "reachability.out_of_service",
        "warn",
        "500 or 503 to OPTIONS",
        "{peer} answers SIP, but says that it is out of service ({answer}).",
        _LATER,
    ),
    Verdict(
        "reachability.redirected",
        "warn",
        "3xx to OPTIONS",
        "{peer} sends requests elsewhere ({answer}{detail}); that is not followed.",
        "If the carrier's documentation names that host, configure it.",
    ),
    Verdict(
        "reachability.silent",
        "unknown",
        "no answer to OPTIONS in time",
        "{peer} does not answer OPTIONS; many carriers ignore it.",
        _FIREWALL,
    ),
    Verdict(
        "probe.out_of_time",
        "unknown",
        "the probe's time was used up",
        "The time for the whole probe was used up before this was asked.",
        "Raise the budget for the whole probe, or ask for less at once.",
    ),
    Verdict(
        "probe.busy",
        "unknown",
        "another probe of the same trunk is under way",
        "Another probe of this trunk was under way all the time.",
        "Try again.",
    ),
    # --- credentials: REGISTER, or INVITE where there is no registrar ---
    Verdict(
        "credentials.valid",
        "pass",
        "REGISTER: 401 or 407, then 200 (or 423)",
        "The carrier accepts user and password ({answer}).",
    ),
    Verdict(
        "credentials.accepted_by_call",
        "pass",
        "INVITE: 407 or 401, then anything else",
        "The carrier accepts user and password for calls ({answer}).",
    ),
    Verdict(
        "credentials.rejected",
        "fail",
        "REGISTER: 401 or 407, then 401, 403 or 407",
        (
            "The carrier does not accept user and password ({answer}): one is wrong, the user is unknown, or "
            "the account is locked."
        ),
        _TRUNK,
    ),
    Verdict(
        "credentials.held_back",
        "fail",
        "the same password was refused a short while ago",
        (
            "The same user and password were refused {detail}; they are not tried again yet, so that the "
            "carrier does not lock the account."
        ),
        "Correct the password, or wait.",
    ),
    Verdict(
        "credentials.unproven",
        "unknown",
        "REGISTER: 200 without a challenge",
        ("The carrier did not ask for the password ({answer}): it goes by the IP address. The password is not proven."),
        "Allow an outbound call to a number of your own: the carrier may ask there.",
    ),
    Verdict(
        "credentials.no_registrar",
        "unknown",
        "REGISTER: 400, 403 without a challenge, 404, 405, 501, 603, ...",
        (
            "The carrier takes no registrations from this account ({answer}), so the password could not be "
            "tried that way."
        ),
        "Allow an outbound call to a number of your own: the carrier asks for the password there.",
    ),
    Verdict(
        "credentials.unsupported_challenge",
        "unknown",
        "a challenge that is not Digest with MD5, SHA-256 or SHA-512-256",
        "The carrier asks for the password in a way that voipkit does not answer ({detail}).",
        ("Ask the carrier for Digest with MD5, SHA-256 or SHA-512-256; Basic would send the password in the clear."),
    ),
    Verdict(
        "credentials.two_challenges",
        "unknown",
        "a second challenge of another realm after a good answer to the first",
        ("Two servers of the carrier ask for a password one after the other ({answer}); only the first was answered."),
        "Ask the carrier which of the two the account is for.",
    ),
    Verdict(
        "credentials.stale_again",
        "unknown",
        "stale=true twice",
        "The carrier calls every fresh nonce too old ({answer}).",
        _LATER,
    ),
    Verdict(
        "credentials.trouble",
        "unknown",
        "5xx, 3xx or another answer that says nothing of the password",
        "The carrier could not say ({answer}).",
        _LATER,
    ),
    Verdict(
        "credentials.silent",
        "unknown",
        "no answer to REGISTER in time",
        "{peer} does not answer REGISTER.",
        _FIREWALL,
    ),
    Verdict(
        "credentials.none_given",
        "skipped",
        "no user or no password",
        "No user and password were given: an IP-authenticated trunk has none.",
    ),
    # --- outbound: INVITE ---
    Verdict(
        "outbound.authorized",
        "pass",
        "18x, or 480, 486, 487, 488, 600, 603, 606 from beyond the carrier",
        "The carrier lets the call through ({answer}).",
    ),
    Verdict(
        "outbound.answered",
        "pass",
        "2xx to INVITE",
        "The call was answered and hung up at once ({detail}); it may be billed.",
        "Name a number that does not answer, such as one of your own that is busy.",
    ),
    Verdict(
        "outbound.refused",
        "fail",
        "403 and other refusals after a good digest",
        "The carrier refuses the call ({answer}): caller ID, destination, IP address or balance.",
        (
            "Check that the caller ID (From user) is a number of this account, that the destination is "
            "allowed, and the balance."
        ),
    ),
    Verdict(
        "outbound.credentials_rejected",
        "fail",
        "INVITE: 401 or 407, then 401 or 407",
        "The carrier does not accept user and password for calls ({answer}).",
        _TRUNK,
    ),
    Verdict(
        "outbound.credentials_needed",
        "fail",
        "INVITE: 401 or 407, and none were given",
        "The carrier asks for user and password ({answer}).",
        "Give the trunk's user and password, or have this machine's address put on its allow list.",
    ),
    Verdict(
        "outbound.no_credit",
        "fail",
        "402",
        "The carrier refuses the call for lack of credit ({answer}).",
        "Top up the account.",
    ),
    Verdict(
        "outbound.number_unknown",
        "warn",
        "404, 410, 484, 485, 604",
        "The carrier knows no such number ({answer}).",
        "Check the number's form: some carriers want a leading +, others the bare digits.",
    ),
    Verdict(
        "outbound.loop",
        "warn",
        "482, 483",
        "The call goes round in circles ({answer}).",
        "Check the routing: the number may lead back to this trunk.",
    ),
    Verdict(
        "outbound.downstream",
        "warn",
        "408, 504",
        "The carrier takes the call, but what is behind it does not answer ({answer}).",
        _LATER,
    ),
    Verdict(
        "outbound.trouble",
        "unknown",
        "500, 502, 503 and other 5xx",
        "The carrier is in trouble, or refuses all calls ({answer}).",
        _LATER,
    ),
    Verdict(
        "outbound.redirected",
        "unknown",
        "3xx",
        "The carrier sends calls elsewhere ({answer}{detail}); that is not followed.",
        "If the carrier's documentation names that host, configure it.",
    ),
    Verdict(
        "outbound.odd",
        "unknown",
        "another final answer",
        "The carrier answered in an unusual way ({answer}).",
        "Ask the carrier and quote the Call-ID.",
    ),
    Verdict(
        "outbound.only_trying",
        "unknown",
        "100 and nothing from beyond",
        "The carrier took the call and said nothing more ({answer}); that proves nothing.",
        _LATER,
    ),
    Verdict(
        "outbound.silent",
        "unknown",
        "no answer to INVITE in time",
        "{peer} does not answer INVITE; typical where this address is not on the allow list.",
        _ALLOW_LIST,
    ),
    Verdict(
        "outbound.held_back",
        "unknown",
        "the same password was refused a short while ago",
        "No call was tried: the same user and password were refused {detail}.",
        "Correct the password, or wait.",
    ),
    Verdict(
        "outbound.unsupported_challenge",
        "unknown",
        "a challenge that is not Digest with MD5, SHA-256 or SHA-512-256",
        "The carrier asks for the password in a way that voipkit does not answer ({detail}).",
        "Ask the carrier for Digest with MD5, SHA-256 or SHA-512-256.",
    ),
    Verdict(
        "outbound.not_allowed",
        "unknown",
        "no permission to place a call",
        "No call was placed: that was not allowed.",
        "Allow an outbound call, and name a number of your own to call.",
    ),
)

VERDICTS: dict[str, Verdict] = {row.code: row for row in _ROWS}
"""Every verdict by its code."""
