"""The one place through which every carrier request goes, whichever SDK builds it.

    SDK ── requests session ─┐
                             ├─ Channel ─ throttle, retry, deadline, host list, secrets ─ network | wire
    SDK ── httpx client ─────┘

`open_channel` makes a `Channel` from `HttpOptions`; `requests_session` and `httpx_client` are thin shells that let an
SDK send through it. Three decisions are worth knowing:

- **SDKs never hold the secret.** An SDK is built with `PLACEHOLDER`; the channel replaces the Authorization header
  on its way out, and blanks the secret wherever an answer repeats it. So no SDK exception, log line or frame can
  leak it.
- **Nothing from the environment reaches a request.** The network side is httpcore, which reads neither environment
  variables nor ~/.netrc, with a TLS context that ignores SSL_CERT_FILE and SSLKEYLOGFILE; headers pass through an
  allow-list, which stops what an SDK picks up (TELNYX_CUSTOM_HEADERS) or tells about the machine (X-Stainless-*).
- **Every wait ends.** A deadline covers a request with its retries, also when an answer drips in byte by byte.
  Name look-ups are bounded by the operating system's resolver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import logging
import math
import platform
import random
import re
import secrets as _secrets
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from voipkit.adapting import network
from voipkit.errors import ConfigurationError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    import requests

__all__ = [
    "PLACEHOLDER",
    "Channel",
    "HttpOptions",
    "Pace",
    "Reply",
    "Unanswered",
    "Wire",
    "basic",
    "bearer",
    "httpx_client",
    "open_channel",
    "own_headers",
    "requests_session",
]

log = logging.getLogger("voipkit.http")

PLACEHOLDER = "set-by-voipkit"
"""What an SDK is given instead of a secret."""

Wire = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]
"""(method, url, headers, body) -> (status, headers, body). May raise TimeoutError or ConnectionError."""

_RETRIED_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # idempotent by RFC 9110 section 9.2.2
_RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
_PASSED_HEADERS = frozenset({"accept", "content-type", "idempotency-key"})
_URL = re.compile(r"https?://[^/\s]+\S*$")
_PROXY_REFUSES = 407
_BLANK = b"**********"
_HALF_ESCAPED = re.compile(rb"(\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..|\\u0000")  # whole: kept
_HALF_ENCODED = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_BACKOFF = 0.5  # seconds; doubled at each try, full jitter


@dataclass(frozen=True, kw_only=True)
class HttpOptions:
    """How requests are sent. The defaults suit a backend; nothing is read from the environment.

    Attributes:
        timeout: Seconds to wait for a connection, and for each read of an answer.
        deadline: Seconds that one request may take in all, its retries and waits included.
        retries: How often an idempotent request is repeated after 429, 5xx, a time-out or a lost connection. POST and
            PATCH are sent once: a carrier may have acted on a request whose answer was lost.
        retry_after_cap: Longest Retry-After, in seconds, that is waited for; beyond it the error is raised at once.
        concurrency: Requests in flight at once for one credential, in this process.
        rate: Requests a second for one credential. None means no limit or, at a carrier that allows very few
            (Cloudonix), the limit that its adapter keeps to; a rate given here replaces that one.
        proxies: A proxy URL for everything, or one for each scheme (``{"https": "http://user:pass@proxy:3128"}``). User
            and password are percent-encoded, as in any URL.
        ca_bundle: PEM file of certificate authorities; None takes certifi's.
        user_agent: Your application, put before voipkit in the User-Agent.
        base_url: Sends every request to ``<base_url>/<vendor host>/<path>`` instead: for a sandbox or a recorder.
        wire: Answers every request in process instead of the network.
        allow_private: Lets a host that the user names (a SIP trunk's) have an address that is not public: for labs and
            exchanges in one's own network. Never let a customer set it: `voipkit.addresses` says why.
        probe_sip: Also asks the SIP URI that a number's calls go to whether it is there (OPTIONS), at carriers that
            route to one; needs the extra ``sip``. No call is placed.
    """

    timeout: tuple[float, float] = (5.0, 20.0)
    deadline: float = 60.0
    retries: int = 2
    retry_after_cap: float = 30.0
    concurrency: int = 8
    rate: float | None = None
    proxies: str | Mapping[str, str] | None = field(default=None, repr=False)
    ca_bundle: str | Path | None = None
    user_agent: str | None = None
    base_url: str | None = None
    wire: Wire | None = None
    allow_private: bool = False
    probe_sip: bool = False

    def __post_init__(self) -> None:
        problem = next(_problems(self), None)
        if problem:
            name, wants = problem
            raise ConfigurationError(f"HttpOptions.{name} {wants}.", fix=f"Leave {name} out to take the default.")
        if self.ca_bundle is not None:
            network.tls_context(str(self.ca_bundle))


def _problems(options: HttpOptions) -> Iterator[tuple[str, str]]:
    """Name each option that makes no sense, and what it wants: type checkers are not everywhere."""
    given: dict[str, Any] = vars(options)
    times = given["timeout"] if isinstance(given["timeout"], tuple | list) else ()
    if len(times) != 2 or not all(map(_positive, times)):  # noqa: PLR2004
        yield "timeout", "must be two numbers of seconds greater than 0: to connect, and for each read"
    for name in ("deadline", "concurrency"):
        if not _positive(given[name]):
            yield name, "must be a number greater than 0"
    if given["rate"] is not None and not _positive(given["rate"]):
        yield "rate", "must be a number of requests a second greater than 0"
    if not isinstance(given["retries"], int) or given["retries"] < 0:
        yield "retries", "must be 0 or a whole number greater than 0"
    if given["retry_after_cap"] != 0 and not _positive(given["retry_after_cap"]):
        yield "retry_after_cap", "must be a number of seconds, 0 or more"
    if given["user_agent"] is not None and not re.fullmatch(r"[!-~]([ -~]*[!-~])?", str(given["user_agent"])):
        yield "user_agent", "must be printable ASCII on one line"
    for name in ("allow_private", "probe_sip"):
        if not isinstance(given[name], bool):
            yield name, "must be True or False"
    yield from _url_problems(given)


def _url_problems(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if given["base_url"] is not None and not _URL.match(str(given["base_url"])):
        yield "base_url", "must be an http or https URL, such as http://127.0.0.1:8080"
    proxies = given["proxies"].values() if isinstance(given["proxies"], Mapping) else (given["proxies"],)
    if any(proxy is not None and not _URL.match(str(proxy)) for proxy in proxies):
        yield "proxies", "must be http or https URLs, such as http://proxy.example:3128"


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


@dataclass(frozen=True, slots=True)
class Pace:
    """What a carrier allows that counts requests in a window; see `open_channel`.

    Attributes:
        requests: How many may start in any window; they are sent one at a time.
        seconds: The window's length; also how long a 429 without a header is taken to ask to wait.
        of: What the carrier counts by, such as a domain's name: everything that shares it waits in one queue.
    """

    requests: int
    seconds: float
    of: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are in lower case; the body is decompressed and holds no secret of ours."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer, and why in words.

    ``refused`` means that voipkit itself would not send the request, or the proxy not pass it on; ``proxy``, that the
    proxy is to blame and not the carrier.
    """

    kind: Literal["timeout", "unreachable", "refused"]
    reason: str
    proxy: bool = False


class Authorization(Protocol):
    """Makes the headers that prove who is asking, at the last moment."""

    def headers(self) -> Mapping[str, str]:
        """Return them, names in lower case."""

    def secrets(self) -> Iterable[str]:
        """Return every form in which the secret could appear in an answer."""


@dataclass(frozen=True, slots=True)
class _Basic:
    user: str
    password: SecretStr

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Basic {self._token()}"}

    def secrets(self) -> Iterable[str]:
        return (self.password.get_secret_value(), self._token())

    def _token(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password.get_secret_value()}".encode()).decode()


@dataclass(frozen=True, slots=True)
class _Bearer:
    token: SecretStr

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token.get_secret_value()}"}

    def secrets(self) -> Iterable[str]:
        return (self.token.get_secret_value(),)


@dataclass(frozen=True, slots=True)
class _OwnHeaders:
    plain: Mapping[str, str]
    secret: Mapping[str, SecretStr]

    def headers(self) -> Mapping[str, str]:
        revealed = {name.lower(): value.get_secret_value() for name, value in self.secret.items()}
        return {name.lower(): value for name, value in self.plain.items()} | revealed

    def secrets(self) -> Iterable[str]:
        return tuple(value.get_secret_value() for value in self.secret.values())


def basic(user: str, password: SecretStr) -> Authorization:
    """Authenticate with a user name and a password (RFC 7617)."""
    return _Basic(user, password)


def bearer(token: SecretStr) -> Authorization:
    """Authenticate with a bearer token (RFC 6750)."""
    return _Bearer(token)


def own_headers(plain: Mapping[str, str], secret: Mapping[str, SecretStr]) -> Authorization:
    """Authenticate with headers of the carrier's own, such as ``X-Auth-ID`` and ``X-Auth-Token``."""
    return _OwnHeaders(plain, secret)


def open_channel(
    provider: str,
    options: HttpOptions,
    authorization: Authorization,
    *,
    hosts: Collection[str],
    sdk: str,
    conceal: Iterable[str] = (),
    wait_headers: tuple[str, ...] = ("retry-after",),
    repeated: Collection[str] = _RETRIED_METHODS,
    pace: Pace | None = None,
) -> Channel:
    """Make the channel through which one opened carrier account sends its requests.

    Args:
        provider: The carrier's id, for logs and the throttle.
        options: As the user gave them.
        authorization: From `basic`, `bearer` or `own_headers`.
        hosts: The only host names that requests may go to; one that starts with "." allows its sub-domains.
        sdk: The SDK's distribution name, for the User-Agent.
        conceal: Names of JSON text fields in answers whose values are blanked (Twilio's account holds its auth token).
        wait_headers: Answer headers that say how long to wait after a 429, in seconds or as a date.
        repeated: Methods that may be sent again when their answer was lost. A carrier that routes numbers by PUT leaves
            it out: sent again seconds later, it could undo what somebody else has changed meanwhile.
        pace: What the carrier allows, where that is so little that requests are held back beforehand.
            ``HttpOptions.rate`` replaces its window, for a customer whom the carrier allows more.

    Returns:
        The channel; close it when done.

    Raises:
        MissingExtra: httpcore, which every carrier's extra installs, is not there.
    """
    if options.wire is None and importlib.util.find_spec("httpcore") is None:
        raise MissingExtra("httpcore is not installed.", fix="pip install httpcore")  # a stranger's extra is not ours
    return Channel(
        provider, options, authorization, frozenset(hosts), sdk, tuple(conceal), wait_headers, frozenset(repeated), pace
    )


class Channel:
    """Sends requests for one carrier account. Thread-safe. Make it with `open_channel`."""

    def __init__(
        self,
        provider: str,
        options: HttpOptions,
        authorization: Authorization,
        hosts: frozenset[str],
        sdk: str,
        conceal: tuple[str, ...],
        wait_headers: tuple[str, ...],
        repeated: frozenset[str],
        pace: Pace | None = None,
    ) -> None:
        self.provider = provider
        self.options = options
        self.request_count = 0
        self._authorization = authorization
        self._hosts = hosts
        self._user_agent = _user_agent(options.user_agent, sdk)
        self._blank = _blanker(authorization.secrets(), conceal)
        self._wait_headers = wait_headers
        self._repeated = repeated
        self._pause = pace.seconds if pace and not options.rate else None  # after a 429 that does not say how long
        self._throttle = _throttle(provider, authorization, options, pace)
        self._network: network.Network | None = None
        self._lock = threading.Lock()
        self._last = threading.local()

    @property
    def last_reply(self) -> Reply | None:
        """The last answer that this thread got: the place to find headers that an SDK's exception drops."""
        return getattr(self._last, "reply", None)

    @property
    def proxy_fault(self) -> str | None:
        """What the proxy did to this thread's last request, in words; None where it is not to blame."""
        return getattr(self._last, "proxy_fault", None)

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply | Unanswered:
        """Send a request, repeating it where that is safe, until it is answered or the deadline has passed.

        Args:
            method: In upper case.
            url: Absolute, of the carrier's real host.
            headers: As the SDK built them; most are dropped or replaced.
            body: Empty for none.

        Returns:
            The answer whatever its status, or why there was none. Never raises for what the network does.
        """
        deadline = time.monotonic() + self.options.deadline
        tries = 1 + (self.options.retries if method in self._repeated else 0)
        outcome: Reply | Unanswered = Unanswered("timeout", "the deadline passed before the request was sent")
        for attempt in range(tries):
            outcome = self._once(method, url, headers, body, deadline)
            wait = self._wait_before_retry(outcome, attempt)
            if wait is None or attempt + 1 == tries or time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
        self._last.reply = outcome if isinstance(outcome, Reply) else None
        self._last.proxy_fault = outcome.reason if isinstance(outcome, Unanswered) and outcome.proxy else None
        return outcome

    def close(self) -> None:
        """Close every connection. Closing twice is fine."""
        with self._lock:
            opened, self._network = self._network, None
        if opened is not None:
            opened.close()

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Reply | Unanswered:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" or not _allowed(host, self._hosts):
            return Unanswered("refused", f"{host or 'an empty host'} is not one of {self.provider}'s https hosts")
        passed = {name.lower(): value for name, value in headers.items() if name.lower() in _PASSED_HEADERS}
        passed |= {"user-agent": self._user_agent, "accept-encoding": "gzip"}
        began = time.monotonic()
        with self._throttle.turn(deadline) as granted:
            if not granted:
                return Unanswered("timeout", "the deadline passed while waiting for the throttle")
            with self._lock:
                self.request_count += 1
            outcome = self._deliver(method, self._rewritten(url), passed, body, deadline)
        took = time.monotonic() - began
        shown = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if isinstance(outcome, Unanswered):
            log.debug("%s %s %s: %s after %.3f s", self.provider, method, shown, outcome.reason, took)
            return outcome
        log.debug("%s %s %s: %d in %.3f s", self.provider, method, shown, outcome.status, took)
        return self._cleaned(outcome)

    def _rewritten(self, url: str) -> str:
        if self.options.base_url is None:
            return url
        return f"{self.options.base_url.rstrip('/')}/{url.removeprefix('https://')}"

    def _deliver(
        self, method: str, url: str, headers: dict[str, str], body: bytes, deadline: float
    ) -> Reply | Unanswered:
        """Put the real Authorization header on and send.

        The frames below this one hold the secret, so what the network does is returned, and never raised, from
        here: no traceback can show their locals. What a `wire` raises beyond the two kinds that it may raise is
        reported by name only, for the same reason.
        """
        network.limit.deadline = deadline
        send = self.options.wire or self._opened()
        try:
            status, answer, content = send(method, url, {**headers, **self._authorization.headers()}, body)
            lowered = {name.lower(): value for name, value in answer.items()}
            content = _decompressed(content) if lowered.get("content-encoding") == "gzip" else content
        except TimeoutError:
            return Unanswered("timeout", "no answer in time")
        except network.ProxyFault as error:
            return Unanswered("refused" if error.refused else "unreachable", str(error), proxy=True)
        except ConnectionError as error:
            return Unanswered("unreachable", f"the connection failed ({type(error).__name__})")
        except Exception as error:
            return Unanswered("unreachable", f"the request could not be sent ({type(error).__name__})")
        except BaseException as interrupt:
            raise interrupt.with_traceback(None)  # noqa: B904 - the same exception, without the frames below
        if status == _PROXY_REFUSES and self.options.proxies:  # in place of an answer, where there is no CONNECT
            return Unanswered("refused", f"the proxy answered {status}", proxy=True)
        return Reply(status, lowered, content)

    def _opened(self) -> network.Network:
        options = self.options
        with self._lock:
            if self._network is None:
                self._network = network.Network(
                    timeout=options.timeout,
                    pool_timeout=options.deadline,
                    connections=options.concurrency,
                    proxies=options.proxies,
                    ca_bundle=str(options.ca_bundle) if options.ca_bundle else None,
                )
                weakref.finalize(self, self._network.close)
            return self._network

    def _cleaned(self, reply: Reply) -> Reply:
        """Blank our secrets in an answer, and drop what would send an SDK elsewhere.

        A redirect would carry the Authorization header to another host: without Location, no SDK follows it.
        """
        dropped = ("location", "content-encoding", "content-length", "transfer-encoding", "set-cookie")
        headers = {n: self._blank(v.encode()).decode() for n, v in reply.headers.items() if n not in dropped}
        return Reply(reply.status, headers, _whole_characters(self._blank(reply.body)))

    def _wait_before_retry(self, outcome: Reply | Unanswered, attempt: int) -> float | None:
        """Seconds to wait before another try, or None when none would help."""
        jitter = random.uniform(0, _BACKOFF * 2**attempt)  # noqa: S311 - jitter, not a key
        if isinstance(outcome, Unanswered):
            return None if outcome.kind == "refused" else jitter
        if outcome.status not in _RETRIED_STATUSES:
            return None
        asked = retry_after(outcome, self._wait_headers)
        if asked is None and outcome.status == 429:  # noqa: PLR2004
            asked = self._pause
        if asked is not None and outcome.status == 429:  # noqa: PLR2004
            self._throttle.pause(min(asked, self.options.retry_after_cap))
        if asked is None:
            return jitter
        return asked + jitter if asked <= self.options.retry_after_cap else None

    def retry_after(self, reply: Reply) -> float | None:
        """Return the seconds that an answer asks to wait, or None."""
        return retry_after(reply, self._wait_headers)


def retry_after(reply: Reply, names: tuple[str, ...]) -> float | None:
    """Read how long to wait: seconds, or an HTTP date (RFC 9110 section 10.2.3). Nonsense counts as absent."""
    for name in names:
        text = reply.headers.get(name, "").strip()
        if not text:
            continue
        seconds = _seconds(text)
        if seconds is not None:
            return max(0.0, seconds)
    return None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):  # a year or an hour that no clock shows
            return None
    return seconds if math.isfinite(seconds) else None  # float() reads "inf" and "nan", which JSON cannot say


# --- what an answer and a request may hold ---------------------------------------------------------------------------


def _allowed(host: str, hosts: frozenset[str]) -> bool:
    return any(host.endswith(entry) if entry.startswith(".") else host == entry for entry in hosts)


def _blanker(values: Iterable[str], conceal: tuple[str, ...]) -> Callable[[bytes], bytes]:
    """Make the function that blanks secrets in an answer: plain, base64 and percent-encoded."""
    forms: set[bytes] = set()
    for value in values:
        raw = value.encode()
        forms |= {raw, quote(value, safe="").encode(), base64.b64encode(raw).rstrip(b"=")}
    longest_first = sorted(forms, key=len, reverse=True)
    names = {b'"%s"' % name.encode(): re.compile(rb'("%s"\s*:\s*")[^"]+' % name.encode()) for name in conceal}

    def blank(data: bytes) -> bytes:
        for form in longest_first:  # `replace` scans at memory speed; one alternation was 20 times slower
            data = data.replace(form, _BLANK)
        for name, pattern in names.items():
            data = pattern.sub(rb"\1" + _BLANK, data) if name in data else data
        return data

    return blank


def _whole_characters(data: bytes) -> bytes:
    """Replace half characters and NUL in JSON: a name that was cut within an emoji can be neither printed nor stored.

    Half of a surrogate pair (RFC 8259 section 8.2), escaped or as bytes, which Python lets through. NUL is always
    escaped in JSON; PostgreSQL takes it in no text.
    """
    data = _HALF_ESCAPED.sub(_kept_pair, data) if b"\\u" in data else data
    return _HALF_ENCODED.sub(b"\xef\xbf\xbd", data) if b"\xed" in data else data


def _kept_pair(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] else rb"\ufffd"


def _decompressed(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    plain = inflater.decompress(data, network.MAX_BODY)
    if inflater.unconsumed_tail:
        msg = "the answer is larger than voipkit reads"
        raise ConnectionError(msg)
    return plain


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _user_agent(application: str | None, sdk: str) -> str:
    own = f"voipkit/{_version('voipkit')} {sdk}/{_version(sdk)} python/{platform.python_version()}"
    return f"{application} {own}" if application else own


# --- throttle --------------------------------------------------------------------------------------------------------


class _Throttle:
    """Bounds what one credential has in flight, and holds everybody back while the carrier asks to wait."""

    def __init__(self, concurrency: int, rate: float | None, pace: Pace | None) -> None:
        self._slots = threading.BoundedSemaphore(1 if pace else concurrency)
        self._gap = 1 / rate if rate else 0.0
        self._window = pace.seconds if pace and not rate else 0.0
        most = pace.requests if pace else 0
        self._starts = deque([float("-inf")] * most, most)
        self._lock = threading.Lock()
        self._next = 0.0

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    @contextmanager
    def turn(self, deadline: float) -> Iterator[bool]:
        """Wait for a slot; yield False when there will be none before the deadline."""
        if not self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            yield False
            return
        try:
            with self._lock:
                start = max(self._next, time.monotonic())
                start = max(start, self._starts[0] + self._window) if self._window else start
                if start < deadline:
                    self._next = start + self._gap if self._gap else self._next
                    self._starts.append(start)
            if start >= deadline:
                yield False
                return
            time.sleep(max(0.0, start - time.monotonic()))
            yield True
        finally:
            self._slots.release()


_throttles: weakref.WeakValueDictionary[bytes, _Throttle] = weakref.WeakValueDictionary()
_throttles_lock = threading.Lock()
_process_key = _secrets.token_bytes(32)


def _throttle(provider: str, authorization: Authorization, options: HttpOptions, pace: Pace | None) -> _Throttle:
    """Return the throttle of a credential: one in the process, however often the account is opened."""
    counted = pace or authorization.headers()
    text = f"{provider}\0{options.concurrency}\0{options.rate}\0{counted}"
    key = hmac.new(_process_key, text.encode(), hashlib.sha256).digest()
    with _throttles_lock:
        throttle = _throttles.get(key)
        if throttle is None:
            throttle = _throttles[key] = _Throttle(options.concurrency, options.rate, pace)
        return throttle


# --- shells: what an SDK sees ----------------------------------------------------------------------------------------


def requests_session(channel: Channel) -> requests.Session:
    """Make a requests session whose every request goes through the channel.

    Args:
        channel: From `open_channel`.

    Returns:
        A session that raises ``requests.ReadTimeout`` or ``requests.ConnectionError``, as an SDK expects.
    """
    import io

    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPResponse

    class Adapter(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *_args: object, **_kwargs: object) -> requests.Response:
            body = request.body or b""
            body = body.encode() if isinstance(body, str) else body
            outcome = channel.exchange(request.method or "", request.url or "", request.headers, body)
            if isinstance(outcome, Unanswered):
                failure = requests.ReadTimeout if outcome.kind == "timeout" else requests.ConnectionError
                raise failure(outcome.reason, request=request)
            raw = HTTPResponse(
                io.BytesIO(outcome.body),
                headers=outcome.headers,
                status=outcome.status,
                preload_content=False,
            )
            return self.build_response(request, raw)

    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Adapter())
    session.mount("http://", Adapter())
    return session


def httpx_client(channel: Channel) -> httpx.Client:
    """Make an httpx client whose every request goes through the channel.

    Args:
        channel: From `open_channel`.

    Returns:
        A client that raises ``httpx.ReadTimeout`` or ``httpx.ConnectError``, as an SDK expects.
    """
    import httpx

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            outcome = channel.exchange(request.method, str(request.url), request.headers, request.read())
            if isinstance(outcome, Unanswered):
                failure = httpx.ReadTimeout if outcome.kind == "timeout" else httpx.ConnectError
                raise failure(outcome.reason, request=request)
            return httpx.Response(outcome.status, headers=outcome.headers, content=outcome.body)

    return httpx.Client(transport=Transport(), trust_env=False)
