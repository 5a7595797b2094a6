"""The calls at the scripted SIP peer: INVITE server transactions and dialogs (RFC 3261 sections 12, 13, 17.2.1)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from voipkit.sandbox.sip_journal import Flow, Journal
from voipkit.sandbox.sip_message import SipMessage, split_list
from voipkit.sandbox.sip_scenarios import Call, Reply

__all__ = ["Answering", "Calls"]

FINAL, REFUSED = 200, 300
KEPT = 5_000
T1 = 0.5
"""Seconds: round-trip estimate, first retransmission interval (RFC 3261 section 17.1.1.1)."""
T2 = 4.0
"""Seconds: longest interval between retransmissions."""
LIFETIME = 64 * T1
"""Seconds: how long a final response is repeated for want of an ACK (Timer H)."""

Bridge = Callable[[SipMessage, Callable[[int], None], asyncio.Event], Awaitable[None]]
"""Place the onward call of an INVITE, report its codes, and cancel it when the event is set."""


@dataclass(frozen=True)
class Answering:
    """Say how responses are made and sent.

    Attributes:
        respond: Builds and sends one response on a flow, and returns it: request, flow, reply, To tag.
        journal: Where broken rules go.
        route: Route set that requests in a dialog must carry, in order; empty for none.
        contact: The URI that requests in a dialog must name; "" when any will do.
    """

    respond: Callable[[SipMessage, Flow, Reply, str], bytes]
    journal: Journal
    route: tuple[str, ...]
    contact: str


@dataclass
class _Fork:
    """One To tag of a call."""

    code: int
    acked: bool = False
    ended: bool = False


@dataclass
class _Call:
    """One INVITE and everything that came of it."""

    request: SipMessage
    flow: Flow
    script: Call
    how: Answering
    bridge: Bridge | None = None
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    forks: dict[str, _Fork] = field(default_factory=dict)
    last: bytes = b""
    rang: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def final(self) -> bool:
        return bool(self.forks)

    # --- Playing the script -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._spawn(self._onward(self.bridge) if self.bridge else self._play(self.script.replies))

    def cancel(self) -> None:
        self.cancelled.set()
        if self.bridge is None:
            self.stop()
            self._spawn(self._play(self.script.cancelled))

    def stop(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def _play(self, replies: tuple[Reply, ...]) -> None:
        for reply in replies:
            for _ in range(reply.repeat):
                await asyncio.sleep(reply.after)
                self._send(reply)

    async def _onward(self, bridge: Bridge) -> None:
        self._send(Reply(100))
        await bridge(self.request, lambda code: self._send(Reply(code)), self.cancelled)

    def _send(self, reply: Reply) -> None:
        tag = f"{self.tag}{reply.tag}"
        self.last = self.how.respond(self.request, self.flow, reply, tag)
        if reply.code < FINAL:
            self.rang = True
        elif not reply.spoil:
            self.forks[tag] = _Fork(reply.code)
            # A 2xx is repeated on every transport (13.3.1.4), another final on UDP only (17.2.1).
            if reply.code < REFUSED or not self.flow.reliable:
                self._spawn(self._repeat(self.last, self.forks[tag]))

    async def _repeat(self, data: bytes, fork: _Fork) -> None:
        waited, interval = 0.0, T1
        while waited < LIFETIME:
            await asyncio.sleep(interval)
            if fork.acked:
                return
            self.flow.send(data)
            waited, interval = waited + interval, min(2 * interval, T2)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- What is left of it -------------------------------------------------------------------------------------------

    def leftovers(self) -> list[str]:
        name = f"call {self.request.call_id}"
        if not self.forks:
            return [f"{name} still rings"] if self.rang else []
        left = []
        for fork in self.forks.values():
            if not fork.acked:
                left.append(f"{name}: {fork.code} was not acknowledged")
            if fork.code < REFUSED and not fork.ended:
                left.append(f"{name} is still up")
        return left


class Calls:
    """Hold the calls since the start or the last `clear`, by the branch of their INVITE; the last 5,000 of them."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def clear(self) -> None:
        """End every timer and forget every call."""
        for call in self._calls.values():
            call.stop()
        self._calls.clear()

    def leftovers(self) -> list[str]:
        """Name every call that rings or is up, and every final response that was not acknowledged."""
        return [text for call in list(self._calls.values()) for text in call.leftovers()]

    def repeated(self, request: SipMessage, flow: Flow) -> bool:
        """Answer an INVITE that came before as it was answered then; say whether it did."""
        call = self._calls.get(request.branch)
        if call is None:
            return False
        if call.last:
            flow.send(call.last)
        return True

    def invite(
        self, request: SipMessage, flow: Flow, script: Call, how: Answering, bridge: Bridge | None = None
    ) -> None:
        """Begin a call; an empty script leaves the INVITE without an answer."""
        self._calls[request.branch] = call = _Call(request, flow, script, how, bridge)
        if len(self._calls) > KEPT:
            self._calls.pop(next(iter(self._calls))).stop()
        call.start()

    def cancel(self, request: SipMessage, flow: Flow) -> None:
        """Take a CANCEL (section 9.2)."""
        call = self._calls.get(request.branch)
        if call is None:
            return
        if not call.rang:
            call.how.journal.violations.append("CANCEL: before any provisional response (9.1)")
        if request.cseq[0] != call.request.cseq[0] or request.uri != call.request.uri:
            call.how.journal.violations.append("CANCEL: another Request-URI or CSeq number than its INVITE (9.1)")
        if call.script.cancel_code:
            call.how.respond(request, flow, Reply(call.script.cancel_code), call.tag)
        if not call.cancelled.is_set() and not call.final:
            call.cancel()

    def ack(self, request: SipMessage) -> None:
        """Take an ACK: a refusal's has the INVITE's branch (17.1.1.3), an answer's one of its own (13.2.2.4)."""
        found = self._find(request)
        if found is None:
            return
        call, fork = found
        answered, same = fork.code < REFUSED, request.branch == call.request.branch
        if answered == same:
            which = "an answer has a branch of its own" if answered else "a refusal has the INVITE's branch"
            call.how.journal.violations.append(f"ACK: that of {which}")
        if request.cseq[0] != call.request.cseq[0]:
            call.how.journal.violations.append("ACK: another CSeq number than its INVITE")
        if not answered or self._on_route(request, call):
            fork.acked = True

    def bye(self, request: SipMessage, flow: Flow, how: Answering) -> None:
        """Take a BYE; one that does not follow the route finds nobody, as behind a real proxy."""
        found = self._find(request)
        if found is None or found[1].code >= REFUSED:
            how.respond(request, flow, Reply(481), "")
            return
        call, fork = found
        if not self._on_route(request, call):
            call.how.respond(request, flow, Reply(404), "")
            return
        if request.cseq[0] <= call.request.cseq[0]:
            call.how.journal.violations.append("BYE: its CSeq number is not higher than the INVITE's (12.2.1.1)")
        fork.ended = True
        call.how.respond(request, flow, Reply(200), "")

    def _find(self, request: SipMessage) -> tuple[_Call, _Fork] | None:
        for call in self._calls.values():
            same = call.request.call_id == request.call_id and call.request.tag("from") == request.tag("from")
            if same and (fork := call.forks.get(request.tag("to"))):
                return call, fork
        return None

    def _on_route(self, request: SipMessage, call: _Call) -> bool:
        route = tuple(split_list(request.all("route")))
        right = route == call.how.route and (not call.how.contact or request.uri == call.how.contact)
        if not right:
            call.how.journal.violations.append(
                f"{request.method}: not along the route set to the remote target (12.2.1.1)"
            )
        return right
