"""CPU of one small GET through voipkit's channel beside the same HTTP client alone, both answered in process.

`time.process_time`, medians of 7 interleaved rounds of 500 requests. The channel's part is the throttle, the retry
loop, the host list, the header allow-list, and blanking the secret in the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import requests
from pydantic import SecretStr

from benchmarks.measuring import compare
from benchmarks.table import Row
from voipkit.adapting.transport import HttpOptions, bearer, httpx_client, open_channel, requests_session

CALLS, ROUNDS = 500, 7
URL = "https://api.telnyx.com/v2/balance"
BODY = b'{"data":{"balance":"250.00","credit_limit":"100.00","currency":"USD","record_type":"balance"}}'
HEADERS = {"Content-Type": "application/json"}


def run() -> list[Row]:
    """Measure."""
    http = HttpOptions(wire=lambda *_: (200, HEADERS, BODY))
    channel = open_channel("bench", http, bearer(SecretStr("KEY" + "0" * 40)), hosts={"api.telnyx.com"}, sdk="telnyx")
    client, session = httpx_client(channel), requests_session(channel)
    theirs = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, headers=HEADERS, content=BODY)), trust_env=False
    )
    bare = requests.Session()
    bare.trust_env = False
    bare.mount("https://", _Canned())
    works = {
        "exchange": lambda: channel.exchange("GET", URL, {}, b""),
        "httpx ours": lambda: client.get(URL),
        "httpx alone": lambda: theirs.get(URL),
        "requests ours": lambda: session.get(URL),
        "requests alone": lambda: bare.get(URL),
    }
    seen = compare({name: _many(work) for name, work in works.items()}, ROUNDS, time.process_time)
    cost = {name: seconds / CALLS * 1e6 for name, seconds in seen.items()}
    pairs = [
        (
            f"one GET, CPU: {name} over voipkit's channel / {name} alone",
            f"{ours / alone:.2f} ({ours:.0f} / {alone:.0f} µs)",
            "",
        )
        for name in ("httpx", "requests")
        for ours, alone in [(cost[f"{name} ours"], cost[f"{name} alone"])]
    ]
    return [*pairs, ("one GET, CPU of the channel itself", f"{cost['exchange']:.0f} µs", "")]


class _Canned(requests.adapters.HTTPAdapter):
    """Answers as voipkit's own adapter does, without its channel."""

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        import io

        from urllib3 import HTTPResponse

        raw = HTTPResponse(io.BytesIO(BODY), headers=HEADERS, status=200, preload_content=False)
        return self.build_response(request, raw)


def _many(work: Callable[[], object]) -> Callable[[], object]:
    def repeated() -> None:
        for _ in range(CALLS):
            work()

    return repeated
