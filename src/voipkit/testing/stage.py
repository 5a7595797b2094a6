"""What every test of the contract works with: the account, carriers opened on it, and a tap on the wire between them.

A planted mutation (`voipkit.testing.mutations`) takes effect here and nowhere else: in the way a carrier is opened.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from voipkit import registry
from voipkit.adapting.transport import HttpOptions
from voipkit.models import ProviderInfo, ProviderNumber, Route, SetupMethod
from voipkit.protocols import Provider
from voipkit.sandbox import Fault
from voipkit.testing.accounts import Account, Kind, wired

if TYPE_CHECKING:
    from voipkit.testing.mutations import Mutation

__all__ = ["UNOWNED", "Exchange", "Stage", "listed", "numbers_of", "within"]

T = TypeVar("T")
Alter = Callable[[bytes], bytes]

UNOWNED = "+12125550199"
"""A number of the range kept for fiction (NANP 555-01XX) that no account owns."""

_TOO_MANY = 20_000  # numbers; a listing of that length in a test never ends


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it left the adapter, and the body of its answer ("" when there was none)."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    answer: bytes


@dataclass(repr=False)  # it knows the credentials
class Stage:
    """One test's account, and what was opened on it.

    Attributes:
        account: The account.
        mutation: The fault that is planted into the adapter, or None.
        exchanges: Every exchange through `open`, in the order in which it ended.
    """

    account: Account
    mutation: Mutation | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    _opened: list[Provider] = field(default_factory=list)

    # --- Carriers

    @cached_property
    def info(self) -> ProviderInfo:
        """What the registry says of the carrier."""
        info = registry.provider_info(self.account.carrier)
        return self.mutation.info(info) if self.mutation and self.mutation.info else info

    @cached_property
    def carrier(self) -> Provider:
        """The carrier, opened with working credentials; nothing is sent twice."""
        return self.open()

    def open(
        self,
        credentials: Mapping[str, object] | None = None,
        *,
        alter: Alter | None = None,
        **options: object,
    ) -> Provider:
        """Open the carrier.

        Args:
            credentials: In place of the account's own.
            alter: Changes the body of every answer on its way to the adapter.
            **options: Options of `HttpOptions`; ``base_url`` goes over a socket instead of the wire.

        Returns:
            The carrier; it is closed when the test ends.
        """
        http = wired(self.account, **options)
        if http.base_url is None:
            http = dataclasses.replace(http, wire=self._tapped(http, alter))
        else:
            http = dataclasses.replace(http, wire=None)
        if self.mutation and self.mutation.http:
            http = self.mutation.http(http, self)
        opened = registry.open_provider(
            self.account.carrier,
            self.account.credentials if credentials is None else credentials,
            sip_config=self.account.sip_config,
            http=http,
        )
        if self.mutation and self.mutation.methods:
            opened = self.mutation.planted(opened, self)
        self._opened.append(opened)
        return opened

    def _tapped(self, http: HttpOptions, alter: Alter | None) -> Callable[..., Any]:
        plain = http.wire
        assert plain is not None

        def wire(
            method: str, url: str, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, Mapping[str, str], bytes]:
            answer = b""
            try:
                status, answered, answer = plain(method, url, headers, body)
            finally:
                self.exchanges.append(Exchange(method, url, dict(headers), body, answer))
            return status, answered, alter(answer) if alter else answer

        return wire

    def close(self) -> None:
        """Close every carrier that was opened."""
        for carrier in self._opened:
            carrier.close()

    # --- The account

    @property
    def method(self) -> SetupMethod:
        """The set-up method that the credentials are for: the carrier's first."""
        return self.info.setup_methods[0]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The secret fields among the credentials and the SIP configuration: name to value."""
        pairs = ((self.method.fields, self.account.credentials), (self.method.sip_fields, self.account.sip_config))
        return {
            f.name: str(given[name])
            for fields, given in pairs
            for f in fields
            if f.secret
            for name in (f.name, f.alias)
            if name in given
        }

    @property
    def simulated(self) -> bool:
        """Whether the account is a simulated one, which may be arranged at will."""
        return not getattr(self.account, "live", False)

    def wrong_credentials(self) -> dict[str, object]:
        """Return credentials of the right form that the carrier refuses: every secret with its last sign changed."""
        wrong = dict(self.account.credentials)
        for f in self.method.fields:
            for name in {f.name, f.alias} & set(wrong):
                if f.secret:
                    text = str(wrong[name])
                    wrong[name] = text[:-1] + _another(text[-1])
        return wrong

    def routes(self) -> tuple[Route, ...]:
        """Return a route of each kind that the carrier takes; skips the test where it takes none."""
        if not self.info.route_kinds:
            pytest.skip("the carrier takes no routes: it has no API to route by")
        return tuple(self.account.routes)

    def route(self) -> Route:
        """Return the route that the credentials or the SIP configuration name; skips the test where there is none."""
        return self.routes()[0]

    def foreign_route(self) -> Route:
        """Return a route to somebody else's target; skips the test where the carrier takes none."""
        self.routes()
        return self.account.foreign_route

    def needs_http(self, why: str) -> None:
        """Skip the test where the carrier does not speak HTTP, as it says itself.

        Args:
            why: What the test would miss.
        """
        if self.info.protocol != "http":
            pytest.skip(f"the carrier speaks {self.info.protocol.upper()}, not HTTP: {why}")

    def number(self) -> str:
        """Return the account's first number, routed nowhere."""
        return self.account.numbers()[0]

    def pages(self, count: int, *, and_a_half: bool = True) -> list[str]:
        """Fill so many pages of the listing with numbers; return all numbers of the account.

        Skips the test where one answer holds all numbers.
        """
        size = self.account.page_size
        if size is None:
            pytest.skip("one answer holds all numbers")
        present = len(self.account.numbers())
        wanted = count * size - (size // 2 if and_a_half else 0)
        self.account.add_numbers(max(0, wanted - present))
        return list(self.account.numbers())

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong."""
        self.account.fail(kind, fault, page=page, calls=calls)

    def silent_number(self) -> str:
        """Return a number that cannot take calls."""
        return self.account.add_silent_number()

    def state(self) -> dict[str, Mapping[str, object]]:
        """Return what the carrier stores of each number."""
        return {number: self.account.state_of(number) for number in self.account.numbers()}


def listed(carrier: Provider) -> list[ProviderNumber]:
    """List all numbers, and fail instead of listing for ever."""
    found = list(islice(carrier.list_numbers(), _TOO_MANY))
    assert len(found) < _TOO_MANY, "the listing does not end"
    return found


def within(seconds: float, action: Callable[[], T]) -> T:
    """Do something, and fail the test when it is not done in time; its thread is left behind then.

    Args:
        seconds: How long to wait.
        action: What to do.

    Returns:
        What it returned; what it raised is raised here.
    """
    done: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            done.append(action())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name="voipkit-contract", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        pytest.fail(f"still at it after {seconds:g} s")
    if raised:
        raise raised[0]
    return done[0]


def numbers_of(found: Iterable[ProviderNumber]) -> Iterator[str]:
    """Yield the numbers in E.164."""
    return (number.number for number in found)


def _another(sign: str) -> str:
    """Return another sign of the same sort, so that a key keeps its form."""
    if sign.isdigit():
        return str((int(sign) + 1) % 10)
    other = "b" if sign.lower() == "a" else "a"
    return other.upper() if sign.isupper() else other
