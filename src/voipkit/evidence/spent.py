"""The list of evidence that was used up."""

from __future__ import annotations

from heapq import heappop, heappush
from threading import Lock

from voipkit.evidence.claims import CLOCK_SKEW, LONGEST_TTL

_REMEMBERED = (LONGEST_TTL + CLOCK_SKEW).total_seconds()


class MemorySpentEvidence:
    """A spent-list in this process's memory; safe for threads, not shared with other processes.

    It asks no clock, so a clock that is set back revives nothing. No token lives longer than 24 hours, so entries
    that expire more than that before the latest one are forgotten, and whatever expires that early is refused unseen.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._spent: set[str] = set()
        self._by_expiry: list[tuple[float, str]] = []
        self._forgotten_until = float("-inf")

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used; of two callers with the same id exactly one gets True.

        Args:
            evidence_id: The token's ``jti``.
            expires_at: Its expiry in POSIX seconds.

        Returns:
            True when it had not been used before.
        """
        with self._lock:
            if evidence_id in self._spent or expires_at <= self._forgotten_until:
                return False
            self._spent.add(evidence_id)
            heappush(self._by_expiry, (expires_at, evidence_id))
            self._forgotten_until = max(self._forgotten_until, expires_at - _REMEMBERED)
            while self._by_expiry[0][0] <= self._forgotten_until:
                self._spent.discard(heappop(self._by_expiry)[1])
            return True
