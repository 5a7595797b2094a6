"""Wall time at 50 ms a request, over a sandbox server in another process.

10,000 numbers, voipkit as it is against the plain SDK as a user would write it (its default page size: 50 at Twilio,
20 at Telnyx) and at the largest page size. Medians of 3 interleaved rounds; the default page size runs once, as it
takes many times as long. voipkit also asks Twilio for one price list for each country. The server's CPU is shared by
both sides. Importing 200 numbers of that account is shown beside what 50 ms for one request after another would take.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import voipkit
from benchmarks import plain
from benchmarks.measuring import CARRIERS, Served, compare, served
from benchmarks.table import Row

NUMBERS, LATENCY, ROUNDS, IMPORTED = 10_000, 0.05, 3, 200


def run() -> list[Row]:
    """Measure."""
    with served(LATENCY, NUMBERS) as box:
        return [row for carrier in CARRIERS for row in (*listing(box, carrier), *importing(box, carrier))]


def opened(box: Served, carrier: str) -> Any:
    """Open the served account."""
    http = voipkit.HttpOptions(base_url=box.url)
    return voipkit.open_provider(carrier, box.credentials[carrier], sip_config=box.sip_config[carrier], http=http)


def listing(box: Served, carrier: str) -> list[Row]:
    """Compare listings."""
    account = opened(box, carrier)
    next(account.list_numbers()).number  # noqa: B018 - loads the SDK and connects
    if carrier == "twilio":
        twilio = plain.twilio_over(box.url, box.credentials[carrier]).incoming_phone_numbers
        largest: Callable[[], object] = lambda: deque(twilio.stream(page_size=1000), maxlen=0)  # noqa: E731
        default: Callable[[], object] = lambda: deque(twilio.stream(), maxlen=0)  # noqa: E731
        sizes = ("stream(page_size=1000)", "stream()")
    else:
        client = plain.telnyx_over(box.url, box.credentials[carrier])
        next(iter(client.phone_numbers.list(page_size=1)))
        largest = lambda: plain.telnyx_pages(client, 250)  # noqa: E731
        default = lambda: deque(client.phone_numbers.list(), maxlen=0)  # noqa: E731
        sizes = ("page loop at 250", "for ... in list()")
    seen = compare({"ours": lambda: deque(account.list_numbers(), maxlen=0), "largest": largest}, ROUNDS)
    seen |= compare({"default": default}, 1)
    account.close()
    return [
        (
            f"{carrier}: {NUMBERS:,} numbers at 50 ms a request, times faster than the SDK's {name}",
            f"{seen[key] / seen['ours']:.1f} ({seen['ours']:.2f} / {seen[key]:.2f} s)",
            "",
        )
        for key, name in zip(("largest", "default"), sizes, strict=True)
    ]


def importing(box: Served, carrier: str) -> list[Row]:
    """Time an import."""
    with opened(box, carrier) as account:
        numbers = [number for number in account.list_numbers() if number.route is None][-IMPORTED:]
        box.counted()
        began = time.perf_counter()
        report = account.import_numbers(numbers)
        took = time.perf_counter() - began
    asked = box.counted()
    assert {result.status for result in report.results} == {"imported"}
    requests = sum(asked.values())
    which = ", ".join(f"{name} {count}" for name, count in sorted(asked.items()))
    return [
        (
            f"{carrier}: import of {IMPORTED} of {NUMBERS:,} numbers at 50 ms a request",
            f"{took:.1f} s ({requests} requests: {which}; one after another {requests * LATENCY:.1f} s)",
            "",
        )
    ]
