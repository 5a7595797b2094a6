"""Read fields of a carrier's answer that may be absent, null, empty, or of another type than documented."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

__all__ = ["NOT_SHOWN", "decimal", "text"]

NOT_SHOWN = "not shown"
"""The routing of a number whose record lacks the field: neither free nor known, so it cannot be put back."""


def text(value: object) -> str | None:
    """Read a field that may be absent, null, "" or a number: ids are texts, whatever JSON made of them."""
    return None if value is None or value == "" else str(value)


def decimal(value: object) -> Decimal | None:
    """Read an amount of money, or None where there is none."""
    try:
        amount = Decimal(text(value) or "NaN")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
