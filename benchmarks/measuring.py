"""Clocks, child processes and a sandbox in a process of its own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CARRIERS = ("twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")


def compare(
    works: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Run each work once a round, one after another, and return the median seconds of each."""
    seen: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        # Every other round runs backwards, so that no side always follows the same neighbour.
        for name in list(works)[:: -1 if turn % 2 else 1]:
            gc.collect()
            began = clock()
            works[name]()
            seen[name].append(clock() - began)
    return {name: median(times) for name, times in seen.items()}


def python(*arguments: str) -> str:
    """Run a fresh interpreter from the checkout's root and return what it prints."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"python {' '.join(arguments[:3])} failed:\n{done.stderr}"
        raise RuntimeError(msg)
    return done.stdout


def child(work: str, **arguments: Any) -> dict[str, Any]:
    """Run a function of `benchmarks.children` in a fresh process and return what it reports.

    ``started`` is added: `time.monotonic` before the process was started, a clock that all processes share.
    """
    started = time.monotonic()
    text = python("-m", "benchmarks.children", work, json.dumps(arguments))
    return {"started": started, **json.loads(text.splitlines()[-1])}


@dataclass
class Served:
    """A sandbox in another process, with what is needed to open accounts on it."""

    url: str
    credentials: dict[str, dict[str, str]]
    sip_config: dict[str, dict[str, str]]
    process: subprocess.Popen[str]

    def counted(self) -> dict[str, int]:
        """Return the requests by operation since the last call."""
        return self._say("count")

    def _say(self, command: str) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        print(command, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@contextmanager
def served(latency: float, numbers: int = 0, carriers: Sequence[str] = ()) -> Iterator[Served]:
    """Serve a sandbox from another process, so that its CPU and memory are not counted as ours.

    Args:
        latency: Seconds before each answer.
        numbers: How many numbers the accounts of these carriers have.
        carriers: Those; the others keep the sandbox's own few.
    """
    arguments = [sys.executable, "-m", "benchmarks.children", "serve", json.dumps([latency, numbers, list(carriers)])]
    process = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Served(**json.loads(process.stdout.readline()), process=process)
    finally:
        assert process.stdin
        assert process.stdout
        process.stdin.close()  # it ends when its standard input does
        process.wait(timeout=10)
        process.stdout.close()
