"""What a carrier is: the five methods, and the capabilities that some have beyond them.

A carrier is any class with these members; nothing need be inherited. Capabilities are separate protocols, and a
carrier that lacks one simply does not have the method: ``isinstance(carrier, SupportsRestore)`` tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable

from voipkit.models import (
    CallCost,
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberVerification,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    RoutingSnapshot,
    Settings,
    Sighting,
)

__all__ = [
    "CAPABILITIES",
    "ArmedWitness",
    "InboundWitness",
    "Provider",
    "SpentEvidence",
    "SupportsDialIn",
    "SupportsRestore",
    "capabilities_of",
]


@runtime_checkable
class Provider(Protocol):
    """A carrier account that has been opened with credentials. No request is sent until a method is called.

    Every method raises `voipkit.errors.ProviderError` when the carrier cannot be asked, and never an SDK's own
    exception. A provider may be used from several threads.
    """

    info: ClassVar[ProviderInfo]

    @property
    def setup_method(self) -> str:
        """The set-up method it was opened with."""

    @property
    def credentials(self) -> Settings:
        """The credentials it was opened with; secrets are `pydantic.SecretStr`."""

    @property
    def sip_config(self) -> Settings:
        """The SIP configuration it was opened with."""

    def test_credentials(self) -> CredentialTest:
        """Find out whether the credentials work, and what calls in each direction would meet.

        Returns:
            The checks. Refused credentials are an answer (a failed check), not an exception; so is a carrier that
            could not be asked (unknown checks).
        """

    def suggest_name(self) -> NameSuggestion:
        """Suggest a name for the connection from what the account says of itself."""

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield every number of the account, page by page, in a stable order."""

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Route numbers of the account, one by one, without disturbing what is routed elsewhere.

        Args:
            numbers: E.164 texts, or what `list_numbers` yielded.
            route: Where calls shall go; None takes the route that the credentials or the SIP configuration name, and
                where they name none the numbers are recorded and their routing is left alone.
            on_conflict: ``refuse`` leaves a number that is routed elsewhere alone; ``overwrite`` takes it over.
            dry_run: Plan only; nothing is written.

        Returns:
            What happened to each number, and a snapshot that puts it back.

        Raises:
            Unsupported: The carrier has no such kind of route. Nothing was written.
        """

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Find out whether calls would flow to and from one number of the account.

        Args:
            number: E.164.
            route: Where calls are meant to go; None takes the route that the credentials or the SIP configuration
                name, and where they name none the number's present route.
        """

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers with one listing and a constant number of further requests."""

    def close(self) -> None:
        """Close the connections; the provider must not be used afterwards."""

    def __enter__(self) -> Self:
        """Return the provider itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the connections."""


@runtime_checkable
class SupportsRestore(Protocol):
    """A carrier whose imports can be undone."""

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says, except where somebody else has changed it since."""


class ArmedWitness(Protocol):
    """A witness that looks out for one call."""

    def wait(self, timeout: float) -> Sighting | None:
        """Wait for the call.

        Args:
            timeout: Seconds; the wait never takes longer.

        Returns:
            What was seen of the call. When only calls of other callers came to that number, one of those, whose
            ``caller`` tells; None when none came.
        """


class InboundWitness(Protocol):
    """Somebody who sees calls arrive where a number's calls should go: a listener, the host platform, a person.

    It is the only proof of inbound: what a carrier shows of its routing says where calls should go, not that they come.
    """

    @property
    def needs_call(self) -> bool:
        """Whether somebody has to place the call; False where the witness sees to it itself (a person dials)."""

    def arm(
        self, called: str, caller: str | None, *, hold: float, refusal: int, window: float
    ) -> AbstractContextManager[ArmedWitness]:
        """Look out for a call from now on, until the context is left.

        Args:
            called: The number that will be called, E.164.
            caller: The number that will call, E.164; None where anybody may.
            hold: Seconds to let the call ring before it is refused. With ``refusal`` it is the call's fingerprint:
                headers do not survive the phone network, these two do.
            refusal: The SIP status to refuse it with. It must never be answered: an answered call is billed.
            window: Seconds after which a call is no longer the one that was looked out for.

        Returns:
            A context whose value waits for the call.
        """


@runtime_checkable
class SupportsDialIn(Protocol):
    """A carrier that can have a call placed to one of its numbers, so that a witness sees it arrive.

    Its `verify_number` takes a ``witness``; without one no call is ever placed.
    """

    def dial_in_cost(self, number: str) -> CallCost:
        """Say what the call would cost at most. No request is sent.

        Args:
            number: E.164.
        """

    def verify_number(
        self, number: str, route: Route | None = None, *, witness: InboundWitness | None = None
    ) -> NumberVerification:
        """See `Provider.verify_number`; with a witness, also call the number and see whether the call arrives."""


@runtime_checkable
class SpentEvidence(Protocol):
    """The list of evidence that was used, so that each is used once."""

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used.

        Must be atomic: of two callers with the same id exactly one gets True.

        Args:
            evidence_id: The token's ``jti``, a UUID.
            expires_at: POSIX seconds after which the entry may be forgotten.

        Returns:
            True when it had not been used before.
        """


CAPABILITIES: dict[str, type] = {"dial_in": SupportsDialIn, "restore": SupportsRestore}
"""Every capability by name."""


def capabilities_of(carrier: type) -> tuple[str, ...]:
    """Return the names of the capabilities that a carrier class has."""
    return tuple(name for name, protocol in CAPABILITIES.items() if issubclass(carrier, protocol))
