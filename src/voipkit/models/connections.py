"""What a host keeps of its customers' carriers: connections, phone numbers, their history, and pages of them.

Every record belongs to one tenant, ``org_id``, an opaque text of the host. A ``New...`` model is what goes into a
store; the model without ``New`` is what comes back, with the id that the database gave. None of them holds a secret:
credentials are there as `SealedCredentials` only. Read on in `work` (jobs, operations, reservations).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypedDict, TypeVar

from pydantic import Field

from voipkit.models.base import Model, UtcTime, now
from voipkit.models.checks import Check
from voipkit.models.numbers import NumberSnapshot, Route

__all__ = [
    "AgentId",
    "AuditEntry",
    "Connection",
    "ConnectionChanges",
    "ConnectionStatus",
    "Event",
    "EventType",
    "GenerationState",
    "NewAuditEntry",
    "NewConnection",
    "NewNumberVersion",
    "NewPhoneNumber",
    "NumberChanges",
    "NumberCount",
    "NumberStatus",
    "NumberVersion",
    "Page",
    "PhoneNumber",
    "SealedCredentials",
    "VerificationStatus",
    "Warning_",
]

T = TypeVar("T")

ConnectionStatus = Literal["pending", "testing", "connected", "error"]
NumberStatus = Literal["provisioning", "active", "failed", "released"]
VerificationStatus = Literal["unverified", "verified", "failed"]
GenerationState = Literal["staged", "active", "former"]
EventType = Literal[
    "connection.created",
    "connection.updated",
    "connection.tested",
    "connection.rotated",
    "connection.rotation_refused",
    "connection.made_default",
    "connection.deleted",
    "number.imported",
    "number.import_failed",
    "number.verified",
    "number.verification_failed",
    "number.verification_unknown",
    "number.assigned",
    "number.labelled",
    "number.released",
    "number.reactivated",
    "number.given",
    "number.received",
    "job.done",
    "job.cancelled",
]
AgentId = int | str
"""The host's own id of an agent; a number stays a number and a text stays a text."""


class Page(Model, Generic[T]):
    """One page of a listing.

    Attributes:
        items: At most as many as asked for.
        next_cursor: Give it back to get the next page; None on the last one. Its text means nothing to anybody else.
    """

    items: tuple[T, ...]
    next_cursor: str | None = None


# --- connections -----------------------------------------------------------------------------------------------------


class NewConnection(Model):
    """A connection that is about to be stored.

    Attributes:
        name: For people, 1 to 100 characters.
        provider: The carrier's id.
        setup_method: Such as ``api_key``.
        status: ``pending`` (never tested), ``testing``, ``connected`` or ``error`` (the last test failed).
        inferred_name: True when voipkit made the name.
        sip_config: The SIP configuration with every secret left out, as JSON values.
        key_hint: A few characters by which people tell keys apart; never enough to be one.
        last_tested_at: The last test that passed, or None.
        default_outbound: Whether calls without another choice leave by it; at most one connection of a tenant.
        checks: Of the last test, passed or not.
        generation: The generation of credentials that is in use; 0 before the first.
        created_at: When it was stored.
        updated_at: When it was last changed.
    """

    name: str = Field(min_length=1, max_length=100)
    provider: str = Field(min_length=1, max_length=64)
    setup_method: str = Field(min_length=1, max_length=64)
    status: ConnectionStatus = "pending"
    inferred_name: bool = False
    sip_config: Mapping[str, Any] = Field(default_factory=dict)
    key_hint: str | None = None
    last_tested_at: UtcTime | None = None
    default_outbound: bool = False
    checks: tuple[Check, ...] = ()
    generation: int = 0
    created_at: UtcTime = Field(default_factory=now)
    updated_at: UtcTime = Field(default_factory=now)


class Connection(NewConnection):
    """A customer's carrier account as the host knows it; credentials are not part of it.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
        numbers_imported: Its numbers that are not released.
        capacity: Its active numbers, which is how many calls it can place at once with a caller ID of its own.
    """

    id: int
    org_id: str
    numbers_imported: int = 0
    capacity: int = 0


class ConnectionChanges(TypedDict, total=False):
    """What may be changed of a connection; what is absent stays. The attributes are those of `NewConnection`."""

    name: str
    status: ConnectionStatus
    inferred_name: bool
    sip_config: Mapping[str, Any]
    key_hint: str | None
    last_tested_at: UtcTime | None
    checks: tuple[Check, ...]
    generation: int
    updated_at: UtcTime


class SealedCredentials(Model):
    """One generation of a connection's credentials, encrypted. A store sees nothing else of them.

    Attributes:
        org_id: The tenant.
        connection_id: Whose they are.
        generation: 1, 2, ...; each rotation makes the next.
        provider: The carrier's id; sealed credentials of one carrier do not open as another's.
        kid: Id of the key that sealed them (`voipkit.evidence.KeyRing.kids`).
        sealed: The ciphertext of `voipkit.store.sealing`.
        state: ``staged`` (not proved on every number yet), ``active``, or ``former`` (kept for the grace time).
        retire_at: When a former generation is to be destroyed, else None.
        created_at: When it was sealed first.
    """

    org_id: str
    connection_id: int
    generation: int = Field(ge=1)
    provider: str
    kid: str
    sealed: bytes = Field(repr=False)
    state: GenerationState
    retire_at: UtcTime | None = None
    created_at: UtcTime = Field(default_factory=now)


# --- numbers ---------------------------------------------------------------------------------------------------------


class NewPhoneNumber(Model):
    """A phone number that is about to be stored.

    Attributes:
        number: E.164.
        source: ``voip``: it was brought along by a connection.
        status: ``provisioning`` until it was verified, ``active``, ``failed``, or ``released``.
        inbound_agent_id: The host's agent that answers its calls, or None.
        outbound_agent_id: The host's agent that calls from it, or None.
        voip_connection_id: Its connection, or None once that was deleted.
        voip_verification_status: Outcome of the last verification.
        voip_last_verified_at: The last verification that passed, or None.
        label: For people, or None.
        provider_number_id: The carrier's handle.
        route: Where its calls were sent by the import; None where the import named no route. Secrets in a URL are
            sealed in a store, and ``***`` in what a service returns.
        snapshot: What puts its routing back as it was before the import; None when the import wrote nothing. Secrets
            as in ``route``, so only the service can put it back.
        checks: Of the last verification, passed or not.
        created_at: When it was stored.
        updated_at: When it was last changed.
    """

    number: str = Field(pattern=r"^\+[1-9][0-9]{1,14}$")
    source: Literal["voip"] = "voip"
    status: NumberStatus = "provisioning"
    inbound_agent_id: AgentId | None = None
    outbound_agent_id: AgentId | None = None
    voip_connection_id: int | None = None
    voip_verification_status: VerificationStatus = "unverified"
    voip_last_verified_at: UtcTime | None = None
    label: str | None = Field(default=None, max_length=100)
    provider_number_id: str | None = None
    route: Route | None = None
    snapshot: NumberSnapshot | None = None
    checks: tuple[Check, ...] = ()
    created_at: UtcTime = Field(default_factory=now)
    updated_at: UtcTime = Field(default_factory=now)


class PhoneNumber(NewPhoneNumber):
    """A phone number of a tenant.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
    """

    id: int
    org_id: str


class NumberChanges(TypedDict, total=False):
    """What may be changed of a number; what is absent stays. The attributes are those of `NewPhoneNumber`."""

    status: NumberStatus
    inbound_agent_id: AgentId | None
    outbound_agent_id: AgentId | None
    voip_connection_id: int | None
    voip_verification_status: VerificationStatus
    voip_last_verified_at: UtcTime | None
    label: str | None
    provider_number_id: str | None
    route: Route | None
    snapshot: NumberSnapshot | None
    checks: tuple[Check, ...]
    updated_at: UtcTime


class NumberCount(Model):
    """How many numbers of a tenant are alike.

    Attributes:
        connection_id: Their connection, or None.
        status: Their status.
        voip_verification_status: Outcome of their last verification.
        count: How many there are.
    """

    connection_id: int | None
    status: NumberStatus
    voip_verification_status: VerificationStatus
    count: int


# --- history ---------------------------------------------------------------------------------------------------------


class NewNumberVersion(Model):
    """A number as it was right after somebody changed it.

    Attributes:
        number_id: The number's id.
        number: E.164.
        action: What was done, such as ``number.assigned``.
        actor: Who did it, in the host's words, or None.
        status: As the change left it.
        inbound_agent_id: As the change left it.
        outbound_agent_id: As the change left it.
        voip_connection_id: As the change left it.
        label: As the change left it.
        created_at: When.
    """

    number_id: int
    number: str
    action: str
    actor: str | None = None
    status: NumberStatus
    inbound_agent_id: AgentId | None = None
    outbound_agent_id: AgentId | None = None
    voip_connection_id: int | None = None
    label: str | None = None
    created_at: UtcTime = Field(default_factory=now)


class NumberVersion(NewNumberVersion):
    """One entry of a number's history. A tenant sees the versions that were made while the number was its own.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
    """

    id: int
    org_id: str


class NewAuditEntry(Model):
    """Who did what, when, and what it changed. Never a secret.

    Attributes:
        action: Such as ``connection.created``.
        actor: Who, in the host's words, or None.
        object_type: ``connection``, ``number``, ``job``, ...
        object_id: The object's id, or None.
        before: The fields that changed, as they were; JSON values.
        after: The same as they are now.
        created_at: When.
    """

    action: str
    actor: str | None = None
    object_type: str
    object_id: int | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    created_at: UtcTime = Field(default_factory=now)


class AuditEntry(NewAuditEntry):
    """One entry of a tenant's audit log. Entries are never changed or deleted.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
    """

    id: int
    org_id: str


# --- what the service says -------------------------------------------------------------------------------------------


class Warning_(Model):  # noqa: N801 - `Warning` is Python's own
    """Something that works now but wants attention.

    Attributes:
        code: Stable and dotted, such as ``connection.test_stale``; docs/service.md lists them.
        message: What was seen.
        fix: What to do, or None.
        connection_id: The connection that it is about, or None.
        number_id: The number that it is about, or None.
    """

    code: str
    message: str
    fix: str | None = None
    connection_id: int | None = None
    number_id: int | None = None


class Event(Model):
    """Something that happened, for the host's callable.

    Attributes:
        type: What happened; docs/service.md lists them.
        org_id: The tenant.
        connection_id: The connection that it is about, or None.
        number_id: The number that it is about, or None.
        job_id: The job that it is about, or None.
        actor: Who did it, or None.
        data: More about it, as JSON values; never a secret.
        created_at: When.
    """

    type: EventType
    org_id: str
    connection_id: int | None = None
    number_id: int | None = None
    job_id: int | None = None
    actor: str | None = None
    data: Mapping[str, Any] = Field(default_factory=dict)
    created_at: UtcTime = Field(default_factory=now)
