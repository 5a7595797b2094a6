"""What keeps probes from doing harm by repetition: one at a time for each trunk, and none with a refused password.

Carriers lock an account, or an address, after a few wrong passwords (seen: 403 for the right one as well, after three).
So a refusal is remembered for as long as the process lives, and the same password is not sent to the same trunk again
for 1, 5, then 30 minutes. What is remembered is a keyed hash; the key exists in this process alone.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import blake2b

from voipkit.sip.target import Target

__all__ = ["FLIGHTS", "REJECTIONS", "Flights", "Rejections", "forget_rejections"]

_WAITS = (60.0, 300.0, 1800.0)
_MOST_REMEMBERED = 10_000
_KEY = secrets.token_bytes(32)


class Rejections:
    """The memory of refused passwords.

    Args:
        clock: Seconds; any monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, target: Target) -> float | None:
        """Return the seconds for which this password is not to be sent again; None when it may be."""
        with self._lock:
            _, until = self._refused.get(_fingerprint(target), (0, 0.0))
        left = until - self._clock()
        return left if left > 0 else None

    def refused(self, target: Target) -> None:
        """Remember that the carrier refused it; each time in a row lengthens the wait."""
        key = _fingerprint(target)
        with self._lock:
            times = self._refused.pop(key, (0, 0.0))[0]
            self._refused[key] = (times + 1, self._clock() + _WAITS[min(times, len(_WAITS) - 1)])
            while len(self._refused) > _MOST_REMEMBERED:
                self._refused.popitem(last=False)

    def accepted(self, target: Target) -> None:
        """Forget earlier refusals: it works now."""
        with self._lock:
            self._refused.pop(_fingerprint(target), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._refused.clear()


class Flights:
    """One probe at a time for each trunk, over all threads and event loops of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[bytes, deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def one(self, target: Target, timeout: float) -> AsyncIterator[bool]:  # noqa: ASYNC109 - it answers, not raises
        """Wait for the trunk's turn.

        Args:
            target: The trunk.
            timeout: Seconds.

        Yields:
            Whether it is our turn; False when the time was over first.
        """
        key = _hashed(*_trunk(target))
        mine = await self._take(key, timeout)
        try:
            yield mine
        finally:
            if mine:
                self._pass_on(key)

    async def _take(self, key: bytes, timeout: float) -> bool:  # noqa: ASYNC109 - see `one`
        loop = asyncio.get_running_loop()
        with self._lock:
            if key not in self._waiting:
                self._waiting[key] = deque()
                return True
            turn: asyncio.Future[None] = loop.create_future()
            self._waiting[key].append((loop, turn))
        try:
            async with asyncio.timeout(timeout):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._pass_on(key)  # it became our turn while we were leaving
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def _pass_on(self, key: bytes) -> None:
        with self._lock:
            queue = self._waiting[key]
            while queue:
                loop, turn = queue.popleft()
                try:
                    loop.call_soon_threadsafe(self._hand_over, key, turn)
                except RuntimeError:  # that loop was closed; who waited there is gone
                    continue
                return
            del self._waiting[key]

    def _hand_over(self, key: bytes, turn: asyncio.Future[None]) -> None:
        if turn.done():  # who waited has left
            self._pass_on(key)
        else:
            turn.set_result(None)


REJECTIONS = Rejections()
FLIGHTS = Flights()
"""The process's own."""


def forget_rejections() -> None:
    """Forget which passwords were refused, so that they may be tried again at once: for tests, and after an unlock."""
    REJECTIONS.clear()


def _trunk(target: Target) -> tuple[str, ...]:
    host, port = target.send_to
    return host, str(port or ""), target.sip_domain, target.digest_user or ""


def _fingerprint(target: Target) -> bytes:
    password = target.password.get_secret_value() if target.password else ""
    return _hashed(*_trunk(target), password)


def _hashed(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), key=_KEY, digest_size=16).digest()
