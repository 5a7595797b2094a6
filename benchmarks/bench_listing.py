"""CPU of listing 10,000 numbers beside the plain SDK, in one process.

`time.process_time` (all threads), medians of 5 interleaved rounds, both sides over the same answers from memory, SDKs
loaded beforehand. Numbers are spread over area codes and exchanges. The SDK lists by its own HTTP client with the
largest pages that the carrier gives, in the way its documents show. The SDKs of SignalWire, Vonage, Plivo and Vobiz
return the JSON much as it came; voipkit checks every number, brings it to E.164 and makes a model of it, as Twilio's and
Telnyx's SDKs do. Cloudonix has no SDK: httpx and plain mappings stand for it.
"""

from __future__ import annotations

import time
from collections import deque

import voipkit
from benchmarks.measuring import CARRIERS, compare
from benchmarks.plain import Numbers
from benchmarks.recorded import Recorded
from benchmarks.table import Row

NUMBERS, ROUNDS = 10_000, 5


def run() -> list[Row]:
    """Measure."""
    return [measured(carrier) for carrier in CARRIERS]


def measured(carrier: str) -> Row:
    """Compare one carrier's listings."""
    recorded = Recorded(carrier, NUMBERS)
    sdk = Numbers(carrier, recorded.credentials, recorded.wire)
    # Cloudonix's and Vobiz's rate limits would be waited for; waiting takes no CPU, but the benchmark's time.
    http = voipkit.HttpOptions(wire=recorded.wire, rate=10_000)

    def ours() -> None:
        with voipkit.open_provider(carrier, recorded.credentials, http=http) as account:
            (last,) = deque(enumerate(account.list_numbers(), 1), maxlen=1)
        assert last[0] == NUMBERS

    def theirs() -> None:
        assert sdk.largest() == NUMBERS

    works = {"voipkit": ours, "SDK": theirs}
    for work in works.values():
        work()
    seen = compare(works, ROUNDS, time.process_time)
    figure = f"{carrier}: listing {NUMBERS:,} numbers, voipkit / SDK, CPU"
    ratio = seen["voipkit"] / seen["SDK"]
    return figure, f"{ratio:.2f} ({seen['voipkit']:.2f} / {seen['SDK']:.2f} s)", AT_MOST.get(carrier, "at most 1.3")


AT_MOST = {"cloudonix": ""}
"""No target where there is no SDK to compare with: `json.loads` alone is no listing of numbers."""
