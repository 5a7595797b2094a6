"""``voipkit conformance``: does a carrier keep the contract, and would the contract notice if it did not?"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from voipkit.cli import output
from voipkit.cli.guard import FAILED, OK
from voipkit.cli.options import AsJson
from voipkit.testing.running import Kill, Sentence, try_contract, try_mutations

__all__ = ["conformance"]


def conformance(
    carrier: Annotated[str, typer.Argument(metavar="CARRIER", help="The carrier's id; see `voipkit providers`.")],
    *,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="Plant faults into the adapter, one at a time; each must be noticed.")
    ] = False,
    failures: Annotated[bool, typer.Option("--failures", help="Show only what did not go well.")] = False,
    as_json: AsJson = False,
) -> int:
    """Hold a carrier against the contract.

    Every numbered sentence of docs/conformance.md is tried on a simulated account; nothing leaves this machine. Exit
    code 1 means that one does not hold, or with --mutate that a planted fault was not noticed. Needs voipkit[test].
    """
    if mutate:
        return _mutate(carrier, failures=failures, as_json=as_json)
    with output.working(f"Holding {carrier} against the contract"):
        found = try_contract(carrier)
    counts = Counter[str](sentence.result for sentence in found)
    if as_json:
        output.emit({"carrier": carrier, "counts": dict(counts), "sentences": [asdict(s) for s in found]})
    else:
        _show_sentences([s for s in found if s.result == "fail" or not failures])
        output.line(f"{carrier}: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}.")
    return FAILED if counts["fail"] or not counts["pass"] else OK


def _show_sentences(found: list[Sentence]) -> None:
    rows = (
        (s.number, output.status("skipped" if s.result == "skip" else s.result), s.text, "\n".join(s.reasons[:3]))
        for s in found
    )
    output.show_table(("no.", "result", "sentence", "why"), rows, prose=("sentence", "why"))
    output.line()


def _mutate(carrier: str, *, failures: bool, as_json: bool) -> int:
    found: list[Kill] = []
    with output.ticker(f"Faults planted into {carrier}") as step:
        for kill in try_mutations(carrier):
            found.append(kill)
            step()
    counts = Counter[str](kill.result for kill in found)
    if as_json:
        output.emit({"carrier": carrier, "counts": dict(counts), "mutations": [asdict(kill) for kill in found]})
    else:
        words = {"killed": "ok", "survived": "fail", "skip": "skipped"}
        rows = (
            (k.mutation, Text(k.result, output.status(words[k.result]).style), k.by or "", k.sentence, k.reason)
            for k in found
            if k.result == "survived" or not failures
        )
        header = ("fault", "result", "by", "what was wrong", "what the test said")
        output.show_table(header, rows, prose=("what was wrong", "what the test said"))
        output.line()
        output.line(f"{carrier}: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}.")
    return FAILED if counts["survived"] or not counts["killed"] else OK
