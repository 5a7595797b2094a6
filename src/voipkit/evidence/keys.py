"""The keys: a ring of them, what is derived from each secret, and the public half that checks tokens elsewhere."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NoReturn

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes
from pydantic_core import to_json

from voipkit.errors import ConfigurationError
from voipkit.evidence.encoding import b64, unb64

_VARIABLE = "VOIPKIT_SECRET_KEY"
_KEYGEN = f"Make a key with `voipkit evidence keygen` and put its output in {_VARIABLE}."
_KEY_BYTES = 32


class KeyRing:
    """The keys that sign evidence and that check it: the newest signs, all verify.

    Make one with `from_env` or `from_text`. A ring shows only public key ids, and cannot be pickled or copied.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.kid: key for key in keys}

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

    def fingerprints(self, label: str, data: bytes) -> tuple[str, ...]:
        """Name data by HMAC-SHA256, so that it can be recognised and, without the ring, not even be guessed at.

        Args:
            label: What the data is; equal data under two labels has two names.
            data: May hold secrets.

        Returns:
            One name for each key of the ring, in the order of `kids`, as base64url.
        """
        named = label.encode() + b"\n" + data
        return tuple(b64(hmac.digest(key.fingerprinting, named, "sha256")) for key in self._keys.values())

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
    return b64(secrets.token_bytes(_KEY_BYTES))


# --- derivation -------------------------------------------------------------------------------------------------------


class Key:
    """All that is derived from one secret. No dataclass: its repr must stay empty."""

    __slots__ = ("fingerprinting", "kid", "private", "public", "sealing")

    def __init__(self, secret: bytes) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(_derive(secret, b"voipkit evidence v1 signing seed"))
        self.fingerprinting = _derive(secret, b"voipkit evidence v1 fingerprint key")
        self.sealing = _derive(secret, b"voipkit store v1 sealing key")
        self.public = self.private.public_key()
        # RFC 7638 section 3: SHA-256 over the required members in lexical order; for OKP, RFC 8037 section 2.
        self.kid = b64(sha256(to_json(_jwk(self.public))).digest())


def _derive(secret: bytes, info: bytes) -> bytes:
    """Derive one key (RFC 5869). No salt is needed: the input is uniformly random (section 3.1)."""
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(secret)


def _read_keys(text: object) -> list[Key] | str:
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
    return [Key(secret) for secret in found if secret]


def _decode_key(word: str) -> bytes | None:
    try:
        return bytes.fromhex(word)
    except ValueError:
        return unb64(word.rstrip("="))


# --- public keys ------------------------------------------------------------------------------------------------------


def jwks(ring: KeyRing) -> dict[str, list[dict[str, str]]]:
    """Return the public half of the ring, with which `verify_offline` or any JWT library checks tokens.

    Args:
        ring: The ring.

    Returns:
        A JWK Set (RFC 7517 section 5) of OKP keys (RFC 8037 section 2), newest first; safe to publish.
    """
    return {"keys": [{**_jwk(key.public), "kid": key.kid, "alg": "EdDSA", "use": "sig"} for key in ring._keys.values()]}


def public_keys(source: object) -> dict[str, Ed25519PublicKey]:
    """Return the keys of a ring, or of the answer of `jwks`, by their ids."""
    if isinstance(source, KeyRing):
        return {key.kid: key.public for key in source._keys.values()}
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
    raw = unb64(x) if isinstance(x, str) else None
    if not isinstance(kid, str) or raw is None or len(raw) != _KEY_BYTES:
        return None
    return kid, Ed25519PublicKey.from_public_bytes(raw)


def _jwk(public: Ed25519PublicKey) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": b64(public.public_bytes_raw())}
