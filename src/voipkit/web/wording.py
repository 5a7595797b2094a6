"""What is said of a field that is wrong: one sentence a code, in words of ours, to be read after the field's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["AREA_CODE", "E164", "IDENTIFIER", "METHOD", "NO_SPACES", "STATE", "STATUS", "worded"]

# The forms that a field may have, as OpenAPI tells them.
AREA_CODE = "^[0-9]{3}$"
E164 = r"^\+[1-9][0-9]{1,14}$"
IDENTIFIER = "^[a-z][a-z0-9_.-]{0,30}$"
METHOD = "^(GET|POST)$"
NO_SPACES = "^[!-~]+$"
STATE = "^[A-Z]{2}$"
STATUS = "^(active|released)$"

_FORMS = {
    AREA_CODE: "must be three digits.",
    E164: "must be a number in E.164, such as +15550001234.",
    IDENTIFIER: "must begin with a small letter, and hold at most 31 small letters, digits and the signs _ . -",
    METHOD: "must be GET or POST.",
    NO_SPACES: "must be of printable ASCII characters without spaces.",
    STATE: "must be two capital letters.",
    STATUS: "must be active or released.",
}

_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is missing.",
    "extra_forbidden": lambda _: "is not a field of this body.",
    "string_type": lambda _: "must be text.",
    "int_type": lambda _: "must be a whole number.",
    "int_parsing": lambda _: "must be a whole number.",
    "int_parsing_size": lambda _: "is too large a number.",
    "bool_type": lambda _: "must be true or false.",
    "bool_parsing": lambda _: "must be true or false.",
    "dict_type": lambda _: "must be a JSON object.",
    "model_type": lambda _: "must be a JSON object.",
    "list_type": lambda _: "must be a list.",
    "literal_error": lambda limit: f"must be {limit['expected']}.",
    "greater_than_equal": lambda limit: f"must be at least {limit['ge']:,}.",
    "less_than_equal": lambda limit: f"must be at most {limit['le']:,}.",
    "less_than": lambda limit: f"must be less than {limit['lt']:,}.",
    "string_pattern_mismatch": lambda limit: _FORMS[limit["pattern"]],
    "too_long": lambda limit: f"must have at most {_counted(limit, 'max_length')}.",
    "too_short": lambda limit: f"must have at least {_counted(limit, 'min_length')}.",
    "string_too_long": lambda limit: f"must have at most {_counted(limit, 'max_length')}.",
    "string_too_short": lambda limit: f"must have at least {_counted(limit, 'min_length')}.",
}


def worded(entry: Mapping[str, Any]) -> str:
    """Return what is wrong, from an entry of pydantic's; its own words where a type of error is not ours.

    Args:
        entry: Its type, message, and the limits that were passed over; the input is not looked at.
    """
    sentence = _SENTENCES.get(entry["type"])
    return sentence(entry.get("ctx", {})) if sentence else str(entry["msg"])


def _counted(limit: Mapping[str, Any], name: str) -> str:
    thing = "item" if limit.get("field_type") == "List" else "character"
    return f"{limit[name]:,} {thing}{'' if limit[name] == 1 else 's'}"
