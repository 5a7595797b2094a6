"""How evidence writes bytes, reads JSON, and tells people the time."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any


def b64(raw: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes | None:
    """Decode base64url; None unless it is the one way to write these bytes, so that no two tokens mean the same."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return raw if b64(raw) == text else None


def json_object(raw: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else, and for a key that is there twice."""
    try:
        value = _STRICT.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_distinct)


def utc(time: datetime) -> str:
    """Write a moment to the second; it must be in UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def span_text(span: timedelta) -> str:
    """Write hours:minutes:seconds, with a minus sign where Python would borrow a day."""
    return f"{'-' if span < timedelta(0) else ''}{timedelta(seconds=round(abs(span).total_seconds()))}"
