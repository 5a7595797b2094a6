"""The outer form of a token: a JWS (RFC 7515) of one kind, signed with Ed25519 and nothing else."""

from __future__ import annotations

from functools import lru_cache

from jwt.algorithms import OKPAlgorithm
from pydantic_core import to_json

from voipkit.errors import EvidenceInvalid
from voipkit.evidence.encoding import b64, json_object, unb64
from voipkit.evidence.keys import Key, public_keys

LONGEST_TOKEN = 16 * 1024
TEST_AGAIN = "Test the credentials again and send the new evidence."
_TYP = "voipkit-evidence+jwt"  # explicit typing, RFC 8725 section 3.11
_EDDSA = OKPAlgorithm()


def sign(key: Key, payload: bytes) -> str:
    """Return the token in JWS compact form, RFC 7515 section 7.1."""
    signed = f"{_header(key.kid)}.{b64(payload)}"
    return f"{signed}.{b64(_EDDSA.sign(signed, key.private))}"


@lru_cache(maxsize=16)
def _header(kid: str) -> str:
    return b64(to_json({"alg": "EdDSA", "kid": kid, "typ": _TYP}))


def open_token(token: object, ring_or_jwks: object) -> tuple[str, bytes]:
    """Return the signing key's id and the payload of a token whose signature is good."""
    keys = public_keys(ring_or_jwks)
    kid, payload, signed, signature = take_apart(token)
    if kid not in keys:
        raise EvidenceInvalid(
            f"The evidence was signed with key {kid[:64]!r}, which is not among the known keys.",
            fix="Keep an old key behind the new one until its evidence has expired; otherwise test again.",
        )
    if not _EDDSA.verify(signed, keys[kid], signature):
        raise EvidenceInvalid("The signature does not fit: the evidence was changed or forged.", fix=TEST_AGAIN)
    return kid, payload


def take_apart(token: object) -> tuple[str, bytes, str, bytes]:
    """Return key id, payload, signed text and signature. Nothing of it is to be trusted yet.

    PyJWT's own decoder is not used: it takes the last of two equal keys, and any header that it does not know.
    """
    if not isinstance(token, str):
        raise invalid(f"a token is text, not {type(token).__name__}")
    if len(token) > LONGEST_TOKEN:
        raise invalid(f"it has {len(token)} characters; at most {LONGEST_TOKEN} are accepted")
    if token.count(".") != 2:  # noqa: PLR2004 - header.payload.signature, RFC 7515 section 3.1
        raise invalid("it does not have three parts")
    header, payload, signature = (unb64(part) for part in token.split("."))
    if header is None or payload is None or signature is None:
        raise invalid("a part of it is not base64url")
    fields = json_object(header) or {}
    if fields.get("typ") != _TYP:
        raise invalid(f"its header's typ is not {_TYP}")
    if fields.get("alg") != "EdDSA":  # never let a token choose how it is checked, RFC 8725 section 3.1
        raise invalid("its header's alg is not EdDSA")
    kid = fields.get("kid")
    if not isinstance(kid, str) or set(fields) != {"typ", "alg", "kid"}:
        raise invalid("its header wants a kid, and nothing beyond typ, alg and kid")
    return kid, payload, token.rpartition(".")[0], signature


def invalid(reason: str) -> EvidenceInvalid:
    """Make the error of whatever is no token of ours."""
    return EvidenceInvalid(f"This is not voipkit evidence: {reason}.", fix=TEST_AGAIN)
