"""The commands that change something at a carrier: before one writes, it shows a diff and asks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from voipkit.cli import output
from voipkit.cli.guard import FAILED, OK
from voipkit.cli.inputs import interactive, read_numbers, read_snapshot, refuse_two_readers
from voipkit.cli.options import Account, AsJson, Numbers, NumbersFile, RouteText, Yes, parse_route
from voipkit.errors import ConfigurationError, Unsupported
from voipkit.models import ImportReport, NumberImport, OnConflict, Route, RoutingSnapshot
from voipkit.protocols import Provider, SupportsRestore

__all__ = ["import_", "restore"]


def import_(
    account: Account,
    numbers: Numbers = None,
    *,
    numbers_file: NumbersFile = None,
    route: RouteText = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take over numbers that are routed elsewhere; refused by default.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the diff and stop; nothing is written.")] = False,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to save what `voipkit restore` needs; `voipkit-snapshot-<carrier>-<UTC time>.json` by default. "
            "An existing file is never overwritten.",
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Route numbers of the account.

    Plans first and shows what would change; asks; saves what `voipkit restore` needs; only then writes, and reads back.
    A number that is routed elsewhere is refused.
    """
    wanted = parse_route(route)
    refuse_two_readers(account.credentials, numbers_file)
    named = read_numbers(numbers or (), numbers_file)
    on_conflict: OnConflict = "overwrite" if overwrite else "refuse"
    with account.open() as carrier:
        with output.working(f"Planning at {carrier.info.label}"):
            plan = carrier.import_numbers(named, wanted, on_conflict, dry_run=True)
        if dry_run or not plan.snapshot.numbers:
            file = _save(plan.snapshot, snapshot) if dry_run and snapshot else None
            _finish(plan.model_copy(update={"dry_run": dry_run}), file, as_json=as_json)
            return _code(plan)
        output.show_report(plan, stderr=as_json)
        file = snapshot or _default_file(carrier.info.id)
        _refuse_existing(file)
        _confirm(f"Write {_count(plan.snapshot)} at {carrier.info.label}?", yes=yes)
        _save(plan.snapshot, file)
        output.note(f"Saved how it was: {file}. Put it back with: voipkit restore {carrier.info.id} {file}", "dim")
        report = _write(carrier, plan, wanted, on_conflict)
    with _told(f"{_written(report, carrier)}; see the snapshot {file}."):
        try:
            if report.snapshot.numbers != plan.snapshot.numbers:
                _replace(report.snapshot, file)
        finally:
            _finish(report, file, as_json=as_json)
    return _code(report)


def restore(
    account: Account,
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="The file that `voipkit import` saved.")],
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Undo an import.

    Puts the routing of its numbers back as it was before, except where somebody has changed it since.
    """
    refuse_two_readers(account.credentials, snapshot)
    kept = read_snapshot(snapshot)
    with account.open() as carrier:
        if not isinstance(carrier, SupportsRestore):
            raise Unsupported(f"{carrier.info.label} cannot restore routing.", fix="Put it back in its console.")
        _show_way_back(kept, stderr=as_json)
        if kept.numbers:
            _confirm(f"Put {_count(kept)} at {carrier.info.label} back?", yes=yes)
        with output.working(f"Restoring at {carrier.info.label}"):
            report = carrier.restore_numbers(kept)
    with _told(f"{_written(report, carrier)}, from {snapshot}."):
        _finish(report, snapshot, as_json=as_json, done="restored")
    return _code(report)


def _write(carrier: Provider, plan: ImportReport, route: Route | None, on_conflict: OnConflict) -> ImportReport:
    """Write what was planned, and nothing else: what was refused a moment ago is not tried again."""
    planned = [entry.number for entry in plan.snapshot.numbers]
    with output.working(f"Writing {len(planned):,} at {carrier.info.label}"):
        report = carrier.import_numbers(planned, route, on_conflict)
    written = {result.number: result for result in report.results}

    def final(result: NumberImport) -> NumberImport:
        return written[result.number] if result.status == "imported" else result

    return report.model_copy(update={"results": tuple(final(result) for result in plan.results)})


def _confirm(question: str, *, yes: bool) -> None:
    """Ask before something is written.

    Raises:
        ConfigurationError: Nobody is there to ask.
        typer.Exit: The answer was no.
    """
    if yes:
        return
    if not interactive():
        raise ConfigurationError(
            "Nothing was written: nobody is there to confirm it.", fix="Look at the diff, then add --yes."
        )
    if not typer.confirm(question, err=True):
        output.note("Nothing was written.", "yellow")
        raise typer.Exit(FAILED)


def _finish(report: ImportReport, file: Path | None, *, as_json: bool, done: str = "imported") -> None:
    if as_json:
        output.emit({**report.model_dump(mode="json"), "snapshot_file": str(file) if file else None})
        return
    output.show_report(report, done=done)
    if report.dry_run:
        output.line("Dry run: nothing was written.")


@contextmanager
def _told(done: str) -> Iterator[None]:
    """Let nobody take output that is lost for a write that did not happen."""
    try:
        with output.writing():
            yield
    except output.OutputLost as error:
        raise output.OutputLost(error.reason, done) from None
    except BrokenPipeError as error:
        raise output.OutputLost(error.strerror or "its reader has gone", done) from None


def _written(report: ImportReport, carrier: Provider) -> str:
    count = f"{report.writes:,} write{'' if report.writes == 1 else 's'}"
    return f"{carrier.info.label} was written to ({count})" if report.writes else "Nothing was written"


def _show_way_back(kept: RoutingSnapshot, *, stderr: bool) -> None:
    say = output.note if stderr else output.line
    say(f"Snapshot of {kept.provider}, taken {kept.taken_at:%Y-%m-%d %H:%M:%S} UTC:")
    for entry in kept.numbers:
        say(f"{entry.number}")
        for name in dict.fromkeys([*entry.before, *entry.after]):
            now, then = entry.after.get(name), entry.before.get(name)
            if now != then:
                say(f"    {name}: {now or '(not set)'} -> {then or '(not set)'}")


def _count(snapshot: RoutingSnapshot) -> str:
    return f"{len(snapshot.numbers):,} number{'' if len(snapshot.numbers) == 1 else 's'}"


def _code(report: ImportReport) -> int:
    return OK if report.ok else FAILED


# --- The snapshot's file ---------------------------------------------------------------------------------------------


def _default_file(carrier: str) -> Path:
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", carrier)
    return Path(f"voipkit-snapshot-{safe}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json")


def _refuse_existing(file: Path) -> None:
    """Say so before a question is asked; `_save` makes sure of it once more."""
    if file.exists():
        raise ConfigurationError(
            f"{file} exists and is not overwritten; nothing was written.", fix="Name another file with --snapshot."
        )


def _save(snapshot: RoutingSnapshot, file: Path) -> Path:
    """Write a new file that only its owner may read, and see it onto the disk before anything else happens.

    Raises:
        ConfigurationError: The file exists, or cannot be written.
    """
    _refuse_existing(file)
    try:
        _write_out(snapshot, file)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written ({error.strerror}), so nothing was changed.", fix="Name another with --snapshot."
        ) from None
    return file


def _replace(snapshot: RoutingSnapshot, file: Path) -> None:
    """Routing changed between plan and write: the file shall hold what the import really found.

    Raises:
        OSError: It cannot be written, and holds what was found before.
    """
    newer = file.with_name(f"{file.name}.{os.getpid()}")
    _write_out(snapshot, newer)
    newer.replace(file)


def _write_out(snapshot: RoutingSnapshot, file: Path) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(snapshot.model_dump_json(indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
