"""What can go wrong between a carrier and its client, and when.

A `Fault` says what goes wrong. A `FaultPlan` knows which calls it strikes. Faults come in three sorts:

- those that replace the answer before the carrier acts: ``status``, ``html``, ``body``, ``echo_secret``;
- those that lose or delay the answer: ``timeout``, ``reset``, ``reset_mid_body``, ``slow_drip``;
- those that spoil an answer that the carrier did give: all the others.

`spoil` at the end of this module does the third sort. The page faults are not done there but in
`voipkit.sandbox._kernel.cut`, because they lie about a list and not about its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Json: TypeAlias = dict[str, object]

PAGE_FAULTS = frozenset({"duplicate_at_page_edge", "endless_pages", "lying_total", "repeat_page"})
REPLACING = frozenset({"status", "html", "body", "echo_secret"})
LOSING = frozenset({"timeout", "reset", "reset_mid_body", "slow_drip"})


@dataclass(frozen=True)
class Fault:
    """Describe one thing that goes wrong; make it with one of the class methods.

    Attributes:
        kind: The name of the class method.
        http_status: HTTP status of an answer that replaces the carrier's.
        code: The carrier's own error code; None takes the usual one for that status.
        headers: Response headers to add.
        raw: Body bytes that replace the carrier's.
        seconds: Seconds per byte (``slow_drip``).
        pages: How many pages too many the listing claims (``lying_total``); negative claims too few.
        applied: The carrier did act, although the client never heard so. Only of interest for writes.
    """

    kind: str
    http_status: int = 200
    code: int | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    seconds: float = 0.0
    pages: int = 0
    applied: bool = True

    @classmethod
    def status(
        cls,
        http_status: int,
        code: int | str | None = None,
        retry_after: float | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Answer with an error in the carrier's own form; the carrier does not act.

        Args:
            http_status: HTTP status, e.g. 401, 403, 404, 409, 422, 429, 500, 502 or 503.
            code: The carrier's error code; None takes the usual one for that status.
            retry_after: Value of a ``Retry-After`` header (seconds, or an HTTP date); None sends none.
            headers: More response headers.
        """
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        return cls("status", http_status=http_status, code=code, headers=extra, applied=False)

    @classmethod
    def timeout(cls, *, applied: bool = False) -> Fault:
        """Never answer; ``applied`` says whether the carrier acted all the same."""
        return cls("timeout", applied=applied)

    @classmethod
    def reset(cls, *, applied: bool = False) -> Fault:
        """Drop the connection without an answer; ``applied`` says whether the carrier acted all the same."""
        return cls("reset", applied=applied)

    @classmethod
    def reset_mid_body(cls) -> Fault:
        """Drop the connection in the middle of the answer; the carrier has acted."""
        return cls("reset_mid_body")

    @classmethod
    def html(cls, status: int = 502) -> Fault:
        """Answer with a proxy's HTML page, with status 200 or an error status; the carrier does not act."""
        page = b"<!DOCTYPE html>\n<html><head><title>Upstream</title></head><body><h1>Upstream</h1></body></html>\n"
        return cls("html", http_status=status, raw=page, applied=False)

    @classmethod
    def body(cls, raw: bytes, status: int = 200) -> Fault:
        """Answer with these bytes, labelled as JSON; the carrier does not act."""
        return cls("body", http_status=status, raw=raw, applied=False)

    @classmethod
    def echo_secret(cls) -> Fault:
        """Answer 401 with an error body that repeats the credential that was sent."""
        return cls("echo_secret", http_status=401, applied=False)

    @classmethod
    def slow_drip(cls, seconds_per_byte: float) -> Fault:
        """Send the body one byte at a time (served sandbox only; in process the answer is whole)."""
        return cls("slow_drip", seconds=seconds_per_byte)

    @classmethod
    def truncated_json(cls) -> Fault:
        """Send only the first half of the body, with a Content-Length that agrees."""
        return cls("truncated_json")

    @classmethod
    def json_array(cls) -> Fault:
        """Send the answer wrapped in a JSON array, where an object is due."""
        return cls("json_array")

    @classmethod
    def empty_body(cls) -> Fault:
        """Send the right status and headers with no body."""
        return cls("empty_body")

    @classmethod
    def nulls(cls) -> Fault:
        """Send null in every field that the carrier's document does not require."""
        return cls("nulls")

    @classmethod
    def empty_strings(cls) -> Fault:
        """Send "" in every string field that the carrier's document does not require."""
        return cls("empty_strings")

    @classmethod
    def extra_field(cls) -> Fault:
        """Send a field that the carrier's document does not know, in the body and in each record."""
        return cls("extra_field")

    @classmethod
    def duplicate_at_page_edge(cls) -> Fault:
        """Shift a listing by one after its first page, as a purchase does: page 2 begins with the end of page 1."""
        return cls("duplicate_at_page_edge")

    @classmethod
    def endless_pages(cls) -> Fault:
        """Claim after every page that there is one more; past the end the listing starts again."""
        return cls("endless_pages")

    @classmethod
    def repeat_page(cls) -> Fault:
        """Answer every page of a listing with its first page, links and page number included."""
        return cls("repeat_page")

    @classmethod
    def lying_total(cls, pages: int = 1) -> Fault:
        """Claim more (or, negative, fewer) pages than the listing has; those past the end are empty."""
        return cls("lying_total", pages=pages)


@dataclass
class Injection:
    """Strike some calls of one operation (or of all, ``"*"``) of one carrier with one fault."""

    carrier: str
    operation: str
    fault: Fault
    calls: frozenset[int] | None = None
    times: int | None = None
    page: int | None = None
    seen: int = 0
    struck: int = 0

    def strikes(self, carrier: str, operation: str, page: int | None) -> bool:
        """Count this call, and say whether the fault strikes it."""
        if carrier != self.carrier or self.operation not in ("*", operation):
            return False
        self.seen += 1
        if self.calls is not None and self.seen not in self.calls:
            return False
        if self.page is not None and page != self.page:
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        self.struck += 1
        return True


@dataclass
class FaultPlan:
    """Keep the injections of one sandbox; the first that strikes a call wins, and all of them count it."""

    injections: list[Injection] = field(default_factory=list)

    def pick(self, carrier: str, operation: str, page: int | None) -> Fault | None:
        """Return the fault for this call, if any."""
        struck = None
        for injection in self.injections:
            if struck is None:
                if injection.strikes(carrier, operation, page):
                    struck = injection.fault
            elif carrier == injection.carrier and injection.operation in ("*", operation):
                injection.seen += 1
        return struck


def spoil(fault: Fault, payload: object, required: Collection[str]) -> bytes:
    """Return the bytes of an answer after a fault spoiled it.

    Args:
        fault: What goes wrong.
        payload: The carrier's answer as JSON values.
        required: Field names that ``nulls`` and ``empty_strings`` must leave alone.
    """
    match fault.kind:
        case "truncated_json":
            whole = json.dumps(payload).encode()
            return whole[: len(whole) // 2]
        case "json_array":
            return json.dumps([payload]).encode()
        case "empty_body":
            return b""
        case "nulls":
            payload = _each_record(payload, lambda record: _nulled(record, required))
        case "empty_strings":
            payload = _each_record(payload, lambda record: _emptied(record, required))
        case "extra_field":
            payload = _each_record(payload, lambda record: {**record, "x_unheard_of": {"since": 2031}})
            if isinstance(payload, dict):
                payload = {**payload, "x_unheard_of": [1, "two", None]}
    return json.dumps(payload).encode()


# A body with one of these keys is a page of records, and not a record.
_PAGED = frozenset({"meta", "page_size", "per_page"})
# A list of records under one of these names makes its body a page, too.
_LISTS = frozenset({"data", "numbers"})


def _each_record(payload: object, change: Callable[[Json], Json]) -> object:
    """Apply a change to every record of an answer: the items of its list, its ``data``, or the body itself."""
    if isinstance(payload, list):
        return [change(item) if isinstance(item, dict) else item for item in payload]
    if not isinstance(payload, dict):
        return payload
    lists = [key for key, value in payload.items() if isinstance(value, list) and _records(value)]
    paged = not _PAGED.isdisjoint(payload)
    if lists and (paged or not _LISTS.isdisjoint(lists)):
        return _in_lists(payload, change)
    if isinstance(payload.get("_embedded"), dict):
        # HAL wraps the records of a page once more (RFC draft-kelly-json-hal-08).
        return {**payload, "_embedded": _in_lists(payload["_embedded"], change)}
    if isinstance(payload.get("data"), dict):
        return {**payload, "data": change(payload["data"])}
    return payload if paged else change(payload)


def _in_lists(page: Json, change: Callable[[Json], Json]) -> Json:
    return {
        key: [change(item) for item in value] if isinstance(value, list) and _records(value) else value
        for key, value in page.items()
    }


def _records(value: list[object]) -> bool:
    return all(isinstance(item, dict) for item in value)


def _nulled(record: Json, required: Collection[str]) -> Json:
    return {key: value if key in required else None for key, value in record.items()}


def _emptied(record: Json, required: Collection[str]) -> Json:
    def emptied(value: object) -> object:
        if isinstance(value, str):
            return ""
        return {key: emptied(inner) for key, inner in value.items()} if isinstance(value, dict) else value

    return {key: value if key in required else emptied(value) for key, value in record.items()}
