"""What every operation of the service works with: the store, the keys, the clock, and how a carrier is opened."""

from __future__ import annotations

import enum
import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from voipkit import registry
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import ConfigurationError
from voipkit.evidence import KeyRing, Policy
from voipkit.models import Connection, Event, GenerationState, SealedCredentials, Settings
from voipkit.models.base import now
from voipkit.protocols import InboundWitness, Provider, SupportsDialIn
from voipkit.store import Sealer, Store
from voipkit.store.url_secrets import mapped, masked

__all__ = ["UNSET", "Shop", "Transfer", "Unset", "key_hint", "plain", "redacted"]

log = logging.getLogger("voipkit.service")

_HINT = 4  # characters of a secret that may be shown
_LONG = 16  # characters; four of a shorter secret would be too large a part of it


class Unset(enum.Enum):
    """The type of `UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET
"""A field that was not sent, and so stays as it is; None would clear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What a host is asked before a number changes its tenant; it is asked once for each of the two.

    Attributes:
        side: ``from`` for the tenant that gives the number up, ``to`` for the one that gets it.
        org_id: That tenant.
        from_org_id: The tenant that gives the number up.
        to_org_id: The tenant that gets it.
        number: E.164.
        number_id: The record.
        actor: Who asks, or None.
    """

    side: Literal["from", "to"]
    org_id: str
    from_org_id: str
    to_org_id: str
    number: str
    number_id: int
    actor: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shop:
    """What the operations share; see `ConnectionService` for what its parts mean.

    Attributes:
        worker: Names this process among those that work on the same store.
        lease: How long an operation belongs to this process unless it is renewed.
    """

    store: Store
    keys: KeyRing
    sealer: Sealer
    http: HttpOptions | None
    policy: Policy
    grace: timedelta
    lease: timedelta
    authorize_transfer: Callable[[Transfer], bool] | None
    on_event: Callable[[Event], None] | None
    witness: InboundWitness | None
    now: Callable[[], datetime]
    worker: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def build(
        cls,
        store: Store,
        keys: KeyRing,
        http: HttpOptions | None,
        policy: Policy,
        grace: timedelta,
        lease: timedelta,
        authorize_transfer: Callable[[Transfer], bool] | None,
        on_event: Callable[[Event], None] | None,
        witness: InboundWitness | None,
        clock: Callable[[], datetime] | None,
    ) -> Shop:
        """Check what a host passed, and keep it."""
        if not isinstance(keys, KeyRing):
            raise ConfigurationError("keys is a KeyRing.", fix="Make one with KeyRing.from_env() or from_text().")
        if grace < timedelta(0):
            raise ConfigurationError("grace is less than no time.", fix="Give timedelta(0) or more.")
        if lease < timedelta(seconds=1):
            raise ConfigurationError("lease is less than a second.", fix="Leave it out to take the default.")
        return cls(
            store=store,
            keys=keys,
            sealer=Sealer(keys),
            http=http,
            policy=policy,
            grace=grace,
            lease=lease,
            authorize_transfer=authorize_transfer,
            on_event=on_event,
            witness=witness,
            now=clock or now,
        )

    # --- carriers -------------------------------------------------------------------------------------------------

    def open(
        self, provider: str, credentials: registry.Masked, sip_config: registry.Masked, setup_method: str | None
    ) -> Provider:
        """Open a carrier with what a caller typed in; no request is sent."""
        return registry.open_provider(
            provider, credentials, sip_config=sip_config, setup_method=setup_method, http=self.http
        )

    @contextmanager
    def opened(self, connection: Connection, sealed: SealedCredentials) -> Iterator[Provider]:
        """Open a saved connection with one generation of its credentials, and close it at the end."""
        held = self.sealer.open(sealed)
        credentials, sip_config = registry.masked(held.credentials), registry.masked(held.sip_config)
        with self.open(connection.provider, credentials, sip_config, connection.setup_method) as provider:
            yield provider

    def seal(
        self, provider: Provider, connection: Connection, generation: int, state: GenerationState
    ) -> SealedCredentials:
        """Encrypt what a carrier was opened with, as one generation of a connection's credentials."""
        return self.sealer.seal(
            provider.credentials,
            provider.sip_config,
            org_id=connection.org_id,
            connection_id=connection.id,
            provider=connection.provider,
            generation=generation,
            state=state,
            created_at=self.now(),
        )

    def witness_for(self, carrier: Provider) -> InboundWitness | None:
        """Return the host's witness where it is used unasked: at SIP trunks, whose settings allow calls or do not.

        A call that an API account pays for (Twilio) is asked for each time.
        """
        return self.witness if carrier.info.protocol == "sip" and isinstance(carrier, SupportsDialIn) else None

    # --- the host -------------------------------------------------------------------------------------------------

    def tell(self, *events: Event) -> None:
        """Tell the host what happened. It was saved before, so what its callable raises changes nothing."""
        if self.on_event is None:
            return
        for event in events:
            try:
                self.on_event(event)
            except Exception:
                log.exception("on_event raised at %s", event.type)


# --- secrets ----------------------------------------------------------------------------------------------------------


def plain(fields: Mapping[str, Any]) -> bytes:
    """Write fields as canonical JSON, secrets in plain text: to be sealed or fingerprinted at once, never kept."""
    return _CANONICAL.encode(fields).encode()


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Settings):
        return value.model_dump(exclude_none=True, round_trip=True)
    return to_jsonable_python(value)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def redacted(settings: Settings) -> dict[str, Any]:
    """Return what may be shown of settings: every field that is set and no secret, as JSON values, camelCase.

    Secrets in URLs are masked.
    """
    secret = {name for name, value in settings if isinstance(value, SecretStr)}
    fields = settings.model_dump(mode="json", by_alias=True, exclude=secret, exclude_none=True)
    return {name: mapped(value, masked) for name, value in fields.items()}


def key_hint(shop: Shop, credentials: Settings) -> str | None:
    """Return what tells this key from another: the last four characters of the first secret.

    Where the secret is short, four characters of a keyed fingerprint. None where there is no secret.
    """
    secret = next((value for _, value in credentials if isinstance(value, SecretStr)), None)
    if secret is None:
        return None
    if len(secret) >= _LONG:
        return f"…{secret.get_secret_value()[-_HINT:]}"
    return f"#{shop.keys.fingerprints('key hint', secret.get_secret_value().encode())[0][:_HINT]}"
