"""The way of one probe: its time, its one resolution, the address it stays with, and the flow that is open."""

from __future__ import annotations

import asyncio
import logging

from voipkit.sip.call import Call
from voipkit.sip.outcomes import Hop, Outcome, Resolution
from voipkit.sip.resolve import resolve
from voipkit.sip.running import GUARDS
from voipkit.sip.target import Budgets, Target
from voipkit.sip.trace import Trace
from voipkit.sip.transport import Flow, FlowFailed, Lost, open_flow
from voipkit.sip.verdicts import outcome

__all__ = ["Settled", "Way"]

_log = logging.getLogger("voipkit.sip")

_MOST_HOPS = 3  # addresses that a connection is tried to; UDP has no connection and stays with the first


class Settled(Exception):
    """An operation need not go on: its outcome is known."""

    def __init__(self, found: Outcome) -> None:
        super().__init__(found.verdict)
        self.found = found


class Way:
    """How a probe gets to its trunk.

    Args:
        target: The trunk.
        budgets: Seconds for each part.
        trace: Records the exchange.

    Attributes:
        calls: Every call that was placed, for the guard.
    """

    def __init__(self, target: Target, budgets: Budgets, trace: Trace | None) -> None:
        self.calls: list[Call] = []
        self._target = target
        self._budgets = budgets
        self._trace = trace
        self._resolution: Resolution | None = None
        self._pinned: Hop | None = None
        self._flow: Flow | None = None
        self._ends: float | None = None
        self._opening = asyncio.Lock()

    # --- time ---------------------------------------------------------------------------------------------------------

    def left(self) -> float:
        """Return the seconds that are left of the whole probe; the first question starts the clock."""
        now = asyncio.get_running_loop().time()
        if self._ends is None:
            self._ends = now + self._budgets.whole
        return self._ends - now

    def extend(self, seconds: float) -> None:
        """Leave time out of the account that was spent waiting for somebody else's probe."""
        if self._ends is not None:
            self._ends += seconds

    # --- address and flow ---------------------------------------------------------------------------------------------

    async def resolve(self) -> Resolution:
        """Find the address, once for the life of the probe."""
        if self._resolution is None:
            if self.left() <= 0:
                return Resolution((), (), self.outcome("probe.out_of_time"))
            found = await resolve(self._target, timeout=min(self._budgets.dns, self.left()))
            for step in found.steps:
                self._note(step)
            self._note(f"{self._target.send_to[0]}: {', '.join(map(str, found.hops)) or found.outcome.message}")
            self._resolution = found
        return self._resolution

    async def flow(self) -> Flow:
        """Return the flow, opening it where there is none, or where the far end closed it.

        Raises:
            Settled: It cannot be opened.
            ConfigurationError: The CA file cannot be read.
        """
        async with self._opening:
            if self._flow is not None and self._flow.lost is None:
                return self._flow
            if self._flow is not None:
                await self._flow.close()
            found = await self.resolve()
            if not found.hops:
                raise Settled(found.outcome)
            self._flow = await self._open(found.hops)
            self._pinned = self._flow.hop
            return self._flow

    async def close(self, *, wait: bool) -> None:
        """Close the flow when no call can be up any more; see `Prober.aclose`."""
        flow, self._flow = self._flow, None
        if flow is None:
            return
        unanswered = [call for call in self.calls if not call.answered]
        task = asyncio.create_task(_wind_up(flow, unanswered, self._budgets.linger), name="voipkit-sip-guard")
        GUARDS.add(task)
        task.add_done_callback(GUARDS.discard)
        if wait or flow.settled:
            await asyncio.shield(task)

    async def _open(self, hops: tuple[Hop, ...]) -> Flow:
        """Open a flow to the first address that takes one, or to the one that took it before: all were judged."""
        if self.left() <= 0:
            raise Settled(self.outcome("probe.out_of_time"))
        failed: tuple[Hop, Lost] | None = None
        for hop in (self._pinned,) if self._pinned else hops[:_MOST_HOPS]:
            left = max(0.01, self.left())
            budgets = Budgets(connect=min(self._budgets.connect, left), tls=min(self._budgets.tls, left))
            try:
                return await open_flow(
                    hop, self._target.tls_name, budgets, ca_file=self._target.ca_file, trace=self._trace
                )
            except FlowFailed as error:
                self._note(f"{hop}: {error.lost.verdict} {error.lost.detail}")
                failed = failed or (hop, error.lost)
                if error.lost.verdict.startswith("tls."):
                    failed = (hop, error.lost)
                    break  # a bad certificate is never got around
        assert failed is not None
        raise Settled(self.outcome(failed[1].verdict, peer=str(failed[0]), detail=failed[1].detail))

    # --- words --------------------------------------------------------------------------------------------------------

    def outcome(self, code: str, *, peer: str = "", detail: str = "", **facts: object) -> Outcome:
        """Fill in a row of the table with what is known of the way."""
        where = peer or (str(self._pinned) if self._pinned else "")
        host = self._target.tls_name if code.startswith("tls.") else self._target.send_to[0]
        return outcome(code, host=host, peer=where, detail=detail, **facts)

    def _note(self, text: str) -> None:
        if self._trace:
            self._trace.note(text)


async def _wind_up(flow: Flow, unanswered: list[Call], linger: float) -> None:
    """Keep a flow until no call can be up, then close it; what happened to a call after its report goes to the log."""
    try:
        await flow.until(lambda: flow.settled, linger + 1.0)
    finally:
        for call in unanswered:
            if call.answered:
                call_id = call.request.first("call-id")
                _log.warning("The call with Call-ID %s was answered after its report; it was hung up at once.", call_id)
        await flow.close()
