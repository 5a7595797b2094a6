"""What the simulators' records have in common, under names of each carrier's own."""

from __future__ import annotations

_NAMES = ("phone_number", "e164", "number", "msisdn", "source")


def e164(record: object) -> str:
    """Return the number of a simulator's record, with its plus, whatever the carrier calls the field."""
    value = next(str(getattr(record, name)) for name in _NAMES if getattr(record, name, None))
    return value if value.startswith("+") else f"+{value}"
