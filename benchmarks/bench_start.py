"""Import time and the first answer.

*Import*: CPU seconds of the one `import` statement, read inside fresh interpreters that take turns (11 each, medians).
Modules are those that the import adds to a bare interpreter. *First Telnyx answer*: wall time from starting a process
to having the answer, over one sandbox server in another process, processes taking turns (5 each, medians) with warm
.pyc files; CPU and resident memory are the child's own, read when the answer is there. The pair with a target asks for
the same page of numbers on both sides; the other lets voipkit do a whole `test_credentials` (5 requests) against one
`balance.retrieve()`.
"""

from __future__ import annotations

from statistics import median

from benchmarks.measuring import child, python, served
from benchmarks.table import Row

IMPORTS, ANSWERS = 11, 5
PAIRS = (
    ("a page of numbers", "ours, list_numbers", "SDK, phone_numbers.list", "at most 0.6"),
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
    works = ["import telnyx"] + [who for _, ours, theirs, _ in PAIRS for who in (ours, theirs)]
    seen: dict[str, list[dict[str, float]]] = {who: [] for who in works}
    with served(latency=0.0) as box:
        for turn in range(ANSWERS + 1):  # the first is thrown away: it compiles and warms the file cache
            for who in works[:: -1 if turn % 2 else 1]:
                report = child("first_answer", who=who, url=box.url, credentials=box.credentials["telnyx"])
                if turn:
                    seen[who].append(report)

    def of(who: str, name: str) -> float:
        return median(report["at"] - report["started"] if name == "wall" else report[name] for report in seen[who])

    rows: list[Row] = []
    for what, ours, theirs, target in PAIRS:
        wall, cpu, rss = ((of(ours, name), of(theirs, name)) for name in ("wall", "cpu", "rss"))
        cpus = f"CPU {cpu[0] / cpu[1]:.2f}, {cpu[0]:.2f} / {cpu[1]:.2f} s"
        answer = f"{wall[0] / wall[1]:.2f} ({wall[0]:.2f} / {wall[1]:.2f} s; {cpus})"
        held = f"{rss[0] / rss[1]:.2f} ({rss[0] / 1e6:.0f} / {rss[1] / 1e6:.0f} MB)"
        rows += [
            (f"first Telnyx answer from a cold process, {what}: voipkit / SDK, wall", answer, target),
            (f"... resident memory then, {what}: voipkit / SDK", held, ""),
        ]
    alone, whole = of("import telnyx", "wall"), of(PAIRS[0][2], "wall")
    shown = f"{alone / whole:.2f} ({alone:.2f} / {whole:.2f} s)"
    return [*rows, ("... a process that only imports telnyx / the SDK's page of numbers, wall", shown, "")]
