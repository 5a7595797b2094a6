"""What is said of a change: to the host's callable, in the audit log, and in a number's history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from voipkit.models import AuditEntry, Event, EventType, NewAuditEntry, NewNumberVersion, Page, PhoneNumber
from voipkit.service import arguments
from voipkit.service.shop import Shop
from voipkit.store import StoreTransaction

__all__ = ["audited", "event", "log_of", "version"]


def event(
    shop: Shop,
    org_id: str,
    kind: EventType,
    *,
    connection_id: int | None = None,
    number_id: int | None = None,
    job_id: int | None = None,
    actor: str | None = None,
    **data: object,
) -> Event:
    """Make an event of this moment."""
    return Event(
        type=kind,
        org_id=org_id,
        connection_id=connection_id,
        number_id=number_id,
        job_id=job_id,
        actor=actor,
        data=to_jsonable_python(data),
        created_at=shop.now(),
    )


def audited(
    shop: Shop,
    tx: StoreTransaction,
    action: str,
    actor: str | None,
    kind: str,
    object_id: int | None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry of the audit log, as part of the change itself."""
    entry = NewAuditEntry(
        action=action,
        actor=actor,
        object_type=kind,
        object_id=object_id,
        before=to_jsonable_python(before),
        after=to_jsonable_python(after),
        created_at=shop.now(),
    )
    tx.add_audit([entry])


def version(shop: Shop, number: PhoneNumber, action: str, actor: str | None) -> NewNumberVersion:
    """Make an entry of a number's history: the number as the change left it."""
    return NewNumberVersion(
        number_id=number.id,
        number=number.number,
        action=action,
        actor=actor,
        status=number.status,
        inbound_agent_id=number.inbound_agent_id,
        outbound_agent_id=number.outbound_agent_id,
        voip_connection_id=number.voip_connection_id,
        label=number.label,
        created_at=shop.now(),
    )


def log_of(
    shop: Shop, org_id: str, object_type: str | None, object_id: int | None, limit: int, cursor: str | None
) -> Page[AuditEntry]:
    """See `ConnectionService.audit`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        return tx.audit(object_type=object_type, object_id=object_id, limit=size, cursor=cursor)
