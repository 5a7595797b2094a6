"""A SIP trunk on the loopback interface that does as it is told: registrar, call path and journal.

    from voipkit.sandbox.sip_peer import SipPeer

    with SipPeer("late-200") as peer:            # SCENARIOS names what it can do
        ...                                      # speak SIP to 127.0.0.1, port peer.port("udp"), "tcp" or "tls"
        assert peer.settle() == ()               # no call, no binding, no connection is left
        assert peer.journal.violations == []     # and the client kept to the RFCs

It runs in a thread of its own, so that it serves synchronous and asynchronous clients alike, uses the standard library
only (TLS certificates come from `cryptography`), and answers nobody beyond this machine.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Self, TypeVar

from voipkit.sandbox.sip_calls import Answering, Bridge, Calls
from voipkit.sandbox.sip_certificates import issue
from voipkit.sandbox.sip_dialling import Dialled, Dialler
from voipkit.sandbox.sip_journal import Flow, Journal
from voipkit.sandbox.sip_message import SipMessage, parse, uri_user, violations
from voipkit.sandbox.sip_registrar import Registrar, SipAccount, challenges
from voipkit.sandbox.sip_scenarios import REASONS, SCENARIOS, Call, Digest, Policy, Reply, Scenario
from voipkit.sandbox.sip_sockets import Sockets
from voipkit.sandbox.sip_spoiling import spoilt

__all__ = ["SipPeer"]

ACCOUNT = SipAccount("alice", "wonderland-7f3a")
NAMES = ("trunk.test", "localhost", "127.0.0.1")
REFUSED, DIALOG_MAKING = 300, 100
_REMEMBERED = 2_000
_START_LIMIT = 10.0
_POLL = 0.01
_ROUTE_RING = 20.0

_Result = TypeVar("_Result")


class SipPeer:
    """Play a trunk while the ``with`` block runs.

    Attributes:
        host: Address that it listens on, always a loopback one.
        journal: What it saw.
        registrar: Accounts, bindings and wrong answers.
        caller_ids: Numbers that may stand in From; empty for any.
        routes: Where the calls to a number go on to: address and port by number (a DID table). Such a call gets what
            the far end answers, through a new Call-ID, From tag and no header of the caller's own.
        shown_caller: The caller ID with which such a call goes on; None keeps the caller's own.
    """

    def __init__(
        self,
        scenario: str | Scenario = "normal",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        accounts: Sequence[SipAccount] = (ACCOUNT,),
        caller_ids: Sequence[str] = (),
        certificate_names: Sequence[str] = NAMES,
    ) -> None:
        """Prepare a peer; it listens from ``with`` on.

        Args:
            scenario: What it does: a name in `SCENARIOS`, or a scenario.
            host: Loopback address.
            port: Port for UDP and TCP; 0 takes a free one.
            tls_port: Port for TLS; 0 takes a free one.
            accounts: Its customers.
            caller_ids: Numbers that may stand in From; empty for any.
            certificate_names: Names in its TLS certificate.

        Raises:
            ValueError: There is no such scenario, or the address is not a loopback one.
        """
        if not host.startswith("127."):
            raise ValueError(f"{host} is not a loopback address; the peer answers nobody beyond this machine")
        self.host = host
        self.journal = Journal()
        self.registrar = Registrar(list(accounts))
        self.caller_ids = tuple(caller_ids)
        self.routes: dict[str, tuple[str, int]] = {}
        self.shown_caller: str | None = None
        self._scenario = _scenario(scenario)
        self._wanted = (port, tls_port)
        self._names = tuple(certificate_names)
        self._calls = Calls()
        self._sockets = Sockets(host, self.journal, self._received, self._scenario.loss, self._scenario.copies)
        self._dialler = Dialler(self._sockets.send_to, lambda: (host, self.port("udp")))
        self._answered: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None

    # --- Running it ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="voipkit-sip-")
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="voipkit-sip-peer", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_LIMIT):
            self._failure = TimeoutError(f"the SIP peer did not start within {_START_LIMIT:.0f} s")
        if self._failure is not None:
            self.__exit__()
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(_START_LIMIT)
        if self._files is not None:
            self._files.cleanup()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            assert self._files is not None
            made = issue(Path(self._files.name), self._names)
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
            tls.load_cert_chain(made.certificate, made.key)
            await self._sockets.open(*self._wanted, tls)
        except OSError as error:
            self._failure = error
            self._stop.set()
        self._started.set()
        await self._stop.wait()
        self._calls.clear()
        for task in list(self._tasks):
            task.cancel()
        await self._sockets.close()

    # --- Looking at it, and changing it -------------------------------------------------------------------------------

    @property
    def account(self) -> SipAccount:
        """The first account."""
        return self.registrar.accounts[0]

    @property
    def ca_file(self) -> Path:
        """The certificate that a TLS client must trust."""
        assert self._files is not None, "the peer is not running"
        return Path(self._files.name) / "ca.pem"

    def port(self, transport: str) -> int:
        """Return the port for ``udp``, ``tcp`` or ``tls``; ``trap`` is the one that the Contact names."""
        return self._sockets.ports[transport]

    @property
    def scenario(self) -> Scenario:
        """What it does; may be replaced while it runs, by a name too."""
        return self._scenario

    @scenario.setter
    def scenario(self, value: str | Scenario) -> None:
        self._scenario = _scenario(value)
        self._sockets.loss, self._sockets.copies = self._scenario.loss, self._scenario.copies

    @property
    def connections(self) -> int:
        """How many TCP and TLS connections are open."""
        return len(self._sockets.writers)

    def leftovers(self) -> tuple[str, ...]:
        """Name every call that rings or is up, every final response without its ACK, every binding, every connection.

        Bindings that were there when the peer started, by way of `registrar`, are named too.
        """
        found = self._calls.leftovers()
        found += [f"{user} is bound to {uri}" for user, uris in self.registrar.bindings.items() for uri in uris]
        if self.connections:
            found.append(f"{self.connections} open connections")
        return tuple(found)

    def settle(self, timeout: float = 5.0) -> tuple[str, ...]:
        """Wait until nothing is left, and return what is left after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while (left := self.leftovers()) and time.monotonic() < end:
            time.sleep(_POLL)
        return left

    def dial(
        self,
        to: tuple[str, int],
        called: str,
        caller: str,
        *,
        ring: float = 10.0,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Dialled:
        """Place a call, as a carrier does to a customer's host; an answer is hung up at once.

        Args:
            to: Address and port, UDP.
            called: Number called.
            caller: Number in From.
            ring: Seconds after which the call is cancelled.
            headers: More headers for the INVITE.

        Raises:
            ValueError: The address is not a loopback one.
        """
        if not to[0].startswith("127."):
            raise ValueError(f"{to[0]} is not a loopback address; the peer calls nobody beyond this machine")
        return self._in_loop(self._dialler.call(to, called, caller, ring=ring, headers=headers))

    def _in_loop(self, work: Coroutine[object, object, _Result]) -> _Result:
        assert self._loop is not None, "the peer is not running"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    # --- Requests -----------------------------------------------------------------------------------------------------

    def _received(self, data: bytes, flow: Flow) -> None:
        if not data.strip(b"\r\n\x00"):
            return  # a keep-alive
        try:
            message = parse(data)
        except ValueError as error:
            self.journal.violations.append(str(error))
            return
        self.journal.note(message, flow, len(data), received=True)
        if message.code:
            self._dialler.received(message, len(data))
            return
        self.journal.violations += violations(message, flow.transport, len(data))
        seen = self._answered.get((message.branch, message.method))
        if seen is None:
            self._handle(message, flow)
        else:
            flow.send(seen)  # the client did not hear the answer (RFC 3261 section 17.2.2)

    def _handle(self, message: SipMessage, flow: Flow) -> None:
        match message.method:
            case "INVITE":
                self._invite(message, flow)
            case "ACK":
                self._calls.ack(message)
            case "BYE":
                self._calls.bye(message, flow, self._answering(flow))
            case "CANCEL":
                self._calls.cancel(message, flow)
            case "REGISTER":
                self._register(message, flow)
            case "OPTIONS":
                self._play(message, flow, self._scenario.options)
            case _:
                self._respond(message, flow, Reply(501), "")

    def _register(self, request: SipMessage, flow: Flow) -> None:
        refusal = self._gate(request, flow, self._scenario.register, self._scenario.digest)
        self._play(request, flow, self._scenario.registered if refusal is None else refusal)

    def _invite(self, request: SipMessage, flow: Flow) -> None:
        if self._calls.repeated(request, flow):
            return
        how = self._answering(flow)
        refusal = self._gate(request, flow, self._scenario.invite, self._scenario.invite_digest)
        if refusal is not None:
            self._calls.invite(request, flow, Call(refusal), how)
            return
        caller, called = uri_user(request.get("from")), uri_user(request.uri)
        if self.caller_ids and caller not in self.caller_ids:
            why = ("Warning", '399 trunk.test "Caller ID is not on this account"')
            self._calls.invite(request, flow, Call((Reply(403, headers=(why,)),)), how)
        elif called in self.routes:
            self._calls.invite(request, flow, self._scenario.call, how, self._onward(called))
        else:
            self._calls.invite(request, flow, self._scenario.call, how)

    def _gate(self, request: SipMessage, flow: Flow, policy: Policy, digest: Digest) -> tuple[Reply, ...] | None:
        """Return what a request that is not let in is answered; None lets it in."""
        if isinstance(policy, int):
            return (Reply(policy),)
        if policy != "digest":
            return () if policy == "silent" else None
        judgement = self.registrar.judge(request, digest, flow.source[0], self._scenario.lockout)
        self.journal.violations += self.registrar.complaints
        self.registrar.complaints.clear()
        if judgement == "right":
            return None
        if judgement == "locked":
            return (Reply(403),)
        if judgement == "wrong" and self._scenario.wrong_code:
            return (Reply(self._scenario.wrong_code),)
        values = self.registrar.challenge(digest, stale=judgement == "stale")
        return (Reply(digest.code, headers=tuple(challenges(digest.code, values))),)

    def _onward(self, called: str) -> Bridge:
        async def bridge(request: SipMessage, report: Callable[[int], None], cancelled: asyncio.Event) -> None:
            def passed_on(code: int) -> None:
                if code > DIALOG_MAKING:  # 100 is hop by hop (RFC 3261 section 16.7)
                    report(code)

            caller, address = self.shown_caller or uri_user(request.get("from")), self.routes[called]
            dialled = await self._dialler.call(
                address, called, caller, ring=_ROUTE_RING, report=passed_on, cancelled=cancelled
            )
            if not dialled.final:
                report(487 if cancelled.is_set() else 408)

        return bridge

    # --- Responses ----------------------------------------------------------------------------------------------------

    def _answering(self, flow: Flow) -> Answering:
        if not self._scenario.record_route:
            return Answering(self._respond, self.journal, (), self._contact())
        near = f"<sip:{self.host}:{self.port(flow.transport)};transport={flow.transport};lr>"
        return Answering(self._respond, self.journal, (near, "<sip:far.trunk.test;lr>"), self._contact())

    def _contact(self) -> str:
        return f"sip:far@{self.host}:{self.port('trap')}"

    def _play(self, request: SipMessage, flow: Flow, replies: tuple[Reply, ...]) -> None:
        async def play() -> None:
            for reply in (each for each in replies for _ in range(each.repeat)):
                await asyncio.sleep(reply.after)
                data = self._respond(request, flow, self._with_bindings(request, reply), "")
                if not reply.spoil:
                    self._remember(request, data)

        task = asyncio.ensure_future(play())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _with_bindings(self, request: SipMessage, reply: Reply) -> Reply:
        """List the bindings in the 200 to a REGISTER, once it has done what it asks (RFC 3261 section 10.3)."""
        if request.method != "REGISTER" or reply.code >= REFUSED:
            return reply
        contacts = tuple(("Contact", uri) for uri in self.registrar.register(request))
        return Reply(reply.code, headers=reply.headers + contacts, spoil=reply.spoil)

    def _remember(self, request: SipMessage, data: bytes) -> None:
        self._answered[request.branch, request.method] = data
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    def _respond(self, request: SipMessage, flow: Flow, reply: Reply, tag: str) -> bytes:
        """Build one response (RFC 3261 section 8.2.6), send it, write it down, and return its bytes."""
        vias = request.all("via")
        received = f"{vias[0]};received={flow.source[0]}".replace(";rport", f";rport={flow.source[1]}", 1)
        to = request.get("to")
        if reply.code > DIALOG_MAKING and not request.tag("to"):
            to += f";tag={tag or secrets.token_hex(4)}"
        headers = [("Via", via) for via in (received, *vias[1:])]
        headers += [("From", request.get("from")), ("To", to)]
        headers += [("Call-ID", request.call_id), ("CSeq", request.get("cseq"))]
        if request.method == "INVITE" and DIALOG_MAKING < reply.code < REFUSED:
            headers += [("Record-Route", uri) for uri in reversed(self._answering(flow).route)]
            headers.append(("Contact", f"<{self._contact()}>"))
        headers += [*reply.headers, ("Server", "voipkit sandbox")]
        message = SipMessage(code=reply.code, reason=REASONS.get(reply.code, "Unknown"), headers=tuple(headers))
        data = spoilt(message, reply.spoil)
        self.journal.note(message, flow, len(data), received=False)
        flow.send(data)
        return data


def _scenario(value: str | Scenario) -> Scenario:
    if isinstance(value, Scenario):
        return value
    if value not in SCENARIOS:
        raise ValueError(f"no scenario {value!r}; SCENARIOS in voipkit.sandbox.sip_scenarios has them all")
    return SCENARIOS[value]
