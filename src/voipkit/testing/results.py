"""What became of the contract for each carrier, kept in a file: what the feature matrix is drawn from.

A file of results, never one of claims: `voipkit conformance --all --mutate --write FILE` writes it after a run, and a
test runs the same again and compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from voipkit import registry
from voipkit.errors import ConfigurationError
from voipkit.models import RouteKind
from voipkit.testing.running import Kill, Sentence

__all__ = ["CarrierResults", "Results", "read", "summed_up", "write"]

_CONTRACT_OF_ROUTES = ("c01", "c41")


class CarrierResults(BaseModel):
    """What became of one carrier.

    Attributes:
        tried_on: The day, in UTC.
        versions: Of Python distributions: voipkit, the carrier's own, and what its extra installs.
        routes: The kinds of route that numbers were imported by (c01 and c41 hold); none when they do not.
        capabilities: Those that the carrier's class has (c01 holds).
        sentences: By number: ``pass``, or ``fail`` or ``skip`` with the reasons after a colon.
        mutations: By name: ``killed``, ``survived``, or ``skip`` with the reason; empty when none was planted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tried_on: date
    versions: dict[str, str]
    routes: tuple[RouteKind, ...]
    capabilities: tuple[str, ...]
    sentences: dict[str, str]
    mutations: dict[str, str]


class Results(BaseModel):
    """The file.

    Attributes:
        carriers: By name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    carriers: dict[str, CarrierResults]


def summed_up(carrier: str, sentences: Sequence[Sentence], kills: Iterable[Kill] = ()) -> CarrierResults:
    """Sum up a run.

    Args:
        carrier: The carrier's name.
        sentences: From `voipkit.testing.running.try_contract`.
        kills: From `voipkit.testing.running.try_mutations`.
    """
    info = registry.provider_info(carrier)
    found = {s.number: _result(s.result, s.reasons) for s in sentences}
    described, routed = (found.get(number) == "pass" for number in _CONTRACT_OF_ROUTES)
    return CarrierResults(
        tried_on=datetime.now(UTC).date(),
        versions=dict(_versions(carrier)),
        routes=info.route_kinds if described and routed else (),
        capabilities=info.capabilities if described else (),
        sentences=found,
        mutations={k.mutation: _result(k.result, (k.reason,) if k.result == "skip" else ()) for k in kills},
    )


def read(path: Path) -> Results:
    """Read a file of results.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return Results.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = f"{error.error_count()} wrong fields" if isinstance(error, ValidationError) else type(error).__name__
        raise ConfigurationError(
            f"{path} is no file of results ({why}).",
            fix="Write it anew with `voipkit conformance --all --mutate --write FILE`.",
        ) from error


def write(path: Path, tried: Results, *, whole: bool) -> None:
    """Write a file of results.

    Args:
        path: The file.
        tried: The results.
        whole: Whether they replace the file; else other carriers' results in it are kept.

    Raises:
        ConfigurationError: The file that is there is no file of results, or it cannot be written.
    """
    kept = {} if whole or not path.exists() else read(path).carriers
    carriers = dict(sorted({**kept, **tried.carriers}.items()))
    document = Results(carriers=carriers).model_dump(mode="json")
    try:
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", fix="Name a file in a folder that is there."
        ) from error


def _result(result: str, reasons: Iterable[str]) -> str:
    said = "; ".join(reason for reason in reasons if reason)
    return f"{result}: {said}" if said else result


def _versions(carrier: str) -> Iterable[tuple[str, str]]:
    from voipkit.testing.contract.forms import _required

    info = registry.provider_info(carrier)
    own = info.distribution or "voipkit"
    wanted = dict.fromkeys(("voipkit", own, *_required(own, info.extra)))
    for name in wanted:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
