"""An account that is a cassette: what was recorded is answered once each, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from voipkit.adapting.transport import Wire
from voipkit.models import Route
from voipkit.sandbox import Fault
from voipkit.testing import cassettes
from voipkit.testing.accounts import Account, CannotArrange, Kind
from voipkit.testing.recording import _plain, _secret_names, _secrets
from voipkit.testing.scrubbing import Scrubber

if TYPE_CHECKING:
    from vcr.request import Request

__all__ = ["ReplayedAccount"]

_CURE = "If that is meant, record it again: docs/recording.md."


class ReplayedAccount:
    """An `Account` as one test found it when it was recorded.

    It opens with the recorded account's public fields, and with the simulated account's secrets: a cassette holds none,
    and none is compared. How many requests came, and how many changed something, is counted anew.

    Attributes:
        live: Whether a real account was recorded.
        replayed: True: nobody is there who would have to be spared.
        carrier: The carrier's name.
        credentials: See above.
        sip_config: Likewise.
        page_size: As recorded.
        about: What the cassette says of itself.
    """

    replayed = True

    def __init__(self, path: Path, simulated: Account) -> None:
        """Load a cassette.

        Args:
            path: Its file.
            simulated: Gives the secrets.

        Raises:
            MissingExtra: vcrpy is not installed.
            ValueError: It is no cassette of ours.
        """
        self.about, self._cassette = cassettes.load(path)
        self.live = self.about.recorded_from == "live"
        self.carrier = self.about.carrier
        self.credentials = _filled(simulated.credentials, self.about.credentials)
        self.sip_config = _filled(simulated.sip_config, self.about.sip_config)
        self.page_size = self.about.page_size
        self._path = path
        self._scrubber = Scrubber(_secrets(simulated, _secret_names(self.carrier)))
        self._observed = list(self.about.observed)
        self._asked: list[tuple[Kind, bool]] = []
        self._wrong: list[str] = []
        self._lock = threading.Lock()

    def finish(self, *, passed: bool) -> str | None:
        """Say what was not as recorded.

        Args:
            passed: Whether the test passed; one that failed need not have used everything.

        Returns:
            What differs: a request that was not recorded, or a recording that was not asked for; None when nothing
            does.
        """
        wrong = list(self._wrong)
        if passed and not wrong:
            counts = self._cassette.play_counts
            unused = [r for at, r in enumerate(self._cassette.requests) if not counts[at]]
            wrong += [f"{r.method} {r.uri}\nwas recorded, and is not sent any more." for r in unused]
            wrong += [
                f"{o.asked} was looked at or arranged when recorded, and is not any more." for o in self._observed
            ]
        return "\n\n".join([f"{self.carrier}/{self._path.name}:", *wrong, _CURE]) if wrong else None

    # --- The wire

    @property
    def wire(self) -> Wire:
        """The cassette."""
        return self._answer

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer a request as recorded; a request that was not recorded meets nobody.

        Raises:
            ConnectionError: It was not recorded; `finish` says how it differs.
        """
        request = self._blanked(method, url, headers, body)
        with self._lock:
            if not self._cassette.can_play_response_for(request):
                self._asked.append(("any", False))
                self._wrong.append(
                    f"{method} {request.uri}\nwas not recorded. {cassettes.closest(self._cassette, request)}"
                )
                msg = "not recorded"
                raise ConnectionError(msg)
            answer: dict[str, Any] = self._cassette.play_response(request)
            self._asked.append((answer["voipkit"]["kind"], answer["voipkit"]["changed"]))
        answered = {name: values[0] for name, values in answer["headers"].items()}
        return answer["status"]["code"], answered, answer["body"]["string"]

    def _blanked(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
        from vcr.request import Request

        return Request(method, self._scrubber.text(url), self._scrubber.body(body), self._scrubber.asked(headers))

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests so far."""
        return sum(1 for each, _ in self._asked if kind in ("any", each))

    def writes(self) -> int:
        """Count the requests so far that changed something when they were recorded."""
        return sum(1 for _, changed in self._asked if changed)

    def serve(self) -> AbstractContextManager[str]:
        """Refuse: there is nobody behind a cassette."""
        _cannot("be served")

    # --- What was arranged and looked at

    @property
    def routes(self) -> Sequence[Route]:
        """The routes, as recorded."""
        return self.about.routes if self.about.routes is not None else _cannot("name its routes")

    @property
    def foreign_route(self) -> Route:
        """The foreign route, as recorded."""
        return self.about.foreign_route or _cannot("name a route of somebody else's")

    def numbers(self) -> Sequence[str]:
        """Return the numbers as they were at this point."""
        found: list[str] = self._told("numbers")
        return found

    def add_numbers(self, count: int) -> Sequence[str]:
        """Return the numbers that were added at this point."""
        found: list[str] = self._told("add_numbers", count)
        return found

    def add_silent_number(self) -> str:
        """Return the number that was added at this point."""
        return str(self._told("add_silent_number"))

    def remove_numbers(self) -> None:
        """Check that the numbers were taken out at this point."""
        self._told("remove_numbers")

    def put_route(self, number: str, route: Route | None) -> None:
        """Check that the number was routed so at this point."""
        self._told("put_route", number, _plain(route))

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Check that this was told to go wrong at this point."""
        self._told("fail", kind, fault.kind, fault.http_status, page, calls)

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return which of the states that were seen this one is."""
        return {"state": self._told("state_of", number)}

    def route_of(self, number: str) -> Route | None:
        """Return where the number's calls went at this point."""
        found = self._told("route_of", number)
        return Route.model_validate(found) if found else None

    def _told(self, asked: str, *about: Any) -> Any:
        """Return what was recorded next.

        Raises:
            AssertionError: The test arranges or looks at something else than when it was recorded.
        """
        told = self._observed.pop(0) if self._observed else None
        if told is None or (told.asked, told.about) != (asked, about):
            was = f"{told.asked}{told.about}" if told else "nothing more"
            msg = f"{self._path.name}: the test asks its account for {asked}{about}; recorded was {was}. {_CURE}"
            raise AssertionError(msg)
        return told.answer


def _filled(simulated: Mapping[str, object], public: Mapping[str, object]) -> dict[str, object]:
    return {name: public.get(name, value) for name, value in simulated.items()}


def _cannot(what: str) -> NoReturn:
    msg = f"a recorded account cannot {what}"
    raise CannotArrange(msg)
