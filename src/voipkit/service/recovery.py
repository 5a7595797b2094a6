"""What a crash left: operations whose process is dead are finished, or taken back where they cannot be."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from voipkit.errors import ObjectNotFound, StoreConflict, StoreNotFound, VoipkitError
from voipkit.models import Operation
from voipkit.service import deleting, importing, rotation
from voipkit.service.results import Recovery
from voipkit.service.shop import Shop

__all__ = ["finish", "maintain"]

log = logging.getLogger("voipkit.service")

_RESUME: dict[str, Callable[[Shop, Operation], bool]] = {
    rotation.KIND: rotation.resume,
    importing.KIND: importing.resume,
    deleting.KIND: deleting.resume,
}
_REMEMBERED = timedelta(days=7)  # how long an idempotency key is good


def finish(shop: Shop, limit: int) -> Recovery:
    """Finish the operations of all tenants that nobody is at any more."""
    moment = shop.now()
    finished: list[int] = []
    undone: list[int] = []
    postponed: list[int] = []
    for operation in shop.store.claim_operations(shop.worker, at=moment, lease_until=moment + shop.lease, limit=limit):
        resume = _RESUME.get(operation.kind)
        if resume is None:  # a later version, which shares the database, wrote it down
            log.warning("operation %s (%s) is of another version of voipkit", operation.id, operation.kind)
            postponed.append(operation.id)
            continue
        try:
            (finished if resume(shop, operation) else undone).append(operation.id)
        except (ObjectNotFound, StoreNotFound):
            _forget(shop, operation)  # its connection is gone, and with it what there was to do
            undone.append(operation.id)
        except VoipkitError as error:
            log.warning("operation %s (%s) is postponed: %s", operation.id, operation.kind, error)
            postponed.append(operation.id)
    return Recovery(finished=tuple(finished), undone=tuple(undone), postponed=tuple(postponed))


def _forget(shop: Shop, operation: Operation) -> None:
    try:
        with shop.store.transaction(operation.org_id) as tx:
            tx.finish_operation(operation.id, worker=operation.worker)
    except (StoreConflict, StoreNotFound):
        pass  # another process was faster


def maintain(shop: Shop) -> int:
    """See `ConnectionService.maintain`."""
    moment = shop.now()
    retired = shop.store.retire_generations(at=moment)
    shop.store.purge(before=moment - _REMEMBERED)
    return retired
