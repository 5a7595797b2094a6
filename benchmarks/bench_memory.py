"""Memory of streaming 100,000 numbers, each run in a fresh process, over a sandbox server in another one.

Sampled after a garbage collection at the first number of page 2, at 20 places after it and at the end; the figure is
the most at any of them less what was held at page 2. What is held by then does not include all the pages that are
under way at once, so the growth after number 10,000 is shown too: it is what grows with the account. Resident memory is
the process's (psutil); Python's own (tracemalloc) is from a second run, as tracing itself takes memory. Cloudonix gives
all numbers in one answer, which has to be held: bytes a number are shown for it.
"""

from __future__ import annotations

from benchmarks.measuring import CARRIERS, child, served
from benchmarks.plain import LARGEST
from benchmarks.table import Row

NUMBERS = 100_000


def run() -> list[Row]:
    """Measure."""
    rows: list[Row] = []
    for carrier in CARRIERS:
        with served(0.0, NUMBERS, [carrier]) as box:
            for traced, kind in ((False, "resident memory"), (True, "Python's own memory (tracemalloc)")):
                seen = child(
                    "memory",
                    carrier=carrier,
                    url=box.url,
                    credentials=box.credentials[carrier],
                    total=NUMBERS,
                    page=LARGEST[carrier],
                    traced=traced,
                )
                assert seen["count"] == NUMBERS
                rows.append(_row(carrier, kind, seen))
    return rows


def _row(carrier: str, kind: str, seen: dict[str, int]) -> Row:
    growth = seen["most"] - seen["second_page"]
    if not LARGEST[carrier]:
        held = f"{(seen['most'] - seen['before']) / NUMBERS:.0f} bytes a number (all in one answer)"
        return f"{carrier}: streaming {NUMBERS:,} numbers, most held, {kind}", held, ""
    later = f"of it after number {NUMBERS // 10:,}: {(seen['most'] - seen['tenth']) / 1e6:.1f} MB"
    held = f"page 2: {seen['second_page'] / 1e6:.1f} MB, end: {seen['end'] / 1e6:.1f} MB"
    measured = f"{growth / 1e6:.1f} MB ({growth / NUMBERS:.1f} bytes a number; {later}; {held})"
    return f"{carrier}: streaming {NUMBERS:,} numbers, growth after page 1, {kind}", measured, "at most 5 MB"
