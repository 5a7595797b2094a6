"""Phone numbers, the routes that their calls take, and what an import did to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import Field, computed_field, model_validator

from voipkit.models.base import Model, UtcTime, html_table, now

__all__ = [
    "ImportReport",
    "ImportStatus",
    "NumberImport",
    "NumberSnapshot",
    "NumberType",
    "OnConflict",
    "ProviderNumber",
    "Route",
    "RouteKind",
    "Routing",
    "RoutingSnapshot",
]

RouteKind = Literal["trunk", "sip", "webhook", "application"]
NumberType = Literal["local", "mobile", "toll_free", "national", "shared_cost", "voip", "other"]
ImportStatus = Literal["imported", "unchanged", "conflict", "not_owned", "not_voice", "failed"]
OnConflict = Literal["refuse", "overwrite"]
Routing = Mapping[str, str | None]
"""A number's routing fields in the carrier's own words; None and "" both mean "not set" and are kept as None."""

LONGEST_TARGET = 2048  # characters of a route's target
_METHODS = ("GET", "POST")


class Route(Model):
    """Where a number's calls go.

    Build one with `trunk`, `sip`, `webhook` or `application`, or from text with `parse`.

    Attributes:
        kind: What the target is.
        target: The trunk's or application's id, the SIP URI, or the webhook's URL.
        method: ``GET`` or ``POST`` for a webhook, else None.
    """

    kind: RouteKind
    target: str = Field(min_length=1, max_length=LONGEST_TARGET, pattern=r"^[!-~]+$")
    method: Literal["GET", "POST"] | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.method is not None) != (self.kind == "webhook"):
            msg = "a webhook has a method (GET or POST), other routes have none"
            raise ValueError(msg)
        if self.kind == "webhook" and not re.match(r"https?://[^/]+", self.target):
            msg = "a webhook's target is an absolute http or https URL"
            raise ValueError(msg)
        if self.kind == "sip" and not re.match(r"sips?:[^@]*@?[^@]+$", self.target):
            msg = "a SIP route's target starts with sip: or sips:"
            raise ValueError(msg)
        return self

    @classmethod
    def trunk(cls, trunk_id: str) -> Self:
        """Send calls to a trunk (Twilio) or connection (Telnyx) of that id."""
        return cls(kind="trunk", target=trunk_id)

    @classmethod
    def sip(cls, uri: str) -> Self:
        """Send calls to a SIP URI."""
        return cls(kind="sip", target=uri)

    @classmethod
    def webhook(cls, url: str, method: Literal["GET", "POST"] = "POST") -> Self:
        """Ask a URL what to do with each call."""
        return cls(kind="webhook", target=url, method=method)

    @classmethod
    def application(cls, application_id: str) -> Self:
        """Send calls to an application of that id."""
        return cls(kind="application", target=application_id)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a route from text.

        Args:
            text: ``trunk:ID``, ``application:ID``, ``sip:USER@HOST``, ``webhook:URL`` or ``webhook:GET:URL``.

        Returns:
            The route.

        Raises:
            ValueError: The text is none of these.
        """
        kind, _, rest = text.strip().partition(":")
        if kind in ("sip", "sips"):
            return cls.sip(text.strip())
        if kind == "webhook":
            method, _, url = rest.partition(":")
            return cls.webhook(url, method) if method in _METHODS else cls.webhook(rest)  # type: ignore[arg-type]
        if kind in ("trunk", "application"):
            return cls.model_validate({"kind": kind, "target": rest})
        msg = f"'{kind}' is no kind of route; write one of {', '.join(get_args(RouteKind))}, a colon and the target"
        raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.kind} {self.method} {self.target}" if self.method else f"{self.kind} {self.target}"


class ProviderNumber(Model):
    """A phone number of the carrier's account.

    Attributes:
        id: The carrier's handle of the number.
        number: E.164.
        raw: The number as the carrier spells it.
        friendly_name: The name that its owner gave it, or None.
        type: What kind of number it is; ``other`` where the carrier says something else or nothing.
        capabilities: Sorted, such as ``("sms", "voice")``; None where the carrier's listing does not say.
        country: ISO 3166-1 alpha-2, or None when it is not known.
        region: ISO 3166-2 ("US-CA"), or None when it is not known.
        monthly_fee: In minor units of ``currency`` (cents); None when it is not known.
        currency: ISO 4217, or None when the fee is not known.
        status: The carrier's own word for its state.
        active: Whether calls can use it now, as far as ``status`` tells.
        route: Where its calls go now, or None when they go nowhere that voipkit can name.
        routing: All its routing fields in the carrier's own words.
    """

    id: str
    number: str
    raw: str
    friendly_name: str | None = None
    type: NumberType = "other"
    capabilities: tuple[str, ...] | None = None
    country: str | None = None
    region: str | None = None
    monthly_fee: int | None = None
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    status: str | None = None
    active: bool = True
    route: Route | None = None
    routing: Routing = Field(default_factory=dict)

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if self.monthly_fee is not None and self.currency is None:
            msg = "a fee has a currency"
            raise ValueError(msg)
        return self


class NumberImport(Model):
    """What happened to one number of an import or a restore.

    Attributes:
        number: E.164, or the text that was given where it is not.
        id: The carrier's handle, or None when the number is not in the account.
        status: ``imported`` (or, on a dry run, would be), ``unchanged``, or why not.
        code: Stable and dotted, such as ``import.conflict``.
        message: What happened, in words.
        fix: What to do next, or None.
        before: The routing that was found.
        after: The routing that is there now; on a dry run, that would be. None when it was not looked at since.
        notes: Things to know that did not stop the import, such as call forwarding.
    """

    number: str
    id: str | None = None
    status: ImportStatus
    code: str
    message: str
    fix: str | None = None
    before: Routing | None = None
    after: Routing | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> dict[str, tuple[str | None, str | None]]:
        """The routing fields that differ: name to (before, after); empty when one of the two is not known."""
        if self.before is None or self.after is None:
            return {}
        before, after = self.before, self.after
        names = [*before, *(name for name in after if name not in before)]
        return {n: (before.get(n), after.get(n)) for n in names if before.get(n) != after.get(n)}


class NumberSnapshot(Model):
    """One number's routing as it was, and as the import left it.

    Attributes:
        number: E.164.
        id: The carrier's handle.
        before: The routing to put back.
        after: The routing as the import left it, in the fields that it wrote as the carrier showed them then;
            `restore_numbers` refuses when somebody has changed it since.
    """

    number: str
    id: str
    before: Routing
    after: Routing


class RoutingSnapshot(Model):
    """What `restore_numbers` needs to put routing back; it may be kept as JSON.

    It holds no credentials, but routing as the carrier shows it: a webhook's URL may have a password or a token in it.

    Attributes:
        provider: The carrier's id.
        taken_at: Before the first write.
        numbers: One entry for each number that the import wrote or tried to write or, on a dry run, would write.
    """

    provider: str
    taken_at: UtcTime = Field(default_factory=now)
    numbers: tuple[NumberSnapshot, ...] = ()


class ImportReport(Model):
    """What an import or a restore did, number by number.

    Attributes:
        provider: The carrier's id.
        route: The route asked for; None when numbers were only recorded, and for a restore.
        dry_run: True when nothing was written.
        results: One entry for each number given, in that order.
        snapshot: What puts everything back.
        writes: Requests that changed something at the carrier.
        charge_estimate: What the import costs at the carrier, in minor units; 0 for every carrier so far.
        charge_note: The same in words.
    """

    provider: str
    route: Route | None = None
    dry_run: bool = False
    results: tuple[NumberImport, ...] = ()
    snapshot: RoutingSnapshot
    writes: int = 0
    charge_estimate: int = 0
    charge_note: str = "Routing a number that the account already owns costs nothing at the carrier."

    @computed_field  # type: ignore[prop-decorator]
    @property
    def counts(self) -> dict[str, int]:
        """How many numbers have each status."""
        return dict(Counter(result.status for result in self.results))

    @property
    def ok(self) -> bool:
        """Whether every number is imported or was already so."""
        return all(result.status in ("imported", "unchanged") for result in self.results)

    def _repr_html_(self) -> str:
        title = f"{self.provider}: {'dry run' if self.dry_run else 'import'}: {self.route or 'recorded only'}"
        rows = [
            (
                r.number,
                r.status,
                r.message,
                "; ".join(f"{n}: {a or '-'} → {b or '-'}" for n, (a, b) in r.changes.items()),
            )
            for r in self.results
        ]
        return html_table(title, ("number", "status", "what happened", "changes"), rows)
