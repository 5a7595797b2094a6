"""Connections from the first test to the deletion; new credentials for one are in `rotation`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from voipkit import registry
from voipkit.errors import (
    CredentialsRejected,
    ObjectNotFound,
    ProviderError,
    StateConflict,
    StoreConflict,
    StoreNotFound,
)
from voipkit.models import (
    Connection,
    ConnectionStatus,
    CredentialTest,
    NameSuggestion,
    NewConnection,
    Page,
    SealedCredentials,
)
from voipkit.protocols import Provider
from voipkit.service import arguments, proofs, veiling
from voipkit.service.events import audited, event
from voipkit.service.idempotency import Keyed
from voipkit.service.results import ConnectionTest
from voipkit.service.shop import Shop, key_hint, redacted
from voipkit.store import StoreTransaction

__all__ = [
    "accepted",
    "create",
    "found",
    "get",
    "in_use",
    "listed",
    "noted",
    "retest",
    "set_default_outbound",
    "suggest_name",
    "test",
]


# --- before a connection ----------------------------------------------------------------------------------------------


def test(
    shop: Shop,
    org_id: str,
    provider: str,
    given: registry.Masked,
    given_sip: registry.Masked,
    setup_method: str | None,
) -> ConnectionTest:
    """See `ConnectionService.test`."""
    org_id = arguments.tenant(org_id)
    with shop.open(provider, given, given_sip, setup_method) as carrier:
        tested = tested_now(shop, carrier)
        if tested.status != "pass":
            return ConnectionTest(status="fail", test=tested)
        return proofs.hand_out(shop, org_id, carrier, tested, _suggestion(carrier))


def tested_now(shop: Shop, carrier: Provider) -> CredentialTest:
    """Test what a carrier was opened with; the time is that of the service's clock."""
    return veiling.shown(carrier.test_credentials()).model_copy(update={"tested_at": shop.now()})


def _suggestion(carrier: Provider) -> NameSuggestion:
    """Suggest a name, also where the carrier cannot be asked for one."""
    try:
        suggested = carrier.suggest_name()
    except ProviderError:
        return NameSuggestion(name=carrier.info.label, inferred=False)
    return suggested.model_copy(update={"name": suggested.name[: arguments.LONGEST_NAME]})


def suggest_name(
    shop: Shop,
    org_id: str,
    provider: str,
    given: registry.Masked,
    given_sip: registry.Masked,
    setup_method: str | None,
) -> NameSuggestion:
    """See `ConnectionService.suggest_name`."""
    arguments.tenant(org_id)
    with shop.open(provider, given, given_sip, setup_method) as carrier:
        return carrier.suggest_name()


# --- a connection -----------------------------------------------------------------------------------------------------


def create(
    shop: Shop,
    org_id: str,
    provider: str,
    given: registry.Masked,
    given_sip: registry.Masked,
    setup_method: str | None,
    evidence: str | None,
    name: str | None,
    key: str | None,
    actor: str | None,
) -> Connection:
    """See `ConnectionService.create`. Everything is one transaction, so there is nothing to resume."""
    org_id, name = arguments.tenant(org_id), arguments.name(name)
    key, actor = arguments.opaque(key, "idempotency_key"), arguments.opaque(actor, "actor")
    with shop.open(provider, given, given_sip, setup_method) as carrier:
        request = {
            "provider": carrier.info.id,
            "setup_method": carrier.setup_method,
            "credentials": carrier.credentials,
            "sip_config": carrier.sip_config,
            "evidence": evidence,
            "name": name,
        }
        keyed = Keyed(shop, "create", key, request)
        with proofs.expiring(shop, evidence), shop.store.transaction(org_id) as tx:
            earlier = keyed.earlier(shop, tx, Connection)
            if earlier is not None:
                return earlier
            proof = proofs.Proof(tx, evidence)
            created = _create(shop, tx, carrier, proof, name, actor)
            keyed.answer(tx, created)
    shop.tell(event(shop, org_id, "connection.created", connection_id=created.id, actor=actor))
    return created


def _create(
    shop: Shop, tx: StoreTransaction, carrier: Provider, proof: proofs.Proof, name: str | None, actor: str | None
) -> Connection:
    proven = proof.accept(shop, carrier)
    proofs.spend(tx, proven.id, proven.expires_at.timestamp())
    suggestion = proof.suggestion or NameSuggestion(name=carrier.info.label, inferred=False)
    moment = shop.now()
    created = tx.add_connection(
        NewConnection(
            name=name or suggestion.name,
            inferred_name=name is None,
            provider=carrier.info.id,
            setup_method=carrier.setup_method,
            status="connected",
            sip_config=redacted(carrier.sip_config),
            key_hint=key_hint(shop, carrier.credentials),
            last_tested_at=proven.tested_at,
            checks=proven.checks,
            generation=1,
            created_at=moment,
            updated_at=moment,
        )
    )
    tx.add_credentials(shop.seal(carrier, created, 1, "active"))
    audited(shop, tx, "connection.created", actor, "connection", created.id, None, shown(created))
    return created


def shown(connection: Connection) -> dict[str, object]:
    """Return what the audit log keeps of a connection."""
    return connection.model_dump(mode="json", include={"name", "provider", "setup_method", "key_hint", "sip_config"})


def get(shop: Shop, org_id: str, connection_id: int) -> Connection:
    """See `ConnectionService.get`."""
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        return found(tx, connection_id)


def found(tx: StoreTransaction, connection_id: int, *, lock: bool = False) -> Connection:
    """Return a connection of the tenant.

    Raises:
        ObjectNotFound: There is none of that id.
    """
    if not arguments.is_id(connection_id):
        raise arguments.not_found("connection", connection_id)
    try:
        return tx.connection(connection_id, lock=lock)
    except StoreNotFound:
        raise arguments.not_found("connection", connection_id) from None


def in_use(tx: StoreTransaction, connection: Connection) -> SealedCredentials:
    """Return the generation of credentials that a connection uses.

    Raises:
        StateConflict: It has none.
    """
    try:
        return tx.credentials(connection.id, connection.generation)
    except StoreNotFound:
        raise StateConflict(
            f"Connection {connection.id} has no credentials.", fix="Send new ones with update(credentials=...)."
        ) from None


def listed(shop: Shop, org_id: str, limit: int, cursor: str | None) -> Page[Connection]:
    """See `ConnectionService.list`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        return tx.connections(limit=size, cursor=cursor)


def set_default_outbound(shop: Shop, org_id: str, connection_id: int, actor: str | None) -> Connection:
    """See `ConnectionService.set_default_outbound`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id) as tx:
        before = found(tx, connection_id)  # unlocked: the store locks all of the tenant's, in one order
        if before.default_outbound:
            return before
        with suppress(StoreNotFound):  # deleted just now, as the next line says
            tx.set_default_outbound(connection_id)
        chosen = found(tx, connection_id)
        audited(shop, tx, "connection.made_default", actor, "connection", connection_id)
    shop.tell(event(shop, org_id, "connection.made_default", connection_id=connection_id, actor=actor))
    return chosen


# --- the status -------------------------------------------------------------------------------------------------------


def retest(shop: Shop, org_id: str, connection_id: int, actor: str | None) -> ConnectionTest:
    """See `ConnectionService.retest`. A crash leaves it ``testing``; the next test corrects it.

    What is found is recorded only while the tested credentials are in use, because a rotation may end in between.
    """
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id) as tx:
        connection = found(tx, connection_id, lock=True)
        sealed = in_use(tx, connection)
        tx.update_connection(connection_id, status="testing")
    try:
        with shop.opened(connection, sealed) as carrier:
            tested = tested_now(shop, carrier)
    except BaseException:
        with suppress(ObjectNotFound, StateConflict), shop.store.transaction(org_id) as tx:
            _require_same(tx, connection)
            tx.update_connection(connection_id, status=_status_before(connection))
        raise
    _settle(shop, org_id, connection, tested, actor)
    return ConnectionTest(status=tested.status, test=tested)


def _settle(shop: Shop, org_id: str, connection: Connection, tested: CredentialTest, actor: str | None) -> None:
    """Record a test. Where the carrier could not be asked, the status stays as it was before."""
    passed = tested.status == "pass"
    told = passed or bool(tested.failures)
    status = ("connected" if passed else "error") if told else _status_before(connection)
    moment = shop.now()
    with shop.store.transaction(org_id) as tx:
        _require_same(tx, connection)
        tx.update_connection(
            connection.id,
            status=status,
            checks=tested.checks,
            last_tested_at=moment if passed else connection.last_tested_at,
            updated_at=moment,
        )
        audited(
            shop, tx, "connection.tested", actor, "connection", connection.id,
            {"status": connection.status}, {"status": status},
        )  # fmt: skip
    shop.tell(event(shop, org_id, "connection.tested", connection_id=connection.id, actor=actor, status=status))


def _status_before(connection: Connection) -> ConnectionStatus:
    """Return the status before a test; ``testing`` is what a crash, or another test at the same time, left."""
    if connection.status != "testing":
        return connection.status
    return "error" if _failed_its_test(connection) else "connected"


def _require_same(tx: StoreTransaction, connection: Connection) -> None:
    """Refuse to say of new credentials what was found with the former ones."""
    if found(tx, connection.id, lock=True).generation != connection.generation:
        raise StateConflict(
            f"Connection {connection.id} was rotated while it was being tested, so nothing was recorded.",
            fix="Test it again.",
        )


@contextmanager
def noted(shop: Shop, connection: Connection) -> Iterator[None]:
    """Record that a carrier refuses the credentials in use, when it does so in the block."""
    try:
        yield
    except CredentialsRejected:
        try:
            with shop.store.transaction(connection.org_id) as tx:
                if found(tx, connection.id).generation == connection.generation:
                    tx.update_connection(connection.id, status="error", updated_at=shop.now())
        except (ObjectNotFound, StoreConflict):
            pass  # it was deleted in the meantime
        raise


def accepted(shop: Shop, connection: Connection) -> None:
    """Record that a carrier takes the credentials in use, when `noted` had recorded that it refuses them.

    Call it when the carrier has answered, with the connection as it was read before. An ``error`` that comes from a
    failed test stays until another test passes.
    """
    if not _refused_since_its_test(connection):
        return
    try:
        with shop.store.transaction(connection.org_id) as tx:
            present = found(tx, connection.id, lock=True)
            if present.generation == connection.generation and _refused_since_its_test(present):
                tx.update_connection(connection.id, status="connected", updated_at=shop.now())
    except (ObjectNotFound, StoreConflict):
        pass  # it was deleted in the meantime


def _refused_since_its_test(connection: Connection) -> bool:
    """Tell a refused request from a failed test, of which the checks are on record."""
    return connection.status == "error" and not _failed_its_test(connection)


def _failed_its_test(connection: Connection) -> bool:
    return any(check.status == "fail" for check in connection.checks)
