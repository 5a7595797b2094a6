"""The network side of a `Channel`: httpcore, with nothing from the environment and an end to every wait."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from voipkit.errors import ConfigurationError

if TYPE_CHECKING:
    import httpcore

__all__ = ["MAX_BODY", "Network", "ProxyFault", "limit", "tls_context"]

MAX_BODY = 64 * 1024 * 1024
"""Bytes; the largest page measured is 1.9 MB (1,000 Twilio numbers)."""


_NOT_REACHED = "the proxy was not reached"


class _Limit(threading.local):
    deadline = 0.0


limit = _Limit()
"""The deadline (`time.monotonic`) of the request that this thread sends: httpcore works in the caller's thread."""


class ProxyFault(ConnectionError):
    """The proxy was not reached, or would not pass the request on.

    Attributes:
        refused: It wants another user or password, so asking again is of no use.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class Network:
    """httpcore behind the shape of a `Wire`; raises TimeoutError or ConnectionError, and nothing of httpcore's."""

    def __init__(
        self,
        *,
        timeout: tuple[float, float],
        pool_timeout: float,
        connections: int,
        proxies: str | Mapping[str, str] | None,
        ca_bundle: str | None,
    ) -> None:
        connect, read = timeout
        self._timeout = {"connect": connect, "read": read, "write": read, "pool": pool_timeout}
        self._proxies = proxies if isinstance(proxies, Mapping) else {"http": proxies, "https": proxies}
        self._connections = connections
        self._ca_bundle = ca_bundle
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request and read its whole answer."""
        import httpcore

        pool = self._pool(urlsplit(url).scheme)
        extensions = {"timeout": self._timeout}
        content_sent = None if not body and method in ("GET", "HEAD", "DELETE") else body
        try:
            with pool.stream(
                method, url, headers=list(headers.items()), content=content_sent, extensions=extensions
            ) as response:
                content = bytearray()
                for chunk in response.iter_stream():
                    content += chunk
                    if len(content) > MAX_BODY:
                        msg = "the answer is larger than voipkit reads"
                        raise ConnectionError(msg)
                answer = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
                return response.status, answer, bytes(content)
        except httpcore.TimeoutException as error:
            raise TimeoutError(str(error)) from None
        except httpcore.ProxyError as error:
            raise _proxy_fault(str(error)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise ConnectionError(str(error)) from None

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        import httpcore

        with self._lock:
            if scheme not in self._pools:
                proxy = self._proxies.get(scheme)
                needs_tls = scheme == "https" or (proxy or "").startswith("https:")
                self._pools[scheme] = httpcore.ConnectionPool(
                    ssl_context=tls_context(self._ca_bundle) if needs_tls else None,  # it takes 30 ms to make
                    proxy=_proxy(proxy) if proxy else None,
                    max_connections=self._connections,
                    keepalive_expiry=30.0,
                    network_backend=_deadline_backend(proxied=proxy is not None),
                )
            return self._pools[scheme]


def _proxy(url: str) -> httpcore.Proxy:
    import httpcore

    parts = urlsplit(url)
    auth = (unquote_to_bytes(parts.username), unquote_to_bytes(parts.password or "")) if parts.username else None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return httpcore.Proxy(f"{parts.scheme}://{host}:{parts.port or 3128}", auth=auth)


def _proxy_fault(said: str) -> ProxyFault:
    """Read httpcore's words: ours where there was no connection, else a status and then what the proxy likes."""
    if said == _NOT_REACHED:
        return ProxyFault(_NOT_REACHED)
    status = said[:3]
    return ProxyFault(f"the proxy answered {status}", refused=status == "407")


@lru_cache(maxsize=8)
def tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Make a verifying TLS context.

    `ssl.create_default_context` is avoided on purpose: it writes TLS keys to the file that SSLKEYLOGFILE names, and
    without a bundle of its own it trusts whatever SSL_CERT_FILE names.

    Args:
        ca_bundle: PEM file of certificate authorities; None takes certifi's.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca_bundle or _certifi())
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"HttpOptions.ca_bundle cannot be read: {error}.",
            fix="Give the path of a PEM file of certificates.",
        ) from error
    return context


def _certifi() -> str:
    import certifi

    return certifi.where()


@contextmanager
def _reaching(*, proxied: bool) -> Iterator[None]:
    """Blame the proxy for a connection that cannot be made, where all lead to it."""
    import httpcore

    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout):
        if proxied:
            raise httpcore.ProxyError(_NOT_REACHED) from None
        raise


@cache
def _deadline_backend(*, proxied: bool) -> httpcore.NetworkBackend:
    """Make a backend whose every read and write also ends at the deadline of the request it serves."""
    import httpcore

    def remaining(timeout: float | None) -> float:
        left = limit.deadline - time.monotonic()
        if left <= 0:
            msg = "the deadline passed"
            raise httpcore.ReadTimeout(msg)
        return left if timeout is None else min(timeout, left)

    class Stream(httpcore.NetworkStream):
        def __init__(self, inner: httpcore.NetworkStream) -> None:
            self._inner = inner

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self._inner.read(max_bytes, remaining(timeout))

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self._inner.write(buffer, remaining(timeout))

        def close(self) -> None:
            self._inner.close()

        def start_tls(
            self,
            ssl_context: ssl.SSLContext,
            server_hostname: str | None = None,
            timeout: float | None = None,
        ) -> httpcore.NetworkStream:
            return Stream(self._inner.start_tls(ssl_context, server_hostname, remaining(timeout)))

        def get_extra_info(self, info: str) -> Any:
            return self._inner.get_extra_info(info)

    class Backend(httpcore.NetworkBackend):
        def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Any = None,
        ) -> httpcore.NetworkStream:
            inner = httpcore.SyncBackend()
            with _reaching(proxied=proxied):
                return Stream(inner.connect_tcp(host, port, remaining(timeout), local_address, socket_options))

    return Backend()
