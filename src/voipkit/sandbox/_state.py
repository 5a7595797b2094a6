"""What both simulators keep their objects in: shelves, deterministic ids and telephone numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Generic, TypeVar, overload

T = TypeVar("T")

# The sandbox has no clock of its own: a run today and a run next year give the same bytes.
BIRTHDAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

# Area codes whose numbers Google's libphonenumber accepts in every exchange 200-999 (sampled on 2026-11-21).
AREA_CODES = ("212", "415", "312", "206", "303", "617", "213", "404", "512", "602")
# 555 belongs to fiction and to the default numbers; the N11 codes (411, 911, ...) are services.
EXCHANGES = tuple(str(code) for code in range(200, 1000) if code != 555 and code % 100 != 11)  # noqa: PLR2004
SUBSCRIBERS = 10_000


class Shelf(Generic[T]):
    """Hold a carrier's objects of one kind, in the order in which they were made.

    Iterate it, count it, and take one by its place (``shelf[0]``), by its id (``shelf["PN..."]``) or by a
    slice. Tests may `remove` and `clear` as they like.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        return iter(self._by_id.values())

    def __contains__(self, id_: object) -> bool:
        return id_ in self._by_id

    @overload
    def __getitem__(self, place: int | str) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | str | slice) -> T | list[T]:
        if isinstance(place, str):
            return self._by_id[place]
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step < 1:
                return list(self)[place]
            return list(islice(self._by_id.values(), start, stop, step))
        from_the_end = place < 0
        where = -1 - place if from_the_end else place
        if where >= len(self):
            raise IndexError(place)
        things = reversed(self._by_id.values()) if from_the_end else iter(self._by_id.values())
        return next(islice(things, where, None))

    def add(self, id_: str, thing: T) -> T:
        """Put a thing on the shelf.

        Args:
            id_: Its id at the carrier.
            thing: The object.

        Returns:
            The same object.
        """
        self._by_id[id_] = thing
        return thing

    def get(self, id_: str | None) -> T | None:
        """Return the thing with this id, or None."""
        return None if id_ is None else self._by_id.get(id_)

    def remove(self, id_: str) -> T:
        """Take the thing with this id off the shelf and return it.

        Raises:
            KeyError: Nothing has this id.
        """
        return self._by_id.pop(id_)

    def clear(self) -> None:
        """Take everything off the shelf."""
        self._by_id.clear()


@dataclass
class Mint:
    """Make ids, times and telephone numbers that are the same in every run with the same seed.

    Attributes:
        seed: Any text; two carriers of one sandbox use different ones.
    """

    seed: str
    _random: random.Random = field(init=False, repr=False)
    _made: int = field(default=0, init=False)
    _numbers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 (ids of a simulator, not secrets)

    def hex(self, digits: int = 32) -> str:
        """Return lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def sid(self, prefix: str) -> str:
        """Return a Twilio SID: two letters and 32 lower-case hexadecimal digits."""
        return prefix + self.hex()

    def integer_id(self) -> str:
        """Return a Telnyx id: a 19-digit decimal string (below 2**63, as the vendor's ids are int64)."""
        return str(2_000_000_000_000_000_000 + self._random.getrandbits(59))

    def uuid(self) -> str:
        """Return a UUID-shaped id (version and variant bits set as in RFC 9562, version 4)."""
        raw = self.hex()
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"

    def tick(self) -> int:
        """Return the next second since `BIRTHDAY`; later objects are younger."""
        self._made += 1
        return self._made

    def phone_number(self) -> str:
        """Return the next unused valid North American number in E.164, spread over ten area codes."""
        turn, self._numbers = self._numbers, self._numbers + 1
        rest, area = divmod(turn, len(AREA_CODES))
        exchange, subscriber = divmod(rest, SUBSCRIBERS)
        return f"+1{AREA_CODES[area]}{EXCHANGES[exchange]}{subscriber:04d}"


def iso8601(second: int, *, millis: bool = False) -> str:
    """Return the time ``second`` seconds after `BIRTHDAY` as ISO 8601 in UTC, e.g. ``2026-01-05T09:00:01Z``."""
    moment = BIRTHDAY + timedelta(seconds=second)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z" if millis else "%Y-%m-%dT%H:%M:%SZ")


def rfc2822(second: int) -> str:
    """Return the time ``second`` seconds after `BIRTHDAY` as RFC 2822, e.g. ``Mon, 05 Jan 2026 09:00:01 +0000``."""
    return (BIRTHDAY + timedelta(seconds=second)).strftime("%a, %d %b %Y %H:%M:%S +0000")
