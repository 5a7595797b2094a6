"""A token's life: `issue` signs it, `verify` accepts and spends it, `verify_offline` checks it elsewhere."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from pydantic_core import to_json

from voipkit.errors import (
    ConfigurationError,
    EvidenceCredentialsMismatch,
    EvidenceExpired,
    EvidenceInvalid,
    EvidenceMissing,
    EvidenceProviderMismatch,
    EvidenceReused,
)
from voipkit.evidence.claims import CLOCK_SKEW, LONGEST_TTL, Evidence, claims_of, fingerprints, read_claims
from voipkit.evidence.encoding import span_text, utc
from voipkit.evidence.jws import LONGEST_TOKEN, TEST_AGAIN, open_token, sign
from voipkit.evidence.keys import Key, KeyRing
from voipkit.evidence.policy import Policy
from voipkit.models import CredentialTest
from voipkit.protocols import Provider, SpentEvidence

_DEFAULT_TTL = timedelta(minutes=15)
_DEFAULT_POLICY = Policy()
_SHORTEST_CANARY = 12  # characters; a shorter secret may be an ordinary word that a check's code holds too


def issue(
    ring: KeyRing,
    provider: Provider,
    test: CredentialTest,
    *,
    ttl: timedelta = _DEFAULT_TTL,
    max_age: timedelta = _DEFAULT_TTL,
    now: datetime | None = None,
) -> str:
    """Sign that a provider's credentials passed a test.

    Args:
        ring: Its newest key signs.
        provider: The opened provider that was tested.
        test: What its `test_credentials` returned.
        ttl: How long the token is good for, from one second to 24 hours; whole seconds count.
        max_age: How old the test may be.
        now: This moment; None asks the clock.

    Returns:
        The token, ASCII text of at most 16 KiB.

    Raises:
        ConfigurationError: The test did not pass, is too old or in the future, or is of another provider or set-up
            method; ``ttl`` is out of range; or the adapter's checks are too many or repeat a secret.
    """
    moment = now or datetime.now(UTC)
    _check_issuable(provider, test, ttl, moment - test.tested_at, max_age)
    key = next(iter(ring._keys.values()))
    payload = to_json(claims_of(key, provider, test, int(moment.timestamp()), int(ttl.total_seconds())))
    if _repeats_secret(payload, provider):
        raise ConfigurationError(
            f"A check of {provider.info.id} repeats a secret, so no evidence was made.",
            fix="Tell the adapter's author: a check's name, code and object must hold no credential.",
        )
    token = sign(key, payload)
    if len(token) > LONGEST_TOKEN:
        raise ConfigurationError(
            f"The evidence would have {len(token)} characters; at most {LONGEST_TOKEN} are accepted.",
            fix="Tell the adapter's author: return fewer checks, or shorter names.",
        )
    return token


def _check_issuable(
    provider: Provider, test: CredentialTest, ttl: timedelta, age: timedelta, max_age: timedelta
) -> None:
    tested, opened = (test.provider, test.setup_method), (provider.info.id, provider.setup_method)
    if test.status != "pass":
        bad = ", ".join(check.code for check in test.failures) or "credentials not known to be valid"
        raise ConfigurationError(
            f"The credential test did not pass ({bad}), so there is nothing to prove.",
            fix="Look at test.status first; correct what its checks name and test again.",
        )
    if tested != opened:
        raise ConfigurationError(
            f"The test is of {' by '.join(tested)}, but the opened provider is {' by '.join(opened)}.",
            fix="Pass the provider whose test_credentials() returned the test.",
        )
    if not -CLOCK_SKEW <= age <= max_age:
        when = f"{span_text(age)} old" if age > max_age else f"{span_text(-age)} in the future"
        raise ConfigurationError(
            f"The test is {when}; at most {span_text(max_age)} old is accepted.", fix="Test the credentials again."
        )
    if not timedelta(seconds=1) <= ttl <= LONGEST_TTL:
        raise ConfigurationError(f"A ttl of {ttl} is out of range.", fix="Choose from one second to 24 hours.")


def _repeats_secret(payload: bytes, provider: Provider) -> bool:
    return any(
        isinstance(value, SecretStr)
        and len(value) >= _SHORTEST_CANARY
        and to_json(value.get_secret_value())[1:-1] in payload
        for settings in (provider.credentials, provider.sip_config)
        for _, value in settings
    )


# --- verification -----------------------------------------------------------------------------------------------------


def verify(
    ring: KeyRing,
    token: str | None,
    provider: Provider,
    *,
    spent: SpentEvidence | None,
    policy: Policy = _DEFAULT_POLICY,
    now: datetime | None = None,
) -> Evidence:
    """Accept evidence for a provider, and use it up.

    Looked at in this order: signature, kind and issuer, times, provider, credentials, policy; spent last, so that a
    refused token is not used up.

    Args:
        ring: Any of its keys may have signed.
        token: What `issue` returned; None and empty text mean that there is none.
        provider: A provider opened with the credentials and SIP configuration that are about to be used.
        spent: The list of used evidence; None looks without using the token up.
        policy: What the evidence must show.
        now: This moment, aware; None asks the clock.

    Returns:
        What was proven.

    Raises:
        EvidenceMissing: No token, or the policy asks for something that the evidence does not show.
        EvidenceInvalid: Changed, signed by a stranger, issued more than 60 s in the future, or not evidence at all.
        EvidenceExpired: Expired (no leeway), or the test is older than the policy allows.
        EvidenceProviderMismatch: Made for another carrier or set-up method.
        EvidenceCredentialsMismatch: Made for other credentials or another SIP configuration.
        EvidenceReused: Used before.
    """
    if token is None or token == "":
        raise EvidenceMissing("No evidence was given.", fix="Test the credentials first; send the token you get.")
    moment = now or datetime.now(UTC)
    kid, payload = open_token(token, ring)
    evidence = read_claims(payload)
    check_times(evidence, moment)
    _check_binding(evidence, provider, ring._keys[kid])
    _check_policy(evidence, policy, moment)
    if spent is not None and not spent.spend(evidence.id, evidence.expires_at.timestamp()):
        raise EvidenceReused(f"Evidence {evidence.id} was used before.", fix=TEST_AGAIN)
    return evidence


def verify_offline(token: str, jwks: Mapping[str, object], *, now: datetime | None = None) -> Evidence:
    """Check signature and times with public keys alone, in a service that knows no secret.

    It cannot tell whose credentials were tested, nor whether the token was used; `verify` does.

    Args:
        token: What `issue` returned.
        jwks: The answer of `voipkit.evidence.jwks`, or the same read back from JSON. Keys of other kinds are ignored.
        now: This moment, aware; None asks the clock.

    Returns:
        What the token says.

    Raises:
        ConfigurationError: ``jwks`` is no JWK Set.
        EvidenceInvalid: As for `verify`.
        EvidenceExpired: Expired (no leeway).
    """
    evidence = read_claims(open_token(token, jwks)[1])
    check_times(evidence, now or datetime.now(UTC))
    return evidence


def check_times(evidence: Evidence, moment: datetime) -> None:
    """Refuse evidence that has expired, or that is from the future by more than clocks differ."""
    if moment >= evidence.expires_at:  # "on or after", RFC 7519 section 4.1.4
        ago = span_text(moment - evidence.expires_at)
        raise EvidenceExpired(f"The evidence expired {ago} ago ({utc(evidence.expires_at)}).", fix=TEST_AGAIN)
    if evidence.issued_at - moment > CLOCK_SKEW:
        raise EvidenceInvalid(
            f"The evidence was issued in the future ({utc(evidence.issued_at)}).",
            fix="Set the clocks of both machines by NTP.",
        )


def _check_binding(evidence: Evidence, provider: Provider, key: Key) -> None:
    made_for, opened = (evidence.provider, evidence.setup_method), (provider.info.id, provider.setup_method)
    if made_for != opened:
        raise EvidenceProviderMismatch(
            f"The evidence is for {' by '.join(made_for)}, not for {' by '.join(opened)}.", fix=TEST_AGAIN
        )
    held = evidence.credentials_fingerprint, evidence.sip_config_fingerprint
    for what, ours, theirs in zip(
        ("credentials", "a SIP configuration"), fingerprints(key, provider), held, strict=True
    ):
        if not hmac.compare_digest(ours.encode(), theirs.encode()):
            raise EvidenceCredentialsMismatch(
                f"The evidence is for {what} other than the one given.", fix="Test exactly what is to be saved."
            )


def _check_policy(evidence: Evidence, policy: Policy, moment: datetime) -> None:
    age = moment - evidence.tested_at
    if policy.max_age is not None and age > policy.max_age:
        raise EvidenceExpired(
            f"The test is {span_text(age)} old; at most {span_text(policy.max_age)} is accepted.", fix=TEST_AGAIN
        )
    missing = policy.missing(evidence)
    if missing:
        raise EvidenceMissing(
            f"The evidence does not show what is required: {'; '.join(missing)}.",
            fix="Correct what the credential test names, test again and send the new evidence.",
        )
