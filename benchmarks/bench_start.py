"""Import time and the first answer.

*Import*: CPU seconds of the one `import` statement, read inside fresh interpreters that take turns (11 each, medians).
Modules are those that the import adds to a bare interpreter. *First answer*: wall time from starting a process to having
the first number of the first page, over one sandbox server in another process, processes taking turns (5 each,
medians) with warm .pyc files; CPU and resident memory are the child's own, read when the answer is there. For Telnyx a
whole `test_credentials` (5 requests) against one `balance.retrieve()` is shown too.
"""

from __future__ import annotations

from statistics import median

from benchmarks.measuring import CARRIERS, Served, child, python, served
from benchmarks.table import Row

IMPORTS, ANSWERS = 11, 5
PAIRS = (
    ("a page of numbers", "ours, list_numbers", "SDK, numbers", "at most 0.6"),
    ("test_credentials / balance.retrieve()", "ours, test_credentials", "SDK, balance.retrieve", ""),
)
_TIMED = "import time; t = time.process_time(); import {0}; print(time.process_time() - t)"
_MODULES = """
import sys; bare = set(sys.modules); import voipkit
new = set(sys.modules) - bare
import os, sysconfig
site = sysconfig.get_paths()["purelib"] + os.sep
def foreign(m): return (getattr(sys.modules[m], "__file__", None) or "").startswith(site)
heavy = sorted(m for m in new if foreign(m) or m == "http.client")
print(len(heavy), len(new), *heavy)
"""


def run() -> list[Row]:
    """Measure."""
    return [*imports(), *first_answers()]


def imports() -> list[Row]:
    """Compare `import voipkit` with `import pydantic`."""
    heavy, new, *_ = python("-I", "-c", _MODULES).split()
    seen: dict[str, list[float]] = {"voipkit": [], "pydantic": []}
    for name in seen:
        python("-I", "-c", _TIMED.format(name))
    for _ in range(IMPORTS):
        for name, times in seen.items():
            times.append(float(python("-I", "-c", _TIMED.format(name))))
    ours, theirs = median(seen["voipkit"]), median(seen["pydantic"])
    return [
        (
            "import voipkit: third-party modules loaded (SDKs, HTTP clients, pydantic, ...)",
            f"{heavy} ({new} modules in all)",
            "at most 0",
        ),
        (
            "import voipkit / import pydantic, CPU",
            f"{ours / theirs:.2f} ({ours * 1e3:.1f} / {theirs * 1e3:.1f} ms)",
            "at most 0.3",
        ),
    ]


def first_answers() -> list[Row]:
    """Compare cold processes."""
    rows: list[Row] = []
    with served(latency=0.0) as box:
        for carrier in CARRIERS:
            for what, ours, theirs, target in PAIRS[: 2 if carrier == "telnyx" else 1]:
                aim = target if carrier == "telnyx" else ""
                rows += pair(box, carrier, what, (ours, theirs), aim)
        seen = cold(box, "telnyx", ("import telnyx", PAIRS[0][2]))
    alone, whole = seen["import telnyx"]["wall"], seen[PAIRS[0][2]]["wall"]
    shown = f"{alone / whole:.2f} ({alone:.2f} / {whole:.2f} s)"
    return [*rows, ("a process that only imports telnyx / the SDK's page of numbers, wall", shown, "")]


def pair(box: Served, carrier: str, what: str, works: tuple[str, str], target: str) -> list[Row]:
    """Compare voipkit with the SDK for one carrier."""
    ours, theirs = cold(box, carrier, works).values()
    cpus = f"CPU {ours['cpu'] / theirs['cpu']:.2f}, {ours['cpu']:.2f} / {theirs['cpu']:.2f} s"
    answer = f"{ours['wall'] / theirs['wall']:.2f} ({ours['wall']:.2f} / {theirs['wall']:.2f} s; {cpus})"
    held = f"{ours['rss'] / theirs['rss']:.2f} ({ours['rss'] / 1e6:.0f} / {theirs['rss'] / 1e6:.0f} MB)"
    return [
        (f"first {carrier} answer from a cold process, {what}: voipkit / SDK, wall", answer, target),
        ("... resident memory then: voipkit / SDK", held, ""),
    ]


def cold(box: Served, carrier: str, works: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Run fresh processes in turns; return the medians of each."""
    seen: dict[str, list[dict[str, float]]] = {who: [] for who in works}
    for turn in range(ANSWERS + 1):  # the first is thrown away: it compiles and warms the file cache
        for who in works[:: -1 if turn % 2 else 1]:
            report = child("first_answer", who=who, carrier=carrier, url=box.url, credentials=box.credentials[carrier])
            if turn:
                seen[who].append({**report, "wall": report["at"] - report["started"]})
    names = ("wall", "cpu", "rss")
    return {who: {name: median(each[name] for each in reports) for name in names} for who, reports in seen.items()}
