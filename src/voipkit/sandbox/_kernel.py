"""The parts that every simulated carrier is made of: requests, replies, routes, pages and the journal.

A carrier's module declares its state, then one small function per operation::

    ROUTES: Routes[Twilio] = Routes()


    @ROUTES.get("fetch_trunk", "trunking", "/v1/Trunks/{sid}")
    def _fetch_trunk(twilio: Twilio, call: Call) -> Reply: ...

`Simulator.answer` finds the operation, asks the carrier's `gate` (authentication, permissions), and calls it
under the carrier's lock, so state never changes halfway through a listing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from voipkit.sandbox._faults import PAGE_FAULTS, Fault, Json
from voipkit.sandbox._state import Mint

S = TypeVar("S")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

OK, CREATED, ACCEPTED, NO_CONTENT = 200, 201, 202, 204
ERROR = 400


@dataclass(frozen=True)
class Request:
    """Hold one HTTP request as it reached the carrier.

    Attributes:
        method: Upper-case HTTP method.
        url: Absolute URL at the carrier's real host.
        host: Host part of the URL, lower case.
        path: Path with percent escapes resolved.
        query: Name and value pairs in the order sent, escapes resolved.
        headers: Lower-case name to value.
        body: Raw body.
    """

    method: str
    url: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, method: str, url: str, headers: Headers | None, body: bytes | None) -> Request:
        """Take a request apart."""
        parts = urlsplit(url)
        pairs = headers.items() if isinstance(headers, Mapping) else (headers or ())
        return cls(
            method=method.upper(),
            url=url,
            host=(parts.hostname or "").lower(),
            path=unquote(parts.path),
            query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={str(name).lower(): str(value) for name, value in pairs},
            body=body or b"",
        )

    def basic(self) -> tuple[str, str]:
        """Return user and password of Basic authentication, or two empty strings."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password


@dataclass(frozen=True)
class Reply:
    """Hold a carrier's answer before it becomes bytes: JSON values, bytes as they are, or None for an empty body.

    ``refused`` marks a refusal whose HTTP status does not say so: nothing was changed.
    """

    status: int
    payload: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: bool = False

    def encoded(self) -> bytes:
        """Return the body as bytes."""
        if isinstance(self.payload, bytes):
            return self.payload
        return b"" if self.payload is None else json.dumps(self.payload).encode()


@dataclass(frozen=True)
class Call:
    """Give an operation what it needs to answer one request.

    Attributes:
        request: The whole request.
        args: Values of the placeholders in the path.
        fault: The fault that strikes this call, if any; only page faults matter to an operation.
    """

    request: Request
    args: Mapping[str, str]
    fault: Fault | None = None

    def query(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None when it was not sent."""
        return next((value for key, value in self.request.query if key in (name, name + "[]")), None)

    def queries(self, name: str) -> list[str]:
        """Return all values of a parameter: repeated, repeated with ``[]``, or joined by commas."""
        sent = [value for key, value in self.request.query if key in (name, name + "[]")]
        return [part for value in sent for part in value.split(",") if part]

    def form(self) -> dict[str, str]:
        """Return the fields of a form-encoded body; the last of a repeated field wins."""
        return dict(parse_qsl(self.request.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Json | None:
        """Return the JSON object in the body; None when the body is anything else. No body is ``{}``."""
        try:
            value = json.loads(self.request.body or b"{}")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Recorded:
    """Hold one exchange of the journal.

    Attributes:
        carrier: Carrier id; "" when the host belongs to none of them.
        operation: Stable name of the operation, or ``"unknown"``.
        method: HTTP method.
        url: Absolute URL at the carrier's real host.
        status: HTTP status; 0 when no answer was sent.
        write: The call changed state at the carrier.
        faulted: A fault made or spoiled the answer; the request is still the client's own.
        request_body: Body bytes as sent.
        request_headers: Lower-case header names to values, without those that carry a secret.
        response_body: Body bytes as answered.
        response_headers: Header names to values.
    """

    carrier: str
    operation: str
    method: str
    url: str
    status: int
    write: bool
    faulted: bool
    request_body: bytes = b""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: bytes = b""
    response_headers: Mapping[str, str] = field(default_factory=dict)


# --- Routes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Route(Generic[S]):
    """Bind an operation name to a method, a product host, a path and the function that answers."""

    operation: str
    method: str
    product: str
    pattern: re.Pattern[str]
    literal: bool
    write: bool
    reply: Callable[[S, Call], Reply]


class Routes(Generic[S]):
    """Collect the operations of one carrier."""

    def __init__(self, *parts: Routes[S]) -> None:
        self._routes: list[Route[S]] = [route for part in parts for route in part._routes]
        # Literal paths are tried before templated ones, as OpenAPI asks.
        self._routes.sort(key=lambda route: not route.literal)

    def __call__(
        self, operation: str, method: str, product: str, path: str, *, write: bool = False
    ) -> Callable[[Callable[[S, Call], Reply]], Callable[[S, Call], Reply]]:
        """Register the decorated function.

        Args:
            operation: Stable name, used in the journal and in `Sandbox.fail`.
            method: HTTP method.
            product: First label of the host, e.g. ``"trunking"``.
            path: Path with ``{placeholders}``.
            write: A success changes state at the carrier.
        """
        pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))

        def register(reply: Callable[[S, Call], Reply]) -> Callable[[S, Call], Reply]:
            self._routes.append(Route(operation, method, product, pattern, "{" not in path, write, reply))
            self._routes.sort(key=lambda route: not route.literal)
            return reply

        return register

    def get(
        self, operation: str, product: str, path: str
    ) -> Callable[[Callable[[S, Call], Reply]], Callable[[S, Call], Reply]]:
        """Register the decorated function for GET, a read."""
        return self(operation, "GET", product, path)

    def find(self, product: str, method: str, path: str) -> tuple[Route[S], dict[str, str]] | None:
        """Return the route for a request and the values of its placeholders, or None."""
        for route in self._routes:
            if route.method == method and route.product == product and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None

    @property
    def host(self) -> str:
        """The host of its API; of several, the one that answers for the account."""
        raise NotImplementedError

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return tuple(sorted(route.operation for route in self._routes))


# --- Pages ------------------------------------------------------------------------------------------------------------


class Listing(Protocol[T_co]):
    """Describe what `cut` needs of a listing; a list and a `Shelf` both do."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[T_co]: ...
    def __getitem__(self, where: slice, /) -> Sequence[T_co]: ...


@dataclass(frozen=True)
class Page(Generic[T]):
    """Hold one page of a listing; ``number`` counts from 0.

    Attributes:
        items: The records on this page.
        number: Number of the page that the answer claims to be.
        size: Page size.
        total: Number of records that the answer claims the listing has.
        pages: Number of pages that the answer claims the listing has, at least 1.
        more: The answer names a next page.
    """

    items: list[T]
    number: int
    size: int
    total: int
    pages: int
    more: bool


def cut(items: Listing[T], number: int, size: int, fault: Fault | None = None) -> Page[T]:
    """Cut one page out of a listing, and let a page fault lie about it.

    Args:
        items: The whole listing, or anything with its length and its slices.
        number: Page number from 0.
        size: Page size, at least 1.
        fault: The fault of this call.
    """
    kind = fault.kind if fault and fault.kind in PAGE_FAULTS else ""
    total = len(items)
    pages = max(1, -(-total // size))
    if kind == "repeat_page":
        number = 0
    start = number * size
    if kind == "duplicate_at_page_edge" and number > 0 and total:
        found = list(items[start - 1 : start - 1 + size])
        total, pages = total + 1, max(1, -(-(total + 1) // size))
    elif kind == "endless_pages":
        first = (number % pages) * size
        found, pages, total = list(items[first : first + size]), number + 2, (number + 2) * size
    else:
        found = list(items[start : start + size])
    if kind == "lying_total" and fault:
        pages = max(1, pages + fault.pages)
        total = max(0, total + fault.pages * size)
    return Page(found, number, size, total, pages, more=number + 1 < pages)


# --- A carrier --------------------------------------------------------------------------------------------------------


class Simulator:
    """Answer requests as one carrier does; the base of all carriers.

    Attributes:
        id: Carrier id.
        required: Field names that ``Fault.nulls`` and ``Fault.empty_strings`` leave alone.
        lock: Guards the state; hold it when another thread may be talking to the simulator.
        mint: Makes ids and numbers.
    """

    id = ""
    required: frozenset[str] = frozenset()

    def __init__(self, seed: int) -> None:
        self.lock = threading.RLock()
        self.mint = Mint(f"{self.id}/{seed}")
        self._request_ids = Mint(f"{self.id}/{seed}/requests")

    @property
    def credentials(self) -> dict[str, str]:
        """Working credentials, as the carrier's adapter takes them."""
        raise NotImplementedError

    @property
    def sip_config(self) -> dict[str, str]:
        """The SIP configuration that goes with `credentials`."""
        raise NotImplementedError

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation that this carrier answers, by its stable name."""
        raise NotImplementedError

    def product(self, host: str) -> str | None:
        """Return the product that a host stands for (``"api"``), or None when it is not this carrier's host.

        Raises:
            ConnectionError: The name is the carrier's, but nothing answers there.
        """
        raise NotImplementedError

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return operation name, whether it writes, path values and the answering function; None if unknown."""
        raise NotImplementedError

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Return a refusal when the caller may not do this, else None."""
        raise NotImplementedError

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the carrier's own form."""
        raise NotImplementedError

    def refuse_to(
        self,
        request: Request,  # noqa: ARG002 (for carriers with more than one form of error)
        status: int,
        code: int | str | None = None,
        detail: str = "",
    ) -> Reply:
        """Return the error that this very request would get; `refuse` where a carrier has one form only."""
        return self.refuse(status, code, detail)

    def page_asked(self, request: Request) -> int | None:
        """Return the page that a request asks for, from 1; None when it names none and is page 1 by default."""
        raise NotImplementedError

    def secret_in(self, request: Request) -> str:
        """Return the credential that a request carries, in clear."""
        raise NotImplementedError

    def standard_headers(self) -> dict[str, str]:
        """Return the headers that the carrier adds to every answer."""
        raise NotImplementedError
