"""Memory of streaming 100,000 numbers, each run in a fresh process.

Answers are made on the fly from one record, so nothing but voipkit and the SDK holds memory. Sampled after a garbage
collection at the first number of page 2, at 20 places after it and at the end; the figure is the most at any of them
less what was held at page 2. What is held by then does not include all the pages that Telnyx has under way at once (8,
and one being read), so the growth after number 10,000 is shown too: it is what grows with the account. Resident memory is the process's (psutil); Python's own (tracemalloc) is from a second
run, as tracing itself takes memory.
"""

from __future__ import annotations

from benchmarks.measuring import CARRIERS, child
from benchmarks.table import Row

NUMBERS = 100_000


def run() -> list[Row]:
    """Measure."""
    rows: list[Row] = []
    for carrier in CARRIERS:
        for traced, kind in ((False, "resident memory"), (True, "Python's own memory (tracemalloc)")):
            seen = child("memory", carrier=carrier, total=NUMBERS, traced=traced)
            assert seen["count"] == NUMBERS
            growth = seen["most"] - seen["second_page"]
            figure = f"{carrier}: streaming {NUMBERS:,} numbers, growth after page 1, {kind}"
            later = f"of it after number {NUMBERS // 10:,}: {(seen['most'] - seen['tenth']) / 1e6:.1f} MB"
            held = f"page 2: {seen['second_page'] / 1e6:.1f} MB, end: {seen['end'] / 1e6:.1f} MB"
            measured = f"{growth / 1e6:.1f} MB ({growth / NUMBERS:.1f} bytes a number; {later}; {held})"
            rows.append((figure, measured, "at most 5 MB"))
    return rows
