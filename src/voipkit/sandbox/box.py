"""The box that holds the carriers, the faults and the journal."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from voipkit.sandbox import incidents, server
from voipkit.sandbox._faults import LOSING, PAGE_FAULTS, REPLACING, Fault, FaultPlan, Injection, spoil
from voipkit.sandbox._kernel import ERROR, Call, Headers, Recorded, Reply, Request, Simulator
from voipkit.sandbox.cloudonix import Cloudonix
from voipkit.sandbox.plivo import Plivo
from voipkit.sandbox.signalwire import SignalWire
from voipkit.sandbox.telnyx import Telnyx
from voipkit.sandbox.twilio import Twilio
from voipkit.sandbox.vobiz import Vobiz
from voipkit.sandbox.vonage import Vonage

DEFAULT_SEED = 20261121
SECRET_HEADERS = frozenset({"authorization", "x-auth-token"})


@dataclass(frozen=True)
class Outcome:
    """Hold what the client gets: an answer, or the way in which the connection ends.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        body: Response body.
        ending: "" for an answer, else ``timeout``, ``reset``, ``reset_mid_body``, ``slow_drip`` or
            ``unreachable``.
        seconds: Seconds per byte of a slow drip.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    ending: str = ""
    seconds: float = 0.0


class Sandbox:
    """Hold one simulated account of each carrier, small and believable.

    Attributes:
        twilio: The simulated Twilio; its attributes may be read and changed.
        telnyx: The simulated Telnyx; likewise.
        signalwire: The simulated SignalWire; likewise.
        vonage: The simulated Vonage; likewise.
        plivo: The simulated Plivo; likewise.
        vobiz: The simulated Vobiz; likewise.
        cloudonix: The simulated Cloudonix; likewise.
    """

    def __init__(self, seed: int = DEFAULT_SEED, *, keep_bodies: bool = True) -> None:
        """Fill the accounts.

        Args:
            seed: Two sandboxes with the same seed have the same ids, numbers and secrets.
            keep_bodies: Keep response bodies in the journal; False saves memory with very large listings.
        """
        self.twilio = Twilio(seed)
        self.telnyx = Telnyx(seed)
        self.signalwire = SignalWire(seed)
        self.vonage = Vonage(seed)
        self.plivo = Plivo(seed)
        self.vobiz = Vobiz(seed)
        self.cloudonix = Cloudonix(seed)
        simulators: tuple[Simulator, ...] = (
            self.twilio,
            self.telnyx,
            self.signalwire,
            self.vonage,
            self.plivo,
            self.vobiz,
            self.cloudonix,
        )
        self._carriers = {simulator.id: simulator for simulator in simulators}
        self._keep_bodies = keep_bodies
        self._plan = FaultPlan()
        self._journal: list[Recorded] = []
        self._lock = threading.Lock()

    # --- Talking to it ------------------------------------------------------------------------------------------------

    def wire(
        self, method: str, url: str, headers: Headers | None = None, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one request in process, with no socket.

        Args:
            method: HTTP method.
            url: Absolute URL at the carrier's real host, e.g. ``https://api.telnyx.com/v2/balance``.
            headers: Request headers.
            body: Request body.

        Returns:
            Status, headers and body.

        Raises:
            TimeoutError: A timeout was injected.
            ConnectionResetError: A reset was injected.
            ConnectionError: Nobody answers at that host.
        """
        outcome = self.exchange(method, url, headers, body)
        if outcome.ending == "timeout":
            raise TimeoutError("the sandbox was told not to answer")
        if outcome.ending in ("reset", "reset_mid_body"):
            raise ConnectionResetError("the sandbox was told to drop the connection")
        if outcome.ending == "unreachable":
            raise ConnectionError(f"nobody answers at {Request.parse(method, url, headers, body).host}")
        return outcome.status, outcome.headers, outcome.body

    def serve(self, port: int = 0, *, latency: float = 0.0, patience: float = 30.0) -> AbstractContextManager[str]:
        """Serve the sandbox over HTTP on the loopback interface while the ``with`` block runs.

        Args:
            port: TCP port; 0 takes a free one.
            latency: Seconds to wait before each answer.
            patience: Seconds after which an injected timeout closes the connection itself.

        Returns:
            A context manager that gives the base URL, e.g. ``http://127.0.0.1:40123``. Requests go to
            ``<base URL>/<vendor host>/<path>``.
        """
        return server.serving(self.exchange, port=port, latency=latency, patience=patience)

    def exchange(self, method: str, url: str, headers: Headers | None, body: bytes | None) -> Outcome:
        """Answer one request and write it into the journal; `wire` and the server are built on it."""
        request = Request.parse(method, url, headers, body)
        for simulator in self._carriers.values():
            try:
                if simulator.product(request.host) is not None:
                    return self._answer(simulator, request)
            except ConnectionError:
                return self._record(simulator.id, "unknown", request, Outcome(0, {}, b"", "unreachable"))
        return self._record("", "unknown", request, Outcome(0, {}, b"", "unreachable"))

    # --- Configuring it -----------------------------------------------------------------------------------------------

    def credentials(self, carrier: str) -> dict[str, str]:
        """Return working credentials for a carrier, as its adapter takes them."""
        return self._carriers[self._known(carrier)].credentials

    def sip_config(self, carrier: str) -> dict[str, str]:
        """Return the SIP configuration that goes with `credentials`."""
        return self._carriers[self._known(carrier)].sip_config

    def fail(
        self,
        carrier: str,
        operation: str,
        fault: Fault,
        *,
        calls: int | Iterable[int] | None = None,
        times: int | None = None,
        page: int | None = None,
    ) -> None:
        """Inject a fault.

        Args:
            carrier: Carrier id.
            operation: Operation name, or ``"*"`` for every operation of the carrier.
            fault: What goes wrong.
            calls: Which calls fail, counted from 1 and from now on; None means all of them.
            times: How many calls fail at most.
            page: Only calls that ask for this page of a listing fail, counted from 1.

        Raises:
            ValueError: No such carrier or operation.
        """
        known = self._carriers[self._known(carrier)].operations
        if operation not in ("*", *known):
            raise ValueError(f"{carrier} has no operation {operation!r}; it has {', '.join(known)}")
        which = None if calls is None else frozenset([calls] if isinstance(calls, int) else calls)
        with self._lock:
            self._plan.injections.append(Injection(carrier, operation, fault, which, times, page))

    def heal(self) -> None:
        """Forget every injected fault; state stays as it is."""
        with self._lock:
            self._plan.injections.clear()

    def incident(self, name: str) -> None:
        """Apply a named incident; `INCIDENTS` lists them.

        Raises:
            ValueError: No such incident.
        """
        found = incidents.INCIDENTS.get(name)
        if found is None:
            raise ValueError(f"no incident {name!r}; there are {', '.join(incidents.INCIDENTS)}")
        found.apply(self)

    # --- Looking at it ------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Recorded]:
        """Every exchange since the start or the last `clear`, in the order in which it ended."""
        with self._lock:
            return list(self._journal)

    @property
    def writes(self) -> list[Recorded]:
        """The exchanges that changed state at a carrier."""
        return [recorded for recorded in self.requests if recorded.write]

    def clear(self) -> None:
        """Forget the journal; state and faults stay."""
        with self._lock:
            self._journal.clear()

    # --- How one request is answered ----------------------------------------------------------------------------------

    def _answer(self, simulator: Simulator, request: Request) -> Outcome:
        found = simulator.find(request)
        if found is None:
            return self._finish(simulator, "unknown", request, simulator.refuse_to(request, 404))
        operation, writes, args, reply_to = found
        with self._lock:
            fault = self._plan.pick(simulator.id, operation, simulator.page_asked(request) or 1)
        call = Call(request, args, fault)
        if fault is not None and not fault.applied:
            return self._finish(simulator, operation, request, _replacement(simulator, fault, request), fault)
        with simulator.lock:
            reply = simulator.gate(operation, call) or reply_to(call)
        changed = writes and reply.status < ERROR and not reply.refused
        return self._finish(simulator, operation, request, reply, fault, write=changed)

    def _finish(
        self,
        simulator: Simulator,
        operation: str,
        request: Request,
        reply: Reply,
        fault: Fault | None = None,
        *,
        write: bool = False,
    ) -> Outcome:
        """Turn a reply into bytes, spoil them if a fault says so, and record the exchange."""
        kind = fault.kind if fault else ""
        body = reply.encoded()
        if fault is not None and kind in REPLACING and fault.raw:
            body = fault.raw
        elif fault is not None and kind not in REPLACING | LOSING | PAGE_FAULTS and reply.status < ERROR and body:
            body = spoil(fault, reply.payload, simulator.required)
        html = kind == "html"
        headers = {"Content-Type": "text/html; charset=utf-8" if html else "application/json; charset=utf-8"}
        with simulator.lock:
            headers.update(simulator.standard_headers())
        headers.update(reply.headers)
        headers.update(fault.headers if fault else {})
        ending = kind if kind in LOSING else ""
        outcome = Outcome(reply.status, headers, body, ending, fault.seconds if fault else 0.0)
        return self._record(simulator.id, operation, request, outcome, write=write, faulted=fault is not None)

    def _record(
        self,
        carrier: str,
        operation: str,
        request: Request,
        outcome: Outcome,
        *,
        write: bool = False,
        faulted: bool = False,
    ) -> Outcome:
        answered = outcome.ending in ("", "slow_drip")
        recorded = Recorded(
            carrier=carrier,
            operation=operation,
            method=request.method,
            url=request.url,
            status=outcome.status if answered else 0,
            write=write,
            faulted=faulted,
            request_body=request.body,
            request_headers={name: value for name, value in request.headers.items() if name not in SECRET_HEADERS},
            response_body=outcome.body if answered and self._keep_bodies else b"",
            response_headers=outcome.headers if answered else {},
        )
        with self._lock:
            self._journal.append(recorded)
        return outcome

    def _known(self, carrier: str) -> str:
        if carrier not in self._carriers:
            raise ValueError(f"no carrier {carrier!r}; there are {', '.join(self._carriers)}")
        return carrier


def _replacement(simulator: Simulator, fault: Fault, request: Request) -> Reply:
    """Return the answer that a fault gives in the carrier's place, before the carrier acts."""
    if fault.kind == "status":
        return simulator.refuse_to(request, fault.http_status, fault.code)
    if fault.kind == "echo_secret":
        detail = f"The credential '{simulator.secret_in(request)}' was not accepted."
        return simulator.refuse_to(request, 401, None, detail)
    return Reply(fault.http_status)
