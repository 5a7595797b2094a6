"""A small HTTP server whose every answer a test writes itself."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Seen:
    """What reached the server."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.lock = threading.Lock()


Answer = Callable[[BaseHTTPRequestHandler, int], None]


@contextlib.contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, Seen]]:
    """Serve on loopback; ``answer(handler, n)`` writes the n-th answer (from 1)."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            with seen.lock:
                seen.requests.append((self.command, self.path, headers, body))
                number = len(seen.requests)
                seen.in_flight += 1
                seen.most_in_flight = max(seen.most_in_flight, seen.in_flight)
            try:
                answer(self, number)
            except OSError:
                self.close_connection = True
            finally:
                with seen.lock:
                    seen.in_flight -= 1

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    scheme = "https" if context else "http"
    try:
        yield (
            f"{scheme}://localhost:{server.server_port}" if context else f"http://127.0.0.1:{server.server_port}",
            seen,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(
    handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"{}", headers: dict[str, str] | None = None
) -> None:
    """Write a whole answer."""
    handler.send_response(status)
    for name, value in {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
