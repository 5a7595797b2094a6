r"""What DNIDs say: which of them stand for a number, and which others may take that number's calls.

A DNID's ``source`` is what its owner wrote, its ``dnid`` the regular expression that Cloudonix made of it. One of four
kinds is a plain text; the others (prefix, expression, asteriskCompatible) are patterns. No number is made from a
pattern, nor from a plain text that is no phone number: an extension, a name.
The match is literal: ``+14155550100`` does not match a call that arrives for ``14155550100``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from voipkit.adapting.numbers import canonical, country_of
from voipkit.adapting.reading import NOT_SHOWN, text
from voipkit.models import ProviderNumber, Route
from voipkit.providers.cloudonix.api import Json, is_called

__all__ = [
    "Owned",
    "as_number",
    "is_blackhole",
    "is_drain",
    "missing",
    "numbers",
    "owned",
    "rule_of",
    "rules",
    "spelled",
]

_PATTERNS = ("prefix", "expression", "asteriskCompatible")
# ^(\+14155550100)$ and the like; a bare number too, which dograh has met.
_PLAIN = re.compile(r"\^\(?((?:\\?\+)?\d+)\)?\$|(\+?\d+)")
# An expression that is safe to try: signs, digits and classes one by one, repeated at most once, at the end.
_SIMPLE = re.compile(r"\^?\(?(?:\\\+|\\d|\d|\.|\[[0-9-]+\])*[+*]?\)?\$?")


class Owned(NamedTuple):
    """A number's DNID, and the others that may take its calls.

    Attributes:
        raw: The DNID.
        twins: Active plain DNIDs of the same number in another spelling.
        patterns: Active patterns that match the number, or that cannot be judged.
    """

    raw: Json
    twins: tuple[Json, ...]
    patterns: tuple[Json, ...]


def spelled(raw: Json) -> str | None:
    """Read the plain number that a DNID stands for, as it is spelled there; None for a pattern."""
    if any(raw.get(kind) is True for kind in _PATTERNS):
        return None
    found = _PLAIN.fullmatch(text(raw.get("source")) or text(raw.get("dnid")) or "")
    return (found[1] or found[2]).replace("\\", "") if found else None


def number_of(raw: Json) -> str | None:
    """Read the number that a DNID stands for in E.164; None for a pattern, an extension or a name."""
    plain = spelled(raw)
    number = canonical(plain) if plain else ""
    return number if number.startswith("+") else None


def rules(rows: Iterable[Json]) -> list[Json]:
    """Find the DNIDs that stand for no single phone number."""
    return [raw for raw in rows if number_of(raw) is None]


def rule_of(raw: Json) -> str:
    """Show what a DNID matches, as its owner wrote it where Cloudonix shows that."""
    return text(raw.get("source")) or text(raw.get("dnid")) or ""


def owned(rows: Iterable[Json], wanted: frozenset[str] | None = None) -> dict[str, Owned]:
    """Find the numbers that a domain's DNIDs stand for.

    Args:
        rows: Every DNID of the domain.
        wanted: E.164 of the numbers to find; None means all, and then patterns are not looked at.

    Returns:
        By E.164, in the listing's order. Of two spellings the active one counts, then the one with a plus.
    """
    plain: dict[str, list[Json]] = {}
    patterns: list[Json] = []
    for raw in rows:
        number = number_of(raw)
        if number is None:
            # An extension is matched literally: it takes no other number's calls.
            patterns += [raw] if raw.get("active") is not False and spelled(raw) is None else []
        elif wanted is None or number in wanted:
            plain.setdefault(number, []).append(raw)
    found = {}
    for number, alike in plain.items():
        first, *twins = sorted(alike, key=lambda raw: (raw.get("active") is False, (spelled(raw) or "")[:1] != "+"))
        text_of = spelled(first) or ""
        wider = tuple(raw for raw in patterns if wanted is not None and _may_match(raw, text_of))
        found[number] = Owned(first, tuple(raw for raw in twins if raw.get("active") is not False), wider)
    return found


def _may_match(raw: Json, plain: str) -> bool:
    """Say whether a pattern matches a number; one that is too involved to be tried counts as matching."""
    source, expression = text(raw.get("source")), text(raw.get("dnid"))
    if raw.get("prefix") is True and source:
        return plain.startswith(source)
    if expression is None or not _SIMPLE.fullmatch(expression):
        return True
    try:
        return re.search(expression, plain) is not None
    except re.error:
        return True


# --- as voipkit shows them -------------------------------------------------------------------------------------------


def numbers(rows: Iterable[Json]) -> list[ProviderNumber]:
    """Map every plain number of a domain."""
    return [as_number(number, each.raw) for number, each in owned(rows).items()]


def as_number(number: str, raw: Json) -> ProviderNumber:
    """Map a number. Cloudonix knows neither its kind nor its fee, which are the other carrier's."""
    application_id = text(raw.get("applicationId"))
    active = raw.get("active")
    return ProviderNumber(
        id=str(raw["id"]),
        number=number,
        raw=spelled(raw) or number,
        capabilities=("voice",),  # a DNID is a rule for calls
        country=country_of(number),
        status=("active" if active else "inactive") if isinstance(active, bool) else None,
        active=active is not False,
        route=None if is_blackhole(raw) else _application(application_id),
        routing={"application_id": application_id or NOT_SHOWN},
    )


def _application(application_id: str | None) -> Route | None:
    try:
        return Route.application(application_id) if application_id else None
    except ValueError:  # an id with a space in it: keep the number, its routing field still says it
        return None


def missing(number: str) -> ProviderNumber:
    """Describe a number that has no DNID, and may get one."""
    return ProviderNumber(
        id=number,
        number=number,
        raw=number,
        capabilities=("voice",),
        country=country_of(number),
        routing={"application_id": None},
    )


def is_blackhole(raw: Json) -> bool:
    """Say whether a DNID's calls go to the built-in application that drops them: such a number is free.

    The other built-in one, Call-Routing, connects calls, and is somebody's routing like any other.
    """
    application = raw.get("application")
    return isinstance(application, dict) and is_drain(application)


def is_drain(application: Json) -> bool:
    """Say whether an application is the built-in Blackhole."""
    return is_called(application, "Blackhole") and application.get("type") == "Cloudonix:built-in"
