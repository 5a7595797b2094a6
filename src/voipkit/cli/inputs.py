"""Where credentials, numbers and snapshots come from: files, the environment, prompts; secrets never from arguments.

Which fields a carrier has, which are secret and which are alternatives of each other is read from its form, so a
carrier from a stranger's package is asked for in the same way as a built-in one.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr, ValidationError

from voipkit.cli import output
from voipkit.errors import ConfigurationError, CredentialsInvalid, FieldProblem
from voipkit.models import FormField, ProviderInfo, RoutingSnapshot, SetupMethod

__all__ = [
    "STANDARD_INPUT", "Given", "gather", "interactive", "known_variables", "read_numbers", "read_snapshot", "read_text",
    "refuse_two_readers", "unknown_variables", "variable",
]  # fmt: skip

STANDARD_INPUT = Path("-")
"""How standard input is named where a file is asked for."""

_SECTIONS = ("credentials", "sip_config")
_MARKS = {"credentials", "sip_config", "sipConfig", "setup_method", "setupMethod"}
_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Given:
    """What was given for one carrier; texts are masked from here on."""

    credentials: dict[str, Any] = field(default_factory=dict)
    sip_config: dict[str, Any] = field(default_factory=dict)
    setup_method: str | None = None

    def section(self, name: str) -> dict[str, Any]:
        """Return ``credentials`` or ``sip_config``."""
        return self.credentials if name == "credentials" else self.sip_config


def interactive() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


# --- Credentials -----------------------------------------------------------------------------------------------------


def gather(info: ProviderInfo, file: Path | None, setup_method: str | None) -> Given:
    """Collect credentials and SIP configuration: from the file if there is one, else from the environment.

    The two are never mixed: an ambient variable must not complete another account's file. What is then still missing is
    asked for, where somebody is there to ask.

    Args:
        info: The carrier.
        file: A JSON file, ``-`` for standard input, or None.
        setup_method: The set-up method asked for, or None for the file's or the carrier's first.

    Returns:
        What `voipkit.open_provider` takes; it checks it.

    Raises:
        ConfigurationError: The file cannot be read.
        CredentialsInvalid: Fields are missing and nobody is there to ask; fields and variables are named.
    """
    from_file = _read_file(file) if file else None
    method = info.setup_method(setup_method or (from_file.setup_method if from_file else None))
    if method is None:  # open_provider says which there are
        return Given(setup_method=setup_method or (from_file and from_file.setup_method) or None)
    given = from_file or _read_environment(info, method)
    given = Given(given.credentials, given.sip_config, method.id)
    if not _missing(method, given):
        return given
    if not interactive() or file == STANDARD_INPUT:
        _refuse(info, method, given, from_file=from_file is not None)
    return _ask(info, method, given)


def variable(info: ProviderInfo, method: SetupMethod, section: str, name: str) -> str:
    """Return the environment variable of a field: ``VOIPKIT_<CARRIER>_<FIELD>``.

    A SIP field that bears the name of a credential field has ``SIP_`` before its own.
    """
    twice = section == "sip_config" and name in {f.name for f in method.fields}
    return _upper(f"voipkit_{info.id}_{'sip_' if twice else ''}{name}")


def known_variables(info: ProviderInfo) -> set[str]:
    """Return every environment variable that is read for a carrier."""
    return {
        variable(info, method, section, f.name)
        for method in info.setup_methods
        for section in _SECTIONS
        for f in _fields(method, section)
    } | {_upper(f"voipkit_{info.id}_setup_method")}


def unknown_variables(info: ProviderInfo) -> list[str]:
    """Return variables that are set and look like a carrier's, but name none of its fields."""
    prefix = _upper(f"voipkit_{info.id}_")
    return sorted(name for name in os.environ if name.startswith(prefix) and name not in known_variables(info))


def _upper(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper())


def _fields(method: SetupMethod, section: str) -> tuple[FormField, ...]:
    return method.fields if section == "credentials" else method.sip_fields


def _read_file(file: Path) -> Given:
    document = _json_object(read_text(file), file)
    if file != STANDARD_INPUT:
        _warn_if_open(file)
    parts = document if _MARKS & document.keys() else {"credentials": document}
    sections = [parts.get("credentials") or {}, parts.get("sip_config") or parts.get("sipConfig") or {}]
    if not all(isinstance(section, dict) for section in sections):
        raise ConfigurationError(
            f"In {file}, credentials and sip_config must be JSON objects.",
            fix='Write {"credentials": {"api_key": ...}, "sip_config": {}}.',
        )
    chosen = parts.get("setup_method") or parts.get("setupMethod")
    return Given(_masked(sections[0]), _masked(sections[1]), chosen if isinstance(chosen, str) else None)


def _warn_if_open(file: Path) -> None:
    if os.name == "posix" and file.stat().st_mode & _OTHERS_MAY_READ:
        output.note(f"Warning: other users may read {file}. Run: chmod 600 {file}", "yellow")


def _read_environment(info: ProviderInfo, method: SetupMethod) -> Given:
    found: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for section in _SECTIONS:
        for f in _fields(method, section):
            text = os.environ.get(variable(info, method, section, f.name), "")
            if text:
                found[section][f.name] = _value(f, text)
    return Given(_masked(found["credentials"]), _masked(found["sip_config"]))


def _value(f: FormField, text: str) -> str | list[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if f.type == "list" else text


def _masked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: SecretStr(value) if isinstance(value, str) else value for name, value in fields.items()}


# --- What is missing -------------------------------------------------------------------------------------------------


def _missing(method: SetupMethod, given: Given) -> list[tuple[str, tuple[FormField, ...]]]:
    """Return what still has to be given: sections, and the fields of which one alternative is enough."""
    return [pair for section in _SECTIONS for pair in _missing_of(section, _fields(method, section), given)]


def _missing_of(
    section: str, fields: tuple[FormField, ...], given: Given
) -> Iterator[tuple[str, tuple[FormField, ...]]]:
    there = given.section(section)
    absent = [f for f in fields if f.name not in there and f.alias not in there]
    for f in absent:
        if f.required:
            yield section, (f,)
    chosen = {f.one_of for f in fields if f.one_of and f not in absent}
    if chosen:
        yield from ((section, (f,)) for f in absent if f.one_of in chosen)
    elif any(f.one_of for f in fields):
        yield section, tuple(f for f in fields if f.one_of)


def _refuse(info: ProviderInfo, method: SetupMethod, given: Given, *, from_file: bool) -> None:
    """Name every missing field and the variable that it is read from."""
    wanted, problems = [], []
    for section, fields in _missing(method, given):
        names: dict[str, list[str]] = {f.one_of or f.name: [] for f in fields}
        for f in fields:
            names[f.one_of or f.name].append(
                f.name if from_file else f"{f.label} ({variable(info, method, section, f.name)})"
            )
            problems.append(FieldProblem(f.name, f.alias, section, f"is missing ({f.label})."))
        wanted.append(", or ".join(" and ".join(together) for together in names.values()))
    strange = [] if from_file else unknown_variables(info)
    unread = f" Set, but no field of {info.label}: {', '.join(strange)}." if strange else ""
    raise CredentialsInvalid(
        f"{info.label} needs: {'; '.join(wanted)}.{unread}",
        problems=tuple(problems),
        fix=(
            f"Add them to the file; `voipkit providers {info.id}` explains each."
            if from_file
            else f"Set these variables, or pass --credentials FILE; `voipkit providers {info.id}` explains each field."
        ),
    )


def _ask(info: ProviderInfo, method: SetupMethod, given: Given) -> Given:
    """Ask for what is missing; where nothing was given at all, for what is optional too."""
    whole_form = not given.credentials and not given.sip_config
    output.note(f"{info.label}, {method.label}: secrets are not shown. Ctrl-C stops.")
    for section in _SECTIONS:
        fields = _fields(method, section)
        alternatives = list(dict.fromkeys(f.one_of for f in fields if f.one_of))
        there = given.section(section)
        chosen = next((f.one_of for f in fields if f.one_of and {f.name, f.alias} & there.keys()), None)
        if alternatives and chosen is None:
            chosen = _choose(fields, alternatives)
        for f in fields:
            needed = f.required or (f.one_of is not None and f.one_of == chosen)
            if {f.name, f.alias} & there.keys() or (f.one_of and f.one_of != chosen) or not (needed or whole_form):
                continue
            text = _prompt(f, needed=needed)
            if text:
                there.update(_masked({f.name: _value(f, text)}))
    return given


def _choose(fields: tuple[FormField, ...], alternatives: list[str]) -> str:
    for place, name in enumerate(alternatives, start=1):
        output.note(f"  {place}) {' and '.join(f.label for f in fields if f.one_of == name)}")
    while True:
        place = int(typer.prompt("Which one", type=int, default=1, err=True))
        if 1 <= place <= len(alternatives):
            return alternatives[place - 1]


def _prompt(f: FormField, *, needed: bool) -> str:
    if f.help:
        output.note(f"  {f.help}", "dim")
    options = f" ({', '.join(f.options)})" if f.options else ""
    label = f"{f.label}{options}{'' if needed else ' [optional, Enter to leave out]'}"
    default = None if needed else ""
    return str(typer.prompt(label, default=default, hide_input=f.secret, show_default=False, err=True)).strip()


# --- Files -----------------------------------------------------------------------------------------------------------


def read_text(file: Path) -> str:
    """Read a file as UTF-8, or standard input for ``-``.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return _standard_input() if file == STANDARD_INPUT else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        name = "Standard input" if file == STANDARD_INPUT else file
        raise ConfigurationError(f"{name} cannot be read: {reason}.") from None


def _standard_input() -> str:
    if sys.stdin is None:  # closed by whoever started us
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")  # the C locale would take any bytes for letters
    return sys.stdin.read()


def refuse_two_readers(*files: Path | None) -> None:
    """Refuse ``-`` for more than one of the files that a command was given: standard input can be read once.

    Raises:
        ConfigurationError: Two want it.
    """
    if files.count(STANDARD_INPUT) > 1:
        raise ConfigurationError("Only one thing can be read from standard input.", fix="Give a file for the other.")


def _json_object(text: str, file: Path) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigurationError(f"{file} is not JSON ({where}).", fix='Write {"field": "value"}.') from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} does not hold a JSON object.", fix='Write {"field": "value"}.')
    return document


def read_numbers(arguments: Iterable[str], file: Path | None) -> list[str]:
    """Return the numbers of the command line and of a file, in that order.

    Args:
        arguments: As typed.
        file: One number a line, ``#`` starts a comment; a line of JSON, as `voipkit numbers --json` prints it, counts
            by its ``number``. ``-`` reads standard input.

    Raises:
        ConfigurationError: There are none, a line of JSON has none, or the file cannot be read.
    """
    numbers = list(arguments)
    for place, row in enumerate(read_text(file).splitlines() if file else (), start=1):
        text = row.strip()
        if text.startswith("{"):
            numbers.append(_number_of(text, file or STANDARD_INPUT, place))
        elif text.partition("#")[0].strip():
            numbers.append(text.partition("#")[0].strip())
    if not numbers:
        raise ConfigurationError(
            "No numbers were given.", fix="Name them in E.164 (+15550001234), or use --numbers-file."
        )
    return numbers


def _number_of(text: str, file: Path, place: int) -> str:
    number = _json_object(text, file).get("number")
    if not isinstance(number, str) or not number:
        raise ConfigurationError(
            f"{file}, line {place}, has no number.", fix='Write {"number": "+15550001234"}, or the number alone.'
        )
    return number


def read_snapshot(file: Path) -> RoutingSnapshot:
    """Read what `voipkit import` saved.

    Raises:
        ConfigurationError: It cannot be read, or is no snapshot.
    """
    text = read_text(file)
    try:
        return RoutingSnapshot.model_validate_json(text)
    except ValidationError:
        raise ConfigurationError(
            f"{file} is not a routing snapshot.", fix="Give the file that `voipkit import` saved."
        ) from None
