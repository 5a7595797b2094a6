"""Faults over any simulator: what a carrier's author puts around a wire of their own to make it an `Account`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

from voipkit.sandbox import Fault
from voipkit.sandbox._faults import LOSING, FaultPlan, Injection, spoil
from voipkit.sandbox.box import Outcome
from voipkit.sandbox.server import serving
from voipkit.testing.accounts import CannotArrange, Kind

__all__ = ["Answer", "Asked", "FaultyWire"]

Answer: TypeAlias = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""
Asked: TypeAlias = tuple[Kind, int | None]
"""What a request is for, and which page of the listing it asks for (from 1; None when it is no page)."""

_ERROR = 400
_NEEDS_THE_CARRIER = frozenset({"duplicate_at_page_edge", "endless_pages", "lying_total"})


class FaultyWire:
    """A wire around a simulator: it counts what is asked, and lets go wrong what `Account.fail` was told.

    Three faults lie about pages, which only the simulator knows how to do; tests that need them are skipped. Call it
    like any wire, and give it `serve`, `fail`, `requests` and `writes` of `Account` to do.
    """

    def __init__(
        self,
        answer: Callable[[str, str, Mapping[str, str], bytes], Answer],
        asked: Callable[[str, str], Asked],
        *,
        error: Callable[[int, str], bytes] = lambda _, words: json.dumps({"error": words}).encode(),
        required: frozenset[str] = frozenset(),
    ) -> None:
        """Wrap a simulator.

        Args:
            answer: The simulator: method, URL, headers (lower case) and body to an answer. It must be thread-safe.
            asked: Says of a method and a URL what the request is for.
            error: Makes the body of an error, in the carrier's own form, of a status and words.
            required: Names of fields that are never null or empty at this carrier.
        """
        self._answer = answer
        self._asked = asked
        self._error = error
        self._required = required
        self._plan = FaultPlan()
        self._counts: dict[Kind, int] = {"any": 0, "list": 0, "read": 0, "write": 0}
        self._writes = 0
        self._first_page: Answer | None = None
        self._lock = threading.Lock()

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request in process.

        Raises:
            TimeoutError: As a fault says.
            ConnectionResetError: As a fault says.
        """
        outcome = self._exchange(method, url, headers, body)
        if outcome.ending == "timeout":
            raise TimeoutError("told not to answer")
        if outcome.ending in ("reset", "reset_mid_body"):
            raise ConnectionResetError("told to drop the connection")
        return outcome.status, outcome.headers, outcome.body

    def serve(self) -> AbstractContextManager[str]:
        """Serve the simulator over HTTP; see `Account.serve`."""

        def exchange(method: str, url: str, headers: object, body: bytes | None) -> Outcome:
            pairs = headers.items() if isinstance(headers, Mapping) else (headers or ())
            return self._exchange(method, url, dict(pairs), body or b"")  # type: ignore[call-overload]

        return serving(exchange, port=0, latency=0.0, patience=30.0)

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong from now on; see `Account.fail`."""
        if fault.kind in _NEEDS_THE_CARRIER:
            msg = f"this account's simulator cannot be told to lie about its pages ({fault.kind})"
            raise CannotArrange(msg)
        with self._lock:
            which = None if calls is None else frozenset([calls])
            self._plan.injections.append(Injection("", "*" if kind == "any" else kind, fault, which, None, page))

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests so far; see `Account.requests`."""
        return self._counts[kind]

    def writes(self) -> int:
        """Count the requests that changed something; see `Account.writes`."""
        return self._writes

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        lowered = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            kind, page = self._asked(method, url)
            self._counts[kind] += 1
            self._counts["any"] += 1
            fault = self._plan.pick("", kind, page)
        if fault is not None and not fault.applied:
            return self._instead(fault, lowered)
        status, answered, content = self._answer(method, url, lowered, body)
        if fault is not None and fault.kind == "repeat_page" and kind == "list" and page is not None:
            status, answered, content = self._first_page = self._first_page or (status, answered, content)
        with self._lock:
            self._writes += kind == "write" and status < _ERROR
        if fault is not None and fault.kind in LOSING:
            return Outcome(status, dict(answered), content, fault.kind, fault.seconds)
        if fault is not None and status < _ERROR and content and fault.kind != "repeat_page":
            content = spoil(fault, json.loads(content), self._required)
        return Outcome(status, dict(answered), content)

    def _instead(self, fault: Fault, headers: Mapping[str, str]) -> Outcome:
        if fault.kind in LOSING:
            return Outcome(0, {}, b"", fault.kind)
        kind = {"Content-Type": "text/html" if fault.kind == "html" else "application/json"}
        if fault.kind == "status":
            content = self._error(fault.http_status, "told to fail")
        elif fault.kind == "echo_secret":
            content = self._error(401, f"not accepted: {' '.join(headers.values())}")
        else:
            content = fault.raw
        return Outcome(fault.http_status, {**kind, **fault.headers}, content)
