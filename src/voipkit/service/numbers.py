"""Phone numbers as records: agents, labels, release, hand-over, history. The carrier is never asked here."""

from __future__ import annotations

from voipkit.errors import InvalidField, NumberTaken, OperationInProgress, StateConflict, StoreConflict, TransferRefused
from voipkit.models import AgentId, EventType, NewAuditEntry, NumberChanges, NumberVersion, Page, PhoneNumber
from voipkit.service import arguments
from voipkit.service.events import audited, event, version
from voipkit.service.shop import Shop, Transfer, Unset
from voipkit.service.veiling import shown_number
from voipkit.store import StoreTransaction

__all__ = ["get", "listed", "release", "transfer", "update", "versions"]

_LONGEST_AGENT = 200


def listed(shop: Shop, org_id: str, connection_id: int | None, limit: int, cursor: str | None) -> Page[PhoneNumber]:
    """See `ConnectionService.numbers`."""
    size = arguments.page_size(limit)
    if connection_id is not None and not arguments.is_id(connection_id):
        raise arguments.not_found("connection", connection_id)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        page = tx.numbers(connection_id=connection_id, limit=size, cursor=cursor)
    return page.model_copy(update={"items": tuple(map(shown_number, page.items))})


def get(shop: Shop, org_id: str, number_id: int) -> PhoneNumber:
    """See `ConnectionService.number`."""
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        return shown_number(arguments.number(tx, number_id))


def versions(shop: Shop, org_id: str, number_id: int, limit: int, cursor: str | None) -> Page[NumberVersion]:
    """See `ConnectionService.number_versions`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        arguments.number(tx, number_id)
        return tx.versions(number_id, limit=size, cursor=cursor)


# --- changes ----------------------------------------------------------------------------------------------------------


def update(
    shop: Shop,
    org_id: str,
    number_id: int,
    inbound_agent_id: AgentId | Unset | None,
    outbound_agent_id: AgentId | Unset | None,
    status: str | Unset,
    label: str | Unset | None,
    actor: str | None,
) -> PhoneNumber:
    """See `ConnectionService.update_number`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    changes = NumberChanges()
    if not isinstance(inbound_agent_id, Unset):
        changes["inbound_agent_id"] = _agent(inbound_agent_id, "inbound_agent_id")
    if not isinstance(outbound_agent_id, Unset):
        changes["outbound_agent_id"] = _agent(outbound_agent_id, "outbound_agent_id")
    if not isinstance(label, Unset):
        changes["label"] = arguments.label(label)
    if not isinstance(status, Unset):
        if status not in ("active", "released"):
            raise InvalidField(
                "status is neither 'active' nor 'released'.",
                field="status",
                fix="Verify a number to make it active; the other statuses come of themselves.",
            )
        changes["status"] = "active" if status == "active" else "released"
    return _changed(shop, org_id, number_id, changes, actor)


def release(shop: Shop, org_id: str, number_id: int, actor: str | None) -> PhoneNumber:
    """See `ConnectionService.release_number`. Unlike an update, it takes a number of any status."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    return _changed(shop, org_id, number_id, NumberChanges(status="released"), actor, any_status=True)


def _changed(
    shop: Shop, org_id: str, number_id: int, wanted: NumberChanges, actor: str | None, *, any_status: bool = False
) -> PhoneNumber:
    with shop.store.transaction(org_id) as tx:
        before = arguments.number(tx, number_id, lock=True)
        changes = NumberChanges(**{n: v for n, v in wanted.items() if getattr(before, n) != v})  # type: ignore[typeddict-item]
        if not changes:
            return shown_number(before)
        if "status" in changes and not any_status and before.status not in ("active", "released"):
            raise StateConflict(
                f"{before.number} is {before.status}; only active and released numbers change their status by hand.",
                fix=f"Verify it{_how(before)}, or release it.",
            )
        if changes.get("status") == "active" and before.voip_verification_status != "verified":
            raise StateConflict(
                f"{before.number} was not verified when it was released, so it cannot be active.",
                fix="Import it again, and verify it.",
            )
        if changes.get("status") == "released":
            _require_idle(tx, before)
        action = _action(changes)
        after = _written(shop, tx, before, changes)
        tx.add_versions([version(shop, after, action, actor)])
        named = set(changes) - {"updated_at"}
        audited(
            shop, tx, action, actor, "number", number_id,
            before.model_dump(mode="json", include=named), after.model_dump(mode="json", include=named),
        )  # fmt: skip
    shop.tell(event(shop, org_id, action, number_id=number_id, connection_id=after.voip_connection_id, actor=actor))
    return shown_number(after)


def _how(number: PhoneNumber) -> str:
    """Say what the last verification lacked, where nobody saw whether calls come in."""
    unseen = any(check.code.endswith(".dial_in.no_witness") for check in number.checks)
    return " with a witness that sees a call arrive (docs/service.md)" if unseen else ""


def _written(shop: Shop, tx: StoreTransaction, before: PhoneNumber, changes: NumberChanges) -> PhoneNumber:
    changes["updated_at"] = shop.now()
    try:
        return tx.update_number(before.id, **changes)
    except StoreConflict:
        raise NumberTaken(f"{before.number} is in use already, so it stays released.") from None


def _action(changes: NumberChanges) -> EventType:
    if "status" in changes:
        return "number.released" if changes["status"] == "released" else "number.reactivated"
    return "number.assigned" if {"inbound_agent_id", "outbound_agent_id"} & set(changes) else "number.labelled"


def _agent(value: AgentId | None, field: str) -> AgentId | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value if value is None or isinstance(value, str) else ""
    if text is not None and not (0 < len(text) <= _LONGEST_AGENT and text.isprintable()):
        raise InvalidField(
            f"{field} is neither a whole number nor printable text of 1 to {_LONGEST_AGENT} characters.",
            field=field,
            fix="Pass the agent's id, or null to clear it.",
        )
    return text


def _require_idle(tx: StoreTransaction, number: PhoneNumber) -> None:
    """Refuse to give away a number that an import is at."""
    for operation in tx.operations():
        if number.number in operation.data.get("numbers", ()):
            raise OperationInProgress(f"{number.number} is being imported.", fix="Try again when that has ended.")


# --- hand-over --------------------------------------------------------------------------------------------------------


def transfer(shop: Shop, org_id: str, number_id: int, to_org_id: str, actor: str | None) -> PhoneNumber:
    """See `ConnectionService.transfer_number`. One transaction for both tenants, so there is nothing to resume."""
    org_id, to_org_id = arguments.tenant(org_id), arguments.tenant(to_org_id, "to_org_id")
    actor = arguments.opaque(actor, "actor")
    if org_id == to_org_id:
        raise InvalidField("to_org_id is the tenant that has the number.", field="to_org_id", fix="Name another.")
    before = get(shop, org_id, number_id)
    _authorise(shop, before, to_org_id, actor)
    with shop.store.transfer(org_id, to_org_id) as (giver, taker):
        before = arguments.number(giver, number_id, lock=True)
        if before.status == "released":
            raise StateConflict(f"{before.number} is released.", fix="Make it active again first.")
        _require_idle(giver, before)
        after = giver.give_number(number_id, taker, updated_at=shop.now())
        giver.add_versions([version(shop, before, "number.given", actor)])
        taker.add_versions([version(shop, after, "number.received", actor)])
        giver.add_audit([_entry(shop, "number.given", before, actor)])
        taker.add_audit([_entry(shop, "number.received", after, actor)])
    shop.tell(
        event(shop, org_id, "number.given", number_id=number_id, actor=actor, number=before.number),
        event(shop, to_org_id, "number.received", number_id=number_id, actor=actor, number=after.number),
    )
    return after


def _authorise(shop: Shop, number: PhoneNumber, to_org_id: str, actor: str | None) -> None:
    for side, org_id in (("from", number.org_id), ("to", to_org_id)):
        asked = Transfer(
            side="from" if side == "from" else "to",
            org_id=org_id,
            from_org_id=number.org_id,
            to_org_id=to_org_id,
            number=number.number,
            number_id=number.id,
            actor=actor,
        )
        if shop.authorize_transfer is None or shop.authorize_transfer(asked) is not True:
            raise TransferRefused(
                f"The transfer of {number.number} is not authorised for the tenant that "
                f"{'gives' if side == 'from' else 'gets'} it.",
                fix="Ask somebody who may do it in both; the host decides by authorize_transfer.",
            )


def _entry(shop: Shop, action: str, number: PhoneNumber, actor: str | None) -> NewAuditEntry:
    """Make an audit entry that does not name the other tenant."""
    return NewAuditEntry(
        action=action,
        actor=actor,
        object_type="number",
        object_id=number.id,
        after={"number": number.number, "status": number.status},
        created_at=shop.now(),
    )
