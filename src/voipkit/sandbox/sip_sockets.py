"""The sockets of the scripted SIP peer: UDP, TCP, TLS, and a trap that nobody has a reason to talk to."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from voipkit.sandbox.sip_journal import Flow, Journal

__all__ = ["Sockets"]

_LIMIT = 64 * 1024
_LENGTH = re.compile(rb"^(?:content-length|l)\s*:\s*(\d{1,6})\s*$", re.IGNORECASE | re.MULTILINE)
_TRIES = 20
_ACCEPTING = 0.01  # seconds
_LOSS_SEED = 20261121

Receive = Callable[[bytes, Flow], None]


@dataclass
class Sockets:
    """Listen, count bytes, and lose datagrams where the scenario wants it.

    Attributes:
        host: Address to listen on.
        journal: Counts bytes, and holds what the trap caught.
        receive: Takes each message.
        loss: Share of datagrams lost in each direction.
        copies: How often each message is sent.
        ports: Ports by transport, and ``trap``.
        writers: Open connections.
    """

    host: str
    journal: Journal
    receive: Receive
    loss: float = 0.0
    copies: int = 1
    ports: dict[str, int] = field(default_factory=dict)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _udp: asyncio.DatagramTransport | None = None
    _trap: asyncio.DatagramTransport | None = None
    _servers: list[asyncio.Server] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(_LOSS_SEED))  # noqa: S311 (no secret)

    # --- Opening and closing ------------------------------------------------------------------------------------------

    async def open(self, port: int, tls_port: int, tls: ssl.SSLContext | None) -> None:
        """Listen on UDP and TCP at one port, on TLS at another, and at the trap; 0 takes free ones.

        Raises:
            OSError: A port is taken.
        """
        loop = asyncio.get_running_loop()
        udp, tcp = _pair(self.host, port)
        self.ports = {"udp": udp.getsockname()[1], "tcp": tcp.getsockname()[1]}
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._datagram), sock=udp)
        self._servers.append(await asyncio.start_server(lambda r, w: self._stream("tcp", r, w), sock=tcp, limit=_LIMIT))
        if tls is not None:
            server = await asyncio.start_server(
                lambda r, w: self._stream("tls", r, w), self.host, tls_port, ssl=tls, limit=_LIMIT
            )
            self._servers.append(server)
            self.ports["tls"] = server.sockets[0].getsockname()[1]
        udp, tcp = _pair(self.host, 0)
        self.ports["trap"] = udp.getsockname()[1]
        caught = self.journal.strays.append
        self._trap, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(lambda d, _a: caught(d)), sock=udp)
        self._servers.append(await asyncio.start_server(self._trapped, sock=tcp))

    async def close(self) -> None:
        """Close every socket and wait until each is closed."""
        for transport in (self._udp, self._trap):
            if transport is not None:
                transport.close()
        # A connection that is accepted in the very turn in which its server closes is dropped half made, with an
        # assertion of asyncio (seen, 3.11.7): let the accepted ones be finished first.
        await asyncio.sleep(_ACCEPTING)
        for server in self._servers:
            server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        for server in self._servers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 2)
        await asyncio.sleep(0)

    # --- Messages -----------------------------------------------------------------------------------------------------

    def send_to(self, data: bytes, address: tuple[str, int]) -> None:
        """Send one datagram, or lose it."""
        if self._udp is None or self._udp.is_closing() or self._chance.random() < self.loss:
            return
        self.journal.bytes_out += len(data)
        self._udp.sendto(data, address)

    def _datagram(self, data: bytes, address: tuple[str, int]) -> None:
        if self._chance.random() < self.loss:
            return
        self.journal.bytes_in += len(data)
        self.receive(data, Flow("udp", address, lambda answer: self._copied(self.send_to, answer, address)))

    def _copied(self, send: Callable[[bytes, tuple[str, int]], None], data: bytes, address: tuple[str, int]) -> None:
        for _ in range(self.copies):
            send(data, address)

    async def _stream(self, transport: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        flow = Flow(transport, writer.get_extra_info("peername")[:2], lambda data: self._write(writer, data))
        try:
            while data := await _message(reader):
                self.journal.bytes_in += len(data)
                self.receive(data, flow)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client hung up, or sent what is no SIP
        finally:
            self.writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not writer.is_closing():
            self.journal.bytes_out += len(data) * self.copies
            writer.write(data * self.copies)

    async def _trapped(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.journal.strays.append(b"(a connection)")
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data, addr)


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read one message by its Content-Length (RFC 3261 section 18.3); b"" at the end of the stream."""
    head = await reader.readuntil(b"\r\n\r\n")
    while not head.strip(b"\r\n"):  # a keep-alive (RFC 5626 section 4.4.1)
        head = await reader.readuntil(b"\r\n\r\n")
    head = head.lstrip(b"\r\n")
    length = _LENGTH.search(head.replace(b"\r", b""))
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def _pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind UDP and TCP to one port number."""
    for attempt in range(_TRIES):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            udp.bind((host, port))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for TCP this passes over TIME_WAIT only
            tcp.bind((host, udp.getsockname()[1]))
            udp.setblocking(False)
            tcp.setblocking(False)
        except OSError as error:
            udp.close()
            tcp.close()
            if port or error.errno != errno.EADDRINUSE or attempt == _TRIES - 1:
                raise
        else:
            return udp, tcp
    raise OSError(errno.EADDRINUSE, "no port is free for both UDP and TCP")
