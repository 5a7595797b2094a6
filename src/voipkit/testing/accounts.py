"""What the conformance kit must know of a carrier and cannot find out: an account, and how to arrange it.

A carrier's author writes one class with the members of `Account`; `voipkit.testing.SandboxAccount` is the one for
carriers that the sandbox simulates. Everything here happens behind the adapter's back: what a test arranges and what
it looks at afterwards never goes through the code under test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from voipkit.adapting.transport import HttpOptions, Wire
from voipkit.models import Route
from voipkit.sandbox import Fault

__all__ = ["Account", "CannotArrange", "Kind"]

Kind = Literal["any", "list", "read", "write"]
"""What requests are for: the pages of the listing of numbers, another read, a change, or any of the three."""


class CannotArrange(Exception):
    """This account cannot be brought into the state that a test needs; the test is skipped with these words."""


class Account(Protocol):
    """One simulated account of one carrier, with two numbers or more that can take calls and are routed nowhere.

    Plain attributes will do for what are properties here.
    """

    @property
    def carrier(self) -> str:
        """The carrier's name in the registry."""

    @property
    def credentials(self) -> Mapping[str, object]:
        """Working credentials."""

    @property
    def sip_config(self) -> Mapping[str, object]:
        """The SIP configuration that goes with them."""

    @property
    def routes(self) -> Sequence[Route]:
        """A route for each kind that the carrier takes, each to a target that exists.

        The first is the one that the credentials or the SIP configuration name, and calls by it work in each direction.
        """

    @property
    def foreign_route(self) -> Route:
        """A route to another target that exists: somebody else's."""

    @property
    def page_size(self) -> int | None:
        """Numbers on one page, at the page size that the adapter asks for; None when one answer holds all."""

    # --- Talking to it

    @property
    def wire(self) -> Wire:
        """Answer one request in process; raise TimeoutError or ConnectionError where a fault says so."""

    def serve(self) -> AbstractContextManager[str]:
        """Serve the account over HTTP on this machine; gives a base URL for `HttpOptions.base_url`."""

    # --- Arranging it

    def numbers(self) -> Sequence[str]:
        """Return the account's numbers in E.164."""

    def add_numbers(self, count: int) -> Sequence[str]:
        """Add numbers that can take calls and are routed nowhere; return them in E.164."""

    def add_silent_number(self) -> str:
        """Add a number that cannot take calls, such as one for text messages only.

        Raises:
            CannotArrange: The carrier has no such numbers, or does not tell.
        """

    def remove_numbers(self) -> None:
        """Take all numbers out of the account."""

    def put_route(self, number: str, route: Route | None) -> None:
        """Route a number's calls there, or nowhere."""

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong from now on.

        Args:
            kind: Which requests.
            fault: What goes wrong.
            page: Only with this page of the listing, counted from 1.
            calls: Only with this request of that kind, counted from 1; None means each.

        Raises:
            CannotArrange: This account cannot let that go wrong.
        """

    # --- Looking at it

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return everything that the carrier stores of a number: equal before and after when nothing changed."""

    def route_of(self, number: str) -> Route | None:
        """Return where a number's calls go."""

    def requests(self, kind: Kind = "any") -> int:
        """Return how many requests came so far, those that failed too."""

    def writes(self) -> int:
        """Return how many requests changed something so far."""


def wired(account: Account, **options: object) -> HttpOptions:
    """Return options that send every request to an account's wire; nothing is sent twice unless asked for.

    Nobody is waited for either: a simulated account may be asked as fast as it answers, and a carrier's wish to wait
    would also hold back the next test with these credentials. A live account is asked as any other. What an account
    has as ``options`` of its own goes before.

    Args:
        account: The account.
        **options: More of `HttpOptions`.
    """
    hurry: dict[str, object] = {"retries": 0, "retry_after_cap": 0.01, "rate": 10_000.0}
    hurry |= getattr(account, "options", {})
    if getattr(account, "live", False):
        hurry = {"rate": 10_000.0} if getattr(account, "replayed", False) else {}
    return HttpOptions(**{"wire": account.wire, **hurry, **options})  # type: ignore[arg-type]
