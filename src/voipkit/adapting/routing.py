"""Import and restore, the same for every carrier: read, plan, refuse a conflict, write, read back.

A carrier says what is particular to it in a `Switchboard`; this module does the rest, number by number, so that one
bad number never stops the others and nothing is written that the plan does not hold.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from voipkit.adapting.numbers import e164
from voipkit.errors import (
    ConfigurationError,
    CredentialsRejected,
    InvalidNumber,
    NotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
    VoipkitError,
)
from voipkit.models import (
    ImportReport,
    NumberImport,
    NumberSnapshot,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
    RoutingSnapshot,
)
from voipkit.models.base import now

__all__ = ["Switchboard", "import_numbers", "require_route_kind", "restore_numbers", "wanted_numbers"]

log = logging.getLogger("voipkit.routing")

_SEEN = ("import.imported", "import.read_back")  # codes of results whose `after` is what the carrier showed
_WRITERS = 4  # numbers written at once: enough to hide latency, few enough to stop soon when the key is revoked
_SILENCE = (ProviderTimeout, ProviderUnavailable)
_MASKED = re.compile(r"[/:]\*\*\*@|\?\*\*\*")  # as the service shows the secrets of a URL
_UNMASKED = "Give the snapshot of the import itself, or use the service's delete(restore_routing=True)."
_SILENT = 3  # numbers in a row after which a carrier that does not answer is left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """What one carrier brings to an import.

    Attributes:
        info: The carrier.
        find: Yields the account's numbers; is told which are wanted, and may stop once it has found them.
        write: Writes routing fields to a number and returns the number as the carrier's answer shows it; also says how
            many requests that took. Only the fields given are written.
        read: Reads one number again, for when the answer to a write was lost.
        carries_voice: Says which of the wanted numbers can take calls, by E.164; a number left out is not known. None
            when `ProviderNumber.capabilities` already says so.
        notes: Says what else somebody should know of a number before calls are sent to it.
        replaces: Whether an update clears whatever it does not name (Vonage). Such a number is read again right before
            it is written, and left alone when its routing changed since it was listed: sending again what the listing
            showed would undo that change.
        patience: The longest wait, in seconds, that a carrier may ask for without ending the import; the built-in
            carriers give ``HttpOptions.retry_after_cap``. Beyond it the numbers that remain are not tried.
        writers: How many numbers are written at once; 1 where the carrier takes one request at a time.
    """

    info: ProviderInfo
    find: Callable[[frozenset[str]], Iterable[ProviderNumber]]
    write: Callable[[ProviderNumber, Routing], tuple[ProviderNumber, int]]
    read: Callable[[ProviderNumber], ProviderNumber]
    carries_voice: Callable[[Sequence[ProviderNumber]], Mapping[str, bool]] | None = None
    notes: Callable[[ProviderNumber], tuple[str, ...]] | None = None
    replaces: bool = False
    patience: float = 30.0
    writers: int = _WRITERS


@dataclass(frozen=True, slots=True)
class _Planned:
    """A number that passed every test and waits to be written."""

    owned: ProviderNumber
    fields: Routing
    after: Routing
    notes: tuple[str, ...]


class _Halt:
    """Whether there is any use in going on; shared by the threads that write.

    Attributes:
        reason: What the numbers that remain are not tried for, or None.
    """

    def __init__(self, patience: float) -> None:
        self.reason: VoipkitError | None = None
        self._patience = patience
        self._silent = 0
        self._lock = threading.Lock()

    def note(self, error: VoipkitError | None) -> None:
        """Take note of how a number went: None where the carrier did what it was asked."""
        with self._lock:
            self._silent = self._silent + 1 if isinstance(error, _SILENCE) else 0
            if self.reason is None and self._is_final(error):
                self.reason = error

    def untried(self, step: _Planned) -> NumberImport | None:
        """Return the result of a number that is not tried any more, or None to go on."""
        error = self.reason
        if error is None:
            return None
        wait = error.retry_after if isinstance(error, ProviderError) else None
        text, fix = "the carrier refuses the credentials since.", error.fix
        if not isinstance(error, CredentialsRejected):
            asked = isinstance(error, RateLimited)
            text = "the carrier asks to wait." if asked else f"the carrier was silent {_SILENT} times in a row."
            when = "later" if wait is None else f"after {math.ceil(wait)} s"
            fix = f"Run this again {when}: only what is missing is written."
        return _failed(step, error, f"Not tried: {text}", fix=fix)

    def _is_final(self, error: VoipkitError | None) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_after is not None and error.retry_after > self._patience
        return isinstance(error, CredentialsRejected) or self._silent >= _SILENT


def require_route_kind(info: ProviderInfo, route: Route | None) -> None:
    """Refuse a kind of route that the carrier lacks, before anything is sent.

    Raises:
        Unsupported: With the kinds that it takes.
    """
    if route is not None and route.kind not in info.route_kinds:
        raise Unsupported(
            f"{info.label} takes no {route.kind} route.", fix=f"Use one of: {', '.join(info.route_kinds)}."
        )


def wanted_numbers(numbers: Iterable[str | ProviderNumber]) -> list[str | InvalidNumber]:
    """Bring what a caller passed as numbers into E.164; what is no number becomes its error, in its place.

    A `ProviderNumber` is taken as it is, even a short code: the carrier that listed it knows its own numbers.
    """
    listed = [numbers] if isinstance(numbers, str | ProviderNumber) else list(numbers)
    return [n.number if isinstance(n, ProviderNumber) else _e164_or_error(n) for n in listed]


def _e164_or_error(number: object) -> str | InvalidNumber:
    try:
        return e164(number)
    except InvalidNumber as error:
        return error.with_traceback(None)


def import_numbers(
    board: Switchboard,
    numbers: Iterable[str | ProviderNumber],
    route: Route | None,
    on_conflict: OnConflict,
    *,
    dry_run: bool,
    fields_for: Callable[[Route], Routing],
    conflict: Callable[[ProviderNumber, Route], str | None],
) -> ImportReport:
    """Plan and apply an import.

    Args:
        board: The carrier.
        numbers: As the caller passed them.
        route: Where calls shall go, or None to leave routing alone.
        on_conflict: What to do with a number that is routed elsewhere.
        dry_run: Plan only.
        fields_for: The routing fields, in the carrier's words, that a route means. May ask the carrier; raises NotFound
            where the route leads to nothing, which then fails each number.
        conflict: Says in words what a number's present routing would lose, or None when it is free.

    Returns:
        One result for each number given, in order.

    Raises:
        Unsupported: The carrier has no such kind of route.
        ConfigurationError: ``on_conflict`` is neither of its two values.
        ProviderError: The account's numbers could not be listed. Nothing was written.
    """
    require_route_kind(board.info, route)
    if on_conflict not in ("refuse", "overwrite"):
        raise ConfigurationError("on_conflict must be 'refuse' or 'overwrite'.", fix="Leave it out to refuse.")
    wanted = wanted_numbers(numbers)
    owned = _owned(board, [n for n in wanted if isinstance(n, str)])
    voice = board.carries_voice([owned[n] for n in owned]) if board.carries_voice and owned else {}

    def plan(number: ProviderNumber) -> NumberImport | _Planned:
        if not number.active:
            text = f"The number is not active: the carrier says '{number.status}'."
            return _result(number, "failed", text, "Import it once calls can use it.", code="import.not_active")
        can_talk = voice.get(number.number) if board.carries_voice else _voice(number)
        if can_talk is False:
            return _result(number, "not_voice", "The number cannot take voice calls.", "Choose a number with voice.")
        notes = (board.notes(number) if board.notes else ()) + (
            () if can_talk else ("The carrier does not say whether this number can take voice calls.",)
        )
        if route is None:
            text = "Recorded. No route was named, so its routing is left alone."
            return _result(number, "unchanged", text, after=number.routing, notes=notes, code="import.recorded")
        try:
            return steer(number, route, notes)
        except NotFound as error:
            return _result(number, "failed", error.message, error.fix, after=number.routing, code="import.not_found")

    def steer(number: ProviderNumber, to: Route, notes: tuple[str, ...]) -> NumberImport | _Planned:
        fields = fields_for(to)
        after = {**number.routing, **fields}
        if _shows(number, fields):
            return _result(number, "unchanged", f"Already routed to {to}.", after=after, notes=notes)
        loss = conflict(number, to)
        if loss and on_conflict == "refuse":
            fix = "Move it on purpose with on_conflict='overwrite'; the report's snapshot puts it back."
            return _result(number, "conflict", loss, fix, after=number.routing, notes=notes)
        return _Planned(number, fields, after, (*notes, loss) if loss else notes)

    return _run(board, wanted, owned, plan, route=route, dry_run=dry_run, done=f"Routed to {route}.")


def restore_numbers(board: Switchboard, snapshot: RoutingSnapshot) -> ImportReport:
    """Put routing back as a snapshot says.

    Args:
        board: The carrier.
        snapshot: From a report of `import_numbers`.

    Returns:
        One result for each number of the snapshot. A number whose routing is neither as the import left it nor as it
        was before has been changed by somebody else, and is left alone.

    Raises:
        ConfigurationError: The snapshot is of another carrier.
        ProviderError: The account's numbers could not be listed. Nothing was written.
    """
    if snapshot.provider != board.info.id:
        raise ConfigurationError(
            f"The snapshot is of {snapshot.provider}, not of {board.info.id}.",
            fix="Open the carrier it was taken from.",
        )
    kept = {entry.number: entry for entry in snapshot.numbers}
    owned = _owned(board, list(kept))

    def plan(number: ProviderNumber) -> NumberImport | _Planned:
        entry = kept[number.number]
        changed = {name for name in {**entry.before, **entry.after} if entry.before.get(name) != entry.after.get(name)}
        present = {name: number.routing.get(name) for name in changed}
        before = {name: entry.before.get(name) for name in changed}
        if any(_MASKED.search(str(value)) for value in before.values()):
            text, fix = "The snapshot shows *** in the place of a secret, so it cannot be put back.", _UNMASKED
            return _result(number, "failed", text, fix, after=number.routing, code="import.masked")
        if present == before:
            return _result(number, "unchanged", "Already as it was.", after=number.routing)
        if present != {name: entry.after.get(name) for name in changed}:
            fix = "Somebody changed it since the import. Look at 'before' and decide by hand."
            return _result(number, "conflict", "Its routing is not as the import left it.", fix, after=number.routing)
        return _Planned(number, before, {**number.routing, **before}, ())

    return _run(board, tuple(kept), owned, plan, route=None, dry_run=False, done="Put back as it was.")


def _owned(board: Switchboard, wanted: Sequence[str]) -> dict[str, ProviderNumber]:
    """Find the wanted numbers in the account, in the order wanted; stop reading pages once all are found."""
    missing, found = set(wanted), dict[str, ProviderNumber]()
    for number in board.find(frozenset(missing)) if missing else ():
        if number.number in missing:
            missing.remove(number.number)
            found[number.number] = number
            if not missing:
                break
    return {number: found[number] for number in wanted if number in found}


def _voice(number: ProviderNumber) -> bool | None:
    return None if number.capabilities is None else "voice" in number.capabilities


def _run(
    board: Switchboard,
    wanted: Sequence[str | InvalidNumber],
    owned: Mapping[str, ProviderNumber],
    plan: Callable[[ProviderNumber], NumberImport | _Planned],
    *,
    route: Route | None,
    dry_run: bool,
    done: str,
) -> ImportReport:
    planned: dict[str, NumberImport | _Planned] = {number: plan(found) for number, found in owned.items()}
    to_write = [step for step in planned.values() if isinstance(step, _Planned)]
    taken_at = now()
    entries: list[NumberSnapshot] = []
    writes = 0
    finished: dict[str, NumberImport] = {n: step for n, step in planned.items() if isinstance(step, NumberImport)}
    for step, (result, count) in zip(to_write, _apply(board, to_write, done, dry_run=dry_run), strict=True):
        finished[step.owned.number] = result
        entries.append(_remembered(step, result))
        writes += count
    return ImportReport(
        provider=board.info.id,
        route=route,
        dry_run=dry_run,
        results=tuple(_in_order(board.info, wanted, finished)),
        snapshot=RoutingSnapshot(provider=board.info.id, taken_at=taken_at, numbers=tuple(entries)),
        writes=writes,
    )


def _remembered(step: _Planned, result: NumberImport) -> NumberSnapshot:
    """Keep the routing as the import left it: the carrier may have stored something else than it was sent.

    Only the fields that were written are taken from its answer; another that differs was changed by somebody else.
    """
    shown = result.after if result.code in _SEEN else None
    after = step.after if shown is None else {**step.after, **{name: shown.get(name) for name in step.fields}}
    return NumberSnapshot(number=step.owned.number, id=step.owned.id, before=step.owned.routing, after=after)


def _in_order(
    info: ProviderInfo, wanted: Sequence[str | InvalidNumber], finished: Mapping[str, NumberImport]
) -> Iterator[NumberImport]:
    """Give each input its result, in the order of the input."""
    seen: set[str] = set()
    for entry in wanted:
        if isinstance(entry, InvalidNumber):
            yield NumberImport(
                number=entry.given, status="failed", code="import.not_e164", message=entry.message, fix=entry.fix
            )
        elif entry in seen:
            text = "The number was given twice; see its first entry."
            yield NumberImport(
                number=entry,
                status="failed",
                code="import.duplicate",
                message=text,
                fix="Give each number once.",
            )
        elif entry not in finished:
            text = f"The number is not in this {info.label} account."
            fix = "Check the number, and that these credentials are of the account that owns it."
            yield NumberImport(number=entry, status="not_owned", code="import.not_owned", message=text, fix=fix)
        else:
            yield finished[entry]
        if isinstance(entry, str):
            seen.add(entry)


def _apply(
    board: Switchboard, steps: Sequence[_Planned], done: str, *, dry_run: bool
) -> Iterable[tuple[NumberImport, int]]:
    if dry_run:
        return [
            (
                _result(
                    s.owned,
                    "imported",
                    f"Would be: {done}",
                    after=s.after,
                    notes=s.notes,
                    code="import.planned",
                ),
                0,
            )
            for s in steps
        ]
    if not steps:
        return []
    halt = _Halt(board.patience)

    def write(step: _Planned) -> tuple[NumberImport, int]:
        stopped = halt.untried(step) or _changed_meanwhile(board, step, halt)
        if stopped is not None:
            return stopped, 0
        try:
            seen, count = board.write(step.owned, step.fields)
        except (ProviderTimeout, ProviderUnavailable, UnexpectedResponse) as error:
            return _after_lost_answer(board, step, error, done, halt), 1
        except VoipkitError as error:
            halt.note(error)
            return _failed(step, error), 1 if isinstance(error, ProviderError) else 0
        except Exception as error:
            # A mistake in the carrier's module. Raised, it would take the report with it, and so the snapshot that
            # puts back what was written until now.
            log.exception("%s: writing %s stopped unexpectedly", board.info.id, step.owned.number)
            text = f"The carrier's module stopped with {type(error).__name__}."
            lost = UnexpectedResponse(text, provider=board.info.id, fix="Report it to the module's author.")
            return _after_lost_answer(board, step, lost, done, halt), 1
        halt.note(None)
        return _read_back(step, seen, done), count

    with ThreadPoolExecutor(min(board.writers, len(steps)), thread_name_prefix="voipkit-write") as pool:
        return list(pool.map(write, steps))


def _changed_meanwhile(board: Switchboard, step: _Planned, halt: _Halt) -> NumberImport | None:
    """Where an update replaces all, say why a number that was planned is not written after all, or None to write it."""
    if not board.replaces:
        return None
    try:
        present = board.read(step.owned)
    except VoipkitError as error:
        halt.note(error)
        return _failed(step, error, "Not tried: it could not be read right before the change.")
    except Exception as error:  # a mistake in the carrier's module must not take the report with it, as in `_apply`
        log.exception("%s: reading %s stopped unexpectedly", board.info.id, step.owned.number)
        text = f"Not tried: the carrier's module stopped with {type(error).__name__} while reading it."
        return _result(
            step.owned, "failed", text, "Report it to the module's author.", code="import.unexpected_response"
        )
    if present.routing == step.owned.routing:
        return None
    text = "Its routing changed while this ran, so it was left alone."
    return _result(step.owned, "conflict", text, "Look at the number, and run this again.", after=present.routing)


def _after_lost_answer(
    board: Switchboard, step: _Planned, error: ProviderError, done: str, halt: _Halt
) -> NumberImport:
    """A write whose answer was lost may have happened: look, rather than write again."""
    try:
        seen = board.read(step.owned)
    except Exception as unreadable:
        halt.note(unreadable if isinstance(unreadable, VoipkitError) else error)
        text = f"It is not known whether the number was changed: {error.message}"
        return _result(
            step.owned,
            "failed",
            text,
            "Run the import again: it writes only what is missing.",
            code="import.unknown",
        )
    if _shows(seen, {name: step.owned.routing.get(name) for name in step.fields}):
        halt.note(error)
        return _failed(step, error, "Read again: the number was not changed.", after=seen.routing)
    halt.note(None)
    return _read_back(step, seen, done)


def _shows(number: ProviderNumber, fields: Routing) -> bool:
    return all(number.routing.get(name) == value for name, value in fields.items())


def _read_back(step: _Planned, seen: ProviderNumber, done: str) -> NumberImport:
    """Believe what the carrier shows after the write, not what was sent."""
    wrong = [name for name, value in step.fields.items() if seen.routing.get(name) != value]
    if wrong:
        text = f"The carrier accepted the change but shows another value for: {', '.join(wrong)}."
        fix = "Look at the number in the carrier's console; the snapshot puts it back."
        return _result(step.owned, "failed", text, fix, after=seen.routing, code="import.read_back")
    return _result(step.owned, "imported", done, after=seen.routing, notes=step.notes)


def _failed(
    step: _Planned,
    error: VoipkitError,
    text: str | None = None,
    *,
    fix: str | None = None,
    after: Routing | None = None,
) -> NumberImport:
    message = f"{text} {error.message}" if text else str(error.message)
    return _result(step.owned, "failed", message, fix or error.fix, after=after, code=f"import.{error.kind}")


def _result(
    number: ProviderNumber,
    status: str,
    message: str,
    fix: str | None = None,
    *,
    after: Routing | None = None,
    notes: tuple[str, ...] = (),
    code: str | None = None,
) -> NumberImport:
    return NumberImport.model_validate(
        {
            "number": number.number, "id": number.id, "status": status, "code": code or f"import.{status}",
            "message": message, "fix": fix, "before": dict(number.routing), "after": after, "notes": notes,
        }
    )  # fmt: skip
