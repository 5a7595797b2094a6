"""Write-ahead records: what is about to be done is written down first, and held while it is being done.

An operation belongs to one process by a lease, which a thread renews as long as the process lives. When it dies the
lease passes, and `recovery` finishes what is written down. A process that was taken for dead loses: its last
transaction fails, because the record is another's by then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from voipkit.errors import OperationInProgress, StoreConflict, StoreError, StoreNotFound
from voipkit.models import NewOperation, Operation
from voipkit.service.shop import Shop
from voipkit.store import StoreTransaction

__all__ = ["advance", "begin", "held", "require_free"]

log = logging.getLogger("voipkit.service")


def require_free(tx: StoreTransaction, connection_id: int, kind: str) -> tuple[Operation, ...]:
    """Refuse to begin while something else is under way on the connection, which the caller has locked.

    Imports may run beside each other: each number belongs to one of them.

    Returns:
        The imports that are under way beside this one.

    Raises:
        OperationInProgress: With what is under way.
    """
    others = tuple(other for other in tx.operations() if other.connection_id == connection_id)
    for other in others:
        if not other.kind == kind == "import":
            raise OperationInProgress(
                f"Connection {connection_id}: an operation '{other.kind}' has not ended.",
                fix="Try again when it has; recover() finishes what a crash left.",
            )
    return others


def begin(
    shop: Shop, tx: StoreTransaction, kind: str, connection_id: int, data: Mapping[str, Any], *, step: str
) -> Operation:
    """Write down what is about to be done."""
    moment = shop.now()
    return tx.begin_operation(
        NewOperation(
            kind=kind,
            step=step,
            connection_id=connection_id,
            data=data,
            worker=shop.worker,
            lease_until=moment + shop.lease,
            created_at=moment,
        )
    )


def advance(shop: Shop, tx: StoreTransaction, operation: Operation, step: str, data: Mapping[str, Any]) -> Operation:
    """Write down the step that comes next; the answer is the operation as it is now."""
    until = shop.now() + shop.lease
    tx.advance_operation(operation.id, worker=operation.worker, step=step, data=data, lease_until=until)
    return operation.model_copy(update={"step": step, "data": data, "lease_until": until})


@contextmanager
def held(shop: Shop, operation: Operation) -> Iterator[None]:
    """Renew an operation's lease while the block runs."""
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(shop, operation, done), name="voipkit-lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def _renew(shop: Shop, operation: Operation, done: threading.Event) -> None:
    while not done.wait(shop.lease.total_seconds() / 3):
        try:
            with shop.store.transaction(operation.org_id) as tx:
                tx.advance_operation(
                    operation.id,
                    worker=operation.worker,
                    step=operation.step,
                    data=operation.data,
                    lease_until=shop.now() + shop.lease,
                )
        except (StoreConflict, StoreNotFound):
            return  # another process has taken it over; the last transaction will say so
        except StoreError as error:
            log.warning("the lease of operation %s could not be renewed: %s", operation.id, error.kind)
