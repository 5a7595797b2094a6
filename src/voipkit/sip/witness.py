"""A witness of inbound calls that listens for SIP itself: closed unless it is armed, and it never answers a call.

    witness = ListenerWitness("0.0.0.0", 5060, sources=("203.0.113.0/24",))
    with witness.arm("+15550001234", "+15550005678", hold=1.2, refusal=486, window=45.0) as armed:
        ...                                # somebody calls the number
        sighting = armed.wait(20.0)        # a `voipkit.models.Sighting`, or None

It is a `voipkit.protocols.InboundWitness` for an inbound target that is this machine. It works on the background loop
of `voipkit.sip.run`, so the calling thread is free to place the call meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from voipkit.addresses import literal
from voipkit.errors import ConfigurationError
from voipkit.models import Sighting
from voipkit.sip.message import Framer
from voipkit.sip.running import in_background_thread, run
from voipkit.sip.serving import Refuser, Source, Watch

__all__ = ["ArmedListener", "ListenerWitness"]

_LAST_PORT = 65535
_MOST_CONNECTIONS = 16
_IDLE = 60.0  # seconds that a TCP connection is kept
_ACCEPT_PATIENCE = 0.01
_ACK_PATIENCE = 2.0  # seconds that a refusal's ACK is waited for before the listener closes
_Seen = Callable[[Watch, Sighting], None]
_LOOPBACK = ("127.0.0.0/8", "::1/128")


class ListenerWitness:
    """See calls arrive by listening for SIP over UDP and TCP, while a number is armed.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one, known once it is armed.
        sources: Networks (CIDR) whose calls are looked at: the carrier's. Others are not answered at all.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, sources: tuple[str, ...] = _LOOPBACK) -> None:
        if literal(host) is None:
            raise ConfigurationError(
                "A listener's host is an address.", fix="Give 0.0.0.0, or the address of one interface."
            )
        if not 0 <= port <= _LAST_PORT:
            raise ConfigurationError("A listener's port is 0 to 65535.", fix="Give 5060, or 0 for a free one.")
        self._host = host
        self._wanted = port
        self._refuser = Refuser(sources)
        self._listener: _Listener | None = None
        self._armed: list[ArmedListener] = []

    @property
    def needs_call(self) -> bool:
        """True: somebody has to place the call."""
        return True

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it listens; None while it is closed."""
        return self._listener.address if self._listener else None

    @property
    def port(self) -> int | None:
        """The port that it listens on; None while it is closed."""
        return self._listener.address[1] if self._listener else None

    @property
    def ignored(self) -> int:
        """How many messages were not answered so far."""
        return self._refuser.ignored

    @contextmanager
    def arm(
        self, called: str, caller: str | None = None, *, hold: float = 1.0, refusal: int = 486, window: float = 45.0
    ) -> Iterator[ArmedListener]:
        """Look out for a call from now on, until the context is left; see `voipkit.protocols.InboundWitness.arm`.

        Raises:
            ConfigurationError: It cannot listen there, the refusal is none, or the number is watched already.
        """
        if in_background_thread():
            raise ConfigurationError(
                "A witness cannot be armed from inside voipkit.sip.run.", fix="Arm it first, then run the probe."
            )
        armed = run(self._begin(called, caller, hold, refusal, window))
        try:
            yield armed
        finally:
            run(self._end(armed))

    async def _begin(self, called: str, caller: str | None, hold: float, refusal: int, window: float) -> ArmedListener:
        now = asyncio.get_running_loop().time()
        watch = Watch(called, caller, max(0.0, hold), refusal, now + window)
        self._refuser.arm(watch)
        try:
            if self._listener is None:
                self._listener = await _Listener.open(self._host, self._wanted, self._refuser, self._seen)
        except OSError as error:
            self._refuser.disarm(watch)
            raise ConfigurationError(
                f"The witness cannot listen on {self._host}, port {self._wanted}: {error.strerror}.",
                fix="Take a free port, and an address of this machine.",
            ) from error
        armed = ArmedListener(watch, self._refuser)
        self._armed.append(armed)
        return armed

    async def _end(self, armed: ArmedListener) -> None:
        self._refuser.disarm(armed.watch)
        self._armed.remove(armed)
        if not self._armed and self._listener is not None:
            listener, self._listener = self._listener, None
            await listener.close()

    def _seen(self, watch: Watch, sighting: Sighting) -> None:
        for armed in self._armed:
            if armed.watch is watch:
                armed.seen(sighting)


class ArmedListener:
    """One call that is looked out for; a `voipkit.protocols.ArmedWitness`.

    Attributes:
        watch: What is looked out for.
    """

    def __init__(self, watch: Watch, refuser: Refuser) -> None:
        self.watch = watch
        self._refuser = refuser
        self._first: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()

    def wait(self, timeout: float) -> Sighting | None:
        """Wait for the call to be seen and refused.

        Args:
            timeout: Seconds.

        Returns:
            The first one. When it did not come in time, the first call to that number that another caller made, which
            was not answered; None when there was none either.
        """
        return run(self._wait(timeout))

    def seen(self, sighting: Sighting) -> None:
        """Note that the call came; the first one counts."""
        if not self._first.done():
            self._first.set_result(sighting)

    async def _wait(self, timeout: float) -> Sighting | None:  # noqa: ASYNC109 - it answers, not raises
        await asyncio.wait([self._first], timeout=max(0.0, timeout))
        if self._first.done():
            return self._first.result()
        return next((seen for watch, seen in self._refuser.strangers if watch is self.watch), None)


class _Listener:
    """The sockets: they hand messages to the refuser, and take what it says back to where they came from."""

    def __init__(self, refuser: Refuser, seen: _Seen) -> None:
        self.address: tuple[str, int] = ("", 0)
        self.connections: set[_Connection] = set()
        self._refuser = refuser
        self._seen = seen
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._settled = asyncio.Event()
        self._settled.set()

    @classmethod
    async def open(cls, host: str, port: int, refuser: Refuser, seen: _Seen) -> _Listener:
        """Listen on one port, for UDP and TCP."""
        listener = cls(refuser, seen)
        loop = asyncio.get_running_loop()
        try:
            listener._server = await loop.create_server(lambda: _Connection(listener), host, port, backlog=16)
            listener.address = listener._server.sockets[0].getsockname()[:2]
            udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(listener), local_addr=listener.address)
            listener._udp = udp
        except OSError:
            await listener.close()
            raise
        return listener

    def allowed(self, address: str) -> bool:
        """Tell whether a TCP connection is taken at all."""
        return self._refuser.allowed(address) and len(self.connections) < _MOST_CONNECTIONS

    def take(self, data: bytes, source: Source, *, reliable: bool) -> None:
        """Hand one message over."""
        self._refuser.receive(asyncio.get_running_loop().time(), data, source, reliable=reliable)
        self._flush()

    async def close(self) -> None:
        """Close, after the last refusal was acknowledged or a short wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ACK_PATIENCE):
                await self._settled.wait()
        # A connection that is accepted in the loop turn in which the server closes is dropped half made, with a
        # ResourceWarning (asyncio, seen with Python 3.11.7): let those that are on their way arrive first.
        await asyncio.sleep(_ACCEPT_PATIENCE)
        if self._timer is not None:
            self._timer.cancel()
        if self._udp is not None:
            self._udp.close()
        for connection in list(self.connections):
            connection.close()
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # the transports close their sockets in the loop's next turn

    def _flush(self) -> None:
        for (address, port, transport), data in self._refuser.outbox:
            if transport is None and self._udp is not None:
                self._udp.sendto(data, (address, port))
            elif transport is not None and not cast("asyncio.Transport", transport).is_closing():
                cast("asyncio.Transport", transport).write(data)
        self._refuser.outbox.clear()
        for watch, sighting in self._refuser.sightings:
            self._seen(watch, sighting)
        self._refuser.sightings.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._refuser.settled:
            self._settled.set()
        else:
            self._settled.clear()
        due = self._refuser.deadline
        self._timer = asyncio.get_running_loop().call_at(due, self._tick) if due is not None else None

    def _tick(self) -> None:
        self._refuser.tick(asyncio.get_running_loop().time())
        self._flush()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listener: _Listener) -> None:
        self._listener = listener

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._listener.take(data, (addr[0], addr[1], None), reliable=False)


class _Connection(asyncio.Protocol):
    def __init__(self, listener: _Listener) -> None:
        self._listener = listener
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._source: Source = ("", 0, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        address, port = transport.get_extra_info("peername")[:2]
        if not self._listener.allowed(address):
            self._transport.abort()
            return
        self._source = (address, port, transport)
        self._listener.connections.add(self)
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self.close)

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            self._listener.take(message, self._source, reliable=True)
        if self._framer.broken:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._listener.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
