"""What a caller may pass, checked before anything is read or written; an error names the argument."""

from __future__ import annotations

from collections.abc import Iterable

from voipkit.adapting.numbers import e164
from voipkit.errors import InvalidField, InvalidNumber, ObjectNotFound, StoreNotFound
from voipkit.models import OnConflict, PhoneNumber
from voipkit.store import StoreTransaction

__all__ = ["conflict_rule", "is_id", "label", "name", "not_found", "number", "numbers", "opaque", "page_size", "tenant"]

LONGEST_NAME = 100
_LONGEST_TEXT = 200  # as a store takes
_LARGEST_PAGE = 1000
_LARGEST_ID = 2**63 - 1


def tenant(org_id: object, field: str = "org_id") -> str:
    """Return a tenant's id, or refuse what is none."""
    text = opaque(org_id, field)
    if text is None:
        raise InvalidField(f"{field} is required.", field=field, fix="Pass the tenant's id, opaque text.")
    return text


def opaque(value: object, field: str) -> str | None:
    """Return a host's own text: an actor, a key, an id."""
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise InvalidField(
            f"{field} is not printable text of 1 to {_LONGEST_TEXT} characters.",
            field=field,
            fix=f"Correct {field}.",
        )
    return value


def name(value: object, field: str = "name") -> str | None:
    """Return a name for people, without white space at its ends."""
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise InvalidField(
            f"{field} is not printable text of 1 to {LONGEST_NAME} characters.", field=field, fix=f"Shorten {field}."
        )
    return text


def label(value: object) -> str | None:
    """Return a label; empty text clears it."""
    return name(value, "label") if value else None


def page_size(limit: object) -> int:
    """Return a page's size."""
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _LARGEST_PAGE:
        raise InvalidField(f"limit is not 1 to {_LARGEST_PAGE}.", field="limit", fix="Read on with the cursor.")
    return limit


def conflict_rule(value: object) -> OnConflict:
    """Return what to do with a number that is routed elsewhere."""
    if value == "refuse" or value == "overwrite":  # noqa: PLR1714 - mypy narrows each
        return value
    raise InvalidField("on_conflict is neither 'refuse' nor 'overwrite'.", field="on_conflict", fix="Leave it out.")


def numbers(given: Iterable[object], most: int) -> tuple[str, ...]:
    """Return E.164 numbers, each once.

    Raises:
        InvalidField: One is not E.164, is there twice, or there are none or too many; the first such is named.
    """
    if isinstance(given, str):
        raise InvalidField("numbers is one text.", field="numbers", fix="Pass a list of E.164 numbers.")
    seen: dict[str, int] = {}
    for index, each in enumerate(given):
        if index >= most:
            raise InvalidField(
                f"There are more than {most} numbers.", field="numbers", fix="Send fewer, or use start_import."
            )
        number = _number(each, f"numbers[{index}]")
        if number in seen:
            raise InvalidField(
                f"numbers[{index}] repeats numbers[{seen[number]}].",
                field=f"numbers[{index}]",
                fix="Give each number once.",
            )
        seen[number] = index
    if not seen:
        raise InvalidField("numbers is empty.", field="numbers", fix="Give at least one E.164 number.")
    return tuple(seen)


def _number(given: object, field: str) -> str:
    try:
        return e164(given)
    except InvalidNumber as error:
        raise InvalidField(f"{field}: {error.message}", field=field, fix=error.fix) from None


def is_id(value: object) -> bool:
    """Say whether a value can be an id at all; what cannot is answered as not found, never passed on to a database."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID


def number(tx: StoreTransaction, number_id: int, *, lock: bool = False) -> PhoneNumber:
    """Return a number of the tenant.

    Raises:
        ObjectNotFound: There is none of that id.
    """
    if not is_id(number_id):
        raise not_found("number", number_id)
    try:
        return tx.number(number_id, lock=lock)
    except StoreNotFound:
        raise not_found("number", number_id) from None


def not_found(kind: str, object_id: object) -> ObjectNotFound:
    """Say that this tenant has no such object."""
    shown = str(object_id)[:40] if isinstance(object_id, int | str) else type(object_id).__name__
    return ObjectNotFound(f"There is no {kind} {shown}.", object=kind, fix=f"List the {kind}s of this tenant.")
