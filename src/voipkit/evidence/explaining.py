"""A token in words, for people and for bug reports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

from voipkit.errors import ConfigurationError, EvidenceExpired, EvidenceInvalid
from voipkit.evidence.claims import Evidence, read_claims
from voipkit.evidence.encoding import span_text, utc
from voipkit.evidence.jws import open_token, take_apart
from voipkit.evidence.keys import KeyRing
from voipkit.evidence.policy import Answer
from voipkit.evidence.tokens import check_times

_ANSWERS = {True: "yes", False: "no", None: "not known"}


def explain(
    token: object, ring_or_jwks: KeyRing | Mapping[str, object] | None = None, *, now: datetime | None = None
) -> str:
    """Say in words what a token proves, and what is wrong with it. Never raises, and never uses a token up.

    Args:
        token: The token, or whatever was found in its place.
        ring_or_jwks: Keys to check the signature with; None leaves it unchecked and says so.
        now: This moment, aware; None asks the clock.

    Returns:
        Several lines; control characters in the token are shown as a replacement character.
    """
    moment = now or datetime.now(UTC)
    try:
        kid, payload, _, _ = take_apart(token)
        evidence = read_claims(payload)
    except EvidenceInvalid as error:
        return str(error)
    lines = [
        f"Evidence {evidence.id}: {evidence.provider} by {evidence.setup_method}, credential test {evidence.status}",
        f"Signature    {_trust(token, ring_or_jwks, kid)}",
        f"Expiry       {_validity(evidence, moment)}",
        f"Tested       {utc(evidence.tested_at)}, {span_text(moment - evidence.tested_at)} ago",
        f"Signed       {utc(evidence.issued_at)} by voipkit {evidence.library_version}, "
        f"adapter {evidence.adapter or 'unknown'} {evidence.adapter_version or ''}".rstrip(),
        f"Answers      {', '.join(f'{name}: {_ANSWERS[getattr(evidence, name)]}' for name in get_args(Answer))}",
        f"Credentials  keyed fingerprint {evidence.credentials_fingerprint}",
        f"SIP config   keyed fingerprint {evidence.sip_config_fingerprint}",
        "Checks",
        *(
            f"  {c.status:8}{c.direction:9}{c.name} [{c.code}] {c.object or 'no object'} {utc(c.checked_at)}"
            for c in evidence.checks
        ),
        "To verify    verify(ring, token, provider, spent=...) with the key ring and the same credentials;",
        "             verify_offline(token, jwks) with the public keys, for signature and expiry alone",
    ]
    return "\n".join("".join(char if char.isprintable() else "\ufffd" for char in line) for line in lines)


def _trust(token: object, keys: KeyRing | Mapping[str, object] | None, kid: str) -> str:
    if keys is None:
        return f"NOT CHECKED, no keys were given; anybody could have written the rest (key {kid})"
    try:
        open_token(token, keys)
    except (EvidenceInvalid, ConfigurationError) as error:
        return f"BAD, do not trust the rest. {error}"
    return f"good (key {kid})"


def _validity(evidence: Evidence, moment: datetime) -> str:
    try:
        check_times(evidence, moment)
    except (EvidenceExpired, EvidenceInvalid) as error:
        return f"NOT VALID. {error}"
    return f"valid until {utc(evidence.expires_at)}, {span_text(evidence.expires_at - moment)} left"
