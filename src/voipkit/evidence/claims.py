"""What a token says: its claims, how they are made of a credential test, and how they are read back."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from functools import cache
from uuid import uuid4

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import to_jsonable_python

from voipkit.evidence.encoding import b64, json_object
from voipkit.evidence.jws import invalid
from voipkit.evidence.keys import Key
from voipkit.models import Check, CredentialTest, Settings
from voipkit.models.base import UtcTime
from voipkit.protocols import Provider

LONGEST_TTL = timedelta(hours=24)
CLOCK_SKEW = timedelta(seconds=60)  # how far another machine's clock may be ahead of ours
_ISSUER = "voipkit"
_UUID4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


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


# --- writing ----------------------------------------------------------------------------------------------------------


def claims_of(key: Key, provider: Provider, test: CredentialTest, issued: int, seconds: int) -> dict[str, object]:
    """Return what a token will say: times in POSIX seconds, names as in RFC 7519 section 4.1 or as in `Evidence`."""
    credentials, sip_config = fingerprints(key, provider)
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


def fingerprints(key: Key, provider: Provider) -> tuple[str, str]:
    """Name a provider's credentials, and its SIP configuration, by HMACs that only a holder of the key can make."""
    of = f"{provider.info.id}\n{provider.setup_method}"
    return (
        _fingerprint(key, f"credentials\n{of}", provider.credentials),
        _fingerprint(key, f"sip_config\n{of}", provider.sip_config),
    )


def _fingerprint(key: Key, label: str, settings: Settings) -> str:
    """Name settings; the label keeps equal ones of two carriers apart.

    Fields left unset (None) do not count, so an adapter may gain an optional field; defaults do count, since they were
    tested too. The plain text has no name in this frame.
    """
    fields = settings.model_dump(exclude_none=True, round_trip=True)
    return b64(hmac.digest(key.fingerprinting, f"{label}\n{_CANONICAL.encode(fields)}".encode(), "sha256"))


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else to_jsonable_python(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


# --- reading ----------------------------------------------------------------------------------------------------------


def read_claims(payload: bytes) -> Evidence:
    """Read the payload of a token; whether its signature is good was looked at before."""
    claims = json_object(payload) or {}
    issued, expires = claims.get("iat"), claims.get("exp")
    if claims.get("iss") != _ISSUER:
        raise invalid(f"its issuer is not {_ISSUER}")
    if type(issued) is not int or type(expires) is not int:
        raise invalid("its iat and exp are not whole seconds")
    if not 0 < expires - issued <= LONGEST_TTL.total_seconds():
        raise invalid("it does not expire within 24 hours of its issue")
    try:
        named = {"id": claims["jti"], "issued_at": issued, "expires_at": expires}
        checks = [{**check, "message": ""} for check in claims["checks"]]
        return Evidence.model_validate({**claims, **named, "checks": checks})
    except (KeyError, TypeError, OverflowError, ValidationError):
        raise invalid("a claim is absent or of the wrong form") from None
