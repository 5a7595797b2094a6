"""One flow to one checked address: connected UDP, TCP, or TLS with a verified certificate.

Everything of a probe, ACK and BYE included, uses the flow that was opened first (RFC 5626 calls it so). A UDP socket is
connected: a closed port is then known at once (ICMP), and answers from elsewhere are dropped by the kernel. The
machines that wait for something are driven from here, by the loop's own callbacks: a caller that goes away, or is
cancelled, stops nothing, so that a call is always ended (`voipkit.sip.call`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from voipkit.errors import ConfigurationError, MissingExtra
from voipkit.sip.call import Call
from voipkit.sip.message import Framer, Request, Response, parse
from voipkit.sip.outcomes import Hop
from voipkit.sip.target import Budgets
from voipkit.sip.trace import Trace
from voipkit.sip.transaction import Machine

__all__ = ["Flow", "FlowFailed", "Lost", "open_flow", "tls_context"]

_MOST_MESSAGES = 400
_MOST_BYTES = 1024 * 1024
"""What one flow takes in; beyond it the far end is not listened to any more."""
_SHUTDOWN = 0.5  # seconds for TLS's close_notify


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a flow is gone: a code of `voipkit.sip.verdicts`, and what was seen."""

    verdict: str
    detail: str = ""


class FlowFailed(Exception):
    """A flow could not be opened."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.verdict)
        self.lost = lost


class Flow(asyncio.DatagramProtocol, asyncio.Protocol):
    """An open flow and the machines that use it.

    Attributes:
        hop: The far end.
        local: Address and port of our end.
        lost: Why it is gone; None while it is open.
        odd: Number of messages that made no sense.
        tls: Version and cipher, or None.
    """

    def __init__(self, hop: Hop, trace: Trace | None = None) -> None:
        self.hop = hop
        self.local: tuple[str, int] = ("", 0)
        self.lost: Lost | None = None
        self.odd = 0
        self.tls: str | None = None
        self._trace = trace
        self._machines: list[Machine] = []
        self._framer = Framer()
        self._messages = 0
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._closed = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    @property
    def reliable(self) -> bool:
        """Whether the transport repeats by itself."""
        return self.hop.transport != "udp"

    @property
    def now(self) -> float:
        """The loop's time, in seconds."""
        return asyncio.get_running_loop().time()

    @property
    def settled(self) -> bool:
        """Whether no machine needs the flow any more."""
        return self.lost is not None or all(machine.settled for machine in self._machines)

    def drive(self, machine: Machine) -> None:
        """Send what a machine has to send, and serve it until it is settled."""
        self._machines.append(machine)
        self._flush()

    def hang_up(self, call: Call) -> None:
        """End a call as soon as the protocol allows it; it is served on until it is settled."""
        call.hang_up(self.now)
        self._flush()

    async def until(self, happened: Callable[[], bool], timeout: float) -> bool:  # noqa: ASYNC109 - it answers, not raises
        """Wait until something is so, or the flow is gone, or the time is over.

        Args:
            happened: Asked after each event.
            timeout: Seconds.

        Returns:
            What ``happened`` says in the end.
        """
        ends = self.now + timeout
        while not happened() and self.lost is None and (left := ends - self.now) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                break
        return happened()

    async def close(self) -> None:
        """Close the flow and wait until the socket is closed."""
        self._lose(Lost("transport.closed"))
        if self._transport is not None:
            self._transport.close()
            await asyncio.wait([self._closed], timeout=_SHUTDOWN * 2)
            if not self._closed.done():
                self._transport.abort()
                await asyncio.wait([self._closed], timeout=_SHUTDOWN * 2)

    # --- what asyncio calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Not by isinstance: asyncio's own UDP transport is no DatagramTransport before Python 3.12 (seen, 3.11.7).
        self._transport = cast("asyncio.Transport", transport)
        self.local = transport.get_extra_info("sockname")[:2]
        secure = transport.get_extra_info("ssl_object")
        if secure is not None:
            self.tls = f"{secure.version()} {secure.cipher()[0]}"

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Take one datagram: one message."""
        del addr  # the socket is connected
        if data.strip(b"\r\n\x00"):  # keep-alives hold nothing else
            self._take(data)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a stream."""
        for message in self._framer.feed(data):
            self._take(message)
        if self._framer.broken:
            self._drop(Lost("answer.malformed", "the stream does not hold SIP messages of a sound length"))

    def error_received(self, exc: Exception) -> None:
        """Take what ICMP reports: nobody listens there, or there is no way."""
        if self._messages:
            return  # somebody was there a moment ago; a call that may be up must still be ended, so go on sending
        refused = isinstance(exc, ConnectionRefusedError)
        self._lose(Lost("transport.refused" if refused else "transport.unreachable", _reason(exc)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the flow is gone."""
        detail = getattr(exc, "strerror", None) or "" if exc else ""
        self._lose(Lost("transport.closed", detail))
        if not self._closed.done():
            self._closed.set_result(None)

    def eof_received(self) -> bool:
        """Close our half as well."""
        return False

    # --- in and out ---------------------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        self._messages += 1
        self._bytes += len(data)
        if self._messages > _MOST_MESSAGES or self._bytes > _MOST_BYTES:
            self._drop(Lost("answer.flood", f"more than {_MOST_MESSAGES} messages or {_MOST_BYTES} bytes"))
            return
        if self._trace:
            self._trace.message("received", data)
        message = parse(data)
        if isinstance(message, Response):
            if not any(machine.receive(self.now, message) for machine in self._machines):
                self.odd += 1
        elif isinstance(message, Request):
            self._serve(message)
        else:
            self.odd += 1
        self._flush()

    def _serve(self, request: Request) -> None:
        """Answer the far end's BYE of an answered call, section 15.1.2; it has nothing else to ask of us."""
        calls = (machine for machine in self._machines if isinstance(machine, Call))
        if request.method == "BYE" and any(call.peer_hung_up(request) for call in calls):
            kept = tuple(
                h
                for h in request.headers
                if h[0].lower() in ("via", "from", "to", "call-id", "cseq", "v", "f", "t", "i")
            )
            try:
                self._send(Response(kept, b"", 200, "OK").encode())
            except ConfigurationError:  # a control character of theirs: not answered
                self.odd += 1

    def _flush(self) -> None:
        for machine in self._machines:
            for data in machine.outbox:
                self._send(data)
            machine.outbox = []
        self._wake_up()
        self._changed.set()

    def _send(self, data: bytes) -> None:
        if self.lost is not None or self._transport is None:
            return
        if self._trace:
            self._trace.message("sent", data)
        if self.reliable:
            self._transport.write(data)
        else:
            cast("asyncio.DatagramTransport", self._transport).sendto(data)

    def _wake_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [machine.deadline for machine in self._machines if not machine.settled]
        due = min((time for time in times if time is not None), default=None)
        if due is not None and self.lost is None:
            self._timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        for machine in self._machines:
            machine.tick(self.now)
        self._flush()

    def _drop(self, why: Lost) -> None:
        self._lose(why)
        if self._transport is not None:
            self._transport.abort()

    def _lose(self, why: Lost) -> None:
        if self.lost is None:
            self.lost = why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._changed.set()


# --- opening ----------------------------------------------------------------------------------------------------------


async def open_flow(hop: Hop, tls_name: str, budgets: Budgets, *, ca_file: str | None, trace: Trace | None) -> Flow:
    """Open a flow to one address.

    Args:
        hop: Where to; its address was judged by the target's policy.
        tls_name: The name that the certificate must hold; used for TLS alone.
        budgets: ``connect`` and ``tls``.
        ca_file: PEM file of certificate authorities; None takes certifi's.
        trace: Records what is sent and received.

    Raises:
        FlowFailed: Nobody listens, nobody answers, or the certificate is not good. Nothing else is tried.
        ConfigurationError: ``ca_file`` cannot be read.
    """
    context = tls_context(ca_file) if hop.transport == "tls" else None
    flow = Flow(hop, trace)
    loop = asyncio.get_running_loop()
    if hop.transport == "udp":
        try:
            await loop.create_datagram_endpoint(lambda: flow, remote_addr=(hop.address, hop.port))
        except OSError as error:
            raise FlowFailed(Lost("transport.unreachable", error.strerror or "")) from None
        return flow
    connected = await _connected(hop, budgets.connect)
    try:
        await loop.create_connection(
            lambda: flow,
            sock=connected,
            ssl=context,
            server_hostname=tls_name if context else None,
            ssl_handshake_timeout=budgets.tls if context else None,
            ssl_shutdown_timeout=_SHUTDOWN if context else None,
        )
    except ssl.SSLCertVerificationError as error:
        raise FlowFailed(_bad_certificate(error)) from None
    except TimeoutError:
        raise FlowFailed(Lost("tls.failed", "the handshake was not finished in time")) from None
    except (OSError, ssl.SSLError) as error:
        raise FlowFailed(Lost("tls.failed", _reason(error))) from None
    finally:
        if flow._transport is None:
            connected.close()
    return flow


async def _connected(hop: Hop, timeout: float) -> socket.socket:  # noqa: ASYNC109 - a budget, told apart from others
    family = socket.AF_INET6 if ":" in hop.address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:  # a machine without IPv6, or out of file descriptors
        raise FlowFailed(Lost("transport.unreachable", error.strerror or "")) from None
    try:
        sock.setblocking(False)
        # Nagle held an ACK that followed an INVITE back for 40 ms (measured 2026-11-21).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, (hop.address, hop.port))
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError):
            raise FlowFailed(Lost("transport.no_answer")) from None
        if isinstance(error, ConnectionRefusedError):
            raise FlowFailed(Lost("transport.refused", error.strerror or "")) from None
        if isinstance(error, OSError):
            raise FlowFailed(Lost("transport.unreachable", error.strerror or "")) from None
        raise
    return sock


def _bad_certificate(error: ssl.SSLCertVerificationError) -> Lost:
    """Tell a wrong name (X509_V_ERR_HOSTNAME_MISMATCH 62, IP_ADDRESS_MISMATCH 64) from an unknown authority."""
    named = error.verify_code in (62, 64)
    return Lost("tls.name" if named else "tls.untrusted", error.verify_message or "")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or "no reason was given"


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Make a verifying TLS context, TLS 1.2 or later.

    `ssl.create_default_context` is avoided on purpose: it writes TLS keys to the file that SSLKEYLOGFILE names.

    Args:
        ca_file: PEM file of certificate authorities, trusted instead of certifi's.

    Raises:
        ConfigurationError: The file cannot be read.
        MissingExtra: No file is named, and certifi is not installed.
    """
    path = _usual_authorities() if ca_file is None else ca_file
    try:
        stat = Path(path).stat()
        return _context(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; a NUL byte in a path is a ValueError
        raise ConfigurationError(
            f"ca_file cannot be read: {getattr(error, 'strerror', None) or error}.",
            fix="Give the path of a PEM file of certificates.",
        ) from error


def _usual_authorities() -> str:
    try:
        import certifi
    except ImportError as error:
        raise MissingExtra("SIP over TLS needs certifi.", fix="pip install 'voipkit[sip]'") from error
    return certifi.where()


@lru_cache(maxsize=8)
def _context(path: str, stamp: tuple[int, int, int]) -> ssl.SSLContext:
    """Make the context once for each state of the file: it takes 30 ms, and a probe that lives on makes thousands."""
    del stamp
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=path)
    return context
