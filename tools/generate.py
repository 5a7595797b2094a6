"""Write the parts of the documents that repeat what the code says, or check that they are fresh.

    python tools/generate.py            write them
    python tools/generate.py --check    name the stale ones and fail; tests/test_docs.py does the same

A generated part stands between two comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``, in README.md,
CONTRIBUTING.md or anywhere below docs/. `PARTS` says what each name holds; ``form-<carrier>`` is that carrier's form,
and ``acme-<module>-<name>`` the source of that function, class or variable of examples/voipkit-acme.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import voipkit
from voipkit import errors, registry
from voipkit.models import FormField, ProviderInfo

if TYPE_CHECKING:
    from voipkit.testing.results import CarrierResults

ROOT = Path(__file__).resolve().parents[1]

_LEGIBLE = 160  # signs of a regular expression
_SHARED_BY = 5  # an option of so many commands is explained once
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> list[Path]:
    """Return every document that may hold generated parts."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def refreshed(path: Path) -> str:
    """Return a document's text with every generated part as it should be.

    Args:
        path: The document.

    Raises:
        ValueError: A part has a name that nobody knows.
    """

    def fill(block: re.Match[str]) -> str:
        return f"{block[1]}\n{_part(block['name']).strip()}\n\n{block[3]}"

    return _BLOCK.sub(fill, path.read_text(encoding="utf-8"))


def _part(name: str) -> str:
    if name in PARTS:
        return PARTS[name]()
    if name.startswith("form-"):
        return _form_fields(name.removeprefix("form-"))
    if name.startswith("acme-"):
        return _example(*name.split("-")[1:])
    msg = f"no generated part is named {name!r}; there are {', '.join(PARTS)}, form-<carrier> and acme-<module>-<name>"
    raise ValueError(msg)


def stale() -> list[Path]:
    """Return the documents whose generated parts are not what the code says."""
    return [path for path in documents() if refreshed(path) != path.read_text(encoding="utf-8")]


# --- carriers --------------------------------------------------------------------------------------------------------


@cache
def _carriers() -> tuple[ProviderInfo, ...]:
    """Ours alone: a plugin that happens to be installed is documented by its author."""
    return tuple(info for info in registry.providers() if info.distribution == "voipkit")


def _carrier_table() -> str:
    rows = [
        (
            f"[{info.label}](docs/providers/{info.id}.md)",
            f"`{info.id}`",
            _ways_in(info),
            _codes(found.routes) if found else "not tried",
            _held(found),
            f"`pip install 'voipkit[{info.extra}]'`",
        )
        for info in _carriers()
        for found in [_results().get(info.id)]
    ]
    return _table(("Carrier", "Name", "Asks for", "Routes", "Contract", "Install"), rows)


def _ways_in(info: ProviderInfo) -> str:
    return "; ".join(_asked(method.fields) for method in info.setup_methods)


def _asked(fields: Iterable[FormField]) -> str:
    """Say what must be entered: what is required, and one of the alternatives where there are some."""
    required = [field.label for field in fields if field.required]
    alternatives: dict[str, list[str]] = {}
    for field in fields:
        if field.one_of:
            alternatives.setdefault(field.one_of, []).append(field.label)
    either = ", or ".join(" and ".join(labels) for labels in alternatives.values())
    return "; ".join(part for part in (", ".join(required), either) if part)


# --- what the contract found -----------------------------------------------------------------------------------------
# Nothing here is claimed: it is drawn from the results that `make matrix` keeps, and a test tries them again.

_RESULTS = ROOT / "docs" / "providers" / "conformance.json"
_PARTS_OF_THE_CONTRACT = {
    "FormTests": "Describes itself",
    "CredentialTests": "Tests credentials, suggests a name",
    "ListingTests": "Lists every number",
    "ImportTests": "Imports numbers",
    "RestoreTests": "Puts routing back",
    "VerifyTests": "Verifies numbers",
    "SecrecyTests": "Keeps secrets",
    "WaitTests": "Ends every wait",
}
_BELOW_AN_SDK = frozenset({"voipkit", "anyio", "httpcore", "requests"})


@cache
def _results() -> Mapping[str, CarrierResults]:
    from voipkit.testing.results import read

    return read(_RESULTS).carriers


def _matrix() -> str:
    from voipkit.testing import contract

    found = [_results().get(info.id) for info in _carriers()]
    rows: list[tuple[str, ...]] = [
        ("Name in `open_provider`", *(f"`{info.id}`" for info in _carriers())),
        ("Extra", *(f"`voipkit[{info.extra}]`" for info in _carriers())),
        ("Set-up methods", *(_codes(m.id for m in info.setup_methods) for info in _carriers())),
        ("Tried with", *(_tried_with(each) for each in found)),
    ]
    for name, title in _PARTS_OF_THE_CONTRACT.items():
        numbers = contract.sentences(getattr(contract, name))
        rows.append((f"{title} ({min(numbers)} to {max(numbers)})", *(_held(each, numbers) for each in found)))
    rows += [
        (f"Route to {kind}", *(_yes(each, each is not None and kind in each.routes) for each in found))
        for kind in ("trunk", "sip", "webhook", "application")
    ]
    rows += [
        (f"Capability: {name}", *(_yes(each, each is not None and name in each.capabilities) for each in found))
        for name in sorted({name for each in found if each for name in each.capabilities})
    ]
    rows.append(("Planted faults noticed", *(_noticed(each) for each in found)))
    rows.append(("The carrier's own API pages", *(f"<{info.docs_url}>" for info in _carriers())))
    return _table(("", *(f"[{info.label}]({info.id}.md)" for info in _carriers())), rows)


def _tried_with(found: CarrierResults | None) -> str:
    if found is None:
        return "not tried"
    return ", ".join(f"{name} {version}" for name, version in found.versions.items() if name not in _BELOW_AN_SDK)


def _held(found: CarrierResults | None, numbers: Iterable[str] | None = None) -> str:
    """Say how many sentences hold, of all or of these."""
    if found is None:
        return "not tried"
    results = [found.sentences.get(number, "not tried") for number in numbers or found.sentences]
    counts = Counter(result.partition(":")[0] for result in results)
    words = {"skip": "skipped", "fail": "**fail**", "not tried": "not tried"}
    others = [f"{counts[result]} {word}" for result, word in words.items() if counts[result]]
    return ", ".join([f"{counts['pass']} of {len(results)}", *others])


def _noticed(found: CarrierResults | None) -> str:
    if found is None or not found.mutations:
        return "not tried"
    counts = Counter(result.partition(":")[0] for result in found.mutations.values())
    return f"{counts['killed']} of {counts['killed'] + counts['survived']}"


def _yes(found: CarrierResults | None, shown: bool) -> str:
    return "not tried" if found is None else "yes" if shown else "no"


def _skips() -> str:
    """Name every sentence that was not tried for a carrier; those skipped for one reason share a row."""
    rows = []
    for info in _carriers():
        found = _results().get(info.id)
        reasons: dict[str, list[str]] = {}
        for number, result in found.sentences.items() if found else ():
            word, _, why = result.partition(": ")
            if word == "skip":
                reasons.setdefault(why, []).append(number)
        rows += [(info.label, ", ".join(numbers), why) for why, numbers in reasons.items()]
    return _table(("Carrier", "Sentences", "Why"), rows) if rows else "None is skipped."


# --- forms -----------------------------------------------------------------------------------------------------------


def _form_fields(carrier: str) -> str:
    info = voipkit.provider_info(carrier)
    parts = []
    for method in info.setup_methods:
        parts.append(f'**{method.label}** (`setup_method="{method.id}"`)')
        parts.append(_field_table("Credential", method.fields))
        if method.sip_fields:
            parts.append(_field_table("SIP configuration", method.sip_fields))
    return "\n\n".join(parts)


def _field_table(title: str, fields: Iterable[FormField]) -> str:
    rows = []
    for field in fields:
        name = f"`{field.name}`" if field.name == field.alias else f"`{field.name}`, `{field.alias}`"
        label = f"[{field.label}]({field.docs_url})" if field.docs_url else field.label
        form = _codes(field.options) or _form(field.pattern or "")
        rows.append((name, f"{label}{' (secret)' if field.secret else ''}", _needed(field), form, field.help))
    return _table((title, "In the console", "Needed", "Form", "What it is"), rows)


def _form(pattern: str) -> str:
    """Show a pattern that a person can read; of a longer one, the column of words says what it wants."""
    parts = list(_alternatives(pattern))
    return " or ".join(f"`{part}`" for part in parts) if len(pattern) <= _LEGIBLE else ""


def _alternatives(pattern: str) -> Iterator[str]:
    """Yield a regular expression's parts between its outermost bars; a bar in a table is shown wrongly somewhere."""
    start = depth = 0
    for at, sign in enumerate(pattern):
        depth += (sign in "([") - (sign in ")]")
        if sign == "|" and depth == 0:
            yield pattern[start:at]
            start = at + 1
    if pattern:
        yield pattern[start:]


def _needed(field: FormField) -> str:
    if field.required:
        return "yes"
    if field.one_of:
        return f"one of: {field.one_of}"
    return f"no; `{field.default}`" if isinstance(field.default, str) else "no"


# --- errors ----------------------------------------------------------------------------------------------------------


def _error_tree() -> str:
    tree = (errors.__doc__ or "").split("::\n", 1)[1].split("\n\nA leaf", 1)[0]
    return f"```text\n{inspect.cleandoc(tree)}\n```"


def _error_kinds() -> str:
    return _table(
        ("Class", "`kind`", "Meaning", "`retryable`, unless the answer says otherwise"),
        [
            (f"`{cls.__name__}`", f"`{cls.kind}`", _summary(cls), _retryable(cls))
            for cls in _descendants(errors.VoipkitError)
        ],
    )


def _descendants(cls: type[errors.VoipkitError]) -> Iterator[type[errors.VoipkitError]]:
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from _descendants(child)


def _retryable(cls: type[errors.VoipkitError]) -> str:
    if not issubclass(cls, errors.ProviderError):
        return ""
    return "yes" if cls.retryable_by_default else "no"


# --- the sandbox -----------------------------------------------------------------------------------------------------


def _incidents() -> str:
    from voipkit.sandbox import INCIDENTS

    rows = [(f"`{i.name}`", ", ".join(i.carriers), i.summary) for i in INCIDENTS.values()]
    return _table(("Incident", "Carrier", "What it does"), rows)


def _sip_scenarios() -> str:
    from voipkit.sandbox.sip_scenarios import SCENARIOS

    return _table(("Scenario", "What the trunk does"), [(f"`{s.name}`", s.summary) for s in SCENARIOS.values()])


def _faults() -> str:
    from voipkit.sandbox import Fault

    made = [(name, member) for name, member in vars(Fault).items() if isinstance(member, classmethod)]
    rows = []
    for name, member in made:
        parameters = list(inspect.signature(member.__func__).parameters)[1:]
        rows.append((f"`Fault.{name}({', '.join(parameters)})`", _summary(member.__func__)))
    return _table(("Fault", "What the client gets"), rows)


def _operations() -> str:
    from voipkit.sandbox import Sandbox

    box = Sandbox()
    carriers = [info for info in voipkit.providers() if hasattr(box, info.id)]
    return _table(("Carrier", "Operations"), [(c.label, _codes(getattr(box, c.id).operations)) for c in carriers])


def _failure() -> str:
    """Show what the README's loop prints for the most reported failure of all."""
    from voipkit.sandbox import Sandbox

    box = Sandbox()
    box.incident("telnyx-d38")
    http = voipkit.HttpOptions(wire=box.wire)
    with closing(voipkit.open_provider("telnyx", box.credentials("telnyx"), http=http)) as carrier:
        test = carrier.test_credentials()
    lines = [f"{test.status}, inbound {test.inbound_reachable}, outbound {test.outbound_authorized}"]
    for check in test.failures:
        lines += [check.code, f"  seen: {check.message}", f"  on:   {check.object}", f"  fix:  {check.fix}"]
    return "```text\n" + "\n".join(lines) + "\n```"


# --- the command line ------------------------------------------------------------------------------------------------


def _cli_help() -> str:
    """Describe every command from its declaration; the shape of `--help` itself changes with Typer's releases."""
    from typer.main import get_command

    from voipkit.cli.app import app

    commands = list(_commands(get_command(app), ("voipkit",)))
    uses = Counter(row for _, command in commands for row in _option_rows(command))
    shared = [row for row, count in uses.items() if count >= _SHARED_BY]
    parts = [_table(("Options that several commands have", "Meaning"), shared)]
    for path, command in commands:
        parts += [f"### `{' '.join(path)}`", inspect.cleandoc(command.help or "")]
        if hasattr(command, "commands"):
            continue
        own = [row for row in _option_rows(command) if row not in shared]
        others = ", ".join(name for name, _ in _option_rows(command) if (name, _) in shared)
        rows = [*_argument_rows(command), *own, *([("shared", others)] if others else [])]
        parts += [f"```text\n{_usage(path, command)}\n```", _table(("Argument or option", "Meaning"), rows)]
    return "\n\n".join(parts)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if len(path) > 1:
        yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


def _usage(path: tuple[str, ...], command: Any) -> str:
    options = ["[OPTIONS]"] if _option_rows(command) else []
    arguments = [_metavar(p) if p.required else f"[{_metavar(p)}]" for p in _parameters(command, "argument")]
    return " ".join((*path, *options, *arguments))


def _argument_rows(command: Any) -> list[tuple[str, str]]:
    return [(f"`{_metavar(p)}`", getattr(p, "help", None) or "") for p in _parameters(command, "argument")]


def _option_rows(command: Any) -> list[tuple[str, str]]:
    return [(f"`{_spelled(p)}`", p.help or "") for p in _parameters(command, "option")]


def _parameters(command: Any, kind: str) -> list[Any]:
    return [p for p in command.params if p.param_type_name == kind and not getattr(p, "hidden", False)]


def _metavar(argument: Any) -> str:
    word = str(argument.metavar or argument.name).strip("[].").upper()
    return f"{word}..." if argument.nargs == -1 else word


def _spelled(option: Any) -> str:
    names = ", ".join((*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.metavar or option.type.name.upper()}"


# --- the contract ----------------------------------------------------------------------------------------------------


def _contract() -> str:
    from voipkit.testing import ProviderTests
    from voipkit.testing.contract import sentences

    return _table(("No.", "Sentence"), list(sentences(ProviderTests).items()))


def _mutations() -> str:
    from voipkit.testing.mutations import MUTATIONS

    rows = [(f"`{m.id}`", m.sentence, m.breaks) for m in MUTATIONS.values()]
    return _table(("Fault", "What the adapter does wrong", "Breaks"), rows)


# --- SIP -------------------------------------------------------------------------------------------------------------

_ASKED_OF_A_TRUNK = {
    "dns": "The host",
    "transport": "The connection",
    "tls": "Who answers",
    "reachability": "OPTIONS: is it there?",
    "credentials": "REGISTER: are the credentials good?",
    "outbound": "INVITE: are calls let out?",
}


def _sip_verdicts() -> str:
    from voipkit.sip.verdicts import VERDICTS

    parts = []
    for check, title in _ASKED_OF_A_TRUNK.items():
        rows = [
            (f"`{v.code}`", v.signal, v.status, v.message, v.fix or "") for v in VERDICTS.values() if v.check == check
        ]
        parts += [f"### {title}", _table(("Code", "What came back", "Counts as", "What is said", "What to do"), rows)]
    return "\n\n".join(parts)


def _dial_in() -> str:
    from voipkit.adapting.dialin import FINDINGS

    rows = [(f"`<carrier>.dial_in.{code}`", f.status, f.message, f.fix or "") for code, f in FINDINGS.items()]
    return _table(("Code", "Counts as", "What is said", "What to do"), rows)


def _sip_templates() -> str:
    templates = registry.provider_info("manual").setup_methods[0].templates
    parts = []
    for t in templates:
        facts = [f"host `{t.credentials['host']}`", ", ".join(f"{name} {port}" for name, port in t.transports.items())]
        lines = [f"**{t.label}** (`{t.id}`): {'; '.join(facts)}."]
        lines += [f"- Blank `{name}`: {text}." for name, text in t.blanks.items()]
        lines += [f"- Signalling comes from: {_codes(t.networks)}"] if t.networks else []
        lines += [f"- {text}" for text in t.notes]
        lines += [f"- Source: <{s.url}>, read {s.read_on}: {s.says}." for s in t.sources]
        lines += [f"- **Not verified:** {text}" for text in t.unverified]
        parts.append(lines[0] + "\n\n" + "\n".join(lines[1:]))
    return "\n\n".join(parts)


# --- the carrier from outside ----------------------------------------------------------------------------------------


def _example(module: str, name: str) -> str:
    """Cut a function, class, method or variable out of the example: the tutorial's code is the code that is tested."""
    folder = ROOT / "examples" / "voipkit-acme"
    path = folder / "tests" / "test_acme.py" if module == "tests" else folder / "src" / "voipkit_acme" / f"{module}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if name in _names(node):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
            text = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
            return f"```python\n{text}\n```"
    msg = f"{path.relative_to(ROOT)} has no {name!r}"
    raise ValueError(msg)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


# --- the service -----------------------------------------------------------------------------------------------------


def _warnings() -> str:
    from voipkit.service.warnings import CODES

    return _table(("Code", "What was seen", "What to do"), [(f"`{code}`", *told) for code, told in CODES.items()])


# --- the HTTP API ----------------------------------------------------------------------------------------------------


def _http_reference() -> str:
    from http_reference import reference

    return reference()


def _http_problems() -> str:
    from voipkit.web.problem import status_of

    rows = [(str(status_of(cls("It."))), f"`{cls.kind}`", _summary(cls)) for cls in _descendants(errors.VoipkitError)]
    return _table(("Status", "`code`", "Meaning"), sorted(rows))


def _coverage() -> str:
    from seed_coverage import table

    return table()


# --- the house -------------------------------------------------------------------------------------------------------


def _layers() -> str:
    """Show the layers that import-linter holds the code to; those in brackets may still be absent."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(contract for contract in settings["contracts"] if contract["type"] == "layers")
    return "```text\n" + "\n".join(contract["layers"]) + "\n```"


# --- Markdown --------------------------------------------------------------------------------------------------------


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _summary(thing: object) -> str:
    """Return the first paragraph of a docstring, its double backticks as Markdown has them."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split()).replace("``", "`")


PARTS: dict[str, Callable[[], str]] = {
    "carriers": _carrier_table,
    "matrix": _matrix,
    "skips": _skips,
    "error-tree": _error_tree,
    "error-kinds": _error_kinds,
    "incidents": _incidents,
    "sip-scenarios": _sip_scenarios,
    "faults": _faults,
    "operations": _operations,
    "failure": _failure,
    "cli-help": _cli_help,
    "contract": _contract,
    "mutations": _mutations,
    "layers": _layers,
    "warnings": _warnings,
    "http-reference": _http_reference,
    "http-problems": _http_problems,
    "coverage": _coverage,
    "sip-verdicts": _sip_verdicts,
    "dial-in": _dial_in,
    "sip-templates": _sip_templates,
}


def main(arguments: list[str]) -> int:
    """Write, or with ``--check`` only look."""
    found = stale()
    for path in found:
        shown = path.relative_to(ROOT)
        if "--check" in arguments:
            print(f"{shown} is stale: run `make generate`.", file=sys.stderr)
        else:
            path.write_text(refreshed(path), encoding="utf-8")
            print(f"{shown} written.")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
