"""A carrier from outside, in the checkout: the example and the skeleton pass ruff and mypy, and the tutorial fits them.

tools/test_outside.py installs both in an environment of their own and uses them there.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voipkit.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "voipkit-acme"
TUTORIAL = ROOT / "docs" / "adding-a-provider.md"
LONGEST = "abcdefghijklmnopqrstuv-wxyz-ab"


def tool(*command, cwd):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def skeleton(tmp_path):
    def write(name):
        assert CliRunner().invoke(app, ["new-provider", name, "--out", str(tmp_path)]).exit_code == 0
        return tmp_path / f"voipkit-{name}"

    return write


@pytest.mark.parametrize("name", ["ab", "globex", "zz-top", LONGEST])
def test_the_skeleton_passes_ruff_whatever_its_name(name, skeleton):
    project = skeleton(name)

    tool("ruff", "check", "--no-cache", ".", cwd=project)
    tool("ruff", "format", "--no-cache", "--check", ".", cwd=project)


def test_the_skeleton_passes_mypy(skeleton, tmp_path):
    tool("mypy", "--cache-dir", str(tmp_path / "cache"), cwd=skeleton("blue-tel"))


def test_the_example_passes_ruff_and_mypy(tmp_path):
    tool("ruff", "check", "--no-cache", ".", cwd=EXAMPLE)
    tool("ruff", "format", "--no-cache", "--check", ".", cwd=EXAMPLE)
    tool("mypy", "--cache-dir", str(tmp_path / "cache"), cwd=EXAMPLE)


def test_the_simulator_knows_nothing_of_the_adapter():
    """What would be wrong in both would be seen by no test."""
    modules = {
        "adapter": ("simulator", "testing"),
        "checks": ("simulator", "testing"),
        "simulator": ("adapter", "checks"),
    }
    for module, strangers in modules.items():
        tree = ast.parse((EXAMPLE / "src" / "voipkit_acme" / f"{module}.py").read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        named = {f"{getattr(node, 'module', '')}.{each.name}" for node in imports for each in node.names}

        assert [name for name in named for stranger in strangers if f"voipkit_acme.{stranger}" in name] == []


def test_the_tutorial_shows_every_method_and_a_piece_of_every_module():
    page = TUTORIAL.read_text(encoding="utf-8")
    shown = set(re.findall(r"<!-- generated: acme-(\w+)-(\w+) -->", page))

    assert {module for module, _ in shown} >= {"settings", "adapter", "checks", "simulator", "testing"}
    for method in ("test_credentials", "list_numbers", "import_numbers", "verify_numbers", "restore_numbers"):
        assert ("adapter", method) in shown


def test_the_tutorials_entry_points_are_the_examples():
    (block,) = re.findall(r"^```toml\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)

    assert block in (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
