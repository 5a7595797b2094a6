"""New credentials for a connection: staged, proved on every number, then used; the former ones are kept for a while.

    update ── tx: record the operation, stage the sealed credentials
           ── ask the carrier about every number, with the new credentials
           ── tx: spend the evidence, activate, retire the former ones     | or, when refused: discard what was staged

A crash leaves the operation, and `recovery` goes on at the second line. Evidence is spent with the activation, so a
refused rotation leaves it good. Nothing is ever written at the carrier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from voipkit import registry
from voipkit.errors import (
    ConfigurationError,
    CredentialsInvalid,
    EvidenceError,
    InvalidField,
    OperationInProgress,
    ProviderError,
    RotationRefused,
    SealBroken,
    SealKeyMissing,
    VerificationFailed,
    VoipkitError,
)
from voipkit.models import (
    Check,
    Connection,
    ConnectionChanges,
    NumberVerification,
    Operation,
    PhoneNumber,
    SealedCredentials,
)
from voipkit.protocols import Provider
from voipkit.service import arguments, connections, operations, proofs, verifying
from voipkit.service.events import audited, event
from voipkit.service.idempotency import Keyed, free, keep
from voipkit.service.shop import Shop, Unset, key_hint, redacted
from voipkit.store import StoreTransaction
from voipkit.store.sealing import OpenedCredentials

__all__ = ["KIND", "resume", "update"]

KIND = "rotate"
_SHOWN = 20  # numbers named in an error's message; its attribute has them all
_RANK = {"pass": 2, "verified": 2, "unknown": 1, "unverified": 1, "fail": 0, "failed": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a caller sent."""

    name: str | None
    credentials: registry.Masked | None
    sip_config: registry.Masked | None
    evidence: str | None
    force: bool
    key: str | None
    actor: str | None


def update(
    shop: Shop,
    org_id: str,
    connection_id: int,
    name: str | Unset,
    credentials: registry.Masked | Unset,
    sip_config: registry.Masked | Unset,
    evidence: str | None,
    force: bool,
    key: str | None,
    actor: str | None,
) -> Connection:
    """See `ConnectionService.update`."""
    if name is None:
        raise InvalidField("name is null.", field="name", fix="Leave it out to keep the present name.")
    wanted = _Wanted(
        name=None if isinstance(name, Unset) else arguments.name(name),
        credentials=None if isinstance(credentials, Unset) else credentials,
        sip_config=None if isinstance(sip_config, Unset) else sip_config,
        evidence=evidence,
        force=force,
        key=arguments.opaque(key, "idempotency_key"),
        actor=arguments.opaque(actor, "actor"),
    )
    org_id = arguments.tenant(org_id)
    if wanted.credentials is None and wanted.sip_config is None:
        return _rename(shop, org_id, connection_id, wanted)
    return _rotate(shop, org_id, connection_id, wanted)


def _rename(shop: Shop, org_id: str, connection_id: int, wanted: _Wanted) -> Connection:
    keyed = Keyed(shop, KIND, wanted.key, {"connection": connection_id, "name": wanted.name})
    with shop.store.transaction(org_id) as tx:
        before = connections.found(tx, connection_id, lock=True)
        earlier = keyed.earlier(shop, tx, Connection)
        if earlier is not None:
            return earlier
        after = before
        if wanted.name is not None and wanted.name != before.name:
            after = tx.update_connection(connection_id, name=wanted.name, inferred_name=False, updated_at=shop.now())
            audited(
                shop, tx, "connection.renamed", wanted.actor, "connection", connection_id,
                {"name": before.name}, {"name": after.name},
            )  # fmt: skip
        keyed.answer(tx, after)
    if after is not before:
        shop.tell(event(shop, org_id, "connection.updated", connection_id=connection_id, actor=wanted.actor))
    return after


# --- staged -----------------------------------------------------------------------------------------------------------


def _rotate(shop: Shop, org_id: str, connection_id: int, wanted: _Wanted) -> Connection:
    with shop.store.transaction(org_id, read_only=True) as tx:
        connection = connections.found(tx, connection_id)
        sealed = connections.in_use(tx, connection)
    with _reopened(shop, connection, sealed, wanted) as carrier:
        request = {
            "connection": connection_id,
            "name": wanted.name,
            "credentials": carrier.credentials,
            "sip_config": carrier.sip_config,
            "evidence": wanted.evidence,
            "force": wanted.force,
        }
        keyed = Keyed(shop, KIND, wanted.key, request)
        tested = None
        if wanted.evidence is None and wanted.credentials is None:
            tested = _tested(shop, carrier)
        with proofs.expiring(shop, wanted.evidence), shop.store.transaction(org_id) as tx:
            earlier = keyed.earlier(shop, tx, Connection)
            if earlier is not None:
                return earlier
            operation = _stage(shop, tx, connection, carrier, wanted, tested)
        try:
            if operation.data["evidence"]:
                proofs.require_unspent(shop, org_id, operation.data["evidence"])
            with operations.held(shop, operation):
                proved = _prove(shop, operation, carrier)
        except (ProviderError, ConfigurationError, EvidenceError, SealBroken, SealKeyMissing) as error:
            _discard(shop, operation, error)
            raise
    return _end(shop, operation, proved)


def _reopened(shop: Shop, connection: Connection, sealed: SealedCredentials, wanted: _Wanted) -> Provider:
    """Open the carrier with what was sent, and with what is in force where nothing was sent.

    Only then is the latter unsealed: sending both replaces what does not open any more.
    """
    credentials, sip_config = wanted.credentials, wanted.sip_config
    if credentials is None or sip_config is None:
        held = _held(shop, sealed)
        credentials = registry.masked(held.credentials) if credentials is None else credentials
        sip_config = registry.masked(held.sip_config) if sip_config is None else sip_config
    return shop.open(connection.provider, credentials, sip_config, connection.setup_method)


def _held(shop: Shop, sealed: SealedCredentials) -> OpenedCredentials:
    try:
        return shop.sealer.open(sealed)
    except (SealBroken, SealKeyMissing) as error:
        instead = "Or replace what does not open: test the credentials, and send credentials and sip_config together."
        raise type(error)(error.message, fix=f"{error.fix} {instead}") from error


def _tested(shop: Shop, carrier: Provider) -> tuple[Check, ...]:
    """Test a SIP configuration that came without evidence, with the credentials in use."""
    tested = connections.tested_now(shop, carrier)
    if tested.status != "pass":
        bad = ", ".join(check.code for check in tested.failures) or "the carrier could not be asked"
        raise VerificationFailed(
            f"With this SIP configuration the credential test does not pass: {bad}.",
            fix="Test it first; the checks say what to correct.",
        )
    return tested.checks


def _stage(
    shop: Shop,
    tx: StoreTransaction,
    connection: Connection,
    carrier: Provider,
    wanted: _Wanted,
    tested: tuple[Check, ...] | None,
) -> Operation:
    """Write down the intention, and the sealed credentials, before anything is asked of the carrier."""
    present = connections.found(tx, connection.id, lock=True)
    operations.require_free(tx, connection.id, KIND)
    if present.generation != connection.generation:
        raise OperationInProgress(
            f"Connection {connection.id} was rotated at the same time.", fix="Look at it, and try again."
        )
    moment, evidence_id, expires = shop.now(), None, 0.0
    if tested is None:
        proof = proofs.Proof(tx, wanted.evidence)
        proven = proof.accept(shop, carrier)
        tested, moment = proven.checks, proven.tested_at
        evidence_id, expires = proven.id, proven.expires_at.timestamp()
    generation = max(entry.generation for entry in tx.generations(connection.id)) + 1
    tx.add_credentials(shop.seal(carrier, present, generation, "staged"))
    changes = {
        "key_hint": key_hint(shop, carrier.credentials),
        "sip_config": redacted(carrier.sip_config),
        "checks": [check.model_dump(mode="json") for check in tested],
        "last_tested_at": moment.isoformat(),
    }
    data = {
        "generation": generation,
        "changes": changes,
        "name": wanted.name,
        "evidence": evidence_id,
        "expires_at": expires,
        "force": wanted.force,
        "key": wanted.key,
        "actor": wanted.actor,
    }
    return operations.begin(shop, tx, KIND, connection.id, data, step="prove")


# --- proved -----------------------------------------------------------------------------------------------------------


def _prove(shop: Shop, operation: Operation, carrier: Provider) -> dict[int, tuple[PhoneNumber, NumberVerification]]:
    """Ask about every number that is not released, with the new credentials.

    Returns:
        What was found of each number, by the record's id.
    """
    with shop.store.transaction(operation.org_id, read_only=True) as tx:
        numbers = verifying.linked(tx, _connection_id(operation))
    return {number.id: (number, seen) for number, seen in verifying.asked(shop, carrier, numbers)}


def _lost(proved: Iterable[tuple[PhoneNumber, NumberVerification]]) -> tuple[str, ...]:
    """Return the numbers that would become unreachable: less is known to work than before, or they are not there.

    A number that failed before may still fail; one that was verified has to pass.
    """
    return tuple(
        number.number
        for number, seen in proved
        if seen.id is None or _RANK[seen.status] < _RANK[number.voip_verification_status]
    )


# --- used, or discarded -----------------------------------------------------------------------------------------------


def _end(shop: Shop, operation: Operation, proved: dict[int, tuple[PhoneNumber, NumberVerification]]) -> Connection:
    lost = _lost(proved.values())
    if lost and not operation.data["force"]:
        named = ", ".join(lost[:_SHOWN]) + (f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else "")
        refusal = RotationRefused(
            f"With the new credentials {len(lost)} numbers would become unreachable: {named}.",
            numbers=lost,
            fix="Correct the account, or go ahead with force=True.",
        )
        _discard(shop, operation, refusal)
        raise refusal
    try:
        rotated = _activate(shop, operation, proved, lost)
    except EvidenceError as error:
        _discard(shop, operation, error)
        raise
    shop.tell(
        event(
            shop, operation.org_id, "connection.rotated", connection_id=rotated.id, actor=operation.data["actor"],
            unreachable=lost,
        ),
        *verifying.events_of(shop, proved.values(), operation.data["actor"]),
    )  # fmt: skip
    return rotated


def _activate(
    shop: Shop,
    operation: Operation,
    proved: dict[int, tuple[PhoneNumber, NumberVerification]],
    lost: Sequence[str],
) -> Connection:
    data, moment = operation.data, shop.now()
    with shop.store.transaction(operation.org_id) as tx:
        before = connections.found(tx, _connection_id(operation), lock=True)
        if data["evidence"]:
            proofs.spend(tx, data["evidence"], data["expires_at"])
        tx.set_generation(before.id, before.generation, "former", retire_at=moment + shop.grace)
        tx.set_generation(before.id, data["generation"], "active")
        after = tx.update_connection(before.id, **_changes(data, moment))
        if proved:
            verifying.record(shop, tx, list(proved.values()), data["actor"])
        audited(
            shop, tx, "connection.rotated", data["actor"], "connection", before.id,
            connections.shown(before), {**connections.shown(after), "forced": data["force"], "unreachable": lost},
        )  # fmt: skip
        keep(tx, KIND, data["key"], after)
        tx.finish_operation(operation.id, worker=operation.worker)
    return after


def _changes(data: Mapping[str, Any], moment: datetime) -> ConnectionChanges:
    staged = data["changes"]
    changes = ConnectionChanges(
        status="connected",
        sip_config=staged["sip_config"],
        key_hint=staged["key_hint"],
        last_tested_at=datetime.fromisoformat(staged["last_tested_at"]).astimezone(UTC),
        checks=tuple(Check.model_validate(check) for check in staged["checks"]),
        generation=data["generation"],
        updated_at=moment,
    )
    if data["name"] is not None:
        changes["name"], changes["inferred_name"] = data["name"], False
    return changes


def _discard(shop: Shop, operation: Operation, reason: VoipkitError) -> None:
    """Forget what was staged; the connection is as it was."""
    data = operation.data
    with shop.store.transaction(operation.org_id) as tx:
        tx.destroy_generation(_connection_id(operation), data["generation"])
        audited(
            shop, tx, "connection.rotation_refused", data["actor"], "connection", operation.connection_id,
            None, {"reason": reason.kind},
        )  # fmt: skip
        free(tx, KIND, data["key"])
        tx.finish_operation(operation.id, worker=operation.worker)
    shop.tell(
        event(
            shop, operation.org_id, "connection.rotation_refused", connection_id=operation.connection_id,
            actor=data["actor"], reason=reason.kind,
        )
    )  # fmt: skip


def resume(shop: Shop, operation: Operation) -> bool:
    """Go on with a rotation that a crash left.

    Returns:
        True when the new credentials are in use now, False when they were discarded.

    Raises:
        ProviderError: The carrier could not be asked; nothing was changed.
    """
    with shop.store.transaction(operation.org_id, read_only=True) as tx:
        connection = connections.found(tx, _connection_id(operation))
        staged = tx.credentials(connection.id, operation.data["generation"])
    try:
        with shop.opened(connection, staged) as carrier, operations.held(shop, operation):
            proved = _prove(shop, operation, carrier)
        _end(shop, operation, proved)
    except (RotationRefused, EvidenceError):
        return False
    except (ProviderError, CredentialsInvalid, SealBroken, SealKeyMissing) as error:
        if isinstance(error, ProviderError) and error.retryable:
            raise
        _discard(shop, operation, error)
        return False
    return True


def _connection_id(operation: Operation) -> int:
    assert operation.connection_id is not None
    return operation.connection_id
