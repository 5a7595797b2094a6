"""The end of a connection: its credentials are destroyed, its numbers stay, and what the carrier keeps is told.

Without restoring it is one transaction. With restoring, the intention is recorded first; a crash leaves it, and
`recovery` restores again (what is as it was is found ``unchanged``) and deletes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voipkit.errors import (
    ConfigurationError,
    ProviderError,
    RestoreIncomplete,
    SealBroken,
    SealKeyMissing,
    StateConflict,
    Unsupported,
)
from voipkit.models import Connection, NumberChanges, NumberImport, Operation, PhoneNumber, RoutingSnapshot
from voipkit.protocols import Provider, SupportsRestore
from voipkit.service import arguments, connections, operations, verifying
from voipkit.service.events import audited, event, version
from voipkit.service.results import DeletionReport, LeftAtCarrier
from voipkit.service.shop import Shop
from voipkit.service.veiling import shown, unveiled
from voipkit.store import StoreTransaction

__all__ = ["KIND", "delete", "resume"]

KIND = "delete"
# What keeps the connection, and ends the deletion: the carrier refused, or could not be opened (a key that is lost, an
# extra that is not installed, credentials that are gone). Deleting without restoring must stay possible then.
_REFUSED = (
    ProviderError, Unsupported, RestoreIncomplete, ConfigurationError, StateConflict, SealBroken, SealKeyMissing,
)  # fmt: skip
_NEVER = "import.unsupported"  # such as Plivo's numbers, which never come off an application again: told, not tried


def delete(shop: Shop, org_id: str, connection_id: int, restore_routing: bool, actor: str | None) -> DeletionReport:
    """See `ConnectionService.delete`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id) as tx:
        connection = connections.found(tx, connection_id, lock=True)
        operations.require_free(tx, connection_id, KIND)
        if restore_routing:
            operation = operations.begin(shop, tx, KIND, connection_id, {"actor": actor}, step="restore")
        else:
            report = _deleted(shop, tx, connection, {}, actor)
    if not restore_routing:
        _tell(shop, connection, actor)
        return report
    try:
        return _restored_and_deleted(shop, operation, connection)
    except _REFUSED:
        with shop.store.transaction(org_id) as tx:
            tx.finish_operation(operation.id, worker=operation.worker)
        raise


def resume(shop: Shop, operation: Operation) -> bool:
    """Go on with a deletion that a crash left.

    Returns:
        True when the connection is gone; False when its routing cannot be put back, so that it was kept.

    Raises:
        ProviderError: The carrier could not be asked; try again later.
    """
    with shop.store.transaction(operation.org_id, read_only=True) as tx:
        connection = connections.found(tx, operation.connection_id or 0)
    try:
        _restored_and_deleted(shop, operation, connection)
    except _REFUSED as error:
        if isinstance(error, ProviderError) and error.retryable:
            raise
        with shop.store.transaction(operation.org_id) as tx:
            audited(
                shop, tx, "connection.deletion_refused", operation.data["actor"], "connection", connection.id,
                None, {"reason": error.kind},
            )  # fmt: skip
            tx.finish_operation(operation.id, worker=operation.worker)
        return False
    return True


# --- how it is done ---------------------------------------------------------------------------------------------------


def _restored_and_deleted(shop: Shop, operation: Operation, connection: Connection) -> DeletionReport:
    actor = operation.data["actor"]
    with shop.store.transaction(connection.org_id, read_only=True) as tx:
        sealed = connections.in_use(tx, connection)
        numbers = verifying.linked(tx, connection.id)
    with (
        operations.held(shop, operation),
        connections.noted(shop, connection),
        shop.opened(connection, sealed) as carrier,
    ):
        restored = _restored(shop, carrier, numbers)
    with shop.store.transaction(connection.org_id) as tx:
        report = _deleted(shop, tx, connection, restored, actor)
        tx.finish_operation(operation.id, worker=operation.worker)
    _tell(shop, connection, actor)
    return report


def _restored(shop: Shop, carrier: Provider, numbers: Sequence[PhoneNumber]) -> dict[str, NumberImport]:
    """Put routing back where an import changed it.

    Returns:
        What the carrier's module says of each number, by number.

    Raises:
        RestoreIncomplete: Some could not be put back, and may be at another try.
        Unsupported: The carrier cannot restore, and there is something to put back.
    """
    snapshots = tuple(unveiled(shop, n.org_id, n.snapshot) for n in numbers if n.snapshot is not None)
    if not snapshots:
        return {}
    if not isinstance(carrier, SupportsRestore):
        raise Unsupported(
            f"{carrier.info.label} cannot restore routing.",
            fix="Delete without restoring, and put it back in the carrier's console.",
        )
    snapshot = RoutingSnapshot(provider=carrier.info.id, taken_at=shop.now(), numbers=snapshots)
    results = {result.number: result for result in carrier.restore_numbers(snapshot).results}
    failed = tuple(r.number for r in results.values() if r.status == "failed" and r.code != _NEVER)
    if failed:
        raise RestoreIncomplete(
            f"The routing of {len(failed)} numbers could not be put back, so the connection was kept: "
            f"{shown(results[failed[0]]).message}",
            numbers=failed,
            fix="Try again, or delete without restoring.",
        )
    return results


def _deleted(
    shop: Shop, tx: StoreTransaction, connection: Connection, restored: Mapping[str, NumberImport], actor: str | None
) -> DeletionReport:
    numbers = verifying.linked(tx, connection.id, ())
    put_back = {n for n, result in restored.items() if result.status in ("imported", "unchanged")}
    gone = [number for number in numbers if number.number in put_back and number.status != "released"]
    _unroute(shop, tx, gone, actor)
    kept = tx.delete_connection(connection.id)
    report = DeletionReport(
        connection_id=connection.id,
        numbers_kept=kept,
        restored=tuple(number.number for number in gone),
        left=tuple(
            LeftAtCarrier(
                number=number.number,
                id=number.id,
                routing=shown(number.snapshot).after,
                reason=_why(restored.get(number.number), number),
            )
            for number in numbers
            if number.snapshot is not None and number not in gone
        ),
    )
    after = {"numbers_kept": kept, "restored": report.restored, "left": [each.number for each in report.left]}
    audited(shop, tx, "connection.deleted", actor, "connection", connection.id, connections.shown(connection), after)
    return report


def _unroute(shop: Shop, tx: StoreTransaction, numbers: Sequence[PhoneNumber], actor: str | None) -> None:
    """Record that calls to numbers go where they went before the import: what was verified of them holds no longer."""
    if not numbers:
        return
    changes = NumberChanges(
        status="provisioning", voip_verification_status="unverified", snapshot=None, updated_at=shop.now()
    )
    tx.update_numbers(dict.fromkeys((number.id for number in numbers), changes))
    after = [number.model_copy(update={**changes, "voip_connection_id": None}) for number in numbers]
    tx.add_versions([version(shop, number, "number.restored", actor) for number in after])


def _why(result: NumberImport | None, number: PhoneNumber) -> str:
    if number.status == "released":
        return "It was released before."
    return shown(result).message if result is not None else "Restoring was not asked for."


def _tell(shop: Shop, connection: Connection, actor: str | None) -> None:
    shop.tell(event(shop, connection.org_id, "connection.deleted", connection_id=connection.id, actor=actor))
