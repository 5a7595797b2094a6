"""The simulated account that voipkit's conformance kit works with; ``python -m voipkit_acme.testing`` serves it.

What a test arranges, and what it looks at afterwards, goes to the simulator and never through the adapter.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from copy import deepcopy
from typing import Any, ClassVar

from voipkit.models import Route
from voipkit.sandbox import Fault
from voipkit.testing import CannotArrange, FaultyWire, Kind

from voipkit_acme.simulator import AcmeSimulator, problem

__all__ = ["AcmeAccount"]

_PAGE_SIZE = 50


class AcmeAccount:
    """A `voipkit.testing.Account` at a simulated Acme: three numbers that take calls and go nowhere."""

    carrier = "acme"
    credentials: ClassVar[Mapping[str, object]] = {"api_key": AcmeSimulator.key, "line": "ln_main"}
    sip_config: ClassVar[Mapping[str, object]] = {}
    routes = (Route.trunk("ln_main"),)
    foreign_route = Route.trunk("ln_desk")
    page_size = _PAGE_SIZE

    def __init__(self) -> None:
        self.acme = AcmeSimulator()
        self.wire = FaultyWire(self.acme.answer, _asked, error=problem, required=frozenset({"id", "number"}))
        self.add_numbers(3)

    def serve(self) -> AbstractContextManager[str]:
        """Serve the account over HTTP on this machine."""
        return self.wire.serve()

    # --- arranging it

    def numbers(self) -> Sequence[str]:
        """Return the account's numbers."""
        return [_e164(number) for number in self.acme.numbers.values()]

    def add_numbers(self, count: int) -> Sequence[str]:
        """Add numbers that take calls and go nowhere."""
        return [_e164(self.acme.add_number()) for _ in range(count)]

    def add_silent_number(self) -> str:
        """Add a number for text messages only."""
        return _e164(self.acme.add_number(features=("SMS",)))

    def remove_numbers(self) -> None:
        """Take all numbers out of the account."""
        self.acme.numbers.clear()

    def put_route(self, number: str, route: Route | None) -> None:
        """Route a number as somebody else would, in Acme's console."""
        self._stored(number).update(line=route.target if route else None, forward_to=None)

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong; Acme's pages can lie, too, but they have no total."""
        if fault.kind == "lying_total":
            raise CannotArrange("Acme does not count its numbers")
        if fault.kind in ("duplicate_at_page_edge", "endless_pages"):
            self.acme.lie = fault.kind
        else:
            self.wire.fail(kind, fault, page=page, calls=calls)

    # --- looking at it

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return everything that Acme stores of a number."""
        return deepcopy(self._stored(number))

    def route_of(self, number: str) -> Route | None:
        """Return where a number's calls go."""
        stored = self._stored(number)
        return Route.trunk(stored["line"]) if stored["line"] and not stored["forward_to"] else None

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests so far."""
        return self.wire.requests(kind)

    def writes(self) -> int:
        """Count the requests that changed something."""
        return self.wire.writes()

    def _stored(self, number: str) -> dict[str, Any]:
        return next(stored for stored in self.acme.numbers.values() if _e164(stored) == number)


def _e164(stored: Mapping[str, Any]) -> str:
    return f"+{stored['number']}"


def _asked(method: str, url: str) -> tuple[Kind, int | None]:
    """Say what a request is for, and which page it asks for."""
    if method == "PATCH":
        return "write", None
    if not re.search(r"/v2/numbers(\?|$)", url):
        return "read", None
    after = re.search(r"[?&]after=c(\d+)", url)
    return "list", 1 + int(after[1]) // _PAGE_SIZE if after else 1


def main() -> None:
    """Serve an account until Ctrl-C, and say how the command `voipkit` gets there."""
    account = AcmeAccount()
    with account.serve() as url, suppress(KeyboardInterrupt):
        print(f"export VOIPKIT_BASE_URL={url}")  # noqa: T201
        for name, value in account.credentials.items():
            print(f"export VOIPKIT_ACME_{name.upper()}={value}", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
