"""The sandbox as an HTTP/1.1 server on the loopback interface.

Requests arrive as ``/<vendor host>/<path>``, so one port serves every host of every carrier and a client only
has to put another base URL in front.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voipkit.sandbox._kernel import Headers
    from voipkit.sandbox.box import Outcome

    Exchange = Callable[[str, str, Headers | None, bytes | None], Outcome]

# SO_LINGER on with 0 seconds: close() sends RST instead of FIN.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_LOOPBACK = "127.0.0.1"


class _Server(ThreadingHTTPServer):
    """Remember open connections, so that the end of the ``with`` block ends them."""

    daemon_threads = True
    # The default backlog of 5 makes a burst of new connections wait a second for a second SYN.
    request_queue_size = 256

    def __init__(self, port: int, exchange: Exchange, latency: float, patience: float) -> None:
        self.exchange = exchange
        self.latency = latency
        self.patience = patience
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_changed = threading.Condition()
        super().__init__((_LOOPBACK, port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            with self._open_changed:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().shutdown_request(request)
        if isinstance(request, socket.socket):
            with self._open_changed:
                self._open.discard(request)
                self._open_changed.notify_all()

    def hang_up(self) -> None:
        """End every open connection, and wait a little for the threads that serve them to see it."""
        self.stopping.set()
        with self._open_changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._open_changed.wait_for(lambda: not self._open, timeout=2)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet about clients that hang up: faults make them do it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Pass each request to the sandbox and play the way in which its answer ends."""

    protocol_version = "HTTP/1.1"
    server_version = "voipkit-sandbox"
    # Without these two, Nagle's algorithm and delayed ACKs cost 40 ms for each call on a kept-alive connection.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if len(body) < length:  # the client died while it was sending
            self.close_connection = True
            return
        outcome = self.server.exchange(self.command, f"https:/{self.path}", list(self.headers.items()), body)
        if self.server.latency:
            time.sleep(self.server.latency)
        match outcome.ending:
            case "timeout":
                self._wait_until_client_gives_up()
                self.close_connection = True
            case "reset" | "unreachable":
                self._reset()
            case "reset_mid_body":
                self._send_head(outcome)
                self.wfile.write(outcome.body[: len(outcome.body) // 2])
                self.wfile.flush()
                self._reset()
            case "slow_drip":
                self._send_head(outcome)
                self._drip(outcome)
            case _:
                self._send_head(outcome)
                self.wfile.write(outcome.body)
                self.wfile.flush()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 (names of http.server)

    def _send_head(self, outcome: Outcome) -> None:
        self.send_response(outcome.status)
        for name, value in outcome.headers.items():
            self.send_header(name, value)
        if outcome.status != 204:  # noqa: PLR2004 (RFC 9110: no Content-Length in a 204)
            self.send_header("Content-Length", str(len(outcome.body)))
        self.end_headers()

    def _drip(self, outcome: Outcome) -> None:
        for byte in outcome.body:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            if self.server.stopping.wait(outcome.seconds):
                return

    def _wait_until_client_gives_up(self) -> None:
        """Return when the client closes the connection, the server stops, or patience runs out."""
        deadline = time.monotonic() + self.server.patience
        while time.monotonic() < deadline and not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable:
                return

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True
        # close() would wait for rfile and wfile, and shutdown() would send FIN first: close the descriptor itself.
        self.wfile = io.BytesIO()
        socket.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (name of http.server)
        """Write nothing: the journal has it all."""


@contextlib.contextmanager
def serving(exchange: Exchange, *, port: int, latency: float, patience: float) -> Iterator[str]:
    """Serve until the ``with`` block ends.

    Args:
        exchange: Answers one request: method, URL at the vendor's host, headers, body.
        port: TCP port; 0 takes a free one.
        latency: Seconds to wait before each answer.
        patience: Seconds after which an injected timeout closes the connection itself.

    Yields:
        The base URL.
    """
    server = _Server(port, exchange, latency, patience)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="voipkit-sandbox", daemon=True
    )
    thread.start()
    try:
        yield f"http://{_LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()
