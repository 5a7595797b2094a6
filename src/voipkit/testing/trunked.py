"""The conformance kit's account for a SIP trunk: the sandbox's scripted peer on the loopback interface.

A trunk has no API: it can neither list nor route, nor fail in the ways of HTTP. What cannot be arranged here is said,
so that the test is skipped with those words.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn

from voipkit.adapting.transport import Wire
from voipkit.models import Route
from voipkit.sandbox import Fault
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sandbox.sip_scenarios import REASONS, Reply, Scenario
from voipkit.testing.accounts import CannotArrange, Kind

__all__ = ["TrunkAccount"]

_DECLARED = 60
_FIRST = 4155550100  # of the range kept for fiction (NANP 555-01XX)


class TrunkAccount:
    """A trunk of the scripted peer, with as many numbers as the configuration declares. Close it when done.

    Attributes:
        carrier: ``manual``.
        peer: The peer; its journal is what is counted.
        sip_config: The declared numbers; no call is allowed.
        page_size: None: there are no pages.
        options: Silence is noticed soon: the peer is on this machine.
    """

    options: Mapping[str, object] = {"timeout": (0.5, 0.5)}

    def __init__(self, scenario: str | Scenario = "normal") -> None:
        """Start a peer.

        Args:
            scenario: What it does.
        """
        self.carrier = "manual"
        self.peer = SipPeer(scenario).__enter__()
        self._close = weakref.finalize(self, self.peer.__exit__)
        self._numbers = tuple(f"+1{_FIRST + place}" for place in range(_DECLARED))
        self.sip_config: Mapping[str, object] = {"domain": "trunk.test", "numbers": self._numbers}
        self.page_size: int | None = None

    def close(self) -> None:
        """Stop the peer."""
        self._close()

    @property
    def credentials(self) -> Mapping[str, object]:
        """The peer's address and its first customer."""
        account = self.peer.account
        return {
            "host": self.peer.host,
            "port": self.peer.port("udp"),
            "transport": "udp",
            "username": account.username,
            "password": account.password,
        }

    @property
    def routes(self) -> Sequence[Route]:
        """None: there is nothing to route by."""
        return ()

    @property
    def foreign_route(self) -> Route:
        """There is none."""
        return _cannot("have a route of somebody else's")

    @property
    def wire(self) -> Wire:
        """Refuse: whatever comes here is no SIP, and a wire keeps the probes on this machine."""
        return _no_http

    def serve(self) -> AbstractContextManager[str]:
        """It is served over SIP already."""
        return _cannot("be served over HTTP")

    # --- Arranging it

    def numbers(self) -> Sequence[str]:
        """Return the declared numbers."""
        return self._numbers

    def add_numbers(self, count: int) -> Sequence[str]:  # noqa: ARG002
        """Add nothing: what is declared is settled when the trunk is opened."""
        return ()

    def add_silent_number(self) -> str:
        """There are none: a trunk does not say what its numbers can do."""
        return _cannot("say which numbers take no calls")

    def remove_numbers(self) -> None:
        """What is declared is settled when the trunk is opened."""
        _cannot("lose numbers that were declared")

    def put_route(self, number: str, route: Route | None) -> None:  # noqa: ARG002
        """There is nothing to route by."""
        _cannot("be routed behind the adapter's back")

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Answer everything with a SIP status, or nothing at all.

        Raises:
            CannotArrange: The fault is one of HTTP, or of a listing.
        """
        if kind == "list" or page or calls:
            _cannot("fail in listing its numbers: they are declared, and nobody is asked")
        if fault == Fault.timeout():
            self.peer.scenario = "silent"
        elif fault == Fault.status(fault.http_status or 0) and fault.http_status in REASONS:
            code = fault.http_status
            self.peer.scenario = Scenario(options=(Reply(code),), register=code, invite=code)
        else:
            _cannot("go wrong in that way: it is a fault of HTTP")

    # --- Looking at it

    def state_of(self, number: str) -> Mapping[str, object]:  # noqa: ARG002
        """Return the registrar's bindings: the one thing that a probe could change."""
        return {user: sorted(bound) for user, bound in self.peer.registrar.bindings.items() if bound}

    def route_of(self, number: str) -> Route | None:  # noqa: ARG002
        """Nobody knows: a trunk does not say."""
        return None

    def requests(self, kind: Kind = "any") -> int:
        """Return how many SIP requests came, repeated ones too; those that place a call count as writes."""
        methods = self.peer.journal.methods
        writes = sum(method not in ("OPTIONS", "REGISTER") for method in methods)
        return {"any": len(methods), "read": len(methods) - writes, "write": writes, "list": 0}[kind]

    def writes(self) -> int:
        """Return how many calls were placed and bindings made."""
        return self.requests("write") + sum(map(len, self.peer.registrar.bindings.values()))


def _no_http(*_: object) -> NoReturn:
    raise ConnectionError("a SIP trunk does not speak HTTP")


def _cannot(what: str) -> NoReturn:
    msg = f"a SIP trunk cannot {what}"
    raise CannotArrange(msg)
