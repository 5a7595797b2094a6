"""Encrypting secrets before a store sees them, and changing the key under which they lie.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. The associated data names tenant, connection, provider and
generation, so a row that is copied to another place does not open there. Each ciphertext carries the id of its key;
the newest key of the ring seals, all of them open.

Credentials are sealed as a whole. Of a number's routing only the secrets in URLs are, each in its place, so that the
rest stays readable: ``https://user:sealed.<kid>.<ciphertext>@host/path``. Tenant and URL are bound into each.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, Protocol, get_args

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Secret, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from voipkit.errors import SealBroken, SealKeyMissing, StoreError
from voipkit.models import GenerationState, SealedCredentials, Settings
from voipkit.store.port import HoldsUrls, Store
from voipkit.store.url_secrets import UrlSecret, mapped, replaced

__all__ = ["OpenedCredentials", "RekeyReport", "Sealer", "SealingKeys", "is_sealed", "rekey"]

_FORM = b"\x01"  # the first byte of a ciphertext: how the rest is to be read
_NONCE = 12  # bytes; section 5.2.1.1 recommends 96 bits. Random ones are good for 2**32 seals a key (section 8.3).
_TOKEN = re.compile(r"sealed\.([\w-]{1,64})\.([\w-]+)", re.ASCII)  # a sealed secret of a URL: key, ciphertext
_PUT_BACK = "Put that key behind the newer ones in VOIPKIT_SECRET_KEY, then run `voipkit db rekey`."


class SealingKeys(Protocol):
    """What of a `voipkit.evidence.KeyRing` is needed here."""

    @property
    def kids(self) -> tuple[str, ...]:
        """Ids of the keys, newest first."""

    @property
    def sealing_keys(self) -> tuple[SecretBytes, ...]:
        """The 32-byte keys in the same order."""


@dataclass(frozen=True, slots=True)
class OpenedCredentials:
    """Opened credentials, ready for `voipkit.open_provider`; every value is hidden behind a pydantic secret.

    Attributes:
        credentials: Fields by their name.
        sip_config: Fields by their name.
    """

    credentials: Mapping[str, object]
    sip_config: Mapping[str, object]


class Sealer:
    """Seals and opens credentials, and secrets in URLs, with the keys of a ring.

    Args:
        keys: The ring, such as a `voipkit.evidence.KeyRing`.
    """

    __slots__ = ("_keys", "kid")

    def __init__(self, keys: SealingKeys) -> None:
        self._keys = dict(zip(keys.kids, keys.sealing_keys, strict=True))
        self.kid = keys.kids[0]

    def __repr__(self) -> str:
        return f"Sealer(kid={self.kid!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "A Sealer holds secret keys and is not pickled or copied; make it again of the key ring."
        raise TypeError(msg)

    def seal(
        self,
        credentials: Settings,
        sip_config: Settings,
        *,
        org_id: str,
        connection_id: int,
        provider: str,
        generation: int,
        state: GenerationState,
        created_at: datetime,
    ) -> SealedCredentials:
        """Encrypt one generation of a connection's credentials under the newest key.

        Args:
            credentials: Of the opened provider.
            sip_config: Of the opened provider; it may hold a password too.
            org_id: The tenant.
            connection_id: Whose they are.
            provider: The carrier's id.
            generation: 1, 2, ...
            state: As what they are stored.
            created_at: This moment.

        Returns:
            What a store may keep.
        """
        empty = SealedCredentials(
            org_id=org_id, connection_id=connection_id, generation=generation, provider=provider, kid=self.kid,
            sealed=b"", state=state, created_at=created_at,
        )  # fmt: skip
        return empty.model_copy(update={"sealed": self._encrypted(empty, _plain(credentials, sip_config))})

    def open(self, sealed: SealedCredentials) -> OpenedCredentials:
        """Decrypt.

        Raises:
            SealKeyMissing: The ring does not have its key.
            SealBroken: It was changed, or moved here from another connection, tenant, provider or generation.
        """
        content = _hidden(self._decrypted(sealed))
        if content is None:
            raise _broken(sealed)
        return content

    def reseal(self, sealed: SealedCredentials) -> SealedCredentials:
        """Encrypt the same content under the newest key.

        Raises:
            SealKeyMissing: As for `open`.
            SealBroken: As for `open`.
        """
        fresh = self._encrypted(sealed, self._decrypted(sealed))
        return sealed.model_copy(update={"kid": self.kid, "sealed": fresh})

    # --- secrets in URLs ---

    def seal_urls(self, text: str, *, org_id: str) -> str:
        """Encrypt the secrets of every URL in a text; see `voipkit.store.url_secrets` for what is one.

        What looks like a sealed secret is sealed as anything else, so `open_urls` gives back exactly this text.

        Args:
            text: A URL, or any text.
            org_id: The tenant.
        """
        return replaced(text, lambda secret: self._token(secret, org_id))

    def open_urls(self, text: str, *, org_id: str) -> str:
        """Decrypt what `seal_urls` made.

        Raises:
            SealKeyMissing: The ring does not have a key.
            SealBroken: A URL was changed, moved here from another tenant, or holds a secret that is not sealed.
        """
        return replaced(text, lambda sealed: self._untokened(sealed, org_id).get_secret_value())

    def reseal_urls(self, text: str, *, org_id: str) -> str:
        """Encrypt under the newest key what another one sealed; the rest of the text stays as it is.

        Raises:
            SealKeyMissing: As for `open_urls`.
            SealBroken: As for `open_urls`.
        """

        def again(found: UrlSecret) -> str:
            token = _TOKEN.fullmatch(found.text)
            if token is None or token[1] == self.kid:
                return found.text
            return self._token(found._replace(text=self._untokened(found, org_id).get_secret_value()), org_id)

        return replaced(text, again)

    def _token(self, secret: UrlSecret, org_id: str) -> str:
        locked = self._locked(SecretBytes(secret.text.encode()), _associated_url(secret, org_id))
        return f"sealed.{self.kid}.{base64.urlsafe_b64encode(locked).rstrip(b'=').decode()}"

    def _untokened(self, sealed: UrlSecret, org_id: str) -> SecretStr:
        token = _TOKEN.fullmatch(sealed.text)
        if token is not None and token[1] not in self._keys:
            raise SealKeyMissing(
                f"A secret in a webhook's URL was sealed with key {token[1]!r}, which is not in the ring.",
                fix=_PUT_BACK,
            )
        plain = token and self._tried(token[1], _unb64(token[2]), _associated_url(sealed, org_id))
        if plain is None:
            raise SealBroken(
                "A secret in a webhook's URL does not open: it was changed, or moved here from another URL or tenant.",
                fix="Restore the number's row from a backup, or delete the connection without restoring, and import "
                "the number again.",
            )
        return SecretStr(plain.get_secret_value().decode())

    # --- the cipher ---

    def _encrypted(self, place: SealedCredentials, plain: SecretBytes) -> bytes:
        return self._locked(plain, _associated(place))

    def _decrypted(self, sealed: SealedCredentials) -> SecretBytes:
        if sealed.kid not in self._keys:
            raise SealKeyMissing(
                f"The credentials of connection {sealed.connection_id} were sealed with key {sealed.kid[:64]!r}, which "
                "is not in the ring.",
                fix=_PUT_BACK,
            )
        plain = self._tried(sealed.kid, sealed.sealed, _associated(sealed))
        if plain is None:
            raise _broken(sealed)
        return plain

    def _locked(self, plain: SecretBytes, associated: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        cipher = AESGCM(self._keys[self.kid].get_secret_value())
        return _FORM + nonce + cipher.encrypt(nonce, plain.get_secret_value(), associated)

    def _tried(self, kid: str, locked: bytes, associated: bytes) -> SecretBytes | None:
        """Decrypt, or return None: raising here would keep a frame that holds the key."""
        form, nonce, rest = locked[:1], locked[1 : 1 + _NONCE], locked[1 + _NONCE :]
        if form != _FORM or len(nonce) != _NONCE:
            return None
        try:
            cipher = AESGCM(self._keys[kid].get_secret_value())
            return SecretBytes(cipher.decrypt(nonce, rest, associated))
        except (InvalidTag, ValueError):
            return None


def is_sealed(secret: str) -> bool:
    """Say whether a secret of a URL has the form of a sealed one."""
    return _TOKEN.fullmatch(secret) is not None


def _associated_url(secret: UrlSecret, org_id: str) -> bytes:
    named = ["voipkit url v1", org_id, secret.part, secret.url]
    return json.dumps(named, separators=(",", ":")).encode()


def _unb64(text: str) -> bytes:
    """Decode base64url, or return what will not open."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def _associated(place: SealedCredentials) -> bytes:
    named = ["voipkit credentials v1", place.org_id, place.connection_id, place.provider, place.generation]
    return json.dumps(named, separators=(",", ":")).encode()


def _broken(sealed: SealedCredentials) -> SealBroken:
    return SealBroken(
        f"Generation {sealed.generation} of the credentials of connection {sealed.connection_id} does not open: it was "
        "changed, or moved here from another connection.",
        fix="Restore the row from a backup, or rotate: test the credentials again and update the connection.",
    )


# --- the content -----------------------------------------------------------------------------------------------------


def _plain(credentials: Settings, sip_config: Settings) -> SecretBytes:
    fields = {
        name: settings.model_dump(exclude_none=True, round_trip=True)
        for name, settings in (("credentials", credentials), ("sip_config", sip_config))
    }
    return SecretBytes(_JSON.encode(fields).encode())


def _bare(value: object) -> object:
    shown = value.get_secret_value() if isinstance(value, SecretStr | SecretBytes | Secret) else value
    return to_jsonable_python(shown)


_JSON = json.JSONEncoder(separators=(",", ":"), default=_bare)


def _hidden(plain: SecretBytes) -> OpenedCredentials | None:
    try:
        content = json.loads(plain.get_secret_value())
        return OpenedCredentials(
            credentials={name: _behind(value) for name, value in content["credentials"].items()},
            sip_config={name: _behind(value) for name, value in content["sip_config"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _behind(value: object) -> object:
    if isinstance(value, str):
        return SecretStr(value)
    return value if value is None or isinstance(value, bool) else Secret(value)


# --- changing the key ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RekeyReport:
    """What `rekey` did.

    Attributes:
        kid: The key that everything lies under now, what did not open apart.
        resealed: How many were sealed again: credentials, and records with secrets in URLs.
        failed: What did not open, in words; each is left as it was.
    """

    kid: str
    resealed: int
    failed: tuple[str, ...] = ()


def rekey(
    store: Store, sealer: Sealer, *, batch: int = 100, on_batch: Callable[[int], object] | None = None
) -> RekeyReport:
    """Seal everything again that does not lie under the ring's newest key.

    It goes batch by batch, each a unit of work of its own, and looks only for what is left: when it is cut short, or
    runs twice at once, call it again. Afterwards the older keys can be taken out of the ring.

    Args:
        store: The store.
        sealer: Of the ring whose newest key is to be used.
        batch: How many at once, 1 to 1,000.
        on_batch: Called after each batch with how many were sealed again so far.

    Returns:
        How many were sealed again, and what did not open.

    Raises:
        StoreError: The store could not be asked; what was done so far stays done.
    """
    place, resealed = 0, 0
    failed: list[str] = []
    while found := store.sealed_elsewhere(sealer.kid, limit=batch, after=place):
        pairs = []
        for place, old in found:  # noqa: B007 - the last place is where the next batch begins
            try:
                pairs.append((old, sealer.reseal(old)))
            except StoreError as error:
                failed.append(error.message)
        resealed += store.replace_sealed(pairs)
        if on_batch is not None:
            on_batch(resealed)
    for kind in get_args(HoldsUrls):
        again = _UrlRekeying(sealer, kind, failed)
        after: int | None = 0
        while after is not None:
            after = store.rewrite_urls(kind, again, limit=batch, after=after)
            if on_batch is not None and again.changed:
                on_batch(resealed + again.changed)
        resealed += again.changed
    return RekeyReport(sealer.kid, resealed, tuple(failed))


class _UrlRekeying:
    """Seals the URLs of one record after another again, and counts those that it changed."""

    def __init__(self, sealer: Sealer, kind: str, failed: list[str]) -> None:
        self._sealer = sealer
        self._kind = kind
        self._failed = failed
        self.changed = 0

    def __call__(self, org_id: str, record_id: int, values: Any) -> Any:
        try:
            after = mapped(values, lambda text: self._sealer.reseal_urls(text, org_id=org_id))
        except StoreError as error:
            self._failed.append(f"{self._kind} {record_id}: {error.message}")
            return values
        self.changed += after != values
        return after
