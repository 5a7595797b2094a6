"""Acme, simulated: its HTTP API with state, for tests. It knows nothing of the adapter, and the adapter nothing of it.

- ``GET /v2/account``
- ``GET /v2/numbers?limit=&after=``: a page; ``after`` in the answer leads to the next one and is null on the last
- ``GET /v2/numbers/{id}``, ``PATCH /v2/numbers/{id}`` with ``line``, ``forward_to`` or both
- ``GET /v2/lines/{id}``

The key is in the header ``X-Acme-Key``. Errors are ``{"problem": "...", "detail": "..."}``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["AcmeSimulator", "problem"]

_ROUTING = frozenset({"line", "forward_to"})


def problem(status: int, detail: str) -> bytes:
    """Return the body of an error in Acme's form."""
    names = {401: "key_unknown", 403: "scope_missing", 404: "not_found", 429: "too_many_requests"}
    return json.dumps({"problem": names.get(status, f"http_{status}"), "detail": detail}).encode()


class AcmeSimulator:
    """One account at Acme.

    Attributes:
        key: The API key that is accepted.
        scopes: What the key may ask for.
        account: What ``GET /v2/account`` gives.
        lines: The lines by id.
        numbers: The numbers by id.
        lie: How pages lie: ``duplicate_at_page_edge`` repeats a number, ``endless_pages`` never ends, None is honest.
    """

    key: ClassVar[str] = "acme_0123456789abcdef01234567"

    def __init__(self) -> None:
        self.account: dict[str, Any] = {"id": "ac_1001", "name": "Acme Main", "state": "open"}
        self.lines: dict[str, dict[str, Any]] = {}
        self.numbers: dict[str, dict[str, Any]] = {}
        self.scopes = {"account", "lines", "numbers"}
        self.lie: str | None = None
        self._lock = threading.Lock()
        for line, name in (("ln_main", "Main"), ("ln_desk", "Front desk")):
            self.lines[line] = {
                "id": line, "name": name, "state": "live", "destination": f"sip:{line}@pbx.example.com",
                "registered": True, "calls_out": True,
            }  # fmt: skip

    def add_number(self, *, features: tuple[str, ...] = ("VOICE", "SMS")) -> dict[str, Any]:
        """Add a number that goes nowhere; return what Acme stores of it."""
        count = len(self.numbers)
        handle = f"nm_{count:05d}"
        self.numbers[handle] = {
            "id": handle, "number": f"1415{2000000 + count}", "label": f"Number {count}", "state": "active",
            "features": list(features), "line": None, "forward_to": None,
            "monthly": {"amount": "1.15", "currency": "USD"},
        }  # fmt: skip
        return self.numbers[handle]

    # --- HTTP

    def answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer one request; header names are in lower case."""
        if headers.get("x-acme-key") != self.key:
            status, content = 401, problem(401, "No such key.")
        else:
            with self._lock:
                status, content = self._answer(method, url, body)
        return status, {"content-type": "application/json"}, content

    def _answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        resource, _, name = parts.path.partition("/v2/")[2].partition("/")
        name = unquote(name)
        if resource not in self.scopes:
            return 403, problem(403, f"This key has no scope for {resource}.")
        if (method, resource, name) == ("GET", "account", ""):
            return _ok(self.account)
        if (method, resource, name) == ("GET", "numbers", ""):
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return _ok(self._page(asked.get("after"), int(asked.get("limit", "50"))))
        shelf = {"lines": self.lines, "numbers": self.numbers}.get(resource, {})
        if name not in shelf:
            return 404, problem(404, f"Nothing is at {method} {parts.path}.")
        if (method, resource) == ("PATCH", "numbers"):
            return self._change(shelf[name], json.loads(body))
        return _ok(shelf[name]) if method == "GET" else (405, problem(405, "Not that way."))

    def _page(self, after: str | None, limit: int) -> Mapping[str, Any]:
        """Cut a page: a cursor is ``c`` and how many numbers were given before it."""
        start = int(after.removeprefix("c")) if after else 0
        rows, end = list(self.numbers.values()), start + limit
        more = end < len(rows)
        if self.lie == "endless_pages":
            start, more = start % max(1, len(rows)), True
        if self.lie == "duplicate_at_page_edge" and start:
            start -= 1
        return {"numbers": rows[start:end] or rows[:limit], "after": f"c{end}" if more else None}

    def _change(self, number: dict[str, Any], wanted: Mapping[str, Any]) -> tuple[int, bytes]:
        if number["state"] == "porting":
            return 409, json.dumps({"problem": "number_porting", "detail": "The number is being ported."}).encode()
        line = wanted.get("line")
        if not wanted.keys() <= _ROUTING or (line is not None and line not in self.lines):
            return 422, problem(422, "No such field, or no such line.")
        number.update(wanted)
        return _ok(number)


def _ok(document: Mapping[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps(document).encode()
