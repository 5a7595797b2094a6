"""What was found out: checks, and the answers that are derived from them, never assumed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, computed_field

from voipkit.models.base import Model, UtcTime, html_table, now
from voipkit.models.numbers import Route

__all__ = [
    "CarrierObject",
    "Check",
    "CheckStatus",
    "CredentialTest",
    "Direction",
    "NameSuggestion",
    "NumberVerification",
]

Direction = Literal["account", "network", "inbound", "outbound"]
CheckStatus = Literal["pass", "warn", "fail", "unknown", "skipped"]


class CarrierObject(Model):
    """The carrier's own object that a check looked at.

    Attributes:
        type: In the carrier's words, such as ``outbound_voice_profile``.
        id: The carrier's id, or None when there is no such object.
        name: The name that its owner gave it, or None.
    """

    type: str
    id: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in (self.type, self.id, f"'{self.name}'" if self.name else None) if part)


class Check(Model):
    """One thing that was looked at, and what was seen.

    Attributes:
        name: For people, such as "Outbound voice profile".
        direction: ``account``, ``inbound`` (calls to the number) or ``outbound`` (calls from it); ``network`` where it
            was only looked at whether a host can be reached: that proves neither credentials nor calls.
        status: ``unknown`` when the carrier could not be asked or does not say; ``skipped`` when there was nothing
            to ask about. Neither is ever counted as a pass.
        code: Stable and dotted, such as ``telnyx.connection.no_outbound_profile``.
        message: What was seen.
        fix: What to change and where, or None when nothing need change.
        object: The carrier's own object that was looked at, or that breaks.
        vendor_code: The carrier's code (``D38``, ``20003``), or None.
        docs_url: The carrier's page about it.
        checked_at: When the answer arrived.
        elapsed: Seconds that the look-up took; 0.0 where another check's answer was used.
    """

    name: str
    direction: Direction
    status: CheckStatus
    code: str
    message: str
    fix: str | None = None
    object: CarrierObject | None = None
    vendor_code: str | None = None
    docs_url: str | None = None
    checked_at: UtcTime = Field(default_factory=now)
    elapsed: float = 0.0


def verdict(checks: Iterable[Check], direction: Direction) -> bool | None:
    """Derive one direction's answer: any fail is False, else any pass is True, else None (not known)."""
    seen = {check.status for check in checks if check.direction == direction}
    if "fail" in seen:
        return False
    return True if "pass" in seen else None


class _Checked(Model):
    provider: str
    checks: tuple[Check, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def inbound_reachable(self) -> bool | None:
        """Whether calls to the account's numbers reach the route; None when it is not known."""
        return verdict(self.checks, "inbound")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def outbound_authorized(self) -> bool | None:
        """Whether calls may be placed; None when it is not known."""
        return verdict(self.checks, "outbound")

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "fail")

    def _rows(self) -> list[tuple[object, ...]]:
        return [(c.direction, c.name, c.status, c.message, c.fix) for c in self.checks]


_HEADER = ("direction", "check", "status", "what was seen", "what to do")


class CredentialTest(_Checked):
    """Whether credentials work, and what calls in each direction would meet.

    Attributes:
        provider: The carrier's id.
        setup_method: Such as ``api_key``.
        checks: In the order in which to read them.
        tested_at: When the test ended.
    """

    setup_method: str
    tested_at: UtcTime = Field(default_factory=now)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def credentials_valid(self) -> bool | None:
        """Whether the carrier accepts the credentials; None when it could not be asked."""
        return verdict(self.checks, "account")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["pass", "fail"]:
        """``pass`` when the credentials are valid and nothing failed."""
        return "pass" if self.credentials_valid and not self.failures else "fail"

    def _repr_html_(self) -> str:
        return html_table(f"{self.provider}: credential test: {self.status}", _HEADER, self._rows())


class NumberVerification(_Checked):
    """Whether calls would flow to and from one number.

    Attributes:
        provider: The carrier's id.
        number: E.164.
        id: The carrier's handle of the number, or None when it is not in the account.
        route: The route that calls were expected to take, or None when none was named.
        checks: In the order in which to read them.
        verified_at: When the verification ended.
    """

    number: str
    id: str | None = None
    route: Route | None = None
    verified_at: UtcTime = Field(default_factory=now)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Literal["pass", "fail", "unknown"]:
        """``pass`` when both directions are known to work, ``fail`` when a check failed, else ``unknown``."""
        if self.failures:
            return "fail"
        return "pass" if self.inbound_reachable and self.outbound_authorized else "unknown"

    def _repr_html_(self) -> str:
        return html_table(f"{self.provider} {self.number}: {self.status}", _HEADER, self._rows())


class NameSuggestion(Model):
    """A name for the connection, for people.

    Attributes:
        name: Such as "Telnyx: Acme Main (+15550001234)".
        inferred: True when it was read from the account, False when it is only the carrier's own name.
    """

    name: str
    inferred: bool
