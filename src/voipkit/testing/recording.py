"""An account whose exchanges are recorded, on their way over a real socket, into a cassette."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from voipkit import registry
from voipkit.adapting.network import Network
from voipkit.adapting.transport import HttpOptions, Wire, _decompressed
from voipkit.models import FormField, Route
from voipkit.sandbox import Fault
from voipkit.testing import cassettes
from voipkit.testing.accounts import Account, CannotArrange, Kind
from voipkit.testing.cassettes import About, Interaction, Observation
from voipkit.testing.scrubbing import Scrubber

__all__ = ["RecordingAccount", "recording"]

T = TypeVar("T")

_COUNTED: tuple[Kind, ...] = ("list", "read", "write")


@contextmanager
def recording(account: Account, path: Path) -> Iterator[RecordingAccount]:
    """Record an account: a simulated one is served, so that every request passes over a socket.

    Args:
        account: The account.
        path: The cassette, which `RecordingAccount.finish` writes.

    Yields:
        The account to use in its place.

    Raises:
        ValueError: One of its secrets is too short to be blanked.
    """
    if getattr(account, "live", False):
        yield RecordingAccount(account, path, account.wire)
        return
    options = HttpOptions()
    network = Network(
        timeout=options.timeout, pool_timeout=options.deadline, connections=1, proxies=None, ca_bundle=None
    )
    with account.serve() as base:

        def send(
            method: str, url: str, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, Mapping[str, str], bytes]:
            return network(method, f"{base}/{url.removeprefix('https://')}", headers, body)

        try:
            yield RecordingAccount(account, path, send)
        finally:
            network.close()


class RecordingAccount:
    """An `Account` that does what another does, and keeps what was sent, answered, arranged and looked at.

    Attributes:
        live: Whether the account is a real one.
    """

    def __init__(self, account: Account, path: Path, send: Wire) -> None:
        """Wrap an account.

        Args:
            account: The account.
            path: The cassette to write.
            send: Sends a request to the account.
        """
        self.live: bool = getattr(account, "live", False)
        self.carrier = account.carrier
        self.credentials = account.credentials
        self.sip_config = account.sip_config
        self._account = account
        self._path = path
        self._send = send
        self._secret = _secret_names(account.carrier)
        self._scrubber = Scrubber(_secrets(account, self._secret))
        self._made: list[Interaction] = []
        self._observed: list[Observation] = []
        self._states: dict[str, int] = {}
        self._sdk = ""
        self._size = 0
        self._unfit = False
        self._lock = threading.Lock()

    @property
    def wire(self) -> Wire:
        """The account, one request at a time."""
        return self._exchange

    def finish(self, *, passed: bool) -> str | None:
        """Write the cassette of a test that passed, unless it is too large or holds what no cassette can hold.

        Args:
            passed: Whether the test passed.

        Returns:
            What is wrong, when nothing may be written because a secret would be; None otherwise.
        """
        if not passed or self._unfit or not self._made:
            return None
        draft = self._path.with_suffix(".draft")
        try:
            cassettes.save(draft, self._about(), _ordered(self._made))
            text = draft.read_text(encoding="utf-8")
            if len(text) > cassettes.LARGEST:
                return None
            leaked = self._scrubber.leaks(text)
            if not leaked:
                draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)
        return f"{self._path.name} was not written: it would hold {', '.join(leaked)}" if leaked else None

    def _about(self) -> About:
        return About(
            recorded_from="live" if self.live else "sandbox",
            recorded_on=datetime.now(UTC).date(),
            carrier=self.carrier,
            test=self._path.stem,
            voipkit=metadata.version("voipkit"),
            sdk=self._sdk,
            credentials={n: v for n, v in self.credentials.items() if n not in self._secret},
            sip_config={n: v for n, v in self.sip_config.items() if n not in self._secret},
            routes=_or_none(lambda: tuple(self._account.routes)),
            foreign_route=_or_none(lambda: self._account.foreign_route),
            page_size=self._account.page_size,
            observed=tuple(self._observed),
        )

    # --- The wire

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; one at a time, so that it can be told which of them the account counted as what."""
        with self._lock:
            counted, written = self._counts(), self._account.writes()
            try:
                status, answered, content = self._send(method, url, headers, body)
            except OSError:
                self._unfit = True  # the format has no word for an answer that never came
                raise
            lowered = {name.lower(): value for name, value in answered.items()}
            if lowered.pop("content-encoding", "") == "gzip":
                content = _decompressed(content)
            self._sdk = headers.get("user-agent", "").partition(" ")[2].partition(" ")[0]
            self._size += len(content)
            self._unfit = self._unfit or self._size > cassettes.LARGEST
            if not self._unfit:
                now = self._counts()
                kind: Kind = next((kind for kind in now if now[kind] > counted[kind]), "any")
                changed = self._account.writes() > written
                self._keep(method, url, headers, body, (status, lowered, content), kind, changed=changed)
            return status, lowered, content

    def _keep(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        answer: tuple[int, Mapping[str, str], bytes],
        kind: Kind,
        *,
        changed: bool,
    ) -> None:
        """Keep an exchange without secrets: nothing that holds one outlives the call."""
        status, answered, content = answer
        self._made.append(
            Interaction(
                method=method,
                url=self._scrubber.text(url),
                asked=self._scrubber.asked(headers),
                body=self._scrubber.body(body),
                status=status,
                answered=self._scrubber.answered(answered),
                content=self._scrubber.body(content),
                kind=kind,
                changed=changed,
            )
        )

    def _counts(self) -> dict[Kind, int]:
        return _or_none(lambda: {kind: self._account.requests(kind) for kind in _COUNTED}) or {}

    def serve(self) -> AbstractContextManager[str]:
        """Refuse: what goes past the wire is not heard."""
        msg = "what goes past the wire is not recorded"
        raise CannotArrange(msg)

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests; on replay they are counted anew."""
        return self._account.requests(kind)

    def writes(self) -> int:
        """Count the requests that changed something; likewise."""
        return self._account.writes()

    # --- What is arranged and looked at

    @property
    def routes(self) -> Sequence[Route]:
        """The account's routes."""
        return self._account.routes

    @property
    def foreign_route(self) -> Route:
        """The account's foreign route."""
        return self._account.foreign_route

    @property
    def page_size(self) -> int | None:
        """The account's page size."""
        return self._account.page_size

    def numbers(self) -> Sequence[str]:
        """Return the account's numbers."""
        return self._kept("numbers", list(self._account.numbers()))

    def add_numbers(self, count: int) -> Sequence[str]:
        """Add numbers."""
        return self._kept("add_numbers", list(self._account.add_numbers(count)), count)

    def add_silent_number(self) -> str:
        """Add a number that cannot take calls."""
        return self._kept("add_silent_number", self._account.add_silent_number())

    def remove_numbers(self) -> None:
        """Take all numbers out."""
        self._account.remove_numbers()
        self._kept("remove_numbers", None)

    def put_route(self, number: str, route: Route | None) -> None:
        """Route a number."""
        self._account.put_route(number, route)
        self._kept("put_route", None, number, _plain(route))

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong."""
        self._account.fail(kind, fault, page=page, calls=calls)
        self._kept("fail", None, kind, fault.kind, fault.http_status, page, calls)

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return what is stored of a number; only which states are alike is kept, since they are only ever compared."""
        state = self._account.state_of(number)
        told = json.dumps(state, sort_keys=True, default=repr)
        self._kept("state_of", self._states.setdefault(told, len(self._states) + 1), number)
        return state

    def route_of(self, number: str) -> Route | None:
        """Return where a number's calls go."""
        route = self._account.route_of(number)
        self._kept("route_of", _plain(route), number)
        return route

    def _kept(self, asked: str, answer: T, *about: object) -> T:
        self._observed.append(Observation(asked=asked, about=about, answer=answer))
        return answer


def _or_none(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except CannotArrange:
        return None


def _plain(route: Route | None) -> dict[str, Any] | None:
    return route.model_dump(mode="json", exclude_none=True) if route else None


def _ordered(made: Sequence[Interaction]) -> list[Interaction]:
    """Sort interactions by URL, and by time at each: several may be in flight together, in another order each time."""
    return sorted(made, key=lambda each: each.url)


def _fields(carrier: str) -> Iterator[FormField]:
    for method in registry.provider_info(carrier).setup_methods:
        yield from (*method.fields, *method.sip_fields)


def _secret_names(carrier: str) -> frozenset[str]:
    return frozenset(name for f in _fields(carrier) if f.secret for name in (f.name, f.alias))


def _secrets(account: Account, names: frozenset[str]) -> dict[str, str]:
    given = {**account.sip_config, **account.credentials}
    return {name: str(value) for name, value in given.items() if name in names}
