"""How many requests each job takes, counted by the sandbox.

*Round trips deep*: each request takes 100 ms on the wire, its start and end are recorded, and the depth is the longest
chain of requests of which each began after the one before had ended; the largest over every set-up that the sandbox
knows. *Import* and *verify* run on accounts of 1,000 numbers and choose numbers evenly up to the last one, so that no
listing can stop early. What a job asks beyond one listing and its writes is named. A carrier whose answer to a write
does not show the number is asked for it once more for each number, to read back what was written; Vonage once before,
too, since its update replaces what it is not given.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import voipkit
from benchmarks.measuring import CARRIERS
from benchmarks.plain import LARGEST
from benchmarks.recorded import number, stocked
from benchmarks.table import Row
from voipkit.sandbox import Sandbox

SIZES = (0, 1, 250, 1000, 10_000)
DELAY = 0.1
KINDS = ("fqdn_connection", "ip_connection", "credential_connection", "call_control_application", "texml_application")


class Recorder:
    """A wire that notes when each request begins and ends."""

    def __init__(self, box: Sandbox, delay: float = 0.0) -> None:
        self.spans: list[tuple[float, float]] = []
        self._box, self._delay = box, delay
        self._lock = threading.Lock()

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Any:
        began = time.monotonic()
        time.sleep(self._delay)
        answer = self._box.wire(method, url, headers, body)
        with self._lock:
            self.spans.append((began, time.monotonic()))
        return answer

    @property
    def depth(self) -> int:
        """The longest chain of requests that did not overlap: take the one that ends first, again and again."""
        chain, free = 0, 0.0
        for began, ended in sorted(self.spans, key=lambda span: span[1]):
            if began >= free:
                chain, free = chain + 1, ended
        return chain

    @property
    def most_at_once(self) -> int:
        """The most requests that were under way at the same time."""
        return max((sum(b <= began < e for b, e in self.spans) for began, _ in self.spans), default=0)


def run() -> list[Row]:
    """Count."""
    return [row for carrier in CARRIERS for row in (*tests(carrier), *listings(carrier), *jobs(carrier))]


def opened(carrier: str, box: Sandbox, wire: Any, *, named: bool = True) -> Any:
    """Open the sandbox's account; not ``named`` leaves the trunk or connection out."""
    credentials, sip = box.credentials(carrier), box.sip_config(carrier)
    if not named:
        credentials.pop("connection_id", None)
        sip = {}
    http = voipkit.HttpOptions(wire=wire, rate=10_000)  # Cloudonix's and Vobiz's limits would only be waited for
    return voipkit.open_provider(carrier, credentials, sip_config=sip, http=http)


def tests(carrier: str) -> list[Row]:
    """Count the requests of `test_credentials` and of `suggest_name` after it, over every set-up."""
    requests, depths, walls, naming = [], [], [], []
    for kind in (None, "named", *(KINDS if carrier == "telnyx" else ())):
        box = Sandbox()
        if kind in KINDS:
            box.telnyx.connections.clear()
            profile = box.telnyx.outbound_profiles[0].id
            box.telnyx.add_connection(kind, "bench", outbound_voice_profile_id=profile)
        opened(carrier, box, box.wire, named=kind is not None).test_credentials()  # loads what it needs of the SDK
        wire = Recorder(box, DELAY)
        with opened(carrier, box, wire, named=kind is not None) as provider:
            began = time.monotonic()
            provider.test_credentials()
            walls.append((time.monotonic() - began) / DELAY)
            requests.append(len(wire.spans))
            depths.append(wire.depth)
            provider.suggest_name()
            naming.append(len(wire.spans) - requests[-1])
    each = ", ".join(map(str, requests))
    return [
        (f"{carrier}: test_credentials, requests", f"{max(requests)} (by set-up: {each})", "at most 5"),
        (
            f"{carrier}: test_credentials, round trips deep",
            f"{max(depths)} (slowest set-up took {max(walls):.1f} times one request)",
            "at most 2",
        ),
        (f"{carrier}: suggest_name after it, requests", f"{max(naming)}", "at most 0"),
    ]


def listings(carrier: str) -> list[Row]:
    """Count the pages of listings of several lengths."""
    counts, prices, at_once = [], [], 0
    for size in SIZES:
        box = stocked(size, carrier)
        wire = Recorder(box, 0.01 if size == 1000 else 0.0)
        with opened(carrier, box, wire) as provider:
            assert sum(1 for _ in provider.list_numbers()) == size
        asked = Counter(request.operation for request in box.requests)
        prices.append(asked.pop("prices", 0))
        counts.append(sum(asked.values()))
        at_once = wire.most_at_once if size == 1000 else at_once
    page = LARGEST[carrier]
    extra = sum(count - pages(carrier, size) for size, count in zip(SIZES, counts, strict=True))
    asked_for = f"ceil(N / {page:,}), at least 1" if page else "1"
    lengths = ", ".join(f"{size:,}" for size in SIZES)
    rows = [
        (
            f"{carrier}: listing N = {lengths}: requests beyond {asked_for}",
            f"{extra} (requests {', '.join(map(str, counts))}"
            + (f"; price lists besides {', '.join(map(str, prices))})" if any(prices) else ")"),
            "at most 0",
        )
    ]
    if carrier in ("telnyx", "vonage", "plivo", "vobiz"):  # their pages have numbers: they can be asked for at once
        rows.append((f"{carrier}: pages of a listing of 1,000 under way at once", f"{at_once}", "at least 2"))
    return rows


def jobs(carrier: str) -> list[Row]:
    """Count what imports and verifications ask beyond one listing and the writes."""
    imports = {k: beyond(carrier, k, "import") for k in (1, 10, 200)}
    verifications = {k: beyond(carrier, k, "verify") for k in (1, 10, 1000)}
    totals = [extra.total() for extra in verifications.values()]
    return [
        (
            f"{carrier}: import of k = 1, 10, 200 of 1,000: requests beyond one listing and k writes",
            f"{max(extra.total() for extra in imports.values())} ({named(imports)})",
            "at most 0",
        ),
        (
            f"{carrier}: verify of k = 1, 10, 1,000 of 1,000: growth with k of the requests beyond one listing",
            f"{max(totals) - min(totals)} ({named(verifications)})",
            "at most 0",
        ),
    ]


def pages(carrier: str, size: int) -> int:
    """Return how many requests a listing of so many numbers needs."""
    return max(1, -(-size // LARGEST[carrier])) if LARGEST[carrier] else 1


def beyond(carrier: str, k: int, job: str) -> Counter[str]:
    """Do a job for k numbers and return the requests, by operation, beyond one listing and k writes."""
    box = stocked(1000, carrier)
    chosen = [number(999 - step * (1000 // k)) for step in range(k)]
    with opened(carrier, box, box.wire) as provider:
        if job == "import":
            report = provider.import_numbers(chosen, on_conflict="overwrite")
            assert report.ok, report.counts
        else:
            assert len(list(provider.verify_numbers(chosen))) == k
    writes = Counter(request.operation for request in box.writes)
    asked = Counter(request.operation for request in box.requests) - writes
    listed = "list_dnids" if carrier == "cloudonix" else "list_numbers"
    asked[listed] -= pages(carrier, 1000)
    if writes.total() > (k if job == "import" else 0):
        asked["writes"] = writes.total() - k
    return +asked


def named(extras: Mapping[int, Counter[str]]) -> str:
    """Write the requests out: for which k, how many, and which; equal ones together."""
    same: dict[str, list[str]] = {}
    for k, extra in extras.items():
        which = ", ".join(f"{name} {count}" for name, count in sorted(extra.items()))
        same.setdefault(f"{extra.total()} = {which}" if which else "0", []).append(f"{k:,}")
    return "; ".join(f"k {' and '.join(ks)}: {what}" for what, ks in same.items())
