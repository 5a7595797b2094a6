"""What a host requires of evidence beyond its being genuine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from voipkit.errors import ConfigurationError
from voipkit.evidence.claims import Evidence

Answer = Literal["credentials_valid", "inbound_reachable", "outbound_authorized"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What evidence must show beyond being genuine.

    Attributes:
        max_age: How long ago the test may have ended; None leaves it to the token's expiry.
        required: Answers that must be True: ``credentials_valid``, ``inbound_reachable``, ``outbound_authorized``.
        required_checks: Codes of checks that must be there and good.
        allow_warnings: Whether ``warn`` is good enough; when False no check at all may warn.

    Raises:
        ConfigurationError: An unknown answer is required, or a text was given in place of a tuple.
    """

    max_age: timedelta | None = None
    required: tuple[Answer, ...] = ("credentials_valid",)
    required_checks: tuple[str, ...] = ()
    allow_warnings: bool = True

    def __post_init__(self) -> None:
        known = ", ".join(get_args(Answer))
        if not set(self.required) <= set(get_args(Answer)):
            raise ConfigurationError(f"Policy.required is {self.required!r}.", fix=f"Give a tuple of: {known}.")
        if isinstance(self.required_checks, str):
            raise ConfigurationError("Policy.required_checks is one text.", fix="Give a tuple of check codes.")

    def missing(self, evidence: Evidence) -> tuple[str, ...]:
        """Return what the evidence does not show, in words; empty when it satisfies the policy, age apart."""
        seen = {code: {c.status for c in evidence.checks if c.code == code} for code in self.required_checks}
        return (
            *(f"{answer} is not true" for answer in self.required if getattr(evidence, answer) is not True),
            *(f"{code} is absent" for code, statuses in seen.items() if not statuses),
            *(f"{code} is {status}" for code in seen for status in sorted(seen[code] - {"pass", "warn"})),
            *(f"{c.code} is warn" for c in evidence.checks if c.status == "warn" and not self.allow_warnings),
        )
