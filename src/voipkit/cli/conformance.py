"""``voipkit conformance``: does a carrier keep the contract, and would the contract notice if it did not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from voipkit import registry
from voipkit.cli import output
from voipkit.cli.guard import FAILED, OK
from voipkit.cli.options import AsJson
from voipkit.errors import ConfigurationError, VoipkitError
from voipkit.testing import results
from voipkit.testing.running import Kill, Sentence, try_contract, try_mutations

__all__ = ["conformance"]


def conformance(
    carrier: Annotated[
        str | None, typer.Argument(metavar="[CARRIER]", help="The carrier's id; see `voipkit providers`.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Try every installed carrier, and count.")] = False,
    mutate: Annotated[
        bool, typer.Option("--mutate", help="Plant faults into the adapter, one at a time; each must be noticed.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Keep the results in FILE; other carriers' in it stay."),
    ] = None,
    failures: Annotated[bool, typer.Option("--failures", help="Show only what did not go well.")] = False,
    as_json: AsJson = False,
) -> int:
    """Hold a carrier against the contract.

    Every numbered sentence of docs/conformance.md is tried on a simulated account; nothing leaves this machine. Exit
    code 1 means that one does not hold, or with --mutate that a planted fault was not noticed. Needs voipkit[test].
    """
    if every == (carrier is not None):
        raise ConfigurationError(
            "Missing argument: name one carrier, or --all.", fix="`voipkit providers` shows their names."
        )
    if every:
        return _all(mutate=mutate, write=write, as_json=as_json)
    assert carrier is not None
    sentences, kills = _try(carrier, mutate=mutate)
    if write:
        tried = results.Results(carriers={carrier: results.summed_up(carrier, sentences, kills)})
        results.write(write, tried, whole=False)
    if as_json:
        output.emit(_document(carrier, sentences, kills, mutate=mutate))
    elif mutate:
        _show_kills([kill for kill in kills if kill.result == "survived" or not failures])
    else:
        _show_sentences([s for s in sentences if s.result == "fail" or not failures])
    if not as_json:
        output.line(f"{carrier}: {_counted(kills if mutate else sentences)}.")
    return _code(sentences, kills, mutate=mutate)


def _try(carrier: str, *, mutate: bool) -> tuple[Sequence[Sentence], Sequence[Kill]]:
    with output.working(f"Holding {carrier} against the contract"):
        sentences = try_contract(carrier)
    kills: list[Kill] = []
    if mutate:
        with output.ticker(f"Faults planted into {carrier}") as step:
            for kill in try_mutations(carrier, sentences):
                kills.append(kill)
                step()
    return sentences, kills


def _code(sentences: Sequence[Sentence], kills: Sequence[Kill], *, mutate: bool) -> int:
    contract, planted = _counts(sentences), _counts(kills)
    if contract["fail"] or not contract["pass"]:
        return FAILED
    return FAILED if mutate and (planted["survived"] or not planted["killed"]) else OK


def _document(carrier: str, sentences: Sequence[Sentence], kills: Sequence[Kill], *, mutate: bool) -> dict[str, object]:
    found: dict[str, object] = {"carrier": carrier, "counts": dict(_counts(kills if mutate else sentences))}
    found["sentences"] = [asdict(sentence) for sentence in sentences]
    return {**found, "mutations": [asdict(kill) for kill in kills]} if mutate else found


def _counts(found: Sequence[Sentence] | Sequence[Kill]) -> Counter[str]:
    return Counter[str](each.result for each in found)


def _counted(found: Sequence[Sentence] | Sequence[Kill]) -> str:
    return ", ".join(f"{count} {word}" for word, count in sorted(_counts(found).items()))


# --- every carrier ---------------------------------------------------------------------------------------------------


def _all(*, mutate: bool, write: Path | None, as_json: bool) -> int:
    """Try every carrier; one that cannot be tried is a failure and stops no other."""
    tried: dict[str, results.CarrierResults] = {}
    rows: list[tuple[object, ...]] = []
    failed = False
    for carrier in registry.names():
        try:
            sentences, kills = _try(carrier, mutate=mutate)
        except VoipkitError as error:
            failed = True
            rows.append((carrier, output.status("fail"), "", "", error.message))
            continue
        tried[carrier] = results.summed_up(carrier, sentences, kills)
        code = _code(sentences, kills, mutate=mutate)
        failed = failed or code != OK
        wrong = [s.number for s in sentences if s.result == "fail"]
        wrong += [k.mutation for k in kills if k.result == "survived"]
        word = output.status("pass" if code == OK else "fail")
        rows.append((carrier, word, _counted(sentences), _counted(kills), ", ".join(wrong)))
    found = results.Results(carriers=tried)
    if write:
        results.write(write, found, whole=True)
    if as_json:
        untried = {str(row[0]): str(row[4]) for row in rows if str(row[0]) not in tried}
        output.emit({**found.model_dump(mode="json"), "untried": untried})
    else:
        prose = ("sentences", "planted faults", "what is wrong")
        output.show_table(("carrier", "result", *prose), rows, prose=prose)
    return FAILED if failed or not tried else OK


# --- one carrier -----------------------------------------------------------------------------------------------------


def _show_sentences(found: Sequence[Sentence]) -> None:
    rows = (
        (s.number, output.status("skipped" if s.result == "skip" else s.result), s.text, "\n".join(s.reasons[:3]))
        for s in found
    )
    output.show_table(("no.", "result", "sentence", "why"), rows, prose=("sentence", "why"))
    output.line()


def _show_kills(found: Sequence[Kill]) -> None:
    words = {"killed": "ok", "survived": "fail", "skip": "skipped"}
    rows = (
        (k.mutation, Text(k.result, output.status(words[k.result]).style), k.by or "", k.sentence, k.reason)
        for k in found
    )
    header = ("fault", "result", "by", "what was wrong", "what the test said")
    output.show_table(header, rows, prose=("what was wrong", "what the test said"))
    output.line()
