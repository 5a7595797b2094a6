"""`ConnectionService`: every operation, with what it promises. Each is done in the module that its section names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn, Self

from voipkit import registry
from voipkit.adapting.transport import HttpOptions
from voipkit.evidence import KeyRing, Policy
from voipkit.models import AuditEntry, Connection, Event, NameSuggestion, Page, ProviderInfo
from voipkit.protocols import InboundWitness
from voipkit.service import (
    connections,
    deleting,
    events,
    jobs,
    recovery,
    rotation,
    warnings,
)
from voipkit.service.facade_numbers import NumberOperations
from voipkit.service.results import (
    Capacity,
    ConnectionTest,
    DeletionReport,
    Recovery,
    Warnings,
)
from voipkit.service.shop import UNSET, Shop, Transfer, Unset
from voipkit.store import Store

__all__ = ["ConnectionService"]

_PAGE = 100
_GRACE = timedelta(hours=24)
_LEASE = timedelta(minutes=2)  # renewed while work goes on, so that only a dead process lets it pass
_DEFAULT_POLICY = Policy()


class ConnectionService(NumberOperations):
    """Carrier connections of many tenants: tested, saved, rotated, and the phone numbers that come through them.

    Every method takes the tenant first. An id of another tenant is answered as if there were none. A service may be
    used from several threads and, over a shared store, from several processes. It holds keys and is not pickled.
    Arguments that every method shares: ``org_id`` is the tenant, 1 to 200 printable characters; ``actor`` says
    who asks, for the audit log; ``idempotency_key`` makes a repeated call give the first one's answer.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyRing,
        *,
        http: HttpOptions | None = None,
        policy: Policy = _DEFAULT_POLICY,
        grace: timedelta = _GRACE,
        lease: timedelta = _LEASE,
        authorize_transfer: Callable[[Transfer], bool] | None = None,
        on_event: Callable[[Event], None] | None = None,
        witness: InboundWitness | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Keep what every operation needs; nothing is read or sent.

        Args:
            store: Where records live.
            keys: Sign evidence and seal credentials.
            http: How carriers are asked.
            policy: What evidence must show.
            grace: How long the former credentials are kept after a rotation.
            lease: How long after the death of a process others wait before they take over what it was doing.
            authorize_transfer: Asked once for each of the two tenants of a transfer; None refuses transfers.
            on_event: Told what happened, after it was saved. What it raises is logged and goes no further.
            witness: Sees calls to numbers of SIP trunks arrive, whenever such a number is verified, also in jobs and
                rotations; a trunk is called only where its own settings allow calls. At other carriers a call is
                placed only when `verify_number` is given a witness.
            clock: Says this moment, aware; None asks the system.
        """
        self._shop = Shop.build(
            store, keys, http, policy, grace, lease, authorize_transfer, on_event, witness, clock
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"ConnectionService({self._shop.store!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; the service must not be used afterwards."""
        self._shop.store.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "A ConnectionService holds keys and is not pickled; give run_job a reopen= callable that makes another."
        raise TypeError(msg)

    # --- before a connection (connections) ------------------------------------------------------------------------

    def test(
        self,
        org_id: str,
        provider: str,
        credentials: Mapping[str, Any],
        *,
        sip_config: Mapping[str, Any] | None = None,
        setup_method: str | None = None,
    ) -> ConnectionTest:
        """Test credentials that are not saved; a pass comes with evidence, good once and for 15 minutes.

        Args:
            org_id: The tenant.
            provider: The carrier's id.
            credentials: Fields by their name, in snake_case or camelCase.
            sip_config: The carrier's SIP configuration, in the same way.
            setup_method: One of the carrier's set-up methods; None takes its first.

        Returns:
            The test. Refused credentials are an answer (``fail``), not an error.

        Raises:
            ConfigurationError: As for `voipkit.open_provider`.
        """
        given, credentials = registry.masked(credentials), {}
        given_sip, sip_config = registry.masked(sip_config or {}), None
        return connections.test(self._shop, org_id, provider, given, given_sip, setup_method)

    def suggest_name(
        self,
        org_id: str,
        provider: str,
        credentials: Mapping[str, Any],
        *,
        sip_config: Mapping[str, Any] | None = None,
        setup_method: str | None = None,
    ) -> NameSuggestion:
        """Suggest a name for a connection from what the account says of itself.

        Args:
            org_id: The tenant.
            provider: The carrier's id.
            credentials: Fields by their name, in snake_case or camelCase.
            sip_config: The carrier's SIP configuration, in the same way.
            setup_method: One of the carrier's set-up methods; None takes its first.

        Raises:
            ConfigurationError: As for `voipkit.open_provider`.
            ProviderError: The carrier could not be asked, or refused the credentials.
        """
        given, credentials = registry.masked(credentials), {}
        given_sip, sip_config = registry.masked(sip_config or {}), None
        return connections.suggest_name(self._shop, org_id, provider, given, given_sip, setup_method)

    # --- connections (connections, rotation) ----------------------------------------------------------------------

    def create(
        self,
        org_id: str,
        *,
        provider: str,
        credentials: Mapping[str, Any],
        evidence: str | None,
        name: str | None = None,
        sip_config: Mapping[str, Any] | None = None,
        setup_method: str | None = None,
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> Connection:
        """Save tested credentials as a connection.

        Args:
            org_id: The tenant.
            provider: The carrier's id.
            credentials: Fields by their name, in snake_case or camelCase.
            evidence: The UUID or the token that `test` gave for exactly these credentials and this SIP configuration.
            name: At most 100 characters; None takes the one that `test` suggested.
            sip_config: The carrier's SIP configuration, in the same way.
            setup_method: One of the carrier's set-up methods; None takes its first.
            idempotency_key: The same key again gets the same answer.
            actor: Who asks, for the audit log.

        Returns:
            The connection, ``connected``.

        Raises:
            EvidenceError: Missing, invalid, expired, reused, or of other credentials; each a class of its own.
            ConfigurationError: A field is of the wrong form.
            IdempotencyConflict: The key was used for another request.
        """
        given, credentials = registry.masked(credentials), {}
        given_sip, sip_config = registry.masked(sip_config or {}), None
        return connections.create(
            self._shop, org_id, provider, given, given_sip, setup_method, evidence, name, idempotency_key, actor
        )

    def get(self, org_id: str, connection_id: int) -> Connection:
        """Return a connection, redacted.

        Args:
            org_id: The tenant.
            connection_id: The connection.

        Raises:
            ObjectNotFound: This tenant has none of that id.
        """
        return connections.get(self._shop, org_id, connection_id)

    def list(self, org_id: str, *, limit: int = _PAGE, cursor: str | None = None) -> Page[Connection]:
        """Return a page of the tenant's connections, newest first.

        Args:
            org_id: The tenant.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return connections.listed(self._shop, org_id, limit, cursor)

    def update(
        self,
        org_id: str,
        connection_id: int,
        *,
        name: str | Unset = UNSET,
        credentials: Mapping[str, Any] | Unset = UNSET,
        sip_config: Mapping[str, Any] | Unset = UNSET,
        evidence: str | None = None,
        force: bool = False,
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> Connection:
        """Change what is sent, and nothing else. New credentials are a rotation; a name never touches the carrier.

        A rotation stages the new credentials, proves them on every number of the connection, and only then uses them;
        the former ones are kept for the grace time. New credentials need evidence for exactly them and for the SIP
        configuration that will be in force. A SIP configuration alone is tested here, when no evidence is given.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            name: The new name, at most 100 characters.
            credentials: Fields by their name, in snake_case or camelCase.
            sip_config: The carrier's SIP configuration, in the same way.
            evidence: The UUID or the token that `test` gave for what will be in force.
            force: Rotate although numbers would become unreachable.
            idempotency_key: The same key again gets the same answer.
            actor: Who asks, for the audit log.

        Returns:
            The connection as it is now.

        Raises:
            RotationRefused: With the numbers that would become unreachable; nothing was changed, and the evidence is
                still good.
            EvidenceError: As for `create`.
            OperationInProgress: Another rotation, import or deletion of this connection has not ended.
            ProviderError: The numbers could not be looked at; nothing was changed.
            ObjectNotFound: This tenant has none of that id.
        """
        given, credentials = credentials if isinstance(credentials, Unset) else registry.masked(credentials), {}
        given_sip, sip_config = sip_config if isinstance(sip_config, Unset) else registry.masked(sip_config), {}
        return rotation.update(
            self._shop, org_id, connection_id, name, given, given_sip, evidence, force, idempotency_key, actor
        )

    def retest(self, org_id: str, connection_id: int, *, actor: str | None = None) -> ConnectionTest:
        """Test a saved connection again: its status becomes ``connected`` or ``error``; no evidence is made.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            actor: Who asks, for the audit log.

        Raises:
            StateConflict: It was rotated in between; nothing was recorded.
            ObjectNotFound: This tenant has none of that id.
        """
        return connections.retest(self._shop, org_id, connection_id, actor)

    def delete(
        self, org_id: str, connection_id: int, *, restore_routing: bool = False, actor: str | None = None
    ) -> DeletionReport:
        """Delete a connection and destroy its credentials. Its numbers stay, with the link cleared.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            restore_routing: Put each number's routing at the carrier back as it was before its import, first.
            actor: Who asks, for the audit log.

        Raises:
            RestoreIncomplete: The carrier failed to put some routing back; the connection was kept. Try again, or
                delete without restoring.
            ProviderError: The carrier could not be asked to restore; nothing was deleted.
            Unsupported: The carrier cannot restore.
            ObjectNotFound: This tenant has none of that id.
        """
        return deleting.delete(self._shop, org_id, connection_id, restore_routing, actor)

    def set_default_outbound(self, org_id: str, connection_id: int, *, actor: str | None = None) -> Connection:
        """Place calls through this connection unless another is named; at most one a tenant, also under a race.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            actor: Who asks, for the audit log.
        """
        return connections.set_default_outbound(self._shop, org_id, connection_id, actor)

    def provider_metadata(self) -> tuple[ProviderInfo, ...]:
        """Describe every installed carrier with its forms; the same for all tenants."""
        return registry.providers()

    # --- looking after it all (warnings, recovery) ------------------------------------------------------------------

    def capacity(self, org_id: str) -> Capacity:
        """Say how many calls at once each connection can place: its active numbers.

        Args:
            org_id: The tenant.
        """
        return warnings.capacity(self._shop, org_id)

    def warnings(self, org_id: str, connection_id: int | None = None, *, limit: int = 1000) -> Warnings:
        """List what somebody should look at; the carrier is not asked.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            limit: 1 to 1000.
        """
        return warnings.warnings(self._shop, org_id, connection_id, limit)

    def audit(
        self,
        org_id: str,
        *,
        object_type: str | None = None,
        object_id: int | None = None,
        limit: int = _PAGE,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Return a page of the tenant's audit log, newest first.

        Args:
            org_id: The tenant.
            object_type: ``connection``, ``number`` or ``job``; None for all.
            object_id: Only entries on this object; None for all.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return events.log_of(self._shop, org_id, object_type, object_id, limit, cursor)

    def recover(self, *, limit: int = 100, run_jobs: bool = True) -> Recovery:
        """Finish, for all tenants, what a crash left: call it when a process starts, and now and then.

        Only what no living process works on is touched: an operation's lease must have passed.

        Args:
            limit: At most so many operations, and so many jobs.
            run_jobs: Also run, in this thread, jobs that have work left which nobody is at; False only names them.
        """
        return jobs.recover(self._shop, limit, run_jobs=run_jobs)

    def maintain(self) -> int:
        """Destroy former credentials whose grace time has passed, for all tenants, and return how many.

        It also forgets evidence that has expired, and answers under idempotency keys that are older than a week.
        """
        return recovery.maintain(self._shop)
