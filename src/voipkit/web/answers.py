"""What clients get: the wire forms of records, pinned here, so that a record may grow without the API changing.

Names are the contract's: snake_case, except where the contract itself has camelCase (``friendlyName``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from voipkit.models import CheckStatus, Direction, NumberType, ProviderNumber
from voipkit.models.base import UtcTime
from voipkit.models.connections import AgentId, ConnectionStatus, NumberStatus, VerificationStatus
from voipkit.service.results import ConnectionTest, NumberResult, NumbersImport, NumberVerified

__all__ = [
    "AvailableNumber",
    "CheckAnswer",
    "ConnectionAnswer",
    "DeletionAnswer",
    "ImportAnswer",
    "NameAnswer",
    "NumberAnswer",
    "ProviderAnswer",
    "RetestAnswer",
    "TestAnswer",
    "VerificationAnswer",
    "VersionAnswer",
    "WarningAnswer",
    "WarningCounts",
]


class Answer(BaseModel):
    """Base of all answers: built from a record's attributes of the same names."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    @classmethod
    def of(cls, record: object) -> Self:
        """Build the answer from a record."""
        return cls.model_validate(record)


class ObjectAnswer(Answer):
    """The carrier's own object that a check looked at."""

    type: str
    id: str | None
    name: str | None


class CheckAnswer(Answer):
    """One thing that was looked at, and what was seen; see `voipkit.models.Check`."""

    name: str
    direction: Direction
    status: CheckStatus
    code: str
    message: str
    fix: str | None
    object: ObjectAnswer | None
    vendor_code: str | None
    docs_url: str | None
    checked_at: UtcTime
    elapsed: float


# --- connections -----------------------------------------------------------------------------------------------------


class ConnectionAnswer(Answer):
    """A connection. Credentials are never part of it.

    Attributes:
        key_hint: A few characters by which people tell keys apart.
        capacity: Active numbers, which is how many calls it can place at once.
        default_outbound: Whether calls leave by it unless another connection is named.
    """

    id: int
    name: str
    provider: str
    setup_method: str
    status: ConnectionStatus
    inferred_name: bool
    sip_config: dict[str, Any]
    key_hint: str | None
    last_tested_at: UtcTime | None
    numbers_imported: int
    capacity: int
    default_outbound: bool
    created_at: UtcTime
    updated_at: UtcTime


class Verdicts(Answer):
    """Whether credentials work and calls flow; null when it is not known, never assumed."""

    credentials_valid: bool | None
    inbound_reachable: bool | None
    outbound_authorized: bool | None


class RetestAnswer(Answer):
    """Outcome of a test of a connection's credentials.

    Attributes:
        checks: The answers.
        details: What they are derived from.
    """

    status: Literal["pass", "fail"]
    checks: Verdicts
    details: tuple[CheckAnswer, ...]

    @classmethod
    def of_test(cls, found: ConnectionTest) -> Self:
        """Build the answer from the service's."""
        shown = {name: getattr(found, name) for name in cls.model_fields.keys() - {"checks", "details"}}
        details = tuple(CheckAnswer.of(check) for check in found.test.checks)
        return cls(**shown, checks=Verdicts.of(found.test), details=details)


class TestAnswer(RetestAnswer):
    """Outcome of a test of credentials that are not saved yet.

    Attributes:
        verification_evidence_id: Give it to create or update; null when the test did not pass.
        evidence: The signed token of that id, which may be given in its place.
        suggested_connection_name: Null when the test did not pass.
    """

    __test__ = False  # not a test case of pytest

    verification_evidence_id: str | None
    evidence: str | None
    suggested_connection_name: str | None
    suggested_connection_name_inferred: bool


class NameAnswer(Answer):
    """A suggested name; ``inferred`` is false where it is only the carrier's own name."""

    suggested_connection_name: str
    suggested_connection_name_inferred: bool


class LeftAnswer(Answer):
    """A number that the carrier still routes as its import left it."""

    number: str
    id: int
    routing: dict[str, str | None]
    reason: str


class DeletionAnswer(Answer):
    """What deleting a connection did, and what it left at the carrier."""

    connection_id: int
    numbers_kept: int
    restored: tuple[str, ...]
    left: tuple[LeftAnswer, ...]


# --- numbers of the account ------------------------------------------------------------------------------------------


class AvailableNumber(Answer):
    """A number of the carrier's account that can be imported.

    Attributes:
        id: The carrier's handle.
        capabilities: Null where the carrier's listing does not say.
        monthly_fee: In minor units of the currency; null when it is not known.
        currency: ISO 4217.
    """

    id: str
    number: str
    friendly_name: str | None = Field(serialization_alias="friendlyName")
    type: NumberType
    capabilities: tuple[str, ...] | None
    region: str | None
    monthly_fee: int | None = Field(serialization_alias="monthlyFee")
    currency: str | None

    @classmethod
    def of_number(cls, number: ProviderNumber) -> Self:
        """Build the answer; a country stands in for a region that is not known."""
        shown = cls.of(number)
        return shown.model_copy(update={"region": number.region or number.country})


class ImportResult(Answer):
    """What an import did to one number.

    Attributes:
        id: The phone number's id; null when it was not imported.
        status: The phone number's status; what happened instead when it was not imported.
        outcome: What happened.
        code: Stable and dotted.
        before: The routing that was found, in the carrier's words.
        after: The routing that is there now or, on a dry run, would be.
    """

    id: int | None
    number: str
    status: str
    outcome: str
    code: str
    message: str
    fix: str | None
    before: dict[str, str | None] | None
    after: dict[str, str | None] | None
    notes: tuple[str, ...]

    @classmethod
    def of_result(cls, result: NumberResult) -> Self:
        """Build the answer from the service's."""
        return cls(**{**result.model_dump(), "status": result.status or result.outcome})


class ImportAnswer(Answer):
    """What an import did; ``results`` has one entry for each number asked for, in that order."""

    imported_count: int
    provider_charge_estimate_cents: int
    provider_charge_note: str
    dry_run: bool
    results: tuple[ImportResult, ...]

    @classmethod
    def of_import(cls, done: NumbersImport) -> Self:
        """Build the answer from the service's."""
        return cls(
            imported_count=done.imported_count,
            provider_charge_estimate_cents=done.provider_charge_estimate_cents,
            provider_charge_note=done.provider_charge_note,
            dry_run=done.dry_run,
            results=tuple(ImportResult.of_result(result) for result in done.results),
        )


# --- phone numbers ---------------------------------------------------------------------------------------------------


class NumberAnswer(Answer):
    """A phone number of the tenant."""

    id: int
    number: str
    source: Literal["voip"]
    status: NumberStatus
    label: str | None
    inbound_agent_id: AgentId | None
    outbound_agent_id: AgentId | None
    voip_connection_id: int | None
    voip_verification_status: VerificationStatus
    voip_last_verified_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class Directions(Answer):
    """Whether calls flow in each direction; null when it is not known."""

    inbound_reachable: bool | None
    outbound_authorized: bool | None


class VerificationAnswer(NumberAnswer):
    """A phone number after its verification, and what was seen."""

    checks: Directions
    details: tuple[CheckAnswer, ...]

    @classmethod
    def of_verified(cls, found: NumberVerified) -> Self:
        """Build the answer from the service's."""
        return cls(
            **NumberAnswer.of(found.number).model_dump(),
            checks=Directions.of(found.verification),
            details=tuple(CheckAnswer.of(check) for check in found.verification.checks),
        )


class VersionAnswer(Answer):
    """A phone number as it was right after somebody changed it."""

    id: int
    number_id: int
    number: str
    action: str
    actor: str | None
    status: NumberStatus
    inbound_agent_id: AgentId | None
    outbound_agent_id: AgentId | None
    voip_connection_id: int | None
    label: str | None
    created_at: UtcTime


# --- carriers and warnings -------------------------------------------------------------------------------------------


class FieldAnswer(Answer):
    """One field of a carrier's form; see `voipkit.models.FormField`."""

    name: str
    alias: str
    label: str
    type: Literal["text", "password", "select", "list", "boolean", "number"]
    required: bool
    secret: bool
    pattern: str | None
    options: tuple[str, ...]
    default: str | int | bool | tuple[str, ...] | None
    help: str
    docs_url: str | None
    one_of: str | None


class MethodAnswer(Answer):
    """One way to connect to a carrier; the schemas are JSON Schema 2020-12."""

    id: str
    label: str
    fields: tuple[FieldAnswer, ...]
    sip_fields: tuple[FieldAnswer, ...]
    credential_schema: dict[str, Any]
    sip_schema: dict[str, Any]


class ProviderAnswer(Answer):
    """A carrier, and what its forms ask for.

    Attributes:
        broken: Why it cannot be used; empty when it can.
    """

    id: str
    label: str
    setup_methods: tuple[MethodAnswer, ...]
    route_kinds: tuple[str, ...]
    capabilities: tuple[str, ...]
    docs_url: str
    broken: Annotated[str, BeforeValidator(lambda reason: reason or "")]


class WarningAnswer(Answer):
    """Something that wants attention."""

    code: str
    message: str
    fix: str | None
    connection_id: int | None
    number_id: int | None


class WarningCounts(Answer):
    """How many warnings the tenant has.

    Attributes:
        total: All of them.
        counts: How many there are of each code.
    """

    total: int
    counts: dict[str, int]
