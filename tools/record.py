"""Record the cassettes anew, or those of some carriers; docs/recording.md says more.

    python tools/record.py                     all carriers, from the sandbox
    python tools/record.py twilio vonage       these
    python tools/record.py --live telnyx       what a real account can be asked: reads only, VOIPKIT_TELNYX_*

A cassette that says the same as before stays as it is, so that only what changed is seen as changed. One that was
recorded from a real account is not replaced by a simulated one: remove it first if that is meant.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from voipkit.errors import VoipkitError
from voipkit.testing.running import record_contract
from voipkit.testing.sandboxed import simulated_carriers

_ROOT = Path(__file__).resolve().parents[1]
_DATE = re.compile(r"^  recorded_on: .*$", re.MULTILINE)
_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b")
_LIVE = re.compile(r"^  recorded_from: live$", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Return 1 when something could not be recorded."""
    parser = argparse.ArgumentParser(description="Record cassettes anew.")
    parser.add_argument("carriers", nargs="*", metavar="CARRIER", help="default: all that the sandbox simulates")
    parser.add_argument("--live", action="store_true", help="from the account of VOIPKIT_<CARRIER>_*; reads only")
    parser.add_argument("--into", type=Path, default=_ROOT / "cassettes", metavar="FOLDER")
    wanted = parser.parse_args(arguments)
    if wanted.live and not wanted.carriers:
        parser.error("--live wants the carriers to be named")
    return max([_record(carrier, wanted.into, live=wanted.live) for carrier in wanted.carriers or simulated_carriers()])


def _record(carrier: str, folder: Path, *, live: bool) -> int:
    """Record one carrier beside the old cassettes, and put the new ones in their place when every test passed."""
    with tempfile.TemporaryDirectory(prefix="voipkit-record-") as scratch:
        try:
            sentences = record_contract(carrier, Path(scratch), live=live)
        except VoipkitError as error:
            print(f"{carrier}: {error}", file=sys.stderr)
            return 1
        failed = [sentence for sentence in sentences if sentence.result == "fail"]
        new = sorted(Path(scratch, carrier).glob("*.yaml"))
        for sentence in failed:
            print(f"{carrier} {sentence.number}: {'; '.join(sentence.reasons)}", file=sys.stderr)
        if failed or (live and not new):
            reasons = {reason for sentence in sentences for reason in sentence.reasons} if not failed else set()
            print(f"{carrier}: nothing recorded. {'; '.join(sorted(reasons))}", file=sys.stderr)
            return 1
        done = _put(new, folder / carrier, live=live)
    print(f"{carrier}: {', '.join(f'{count} {word}' for word, count in sorted(done.items())) or 'sends no request'}")
    return 0


def _put(new: list[Path], folder: Path, *, live: bool) -> Counter[str]:
    """Put cassettes into a carrier's folder; those of tests that are not recorded any more go."""
    done: Counter[str] = Counter()
    for path in new:
        old, text = folder / path.name, path.read_text(encoding="utf-8")
        before = old.read_text(encoding="utf-8") if old.is_file() else ""
        if _LIVE.search(before) and not live:
            done["kept (from a real account)"] += 1
        elif _telling(before) == _telling(text):
            done["unchanged"] += 1
        else:
            folder.mkdir(parents=True, exist_ok=True)
            old.write_text(text, encoding="utf-8")
            done["written"] += 1
    for old in sorted(folder.glob("*.yaml")) if not live else ():
        if old.name not in {path.name for path in new} and not _LIVE.search(old.read_text(encoding="utf-8")):
            old.unlink()
            done["removed"] += 1
    return done


def _telling(text: str) -> str:
    """Return a cassette without what differs each time: the day, and ids that carriers give to each answer."""
    return _ID.sub("-", _DATE.sub("", text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
