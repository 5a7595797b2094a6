"""Arrays of records: whole, or page by page with the way to the next page in a ``Link`` header (RFC 8288)."""

from __future__ import annotations

from typing import Annotated, Any, Protocol, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Response

from voipkit.errors import StoreRefused
from voipkit.models.connections import Page
from voipkit.web import wording
from voipkit.web.answers import Answer
from voipkit.web.calls import Call
from voipkit.web.problem import FieldError, Refused

__all__ = ["LINK_HEADER", "MOST_AT_ONCE", "Cursor", "Limit", "listed"]

A = TypeVar("A", bound=Answer)

MOST_AT_ONCE = 10_000
"""Most records in an answer to a request without ``limit``."""
_PAGE = 1000

Limit = Annotated[
    int | None,
    Query(ge=1, le=_PAGE, description=f"Records a page. Without it: all of them, if at most {MOST_AT_ONCE:,}."),
]
Cursor = Annotated[
    str | None,
    Query(max_length=1024, pattern=wording.NO_SPACES, description="Where the page begins: from the `Link` header."),
]
LINK_HEADER: dict[str, Any] = {
    "Link": {
        "description": '`<?limit=...&cursor=...>; rel="next"`, absent on the last page.',
        "schema": {"type": "string"},
    }
}


class Fetch(Protocol):
    """A listing of the service."""

    def __call__(self, org_id: str, /, *, limit: int, cursor: str | None) -> Page[Any]:
        """Return one page."""


async def listed(
    call: Call, fetch: Fetch, answer: type[A], response: Response, limit: int | None, cursor: str | None
) -> list[A]:
    """Return the records that were asked for. An array is never cut short silently.

    Args:
        call: The request at hand.
        fetch: The service's listing.
        answer: The wire form of a record.
        response: Gets the ``Link`` header where there is a next page.
        limit: Records a page; None takes all.
        cursor: Where to begin.
    """

    def page(org_id: str) -> list[A]:
        found = _first(fetch, org_id, limit or _PAGE, cursor)
        if limit is None:
            return [answer.of(record) for record in _every(fetch, org_id, found)]
        if found.next_cursor is not None:
            response.headers["Link"] = f'<?{urlencode({"limit": limit, "cursor": found.next_cursor})}>; rel="next"'
        return [answer.of(record) for record in found.items]

    return await call.stored(page)


def _first(fetch: Fetch, org_id: str, limit: int, cursor: str | None) -> Page[Any]:
    try:
        return fetch(org_id, limit=limit, cursor=cursor)
    except StoreRefused:
        if cursor is None:
            raise
        raise _wrong("cursor", "is not one of this listing.", "cursor", "Take it from a Link header.") from None


def _wrong(field: str, problem: str, code: str, fix: str) -> Refused:
    error = FieldError(location="query", field=field, problem=problem, code=code)
    return Refused(422, "invalid_field", f"The query parameter '{field}' {problem}", fields=(error,), fix=fix)


def _every(fetch: Fetch, org_id: str, first: Page[Any]) -> list[Any]:
    records, page = list(first.items), first
    while page.next_cursor is not None:
        if len(records) >= MOST_AT_ONCE:
            text = f"is required: there are more than {MOST_AT_ONCE:,} records."
            raise _wrong("limit", text, "limit_required", f"Send ?limit={_PAGE} and follow the Link header.")
        page = fetch(org_id, limit=_PAGE, cursor=page.next_cursor)
        records.extend(page.items)
    return records
