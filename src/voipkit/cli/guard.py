"""From errors to exit codes: what a person reads, what a program parses, and never a traceback."""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from voipkit.cli import output
from voipkit.errors import (
    CredentialsInvalid,
    EvidenceError,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    StoreError,
    UnexpectedResponse,
    VoipkitError,
)

__all__ = [
    "EVIDENCE", "FAILED", "INTERNAL", "INTERRUPTED", "NOT_ASKED", "NOT_SHOWN", "OK", "USAGE", "error_document",
    "guarded", "say_lost",
]  # fmt: skip

OK = 0
FAILED = 1
"""The carrier said no, a check failed, or a number was not imported."""
USAGE = 2
"""Wrong usage or configuration; no request was sent."""
NOT_ASKED = 3
"""The carrier could not be asked, or does not say: try again later."""
EVIDENCE = 4
INTERNAL = 70
"""A fault of voipkit itself (EX_SOFTWARE of sysexits.h)."""
NOT_SHOWN = 74
"""The output could not be written (EX_IOERR)."""
INTERRUPTED = 130
"""Ctrl-C: 128 and the number of SIGINT, as shells count."""


def guarded(command: Callable[..., int]) -> Callable[..., None]:
    """Turn what a command returns, or raises, into an exit code.

    Args:
        command: Returns an exit code; its parameter ``as_json``, where it has one, says how to show an error.

    Returns:
        The same command for Typer: it raises `typer.Exit` for every code but 0.
    """

    @functools.wraps(command)
    def run(**given: Any) -> None:
        before = _guards()
        code = _run(command, given)
        _say_why_it_goes_on(before)
        if code != OK:
            raise typer.Exit(code)

    run.__signature__ = inspect.signature(command, eval_str=True)  # type: ignore[attr-defined]
    return run


def say_lost(error: output.OutputLost) -> int:
    """Say on standard error, in one line, that the output could not be written.

    Returns:
        The exit code.
    """
    text = " ".join(part for part in (f"Error: The output could not be written: {error.reason}.", error.done) if part)
    with suppress(output.OutputLost, BrokenPipeError):  # where that is lost too, the exit code alone says it
        output.note(text, "red")
    output.let_go()
    return NOT_SHOWN


def _run(command: Callable[..., int], given: dict[str, Any]) -> int:
    try:
        code = _tried(command, given)
        output.flush()
    except output.OutputLost as error:
        return say_lost(error)
    return code


def _tried(command: Callable[..., int], given: dict[str, Any]) -> int:
    as_json = bool(given.get("as_json"))
    try:
        return command(**given)
    except VoipkitError as error:
        _show(error_document(error), as_json=as_json)
        return exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        output.note("\nInterrupted.", "yellow")
        return INTERRUPTED
    except (typer.Exit, output.OutputLost, BrokenPipeError):  # Typer ends quietly when a pipe's reader has gone
        raise
    except Exception as error:
        _show(_internal(error), as_json=as_json)
        return INTERNAL


def _guards() -> set[Any]:
    """Return the guards over calls whose end was not seen; only commands that speak SIP load the module."""
    running = sys.modules.get("voipkit.sip.running")
    return set(running.GUARDS) if running is not None else set()


def _say_why_it_goes_on(before: set[Any]) -> None:
    """Say why the process does not end yet: a call without an end is guarded, and hung up if it is answered late."""
    if not _guards() - before:
        return
    sys.modules["voipkit.sip.running"].drain(1.0)  # most end within a second: a refusal may come once more
    if _guards() - before:
        output.note("Waiting up to 32 seconds: should the call still be answered, it is hung up at once.", "dim")


def exit_code(error: VoipkitError) -> int:
    """Return the exit code that an error means."""
    if isinstance(error, EvidenceError):
        return EVIDENCE
    if isinstance(error, StoreError):
        return NOT_ASKED if error.retryable else FAILED
    if isinstance(error, ProviderTimeout | ProviderUnavailable | UnexpectedResponse):
        return NOT_ASKED
    if isinstance(error, ProviderError):
        return NOT_ASKED if error.retryable else FAILED
    return USAGE


def error_document(error: VoipkitError) -> dict[str, Any]:
    """Return what ``--json`` says of an error; docs/cli.md promises the keys."""
    document: dict[str, Any] = {"kind": error.kind, "message": error.message, "fix": error.fix}
    for name in ("provider", "operation", "status", "code", "retryable", "retry_after", "request_id", "docs_url"):
        document[name] = getattr(error, name, None) if isinstance(error, ProviderError | StoreError) else None
    document["problems"] = (
        [{"section": p.section, "field": p.field, "alias": p.alias, "problem": p.problem} for p in error.problems]
        if isinstance(error, CredentialsInvalid)
        else []
    )
    return {"error": document}


def _internal(error: Exception) -> dict[str, Any]:
    """Say where an unforeseen exception came from; its text is left out, since it may repeat anything."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    message = f"voipkit failed: {type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}."
    fix = "This is a bug: please report it with this line, the command's name and the output of `voipkit doctor`."
    document = error_document(VoipkitError(message, fix=fix))
    document["error"]["kind"] = "internal_error"
    return document


def _show(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.emit_line(document)  # one line, so that it also ends a stream of JSON Lines
        return
    error = document["error"]
    facts = [
        f"HTTP {error['status']}" if error["status"] else "",
        f"code {error['code']}" if error["code"] else "",
        f"retry after {error['retry_after']:g} s" if error["retry_after"] is not None else "",
        f"request {error['request_id']}" if error["request_id"] else "",
    ]
    where = " ".join(part for part in (error["provider"], error["operation"]) if part)
    said = ", ".join(fact for fact in facts if fact)
    output.note(f"Error: {where + ': ' if where else ''}{error['message']}{f' ({said})' if said else ''}", "red")
    if error["fix"]:
        output.note(f"  Fix: {error['fix']}")
    if error["docs_url"]:
        output.note(f"  See: {error['docs_url']}")
