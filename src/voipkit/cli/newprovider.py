"""``voipkit new-provider``: the beginning of a carrier, to be filled in with docs/adding-a-provider.md beside it.

The skeleton is a whole distribution: it is found by its entry point, passes ruff and mypy, and fails the contract with
words that say what to write. Its files are templates in ``skeleton/``, with ``$name`` and the like in them.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated

import typer
from rich.text import Text

import voipkit
from voipkit import registry
from voipkit.cli import output
from voipkit.cli.guard import OK
from voipkit.cli.options import AsJson
from voipkit.errors import ConfigurationError

__all__ = ["new_provider"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*")
_SHORTEST, _LONGEST = 2, 30  # signs; a longer one would break lines of the templates in two
_PLANNED = frozenset({"manual"})  # a carrier of voipkit itself, which is not in every release
_PLACES = {
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "pyproject.toml": "pyproject.toml",
    "test_contract.py": "tests/test_$snake.py",
}
"""Where templates go that are no modules of the package."""


def new_provider(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The carrier's id: lower case, such as acme or blue-tel.")
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write it in; this one by default.")
    ] = Path(),
    as_json: AsJson = False,
) -> int:
    """Write the skeleton of a new carrier.

    DIR/voipkit-NAME is a distribution of its own. It passes ruff and mypy as it is; what it does not do yet, each
    failing sentence of `voipkit conformance NAME` tells.
    """
    _refuse_bad(name)
    target = out / f"voipkit-{name}"
    written = _write(target, _words(name))
    if as_json:
        output.emit({"carrier": name, "directory": str(target), "files": written})
        return OK
    output.line(Text.assemble(("Written: ", ""), (str(target), "bold green")))
    for file in written:
        output.line(f"  {file}")
    output.line()
    output.line("Next:", "dim")
    output.line(f"  cd {shlex.quote(str(target))}")
    output.line("  pip install -e '.[dev]'")
    output.line(f"  voipkit conformance {name} --failures")
    return OK


# --- names -----------------------------------------------------------------------------------------------------------


def _refuse_bad(name: str) -> None:
    """Refuse a name that cannot be used or is taken.

    Raises:
        ConfigurationError: It says why.
    """
    if name.startswith("voipkit"):
        raise ConfigurationError(
            f"'{name}' is no carrier's name: the distribution is called voipkit-NAME by itself.",
            fix=f"Leave 'voipkit' out: {name.removeprefix('voipkit').strip('-_') or 'acme'}.",
        )
    if not _NAME.fullmatch(name) or not _SHORTEST <= len(name) <= _LONGEST:
        raise ConfigurationError(
            f"'{name[: 2 * _LONGEST]}' cannot be a carrier's name.",
            fix=f"Use {_SHORTEST} to {_LONGEST} lower-case letters and digits, a letter first; "
            "words are joined by hyphens, such as blue-tel.",
        )
    if name in _PLANNED or name in registry.names():
        raise ConfigurationError(
            f"There is a carrier '{name}' already; two of one name cannot be installed together.",
            fix="Choose another name; `voipkit providers` lists those that are installed.",
        )


def _words(name: str) -> Mapping[str, str]:
    parts = name.split("-")
    return {
        "name": name,
        "snake": "_".join(parts),
        "module": f"voipkit_{'_'.join(parts)}",
        "label": " ".join(part.capitalize() for part in parts),
        "cls": "".join(part.capitalize() for part in parts),
        "variable": "_".join(parts).upper(),
        "version": voipkit.__version__,
    }


# --- files -----------------------------------------------------------------------------------------------------------


def _write(target: Path, words: Mapping[str, str]) -> list[str]:
    """Write all files, or none.

    Returns:
        Their paths below the target.

    Raises:
        ConfigurationError: The target is there already, or cannot be written.
    """
    if not target.parent.is_dir():
        raise ConfigurationError(f"There is no folder {target.parent}.", fix="Make it, or name another with --out.")
    if target.exists() or target.is_symlink():
        raise ConfigurationError(
            f"{target} is there already, and nothing is overwritten.",
            fix="Remove it, or name another folder with --out.",
        )
    files = dict(_files(words))
    try:
        with tempfile.TemporaryDirectory(prefix=".voipkit-new-", dir=target.parent) as scratch:
            whole = Path(scratch, target.name)
            for place, text in files.items():
                (whole / place).parent.mkdir(parents=True, exist_ok=True)
                (whole / place).write_text(text, encoding="utf-8")
            whole.rename(target)
    except OSError as error:
        raise ConfigurationError(
            f"{target} cannot be written: {error.strerror}.", fix="Name a folder that you may write in with --out."
        ) from error
    return sorted(files)


def _files(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    package = f"src/{words['module']}"
    yield f"{package}/py.typed", ""
    for template in resources.files("voipkit.cli").joinpath("skeleton").iterdir():
        name = template.name.removesuffix(".template")
        if name == template.name:
            continue
        place = Template(_PLACES.get(name, f"{package}/{name}")).substitute(words)
        yield place, Template(template.read_text(encoding="utf-8")).substitute(words)
