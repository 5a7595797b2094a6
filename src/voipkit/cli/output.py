"""What people and programs are shown: tables and progress for the former, JSON for the latter.

Everything that a carrier or a file says is printed as text: no markup is read from it, and what could steer a terminal
is replaced. Escape codes are sent to terminals only, and to none when NO_COLOR is set (https://no-color.org).
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voipkit.models import Check, ImportReport, NumberVerification

__all__ = [
    "OutputLost", "clean", "console", "emit", "emit_line", "flag", "flush", "let_go", "line", "note", "show_checks",
    "show_report", "show_table", "show_verifications", "status", "ticker", "working", "writing",
]  # fmt: skip

_STYLES = {
    "pass": "green", "imported": "green", "unchanged": "dim", "skipped": "dim", "unknown": "yellow", "warn": "yellow",
    "conflict": "yellow", "not_owned": "red", "not_voice": "red", "fail": "bold red", "failed": "bold red",
    "ok": "green", "info": "dim",
}  # fmt: skip
# The library speaks of its own argument here; on the command line that is an option.
_TAKE_OVER = "Move it on purpose with --overwrite; the snapshot that is saved puts it back."
_PIPE = 120  # columns of a table in something that is no terminal; lines that are no table are never wrapped there
_LEGIBLE = 18  # columns that a column of prose needs at least; where there are fewer, rows are stacked
_GAP = 3  # columns between two columns of a table


# --- Plain lines -----------------------------------------------------------------------------------------------------


class OutputLost(Exception):
    """Something could not be shown: the disk is full, or the device is gone.

    Attributes:
        reason: The system's own words.
        done: What was done nevertheless, as a sentence; empty where nothing was.
    """

    def __init__(self, reason: str, done: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.done = done


@contextmanager
def writing() -> Iterator[None]:
    """Say `OutputLost` where output cannot be written; a pipe whose reader has gone stays a `BrokenPipeError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputLost(error.strerror or type(error).__name__) from None


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the end to the command, as for what is printed without rich: it may have something to say."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error as they are now."""
    plain = bool(os.environ.get("NO_COLOR"))
    made = _Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        color_system=None if plain else "auto",
    )
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _PIPE
    return made


def line(text: str | Text = "", style: str = "") -> None:
    """Print one line to standard output; the terminal wraps it, nothing is cut."""
    with writing():
        console().print(_text(text, style))


def note(text: str | Text = "", style: str = "") -> None:
    """Print one line to standard error: what is said beside the result."""
    with writing():
        console(stderr=True).print(_text(text, style))


def emit(document: object) -> None:
    """Print one JSON document to standard output, in ASCII, so that it survives every encoding."""
    with writing():
        print(json.dumps(document, indent=2))
    flush()


def emit_line(document: object) -> None:
    """Print one line of JSON Lines to standard output."""
    with writing():
        print(json.dumps(document, separators=(",", ":")))


def flush() -> None:
    """Send what was printed on its way: for a reader of a pipe, and to learn whether it can be written."""
    if sys.stdout is not None:  # closed by whoever started us
        with writing():
            sys.stdout.flush()


def let_go() -> None:
    """Drop what could not be written; the interpreter would try once more as it ends, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def clean(value: object) -> str:
    """Return a value as text that cannot steer a terminal; None is empty."""
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def status(word: str) -> Text:
    """Return a status word in its colour."""
    return Text(word, style=_STYLES.get(word, ""))


def flag(answer: bool | None) -> Text:
    """Return a derived answer in words; None is "not known", never "no"."""
    return {True: Text("yes", "green"), False: Text("no", "bold red"), None: Text("not known", "yellow")}[answer]


def _text(value: object, style: str = "") -> Text:
    return value if isinstance(value, Text) else Text(clean(value), style=style)


# --- Tables ----------------------------------------------------------------------------------------------------------


def show_table(header: Sequence[str], rows: Iterable[Sequence[object]], *, prose: Sequence[str] = ()) -> None:
    """Print a table, or one block a row where the terminal is too narrow for it.

    Args:
        header: A title for each column.
        rows: Texts, or `rich.text.Text` with a style of its own.
        prose: Titles of the columns that may be wrapped, and are left out when empty; all others are kept whole:
            numbers, ids and codes.
    """
    cells = [[_text(value) for value in row] for row in rows]
    kept = [i for i, title in enumerate(header) if title not in prose or any(row[i].plain for row in cells)]
    header, cells = [header[i] for i in kept], [[row[i] for i in kept] for row in cells]
    screen = console()
    widths = [max([cell_len(title), *(_width(row[i]) for row in cells)]) for i, title in enumerate(header)]
    needed = sum(min(_LEGIBLE, w) if t in prose else w for t, w in zip(header, widths, strict=True))
    if needed + _GAP * len(header) > screen.width:
        with writing():
            _show_stacked(screen, header, cells)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title, width in zip(header, widths, strict=True):
        whole = title not in prose
        table.add_column(title, no_wrap=whole, min_width=width if whole else None, overflow="fold")
    for row in cells:
        table.add_row(*row)
    with writing():
        screen.print(table, soft_wrap=False)


def _width(cell: Text) -> int:
    return max((cell_len(part) for part in cell.plain.splitlines()), default=0)


def _show_stacked(screen: Console, header: Sequence[str], cells: Iterable[Sequence[Text]]) -> None:
    for row in cells:
        for title, cell in zip(header, row, strict=True):
            if cell.plain:
                screen.print(Text.assemble((f"{title}: ", "dim"), Text(", ").join(cell.split("\n"))))
        screen.print()


# --- Results ---------------------------------------------------------------------------------------------------------


def show_checks(checks: Sequence[Check]) -> None:
    """Print checks in the order in which to read them; addresses stand below the table, where they are not cut up."""
    rows = (
        (status(c.status), c.direction, Text.assemble(clean(c.name), "\n", (clean(c.code), "dim")), _seen(c), c.fix)
        for c in checks
    )
    header = ("status", "direction", "check", "what was seen", "what to do")
    show_table(header, rows, prose=("what was seen", "what to do"))
    for address in dict.fromkeys(c.docs_url for c in checks if c.docs_url and c.status not in ("pass", "skipped")):
        line(f"See {address}", "dim")


def _seen(check: Check) -> str:
    """Return a check's message, with the object and the carrier's code where it does not name them itself."""
    named = check.object is None or (check.object.id or check.object.type) in check.message
    coded = check.vendor_code is None or check.vendor_code in check.message
    return f"{check.message}{'' if named else f' [{check.object}]'}{'' if coded else f' (code {check.vendor_code})'}"


def show_verifications(verifications: Sequence[NumberVerification]) -> None:
    """Print one row a number, and below them every check that is not simply good.

    The route is the one that was looked for; where calls go instead is what a failed check says.
    """
    rows = [
        (v.number, status(v.status), flag(v.inbound_reachable), flag(v.outbound_authorized), v.route or "")
        for v in verifications
    ]
    show_table(("number", "status", "inbound", "outbound", "expected route"), rows, prose=("expected route",))
    for verification in verifications:
        for check in verification.checks:
            if check.status in ("fail", "unknown", "warn"):
                text = f": {clean(check.message)} [{clean(check.code)}]"
                line(Text.assemble(verification.number, "  ", status(check.status), f" {clean(check.name)}", text))
                if check.fix:
                    line(f"    Fix: {check.fix}")


def show_report(report: ImportReport, *, stderr: bool = False, done: str = "imported") -> None:
    """Print what an import or restore did, or would do, as a diff: each field before -> after.

    Args:
        report: What happened.
        stderr: Print beside the result instead of as the result.
        done: The word for a number that was written; a restore says "restored".
    """
    say = note if stderr else line
    words = {"imported": "would be imported" if report.dry_run else done}
    for result in report.results:
        word = Text(words.get(result.status, result.status), _STYLES[result.status])
        say(
            Text.assemble(f"{clean(result.number)}  ", word, f"  {clean(result.message)} ", (f"[{result.code}]", "dim"))
        )
        for name, (before, after) in result.changes.items():
            old, new = clean(before) or "(not set)", clean(after) or "(not set)"
            say(Text.assemble(f"    {clean(name)}: ", (old, "red"), " -> ", (new, "green")))
        for text in result.notes:
            say(f"    Note: {text}", "yellow")
        fix = _TAKE_OVER if result.code == "import.conflict" and report.route else result.fix
        if fix:
            say(f"    Fix: {fix}")
    said = ", ".join(f"{count:,} {words.get(name, name)}" for name, count in report.counts.items()) or "no numbers"
    say(f"{said}; {report.writes:,} write{'' if report.writes == 1 else 's'} at the carrier.")


# --- Progress --------------------------------------------------------------------------------------------------------


def working(text: str) -> AbstractContextManager[object]:
    """Show on a terminal that something is being waited for."""
    screen = console(stderr=True)
    return screen.status(text) if _may_move(screen) else nullcontext()


@contextmanager
def ticker(text: str, *, quiet: bool = False) -> Iterator[Any]:
    """Count on a terminal how far something has come; gives a function to call at each step."""
    screen = console(stderr=True)
    if quiet or not _may_move(screen):
        yield lambda: None
        return
    seen = 0
    with screen.status(f"{text}: 0") as shown:

        def step() -> None:
            nonlocal seen
            seen += 1
            shown.update(f"{text}: {seen:,}")

        yield step


def _may_move(screen: Console) -> bool:
    return screen.is_terminal and screen.color_system is not None
