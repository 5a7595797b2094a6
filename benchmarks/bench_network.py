"""Wall time at 50 ms a request, over a sandbox server in another process.

10,000 numbers, voipkit as it is against the plain SDK as a user would write it: at the largest page size that the
carrier gives (medians of 3 interleaved rounds), and at the SDK's default (once, as it takes many times as long). voipkit
also asks Twilio for one price list for each country. The server's CPU is shared by both sides. Importing 200 numbers of
that account (20 at Cloudonix, which takes 10 requests in 3 seconds) is shown beside what 50 ms for one request after
another would take.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import voipkit
from benchmarks.measuring import CARRIERS, Served, compare, served
from benchmarks.plain import LARGEST, Numbers
from benchmarks.table import Row

NUMBERS, LATENCY, ROUNDS, IMPORTED = 10_000, 0.05, 3, 200
ONE_SIZE = ("vonage", "plivo", "cloudonix")  # the default is the largest page
AT_LEAST = {"plivo": "at least 6"}


def run() -> list[Row]:
    """Measure."""
    rows: list[Row] = []
    for carrier in CARRIERS:
        with served(LATENCY, NUMBERS, [carrier]) as box:
            rows += [*listing(box, carrier), *importing(box, carrier)]
    return rows


def opened(box: Served, carrier: str) -> Any:
    """Open the served account."""
    http = voipkit.HttpOptions(base_url=box.url)
    return voipkit.open_provider(carrier, box.credentials[carrier], sip_config=box.sip_config[carrier], http=http)


def listing(box: Served, carrier: str) -> list[Row]:
    """Compare listings."""
    account, sdk = opened(box, carrier), Numbers(carrier, box.credentials[carrier], box.url)
    next(account.list_numbers()).number  # noqa: B018 - loads the SDK and connects
    seen = compare({"ours": lambda: deque(account.list_numbers(), maxlen=0), "largest": sdk.largest}, ROUNDS)
    if carrier not in ONE_SIZE:
        seen |= compare({"default": sdk.default}, 1)
    account.close()
    named = {
        "largest": f"pages of {LARGEST[carrier]:,}" if LARGEST[carrier] else "one page",
        "default": "default pages",
    }
    return [
        (
            f"{carrier}: {NUMBERS:,} numbers at 50 ms a request, times faster than the SDK's loop, {named[key]}",
            f"{seen[key] / seen['ours']:.1f} ({seen['ours']:.2f} / {seen[key]:.2f} s)",
            AT_LEAST.get(carrier, "") if key == "largest" else "",
        )
        for key in seen
        if key != "ours"
    ]


def importing(box: Served, carrier: str) -> list[Row]:
    """Time an import."""
    count = 20 if carrier == "cloudonix" else IMPORTED
    with opened(box, carrier) as account:
        numbers = list(account.list_numbers())[-count:]
        box.counted()
        began = time.perf_counter()
        report = account.import_numbers(numbers, on_conflict="overwrite")
        took = time.perf_counter() - began
    asked = box.counted()
    requests = sum(asked.values())
    which = ", ".join(f"{name} {number}" for name, number in sorted(asked.items()))
    counts = ", ".join(f"{number} {status}" for status, number in sorted(report.counts.items()))
    return [
        (
            f"{carrier}: import of {count} of {NUMBERS:,} numbers at 50 ms a request",
            f"{took:.1f} s ({counts}; {requests} requests: {which}; one after another {requests * LATENCY:.1f} s)",
            "",
        )
    ]
