"""Every error that voipkit raises, and nothing else.

::

    VoipkitError
    ├── ConfigurationError          what the caller passed is wrong; no request was sent
    │   ├── UnknownProvider
    │   ├── DuplicateProvider
    │   ├── BrokenProvider
    │   ├── MissingExtra
    │   ├── CredentialsInvalid
    │   ├── InvalidNumber
    │   └── InvalidField            an argument of the service, named
    ├── ProviderError               the carrier was asked, and it did not go well
    │   ├── CredentialsRejected     the key is wrong, revoked, or of another region
    │   ├── PermissionDenied        the key is right but may not do this
    │   ├── NotFound                the carrier says that the object does not exist
    │   ├── Conflict                the object is in a state that forbids it
    │   ├── InvalidRequest          the carrier refused a value
    │   ├── RateLimited             asked too often
    │   ├── ProviderUnavailable     no connection, a reset, or a 5xx: "could not ask"
    │   ├── ProviderTimeout         no answer in time: "could not ask"
    │   └── UnexpectedResponse      an answer that makes no sense: "could not ask"
    ├── Unsupported                 this carrier has no such thing
    ├── EvidenceError
    │   ├── EvidenceMissing
    │   ├── EvidenceInvalid         tampered, foreign, or not evidence at all
    │   ├── EvidenceExpired
    │   ├── EvidenceReused
    │   ├── EvidenceProviderMismatch
    │   └── EvidenceCredentialsMismatch
    ├── ServiceError                the service was asked for what it cannot do, or cannot do now
    │   ├── VerificationFailed      saved credentials, or a changed SIP configuration, did not pass the test
    │   ├── ObjectNotFound          no such connection, number or job in this tenant
    │   ├── NumberTaken             the number is in use already, here or elsewhere
    │   ├── RotationRefused         numbers would become unreachable
    │   ├── RestoreIncomplete       some routing could not be put back, so nothing was deleted
    │   ├── TransferRefused         the host did not authorise it
    │   ├── StateConflict           the object is in a state that forbids it
    │   ├── OperationInProgress     another operation on the same object has not ended
    │   ├── JobInterrupted          the executor lost work; run the job again to go on
    │   └── IdempotencyConflict     the key was used for something else
    └── StoreError                  the store was asked, and it did not go well
        ├── StoreUnavailable        no database, or the connection to it was lost
        ├── StoreBusy               somebody else held it for too long; try again
        ├── StoreFull               no room left
        ├── StoreSchema             its tables are older or newer than this voipkit
        ├── StoreConflict           somebody else was first
        ├── StoreNotFound           the tenant has no such record
        ├── StoreRefused            a value that it cannot hold
        ├── SealBroken              a sealed secret does not open: changed, or moved from elsewhere
        └── SealKeyMissing          a sealed secret needs a key that the ring does not have

A leaf answers one question: what should the operator do next? No message ever holds a secret: adapters
give SDKs a placeholder instead of the secret, so that not even the SDK's own exception, which is kept as
``__cause__``, knows it (docs/why.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "BrokenProvider",
    "ConfigurationError",
    "Conflict",
    "CredentialsInvalid",
    "CredentialsRejected",
    "DuplicateProvider",
    "EvidenceCredentialsMismatch",
    "EvidenceError",
    "EvidenceExpired",
    "EvidenceInvalid",
    "EvidenceMissing",
    "EvidenceProviderMismatch",
    "EvidenceReused",
    "FieldProblem",
    "IdempotencyConflict",
    "InvalidField",
    "InvalidNumber",
    "InvalidRequest",
    "JobInterrupted",
    "MissingExtra",
    "NotFound",
    "NumberTaken",
    "ObjectNotFound",
    "OperationInProgress",
    "PermissionDenied",
    "ProviderError",
    "ProviderTimeout",
    "ProviderUnavailable",
    "RateLimited",
    "RestoreIncomplete",
    "RotationRefused",
    "SealBroken",
    "SealKeyMissing",
    "ServiceError",
    "StateConflict",
    "StoreBusy",
    "StoreConflict",
    "StoreError",
    "StoreFull",
    "StoreNotFound",
    "StoreRefused",
    "StoreSchema",
    "StoreUnavailable",
    "TransferRefused",
    "UnexpectedResponse",
    "UnknownProvider",
    "Unsupported",
    "VerificationFailed",
    "VoipkitError",
]


class VoipkitError(Exception):
    """Root of the tree: what happened, on which object, and what to do next.

    Args:
        message: What happened, in one sentence.
        fix: What to do next, or None when there is nothing to add.

    Attributes:
        kind: A stable name for programs, such as ``credentials_rejected``. It never changes once released.
        fix: As given.
    """

    kind: ClassVar[str] = "voipkit_error"

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} Fix: {self.fix}" if self.fix else self.message


class ConfigurationError(VoipkitError):
    """What the caller passed is wrong. No request was sent."""

    kind = "configuration_error"


class UnknownProvider(ConfigurationError):
    """No installed distribution offers a carrier of that name."""

    kind = "unknown_provider"


class DuplicateProvider(ConfigurationError):
    """Two installed distributions offer a carrier of the same name."""

    kind = "duplicate_provider"


class BrokenProvider(ConfigurationError):
    """An installed carrier plugin could not be loaded; the reason is ``__cause__``."""

    kind = "broken_provider"


class MissingExtra(ConfigurationError):
    """The carrier's SDK is not installed; ``fix`` is the exact command that installs it."""

    kind = "missing_extra"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of a credentials or SIP configuration mapping.

    Attributes:
        field: The field's name as snake_case, or the unknown name as it was given; empty when the problem is of the
            section as a whole.
        alias: The same in camelCase.
        section: ``credentials`` or ``sip_config``.
        problem: What is wrong and what the field wants. Never the value.
    """

    field: str
    alias: str
    section: str
    problem: str

    def __str__(self) -> str:
        if not self.field:
            return f"{self.section}: {self.problem}"
        both = self.field if self.field == self.alias else f"{self.field} ({self.alias})"
        return f"{self.section}.{both}: {self.problem}"


class CredentialsInvalid(ConfigurationError):
    """Fields of the credentials or the SIP configuration are missing, unknown or of the wrong form.

    Attributes:
        problems: One entry for each wrong field; values are never repeated.
    """

    kind = "credentials_invalid"

    def __init__(self, message: str, *, problems: tuple[FieldProblem, ...] = (), fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.problems = problems


class InvalidNumber(ConfigurationError):
    """A phone number is not in E.164 form.

    Attributes:
        given: What was given instead, printable.
    """

    kind = "invalid_number"

    def __init__(self, message: str, *, given: str = "", fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.given = given


class InvalidField(ConfigurationError):
    """An argument of the service is missing or of the wrong form.

    Attributes:
        field: Its name, such as ``name`` or ``numbers[3]``.
    """

    kind = "invalid_field"

    def __init__(self, message: str, *, field: str = "", fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.field = field


class ProviderError(VoipkitError):
    """The carrier was asked, and it did not go well.

    Attributes:
        provider: The carrier's id, such as ``telnyx``.
        operation: What voipkit was doing, such as ``list_numbers``.
        status: The HTTP status, or None when there was no answer.
        code: The carrier's own code as a string, or None.
        retryable: Whether the same call may succeed later without any change.
        retry_after: Seconds that the carrier asks to wait, or None.
        request_id: The carrier's id for the request, to quote in a support ticket.
        docs_url: The carrier's page on that code, or None.
    """

    kind = "provider_error"
    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        operation: str = "",
        status: int | None = None,
        code: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        docs_url: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.provider = provider
        self.operation = operation
        self.status = status
        self.code = code
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after = retry_after
        self.request_id = request_id
        self.docs_url = docs_url

    def __str__(self) -> str:
        where = " ".join(part for part in (self.provider, self.operation) if part)
        facts = ", ".join(
            part
            for part in (
                f"HTTP {self.status}" if self.status else "",
                f"code {self.code}" if self.code else "",
                f"retry after {self.retry_after:g} s" if self.retry_after is not None else "",
                f"request {self.request_id}" if self.request_id else "",
            )
            if part
        )
        text = f"{where}: {self.message}" if where else self.message
        text = f"{text} ({facts})" if facts else text
        return f"{text} Fix: {self.fix}" if self.fix else text


class CredentialsRejected(ProviderError):
    """The carrier does not accept the key: wrong, revoked, or made for another region."""

    kind = "credentials_rejected"


class PermissionDenied(ProviderError):
    """The key is right but may not do this."""

    kind = "permission_denied"


class NotFound(ProviderError):
    """The carrier answered that the object does not exist, or not for this key."""

    kind = "not_found"


class Conflict(ProviderError):
    """The object is in a state that forbids the operation."""

    kind = "conflict"


class InvalidRequest(ProviderError):
    """The carrier refused a value that it was sent."""

    kind = "invalid_request"


class RateLimited(ProviderError):
    """The carrier was asked too often; ``retry_after`` says how long to wait, where the carrier says so."""

    kind = "rate_limited"
    retryable_by_default = True


class ProviderUnavailable(ProviderError):
    """The carrier could not be asked: no connection, a reset, or a 5xx answer."""

    kind = "provider_unavailable"
    retryable_by_default = True


class ProviderTimeout(ProviderError):
    """The carrier could not be asked: no answer within the time limit."""

    kind = "provider_timeout"
    retryable_by_default = True


class UnexpectedResponse(ProviderError):
    """The carrier, or something in between, gave an answer that makes no sense."""

    kind = "unexpected_response"


class Unsupported(VoipkitError):
    """This carrier has no such thing."""

    kind = "unsupported"


class EvidenceError(VoipkitError):
    """Evidence that credentials were tested was not accepted."""

    kind = "evidence_error"


class EvidenceMissing(EvidenceError):
    """No evidence was given, or a policy asks for a check that it does not hold."""

    kind = "evidence_missing"


class EvidenceInvalid(EvidenceError):
    """The token was changed, was signed by a stranger, or is not evidence."""

    kind = "evidence_invalid"


class EvidenceExpired(EvidenceError):
    """The evidence is older than allowed."""

    kind = "evidence_expired"


class EvidenceReused(EvidenceError):
    """The evidence was spent before."""

    kind = "evidence_reused"


class EvidenceProviderMismatch(EvidenceError):
    """The evidence was made for another carrier or set-up method."""

    kind = "evidence_provider_mismatch"


class EvidenceCredentialsMismatch(EvidenceError):
    """The evidence was made for other credentials or another SIP configuration."""

    kind = "evidence_credentials_mismatch"


class ServiceError(VoipkitError):
    """The service was asked for what it cannot do, or cannot do now."""

    kind = "service_error"


class VerificationFailed(ServiceError):
    """Credentials or a SIP configuration that came without evidence did not pass the test. Nothing was changed."""

    kind = "verification_failed"


class ObjectNotFound(ServiceError):
    """There is no such object in this tenant; whether another tenant has it is not told.

    Attributes:
        object: ``connection``, ``number``, ``job`` or ``evidence``.
    """

    kind = "object_not_found"

    def __init__(self, message: str, *, object: str = "", fix: str | None = None) -> None:  # noqa: A002 - as in Check
        super().__init__(message, fix=fix)
        self.object = object


class NumberTaken(ServiceError):
    """The number is in use already: through another connection, or elsewhere. No other tenant is named."""

    kind = "number_taken"


class RotationRefused(ServiceError):
    """With the new credentials, numbers would become unreachable. Nothing was changed.

    Attributes:
        numbers: Those numbers, E.164.
    """

    kind = "rotation_refused"

    def __init__(self, message: str, *, numbers: tuple[str, ...] = (), fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.numbers = numbers


class RestoreIncomplete(ServiceError):
    """The routing of some numbers could not be put back, so the connection was kept.

    Attributes:
        numbers: Those numbers, E.164.
    """

    kind = "restore_incomplete"

    def __init__(self, message: str, *, numbers: tuple[str, ...] = (), fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.numbers = numbers


class TransferRefused(ServiceError):
    """The host did not authorise the transfer on both sides."""

    kind = "transfer_refused"


class StateConflict(ServiceError):
    """The object is in a state that forbids the operation."""

    kind = "state_conflict"


class OperationInProgress(ServiceError):
    """Another operation on the same object has not ended; ask again when it has."""

    kind = "operation_in_progress"


class JobInterrupted(ServiceError):
    """The executor lost some of a job's work; its own exception is ``__cause__``. Run the job again to go on."""

    kind = "job_interrupted"


class IdempotencyConflict(ServiceError):
    """The idempotency key was used before, for another request."""

    kind = "idempotency_conflict"


class StoreError(VoipkitError):
    """A store could not do what it was asked. What the transaction had done before is undone.

    Attributes:
        retryable: Whether the same call may succeed later without any change.
    """

    kind = "store_error"
    retryable: ClassVar[bool] = False


class StoreUnavailable(StoreError):
    """The database cannot be reached, or the connection to it was lost.

    When it was lost while a transaction was being completed, nobody knows whether it was; look before trying again.
    """

    kind = "store_unavailable"
    retryable = True


class StoreBusy(StoreError):
    """Somebody else held what was needed for too long, or no connection was free."""

    kind = "store_busy"
    retryable = True


class StoreFull(StoreError):
    """The database has no room left."""

    kind = "store_full"


class StoreSchema(StoreError):
    """The database's tables are absent, or older or newer than this version of voipkit; ``fix`` is what to run."""

    kind = "store_schema"


class StoreConflict(StoreError):
    """A value that must be unique is taken, or what was to be changed is no longer as it was."""

    kind = "store_conflict"


class StoreNotFound(StoreError):
    """The tenant has no such record; another tenant's is as absent as one that never was."""

    kind = "store_not_found"


class StoreRefused(StoreError):
    """The database cannot hold a value, such as text with a NUL character, or a cursor is not one of ours."""

    kind = "store_refused"


class SealBroken(StoreError):
    """A sealed secret does not open: it was changed, or moved here from another connection, URL or tenant."""

    kind = "seal_broken"


class SealKeyMissing(StoreError):
    """A sealed secret needs a key that is not in the ring."""

    kind = "seal_key_missing"
