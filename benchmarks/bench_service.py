"""The service: importing 10,000 numbers on the sandbox, and pages of 100,000 numbers.

The import is one call of `ConnectionService.import_numbers` at the simulated Telnyx in the same process, over SQLite in
a temporary folder; the sandbox shares the processor with it. Memory is the process's peak beyond what it held before
(psutil, sampled every 20 ms). Pages are of 100 numbers, read from SQLite in turns; the ratio is of medians.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.table import Row

IMPORTED, LISTED, PAGE, ROUNDS = 10_000, 100_000, 100, 15


def run() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        return [*importing(Path(folder) / "import.db"), *paging(Path(folder) / "pages.db")]


def importing(file: Path) -> list[Row]:
    """Import 10,000 numbers."""
    service, box, connection_id = opened(file)
    fresh = [number.phone_number for number in box.telnyx.seed_numbers(IMPORTED)]
    box.clear()
    with Peak() as peak:
        began = time.perf_counter()
        report = service.import_numbers("acme", connection_id, fresh)
        seconds = time.perf_counter() - began
    assert report.imported_count == IMPORTED
    assert len(box.writes) == IMPORTED
    requests = len(box.requests)
    service.close()
    return [
        (f"Importing {IMPORTED:,} numbers: wall time, the sandbox's own work included", f"{seconds:.1f} s", ""),
        (f"Importing {IMPORTED:,} numbers: most memory beyond the start", f"{peak.grown / 2**20:.0f} MiB", ""),
        (
            f"Importing {IMPORTED:,} numbers: carrier requests",
            f"{requests:,} ({IMPORTED:,} writes)",
            f"at most {int(IMPORTED * 1.05):,}",
        ),
    ]


def paging(file: Path) -> list[Row]:
    """Read page 1 and page 1,000 in turns."""
    from voipkit.models import NewPhoneNumber

    service, _, connection_id = opened(file)
    with service._shop.store.transaction("acme") as tx:
        for start in range(0, LISTED, 5_000):
            block = range(start, start + 5_000)
            tx.add_numbers([NewPhoneNumber(number=f"+1555{n:07}", voip_connection_id=connection_id) for n in block])
    cursor: str | None = None
    for _ in range(LISTED // PAGE - 1):
        cursor = service.numbers("acme", limit=PAGE, cursor=cursor).next_cursor
    first, last = [], []
    for _ in range(ROUNDS):
        for place, found in ((None, first), (cursor, last)):
            began = time.perf_counter()
            assert len(service.numbers("acme", limit=PAGE, cursor=place).items) == PAGE
            found.append(time.perf_counter() - began)
    service.close()
    ratio = median(last) / median(first)
    shown = f"{ratio:.2f} ({median(first) * 1000:.1f} ms and {median(last) * 1000:.1f} ms)"
    return [(f"Page {LISTED // PAGE:,} of {LISTED:,} numbers beside page 1", shown, "at most 1.5")]


def opened(file: Path):
    """Make a service over SQLite and a sandbox, with one connection."""
    import voipkit
    from voipkit.evidence import KeyRing, generate_key
    from voipkit.sandbox import Sandbox
    from voipkit.service import ConnectionService
    from voipkit.store import SqlStore

    box = Sandbox(keep_bodies=False)
    store = SqlStore(file)
    store.upgrade()
    http = voipkit.HttpOptions(wire=box.wire, rate=1_000_000)
    service = ConnectionService(store, KeyRing.from_text(generate_key()), http=http)
    account = {"credentials": box.credentials("telnyx"), "sip_config": box.sip_config("telnyx")}
    tested = service.test("acme", "telnyx", **account)
    made = service.create("acme", provider="telnyx", **account, evidence=tested.verification_evidence_id)
    return service, box, made.id


class Peak:
    """Watches this process's resident memory while the block runs."""

    def __enter__(self):
        self._process, self._done = psutil.Process(), threading.Event()
        self._start = self._most = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)

    @property
    def grown(self) -> int:
        """Bytes beyond the start."""
        return self._most - self._start
