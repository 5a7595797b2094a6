"""A real account: its credentials come from the environment, and a guard stands between the adapter and the carrier.

Only tests that arrange nothing run on it (marked ``voipkit_live``), and nothing but GET and HEAD leaves the machine
unless a number was named for writing; then that number alone is imported and put back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn

from voipkit import registry
from voipkit.adapting.network import Network
from voipkit.adapting.transport import HttpOptions, Wire
from voipkit.models import FormField, Route, SetupMethod
from voipkit.sandbox import Fault
from voipkit.testing.accounts import CannotArrange, Kind

__all__ = ["LiveAccount"]

_READS = frozenset({"GET", "HEAD"})


class LiveAccount:
    """A carrier's real account, as far as the contract can be tried on it.

    Attributes:
        live: True: the carrier's own limits on requests are respected.
        carrier: The carrier's name.
        credentials: From ``VOIPKIT_<CARRIER>_<FIELD>``, the variables of the command line.
        sip_config: Likewise.
        page_size: None: a real account is as large as it is.
    """

    live = True

    def __init__(self, carrier: str, *, may_write: str | None = None, network: Wire | None = None) -> None:
        """Read the credentials.

        Args:
            carrier: The carrier's name.
            may_write: The one number, in E.164, that may be imported and put back.
            network: In place of the network.

        Raises:
            CannotArrange: The environment holds no credentials; the words name the variables.
        """
        method = registry.provider_info(carrier).setup_methods[0]
        self.carrier = carrier
        self.credentials: Mapping[str, object] = _given(carrier, method)
        self.sip_config: Mapping[str, object] = _given(carrier, method, sip=True)
        self.page_size: int | None = None
        self._may_write = may_write
        options = HttpOptions()
        self._send = network or Network(
            timeout=options.timeout, pool_timeout=options.deadline, connections=8, proxies=None, ca_bundle=None
        )
        self._requests = self._writes = 0
        self._lock = threading.Lock()
        if not self.credentials:
            names = ", ".join(name for _, name in _variables(carrier, method, sip=False))
            msg = f"no credentials in the environment: set of these what the carrier asks for: {names}"
            raise CannotArrange(msg)

    @property
    def wire(self) -> Wire:
        """The carrier itself, behind a guard."""
        return self._guarded

    def _guarded(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        if method not in _READS and self._may_write is None:
            msg = "the live wire only reads"
            raise ConnectionError(msg)
        with self._lock:
            self._requests += 1
            self._writes += method not in _READS
        return self._send(method, url, headers, body)

    def numbers(self) -> Sequence[str]:
        """Return the number that may be written, or else what the adapter lists: there is no other way to know."""
        if self._may_write is not None:
            return (self._may_write,)
        return tuple(self._listed())

    def add_numbers(self, count: int) -> Sequence[str]:  # noqa: ARG002
        """Add nothing: a real account is tried as it is."""
        return ()

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return a number's routing, as an adapter of its own lists it."""
        return self._listed()[number]

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests so far."""
        return self._requests if kind == "any" else _cannot(f"count the requests of kind '{kind}'")

    def writes(self) -> int:
        """Count the requests that may have changed something."""
        return self._writes

    def _listed(self) -> dict[str, Mapping[str, object]]:
        http = HttpOptions(wire=self._send)
        with registry.open_provider(self.carrier, self.credentials, sip_config=self.sip_config, http=http) as carrier:
            return {number.number: dict(number.routing) for number in carrier.list_numbers()}

    # --- What cannot be done to a real account

    @property
    def routes(self) -> Sequence[Route]:
        """Not known."""
        return _cannot("name its routes")

    @property
    def foreign_route(self) -> Route:
        """Not known."""
        return _cannot("name a route of somebody else's")

    def serve(self) -> AbstractContextManager[str]:
        """A real account is not served."""
        return _cannot("be served from here")

    def add_silent_number(self) -> str:
        """Buy nothing."""
        return _cannot("get another number")

    def remove_numbers(self) -> None:
        """Release nothing."""
        _cannot("lose its numbers")

    def put_route(self, number: str, route: Route | None) -> None:  # noqa: ARG002
        """Change nothing behind the adapter's back."""
        _cannot("be changed behind the adapter's back")

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:  # noqa: ARG002
        """Let nothing go wrong."""
        _cannot("be made to fail")

    def route_of(self, number: str) -> Route | None:  # noqa: ARG002
        """Not known but through the adapter."""
        return _cannot("say where calls go but through the adapter")


def _cannot(what: str) -> NoReturn:
    msg = f"a live account cannot {what}"
    raise CannotArrange(msg)


def _given(carrier: str, method: SetupMethod, *, sip: bool = False) -> dict[str, object]:
    texts = {f: os.environ.get(name, "") for f, name in _variables(carrier, method, sip=sip)}
    return {f.name: text.split(",") if f.type == "list" else text for f, text in texts.items() if text}


def _variables(carrier: str, method: SetupMethod, *, sip: bool) -> Iterator[tuple[FormField, str]]:
    """Yield the variables that the command line reads too: SIP_ tells a SIP field from a credential of its name."""
    taken = {f.name for f in method.fields} if sip else set()
    for f in method.sip_fields if sip else method.fields:
        name = f"voipkit_{carrier}_{'sip_' if f.name in taken else ''}{f.name}"
        yield f, name.upper().replace("-", "_")
