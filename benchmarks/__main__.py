"""Run the benchmarks and print their figures: ``python -m benchmarks``, or ``make bench``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib import import_module, metadata

from benchmarks.measuring import ROOT
from benchmarks.table import Row, markdown, missed, plain

SECTIONS = {
    "start": "Starting",
    "requests": "Requests",
    "listing": "Listing, CPU",
    "memory": "Listing, memory",
    "network": "Listing and importing over a network",
    "channel": "One request",
    "evidence": "Evidence",
    "service": "Connections",
    "web": "HTTP API",
    "sip": "SIP probing",
}
VERSIONS = ("voipkit", "twilio", "telnyx", "requests", "httpx", "httpcore", "pydantic", "PyJWT", "cryptography")
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure voipkit beside the plain SDKs.")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="run one section; may be repeated")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is not met")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("--write needs every section: leave --only out")

    found: dict[str, list[Row]] = {}
    for name in given.only or SECTIONS:
        began = time.monotonic()
        found[name] = import_module(f"benchmarks.bench_{name}").run()
        print(f"{SECTIONS[name]} ({time.monotonic() - began:.0f} s)\n{plain(found[name])}\n", flush=True)
    rows = [row for section in found.values() for row in section]
    print(f"{summary(rows)} {machine()}")
    if given.write:
        PAGE.write_text(page(found), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return int(given.strict and bool(missed(rows)))


def summary(rows: list[Row]) -> str:
    """Count the targets."""
    aimed, off = [row for row in rows if row[2]], missed(rows)
    return f"{len(aimed) - len(off)} of {len(aimed)} targets met."


def machine() -> str:
    """Describe the kind of machine and the versions, not the machine itself."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in VERSIONS)
    kind = f"{os.cpu_count()} cores ({platform.system()} {platform.machine()})"
    return f"{datetime.now(UTC):%Y-%m-%d}, {kind}, Python {platform.python_version()}; {versions}."


def page(found: dict[str, list[Row]]) -> str:
    """Write docs/benchmarks.md."""
    rows = [row for section in found.values() for row in section]
    about = (
        "The machine is small and others use it at the same time. So each figure is a count, or a ratio of two things"
        " measured in turns in one run; seconds are there to show sizes. The carriers are the sandbox's: nothing here"
        " says how fast a real carrier answers."
    )
    parts = [
        "# Benchmarks",
        "This page is written by `python -m benchmarks --write`; `make bench` runs it. Do not edit.",
        f"Measured on {machine()}",
        about,
        f"**{summary(rows)}**" + (" Those that are not:" if missed(rows) else ""),
        "\n".join(f"- {figure}: {measured} (target: {target})" for figure, measured, target in missed(rows)),
    ]
    for name, section in found.items():
        how = (import_module(f"benchmarks.bench_{name}").__doc__ or "").strip()
        parts += [f"## {SECTIONS[name]}", how, markdown(section)]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    sys.exit(main())
