"""Where a page ended, as opaque text, and what both stores ask of their callers."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Literal

from voipkit.errors import ConfigurationError, StoreRefused

__all__ = ["LARGEST_PAGE", "Listing", "check_tenant", "cursor_after", "page_size", "place_of"]

Listing = Literal["connections", "numbers", "versions", "audit", "jobs", "items"]
LARGEST_PAGE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TENANT = 200
_LONGEST_CURSOR = 200
_LARGEST_ID = 2**63 - 1


def cursor_after(listing: Listing, created_at: datetime, record_id: int) -> str:
    """Return the cursor of the page that begins right after a record."""
    place = [listing, (created_at - _EPOCH) // timedelta(microseconds=1), record_id]
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).rstrip(b"=").decode()


def place_of(listing: Listing, cursor: str | None) -> tuple[datetime, int] | None:
    """Read a cursor: the last record's ``created_at`` and id; None for the first page.

    Raises:
        StoreRefused: It is not one of this kind of listing.
    """
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor[:_LONGEST_CURSOR] + "=" * (-len(cursor) % 4)))
        name, microseconds, record_id = place
        known = name == listing and type(microseconds) is int and type(record_id) is int
        if known and 0 <= record_id <= _LARGEST_ID:
            return _EPOCH + timedelta(microseconds=microseconds), record_id
    except (TypeError, ValueError, OverflowError, RecursionError):  # binascii's and json's errors are ValueErrors
        pass
    raise StoreRefused(f"The cursor is not one of a page of {listing}.", fix="Begin again without a cursor.")


def page_size(limit: int) -> int:
    """Return how many records a page may hold.

    Raises:
        ConfigurationError: It is not 1 to 1,000.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise ConfigurationError(f"A page of {limit} was asked for.", fix=f"Ask for 1 to {LARGEST_PAGE:,}.")
    return limit


def check_tenant(org_id: object) -> str:
    """Return the tenant.

    Raises:
        ConfigurationError: It is no text of 1 to 200 printable characters.
    """
    if isinstance(org_id, str) and 0 < len(org_id) <= _LONGEST_TENANT and org_id.isprintable():
        return org_id
    raise ConfigurationError(
        "org_id names no tenant.", fix=f"Give a text of 1 to {_LONGEST_TENANT} printable characters."
    )
