"""CPU of listing 10,000 numbers beside the plain SDK, in one process.

`time.process_time` (all threads), medians of 5 interleaved rounds, both sides over the same canned answers, SDKs
loaded beforehand. Numbers are spread over area codes and exchanges. Twilio's SDK streams at its largest page size over
an HTTP client that only returns text: no requests session, which favours the SDK. Telnyx's SDK reads pages by number
at their largest size over `httpx.MockTransport`; its own pager is shown too.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import voipkit
from benchmarks import plain
from benchmarks.canned import Canned
from benchmarks.measuring import CARRIERS, compare
from benchmarks.table import Row

NUMBERS, ROUNDS = 10_000, 5


def run() -> list[Row]:
    """Measure."""
    rows: list[Row] = []
    for carrier in CARRIERS:
        seen = compare(works(carrier), ROUNDS, time.process_time)
        ours, theirs = seen.pop("voipkit"), min(seen.values())
        others = "; ".join(f"{name} {seconds:.2f} s" for name, seconds in seen.items())
        figure = f"{carrier}: listing {NUMBERS:,} numbers, voipkit / SDK, CPU"
        rows.append((figure, f"{ours / theirs:.2f} ({ours:.2f} s; {others})", "at most 1.3"))
    return [*rows, pages_alone()]


def pages_alone() -> Row:
    """Compare Twilio's typed page with the plain mappings that the adapter reads, before it makes numbers of them."""
    canned = Canned("twilio", NUMBERS, keep=True)
    client = plain.twilio_canned(canned)
    account: Any = voipkit.open_provider("twilio", canned.credentials, http=voipkit.HttpOptions(wire=canned.wire))

    def mappings() -> None:
        page = account._number_page("list_numbers", None)
        while page.next:
            page = account._number_page("list_numbers", page.next)

    works = {"ours": mappings, "theirs": lambda: _drain(client.incoming_phone_numbers.stream(page_size=1000))}
    seen = compare(works, ROUNDS, time.process_time)
    return (
        f"twilio: {NUMBERS:,} numbers, pages as plain mappings / the SDK's typed pages, CPU",
        f"{seen['ours'] / seen['theirs']:.2f} ({seen['ours']:.2f} / {seen['theirs']:.2f} s)",
        "",
    )


def works(carrier: str) -> dict[str, Callable[[], object]]:
    """Return what is compared, after running each once."""
    canned = Canned(carrier, NUMBERS, keep=True)

    def ours() -> None:
        http = voipkit.HttpOptions(wire=canned.wire)
        with voipkit.open_provider(carrier, canned.credentials, http=http) as account:
            _drain(account.list_numbers())

    found: dict[str, Callable[[], object]] = {"voipkit": ours}
    if carrier == "twilio":
        twilio = plain.twilio_canned(canned)
        found["SDK stream(page_size=1000)"] = lambda: _drain(twilio.incoming_phone_numbers.stream(page_size=1000))
    else:
        telnyx = plain.telnyx_canned(canned)
        found["SDK page loop"] = lambda: plain.telnyx_pages(telnyx, 250)
        found["SDK pager"] = lambda: _drain(telnyx.phone_numbers.list(page_size=250))
    for work in found.values():
        work()
    return found


def _drain(numbers: Iterable[object]) -> None:
    (last,) = deque(enumerate(numbers, 1), maxlen=1)
    assert last[0] == NUMBERS
