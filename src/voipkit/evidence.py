"""Signed proof that exactly these credentials were tested: make it, check it, spend it once.

    ring = KeyRing.from_env()                                # VOIPKIT_SECRET_KEY
    token = issue(ring, carrier, carrier.test_credentials())
    evidence = verify(ring, token, carrier, spent=spent)     # raises, or the token is used up

A token is a JWT (RFC 7519) signed with Ed25519 (RFC 8037). It is signed, not encrypted: whoever holds it can read which
checks were made of which objects. It holds no secret and no plain hash of one: credentials are named by an HMAC whose
key never leaves the ring. Read on in the order of a token's life: keys, `issue`, `verify`, `verify_offline`, `explain`.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from heapq import heappop, heappush
from threading import Lock
from typing import Any, Literal, NoReturn, get_args
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import OKPAlgorithm
from pydantic import Field, SecretBytes, SecretStr, ValidationError
from pydantic_core import to_json, to_jsonable_python

from voipkit.errors import (
    ConfigurationError,
    EvidenceCredentialsMismatch,
    EvidenceExpired,
    EvidenceInvalid,
    EvidenceMissing,
    EvidenceProviderMismatch,
    EvidenceReused,
)
from voipkit.models import Check, CredentialTest, Settings
from voipkit.models.base import UtcTime
from voipkit.protocols import Provider, SpentEvidence

__all__ = [
    "Evidence",
    "KeyRing",
    "MemorySpentEvidence",
    "Policy",
    "explain",
    "generate_key",
    "issue",
    "jwks",
    "verify",
    "verify_offline",
]

_VARIABLE = "VOIPKIT_SECRET_KEY"
_KEYGEN = f"Make a key with `voipkit evidence keygen` and put its output in {_VARIABLE}."
_TEST_AGAIN = "Test the credentials again and send the new evidence."
_TYP = "voipkit-evidence+jwt"  # explicit typing, RFC 8725 section 3.11
_ISSUER = "voipkit"
_KEY_BYTES = 32
_LONGEST_TOKEN = 16 * 1024
_LONGEST_TTL = timedelta(hours=24)
_DEFAULT_TTL = timedelta(minutes=15)
_CLOCK_SKEW = timedelta(seconds=60)  # how far another machine's clock may be ahead of ours
_SHORTEST_CANARY = 12  # characters; a shorter secret may be an ordinary word that a check's code holds too
_REMEMBERED = (_LONGEST_TTL + _CLOCK_SKEW).total_seconds()
_UUID4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"

_EDDSA = OKPAlgorithm()

Answer = Literal["credentials_valid", "inbound_reachable", "outbound_authorized"]


# ---------------------------------------------------------------------------------------------------------- keys


class KeyRing:
    """The keys that sign evidence and that check it: the newest signs, all verify.

    Make one with `from_env` or `from_text`. A ring shows only public key ids, and cannot be pickled or copied.
    """

    __slots__ = ("_keys", "_public")

    def __init__(self, keys: Iterable[_Key]) -> None:
        self._keys = {key.kid: key for key in keys}
        self._public = {key.kid: key.public for key in self._keys.values()}

    @classmethod
    def from_env(cls) -> KeyRing:
        """Read the ring from the environment variable ``VOIPKIT_SECRET_KEY``.

        Returns:
            The ring.

        Raises:
            ConfigurationError: The variable is not set, or as for `from_text`.
        """
        if not os.environ.get(_VARIABLE, "").strip():
            raise ConfigurationError(f"{_VARIABLE} is not set, so evidence cannot be signed or verified.", fix=_KEYGEN)
        return cls.from_text(os.environ[_VARIABLE])

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """Read the ring from text.

        Args:
            text: One key, or several separated by commas or whitespace, **newest first**. Each is at least 32 random
                bytes as base64url or as hexadecimal digits, such as `generate_key` makes.

        Returns:
            The ring.

        Raises:
            ConfigurationError: A key is too short, not random, wrongly encoded, or there twice. Keys are named by
                their position, never repeated.
        """
        keys = _read_keys(text)
        del text  # a traceback that shows locals must not show it
        if isinstance(keys, str):
            raise ConfigurationError(keys, fix=_KEYGEN)
        return cls(keys)

    @property
    def kids(self) -> tuple[str, ...]:
        """The public ids of the keys, newest first: RFC 7638 thumbprints."""
        return tuple(self._keys)

    @property
    def sealing_keys(self) -> tuple[SecretBytes, ...]:
        """A 32-byte key for sealing secrets at rest, for each key of the ring, in the order of `kids`."""
        return tuple(SecretBytes(key.sealing) for key in self._keys.values())

    def __repr__(self) -> str:
        return f"KeyRing(kids={self.kids})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "A KeyRing holds secret keys and is not pickled or copied; read it again with KeyRing.from_env()."
        raise TypeError(msg)


def generate_key() -> str:
    """Make a new key for a `KeyRing`.

    Returns:
        32 bytes from the operating system's random source as 43 characters of base64url.
    """
    return _b64(secrets.token_bytes(_KEY_BYTES))


def jwks(ring: KeyRing) -> dict[str, list[dict[str, str]]]:
    """Return the public half of the ring, with which `verify_offline` or any JWT library checks tokens.

    Args:
        ring: The ring.

    Returns:
        A JWK Set (RFC 7517 section 5) of OKP keys (RFC 8037 section 2), newest first; safe to publish.
    """
    return {"keys": [{**_jwk(key.public), "kid": key.kid, "alg": "EdDSA", "use": "sig"} for key in ring._keys.values()]}


class _Key:
    """All that is derived from one secret. No dataclass: its repr must stay empty."""

    __slots__ = ("fingerprinting", "header", "kid", "private", "public", "sealing")

    def __init__(self, secret: bytes) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(_derive(secret, b"voipkit evidence v1 signing seed"))
        self.fingerprinting = _derive(secret, b"voipkit evidence v1 fingerprint key")
        self.sealing = _derive(secret, b"voipkit store v1 sealing key")
        self.public = self.private.public_key()
        # RFC 7638 section 3: SHA-256 over the required members in lexical order; for OKP, RFC 8037 section 2.
        self.kid = _b64(sha256(to_json(_jwk(self.public))).digest())
        self.header = _b64(to_json({"alg": "EdDSA", "kid": self.kid, "typ": _TYP}))


def _derive(secret: bytes, info: bytes) -> bytes:
    """Derive one key (RFC 5869). No salt is needed: the input is uniformly random (section 3.1)."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(secret)


def _read_keys(text: object) -> list[_Key] | str:
    """Return the keys, or what is wrong with them; raising here would keep a frame that holds them."""
    words = text.replace(",", " ").split() if isinstance(text, str) else []
    if not words:
        return "The key ring is empty: it wants the text of at least one key."
    found = [_decode_key(word) for word in words]
    for index, secret in enumerate(found):
        which = f"Key {index + 1} of {len(found)}"
        if secret is None:
            return f"{which} is neither base64url (A-Z a-z 0-9 - _) nor hexadecimal."
        if len(secret) < _KEY_BYTES:
            return f"{which} has {len(secret)} bytes; at least {_KEY_BYTES} random bytes are needed."
        if len(set(secret)) < _KEY_BYTES // 2:  # so looks one random key in 10**16
            return f"{which} is not random: it repeats the same few bytes."
        if secret in found[:index]:
            return f"{which} is the same as key {found.index(secret) + 1}."
    return [_Key(secret) for secret in found if secret]


def _decode_key(word: str) -> bytes | None:
    try:
        return bytes.fromhex(word)
    except ValueError:
        return _unb64(word.rstrip("="))


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": _b64(public.public_bytes_raw())}


# ------------------------------------------------------------------------------------------------------ evidence


class Evidence(CredentialTest):
    """A credential test that somebody can rely on. Messages and fixes of the checks stay out of the token.

    Attributes:
        id: The token's own id (``jti``), a UUID; it is spent once.
        credentials_fingerprint: HMAC-SHA256 of the canonical credentials, base64url; it means nothing without the key.
        sip_config_fingerprint: The same of the SIP configuration.
        issued_at: When it was signed.
        expires_at: From this moment on it is not accepted.
        library_version: The version of voipkit that signed it.
        adapter: The distribution that the carrier's adapter came from, or None when it was not registered.
        adapter_version: That distribution's version, or None.
    """

    id: str = Field(pattern=_UUID4)
    credentials_fingerprint: str
    sip_config_fingerprint: str
    tested_at: UtcTime
    issued_at: UtcTime
    expires_at: UtcTime
    library_version: str
    adapter: str | None = None
    adapter_version: str | None = None

    def _rows(self) -> list[tuple[object, ...]]:
        return [(c.direction, c.name, c.status, f"{c.code} {c.object or ''}", None) for c in self.checks]


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
    payload = to_json(_claims(key, provider, test, int(moment.timestamp()), int(ttl.total_seconds())))
    if _repeats_secret(payload, provider):
        raise ConfigurationError(
            f"A check of {provider.info.id} repeats a secret, so no evidence was made.",
            fix="Tell the adapter's author: a check's name, code and object must hold no credential.",
        )
    signed = f"{key.header}.{_b64(payload)}"  # JWS compact form, RFC 7515 section 7.1
    token = f"{signed}.{_b64(_EDDSA.sign(signed, key.private))}"
    if len(token) > _LONGEST_TOKEN:
        raise ConfigurationError(
            f"The evidence would have {len(token)} characters; at most {_LONGEST_TOKEN} are accepted.",
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
    if not -_CLOCK_SKEW <= age <= max_age:
        when = f"{_span(age)} old" if age > max_age else f"{_span(-age)} in the future"
        raise ConfigurationError(
            f"The test is {when}; at most {_span(max_age)} old is accepted.", fix="Test the credentials again."
        )
    if not timedelta(seconds=1) <= ttl <= _LONGEST_TTL:
        raise ConfigurationError(f"A ttl of {ttl} is out of range.", fix="Choose from one second to 24 hours.")


def _claims(key: _Key, provider: Provider, test: CredentialTest, issued: int, seconds: int) -> dict[str, object]:
    credentials, sip_config = _fingerprints(key, provider)
    return {
        "iss": _ISSUER,
        "jti": str(uuid4()),
        "iat": issued,
        "exp": issued + seconds,
        "provider": test.provider,
        "setup_method": test.setup_method,
        "tested_at": test.tested_at,
        "checks": [_claimed(check) for check in test.checks],
        "credentials_fingerprint": credentials,
        "sip_config_fingerprint": sip_config,
        "library_version": _library_version(),
        "adapter": provider.info.distribution,
        "adapter_version": provider.info.version,
    }


def _claimed(check: Check) -> dict[str, object]:
    """Say which check it was; never its message, which is free text from a carrier."""
    looked_at = check.object and {"type": check.object.type, "id": check.object.id}
    return {
        "name": check.name,
        "direction": check.direction,
        "status": check.status,
        "code": check.code,
        "checked_at": check.checked_at,
        "object": looked_at,
    }


@cache
def _library_version() -> str:
    from importlib.metadata import version  # slow to import, and needed once

    return version("voipkit")


def _fingerprints(key: _Key, provider: Provider) -> tuple[str, str]:
    of = f"{provider.info.id}\n{provider.setup_method}"
    return (
        _fingerprint(key, f"credentials\n{of}", provider.credentials),
        _fingerprint(key, f"sip_config\n{of}", provider.sip_config),
    )


def _fingerprint(key: _Key, label: str, settings: Settings) -> str:
    """Name settings so that only a holder of the key can tell which.

    The label keeps equal settings of two carriers apart. Fields left unset (None) do not count, so an adapter may
    gain an optional field; defaults do count, since they were tested too. The plain text has no name in this frame.
    """
    fields = settings.model_dump(exclude_none=True, round_trip=True)
    return _b64(hmac.digest(key.fingerprinting, f"{label}\n{_CANONICAL.encode(fields)}".encode(), "sha256"))


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else to_jsonable_python(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def _repeats_secret(payload: bytes, provider: Provider) -> bool:
    return any(
        isinstance(value, SecretStr)
        and len(value) >= _SHORTEST_CANARY
        and to_json(value.get_secret_value())[1:-1] in payload
        for settings in (provider.credentials, provider.sip_config)
        for _, value in settings
    )


# -------------------------------------------------------------------------------------------------- verification


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What evidence must show beyond being genuine.

    Attributes:
        max_age: How long ago the test may have ended; None leaves it to the token's expiry.
        required: Answers that must be True: ``credentials_valid``, ``inbound_reachable``, ``outbound_authorized``.
        required_checks: Codes of checks that must be there and good.
        allow_warnings: Whether ``warn`` is good enough; when False no check at all may warn.

    Raises:
        ConfigurationError: An unknown answer is required, or a text was given in place of a tuple.
    """

    max_age: timedelta | None = None
    required: tuple[Answer, ...] = ("credentials_valid",)
    required_checks: tuple[str, ...] = ()
    allow_warnings: bool = True

    def __post_init__(self) -> None:
        known = ", ".join(get_args(Answer))
        if not set(self.required) <= set(get_args(Answer)):
            raise ConfigurationError(f"Policy.required is {self.required!r}.", fix=f"Give a tuple of: {known}.")
        if isinstance(self.required_checks, str):
            raise ConfigurationError("Policy.required_checks is one text.", fix="Give a tuple of check codes.")

    def missing(self, evidence: Evidence) -> tuple[str, ...]:
        """Return what the evidence does not show, in words; empty when it satisfies the policy, age apart."""
        seen = {code: {c.status for c in evidence.checks if c.code == code} for code in self.required_checks}
        return (
            *(f"{answer} is not true" for answer in self.required if getattr(evidence, answer) is not True),
            *(f"{code} is absent" for code, statuses in seen.items() if not statuses),
            *(f"{code} is {status}" for code in seen for status in sorted(seen[code] - {"pass", "warn"})),
            *(f"{c.code} is warn" for c in evidence.checks if c.status == "warn" and not self.allow_warnings),
        )


class MemorySpentEvidence:
    """A spent-list in this process's memory; safe for threads, not shared with other processes.

    It asks no clock, so a clock that is set back revives nothing. No token lives longer than 24 hours, so entries
    that expire more than that before the latest one are forgotten, and whatever expires that early is refused unseen.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._spent: set[str] = set()
        self._by_expiry: list[tuple[float, str]] = []
        self._forgotten_until = float("-inf")

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used; of two callers with the same id exactly one gets True.

        Args:
            evidence_id: The token's ``jti``.
            expires_at: Its expiry in POSIX seconds.

        Returns:
            True when it had not been used before.
        """
        with self._lock:
            if evidence_id in self._spent or expires_at <= self._forgotten_until:
                return False
            self._spent.add(evidence_id)
            heappush(self._by_expiry, (expires_at, evidence_id))
            self._forgotten_until = max(self._forgotten_until, expires_at - _REMEMBERED)
            while self._by_expiry[0][0] <= self._forgotten_until:
                self._spent.discard(heappop(self._by_expiry)[1])
            return True


_DEFAULT_POLICY = Policy()


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
    kid, evidence = _open(token, ring._public)
    _check_times(evidence, moment)
    _check_binding(evidence, provider, _fingerprints(ring._keys[kid], provider))
    _check_policy(evidence, policy, moment)
    if spent is not None and not spent.spend(evidence.id, evidence.expires_at.timestamp()):
        raise EvidenceReused(f"Evidence {evidence.id} was used before.", fix=_TEST_AGAIN)
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
    _, evidence = _open(token, _public_keys(jwks))
    _check_times(evidence, now or datetime.now(UTC))
    return evidence


def _open(token: object, keys: Mapping[str, Ed25519PublicKey]) -> tuple[str, Evidence]:
    """Return the signing key's id and the content of a token whose signature is good."""
    kid, payload, signed, signature = _take_apart(token)
    if kid not in keys:
        raise EvidenceInvalid(
            f"The evidence was signed with key {kid[:64]!r}, which is not among the known keys.",
            fix="Keep an old key behind the new one until its evidence has expired; otherwise test again.",
        )
    if not _EDDSA.verify(signed, keys[kid], signature):
        raise EvidenceInvalid("The signature does not fit: the evidence was changed or forged.", fix=_TEST_AGAIN)
    return kid, _read_claims(payload)


def _take_apart(token: object) -> tuple[str, bytes, str, bytes]:
    """Return key id, payload, signed text and signature. Nothing of it is to be trusted yet.

    PyJWT's own decoder is not used: it takes the last of two equal keys, and any header that it does not know.
    """
    if not isinstance(token, str):
        raise _invalid(f"a token is text, not {type(token).__name__}")
    if len(token) > _LONGEST_TOKEN:
        raise _invalid(f"it has {len(token)} characters; at most {_LONGEST_TOKEN} are accepted")
    if token.count(".") != 2:  # noqa: PLR2004 - header.payload.signature, RFC 7515 section 3.1
        raise _invalid("it does not have three parts")
    header, payload, signature = (_unb64(part) for part in token.split("."))
    if header is None or payload is None or signature is None:
        raise _invalid("a part of it is not base64url")
    fields = _json_object(header) or {}
    if fields.get("typ") != _TYP:
        raise _invalid(f"its header's typ is not {_TYP}")
    if fields.get("alg") != "EdDSA":  # never let a token choose how it is checked, RFC 8725 section 3.1
        raise _invalid("its header's alg is not EdDSA")
    kid = fields.get("kid")
    if not isinstance(kid, str) or set(fields) != {"typ", "alg", "kid"}:
        raise _invalid("its header wants a kid, and nothing beyond typ, alg and kid")
    return kid, payload, token.rpartition(".")[0], signature


def _read_claims(payload: bytes) -> Evidence:
    claims = _json_object(payload) or {}
    issued, expires = claims.get("iat"), claims.get("exp")
    if claims.get("iss") != _ISSUER:
        raise _invalid(f"its issuer is not {_ISSUER}")
    if type(issued) is not int or type(expires) is not int:
        raise _invalid("its iat and exp are not whole seconds")
    if not 0 < expires - issued <= _LONGEST_TTL.total_seconds():
        raise _invalid("it does not expire within 24 hours of its issue")
    evidence = _evidence(claims)
    if evidence is None:
        raise _invalid("a claim is absent or of the wrong form")
    return evidence


def _evidence(claims: dict[str, Any]) -> Evidence | None:
    try:
        named = {"id": claims["jti"], "issued_at": claims["iat"], "expires_at": claims["exp"]}
        checks = [{**check, "message": ""} for check in claims["checks"]]
        return Evidence.model_validate({**claims, **named, "checks": checks})
    except (KeyError, TypeError, OverflowError, ValidationError):
        return None


def _invalid(reason: str) -> EvidenceInvalid:
    return EvidenceInvalid(f"This is not voipkit evidence: {reason}.", fix=_TEST_AGAIN)


def _check_times(evidence: Evidence, moment: datetime) -> None:
    if moment >= evidence.expires_at:  # "on or after", RFC 7519 section 4.1.4
        ago = _span(moment - evidence.expires_at)
        raise EvidenceExpired(f"The evidence expired {ago} ago ({_utc(evidence.expires_at)}).", fix=_TEST_AGAIN)
    if evidence.issued_at - moment > _CLOCK_SKEW:
        raise EvidenceInvalid(
            f"The evidence was issued in the future ({_utc(evidence.issued_at)}).",
            fix="Set the clocks of both machines by NTP.",
        )


def _check_binding(evidence: Evidence, provider: Provider, fingerprints: tuple[str, str]) -> None:
    made_for, opened = (evidence.provider, evidence.setup_method), (provider.info.id, provider.setup_method)
    if made_for != opened:
        raise EvidenceProviderMismatch(
            f"The evidence is for {' by '.join(made_for)}, not for {' by '.join(opened)}.", fix=_TEST_AGAIN
        )
    held = evidence.credentials_fingerprint, evidence.sip_config_fingerprint
    for what, ours, theirs in zip(("credentials", "a SIP configuration"), fingerprints, held, strict=True):
        if not hmac.compare_digest(ours.encode(), theirs.encode()):
            raise EvidenceCredentialsMismatch(
                f"The evidence is for {what} other than the one given.", fix="Test exactly what is to be saved."
            )


def _check_policy(evidence: Evidence, policy: Policy, moment: datetime) -> None:
    age = moment - evidence.tested_at
    if policy.max_age is not None and age > policy.max_age:
        raise EvidenceExpired(
            f"The test is {_span(age)} old; at most {_span(policy.max_age)} is accepted.", fix=_TEST_AGAIN
        )
    missing = policy.missing(evidence)
    if missing:
        raise EvidenceMissing(
            f"The evidence does not show what is required: {'; '.join(missing)}.",
            fix="Correct what the credential test names, test again and send the new evidence.",
        )


def _public_keys(source: object) -> Mapping[str, Ed25519PublicKey]:
    if isinstance(source, KeyRing):
        return source._public
    listed = source.get("keys") if isinstance(source, Mapping) else None
    if not isinstance(listed, list):
        raise ConfigurationError(
            "This is not a JWK Set: it has no list of keys.", fix="Pass what voipkit.evidence.jwks(ring) returns."
        )
    # Keys that we cannot use are ignored, as RFC 7517 section 5 asks.
    return dict(pair for pair in map(_read_jwk, listed) if pair)


def _read_jwk(jwk: object) -> tuple[str, Ed25519PublicKey] | None:
    if not isinstance(jwk, Mapping) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        return None
    kid, x = jwk.get("kid"), jwk.get("x")
    raw = _unb64(x) if isinstance(x, str) else None
    if not isinstance(kid, str) or raw is None or len(raw) != _KEY_BYTES:
        return None
    return kid, Ed25519PublicKey.from_public_bytes(raw)


# --------------------------------------------------------------------------------------------- for people to read


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
        kid, payload, _, _ = _take_apart(token)
        evidence = _read_claims(payload)
    except EvidenceInvalid as error:
        return str(error)
    lines = [
        f"Evidence {evidence.id}: {evidence.provider} by {evidence.setup_method}, credential test {evidence.status}",
        f"Signature    {_trust(token, ring_or_jwks, kid)}",
        f"Expiry       {_validity(evidence, moment)}",
        f"Tested       {_utc(evidence.tested_at)}, {_span(moment - evidence.tested_at)} ago",
        f"Signed       {_utc(evidence.issued_at)} by voipkit {evidence.library_version}, "
        f"adapter {evidence.adapter or 'unknown'} {evidence.adapter_version or ''}".rstrip(),
        f"Answers      {', '.join(f'{name}: {_ANSWERS[getattr(evidence, name)]}' for name in get_args(Answer))}",
        f"Credentials  keyed fingerprint {evidence.credentials_fingerprint}",
        f"SIP config   keyed fingerprint {evidence.sip_config_fingerprint}",
        "Checks",
        *(
            f"  {c.status:8}{c.direction:9}{c.name} [{c.code}] {c.object or 'no object'} {_utc(c.checked_at)}"
            for c in evidence.checks
        ),
        "To verify    verify(ring, token, provider, spent=...) with the key ring and the same credentials;",
        "             verify_offline(token, jwks) with the public keys, for signature and expiry alone",
    ]
    return "\n".join("".join(char if char.isprintable() else "\ufffd" for char in line) for line in lines)


_ANSWERS = {True: "yes", False: "no", None: "not known"}


def _trust(token: object, keys: KeyRing | Mapping[str, object] | None, kid: str) -> str:
    if keys is None:
        return f"NOT CHECKED, no keys were given; anybody could have written the rest (key {kid})"
    try:
        _open(token, _public_keys(keys))
    except (EvidenceInvalid, ConfigurationError) as error:
        return f"BAD, do not trust the rest. {error}"
    return f"good (key {kid})"


def _validity(evidence: Evidence, moment: datetime) -> str:
    try:
        _check_times(evidence, moment)
    except (EvidenceExpired, EvidenceInvalid) as error:
        return f"NOT VALID. {error}"
    return f"valid until {_utc(evidence.expires_at)}, {_span(evidence.expires_at - moment)} left"


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _span(span: timedelta) -> str:
    """Write hours:minutes:seconds, with a minus sign where Python would borrow a day."""
    return f"{'-' if span < timedelta(0) else ''}{timedelta(seconds=round(abs(span).total_seconds()))}"


# ---------------------------------------------------------------------------------------------------- JSON, base64


def _b64(raw: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes | None:
    """Decode base64url; None unless it is the one way to write these bytes, so that no two tokens mean the same."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if _b64(raw) == text else None


def _json_object(raw: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else, and for a key that is there twice."""
    try:
        value = _STRICT.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_distinct)
