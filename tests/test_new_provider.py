"""`voipkit new-provider`: what it writes, what it refuses, and that the contract says what is left to write.

tests/test_outside.py holds what it writes against ruff and mypy.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.installing import as_installed
from voipkit import registry
from voipkit.cli.app import app

_LEFT = r"__pycache__|dist|\..*"
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "voipkit-acme"


def new_provider(*arguments):
    return CliRunner().invoke(app, ["new-provider", *map(str, arguments)])


def files_of(folder):
    """Return the files below a folder, without what tools leave behind."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not any(re.fullmatch(_LEFT, part) for part in path.parts[:-1])}


def test_it_has_the_layout_of_the_example(tmp_path):
    done = new_provider("globex", "--out", tmp_path)
    written = files_of(tmp_path / "voipkit-globex")

    assert done.exit_code == 0, done.output
    assert "voipkit conformance globex" in done.output
    left_over = {".gitignore", "src/voipkit_globex/unwritten.py"}
    assert {name.replace("globex", "acme") for name in written - left_over} == files_of(EXAMPLE)
    assert left_over < written


def test_nothing_of_the_templates_is_left_in_it(tmp_path):
    new_provider("blue-tel", "--out", tmp_path)
    project = tmp_path / "voipkit-blue-tel"
    texts = {name: (project / name).read_text(encoding="utf-8") for name in files_of(project)}

    assert [name for name, text in texts.items() if re.search(r"\$\{?[a-z]", text)] == []
    settings = tomllib.loads(texts["pyproject.toml"])["project"]
    assert settings["name"] == "voipkit-blue-tel"
    assert settings["entry-points"]["voipkit.providers"] == {"blue-tel": "voipkit_blue_tel:BlueTel"}
    assert "VOIPKIT_BLUE_TEL_" in texts["src/voipkit_blue_tel/testing.py"]


def test_a_program_gets_the_files(tmp_path):
    document = json.loads(new_provider("globex", "--out", tmp_path, "--json").output)

    assert Path(document["directory"]) == tmp_path / "voipkit-globex"
    assert set(document["files"]) == files_of(tmp_path / "voipkit-globex")


def test_it_is_written_here_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new_provider("globex")

    assert (tmp_path / "voipkit-globex" / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Globex", "lower-case"),
        ("9lives", "lower-case"),
        ("a", "2 to 30"),
        ("a" * 31, "2 to 30"),
        ("blue_tel", "hyphens"),
        ("blue--tel", "hyphens"),
        ("blue-9", "hyphens"),
        ("../globex", "lower-case"),
        ("glöbex", "lower-case"),
        ("voipkit-globex", "Leave 'voipkit' out: globex"),
        ("voipkit", "Leave 'voipkit' out"),
        ("manual", "already"),
        *((name, "already") for name in registry.names()),
    ],
)
def test_a_bad_name_is_refused(name, said, tmp_path):
    done = new_provider(name, "--out", tmp_path)

    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "voipkit-globex").mkdir()
    done = new_provider("globex", "--out", tmp_path)

    assert done.exit_code == 2
    assert "there already" in done.stderr
    assert list((tmp_path / "voipkit-globex").iterdir()) == []


def test_a_dangling_link_is_not_written_through(tmp_path):
    (tmp_path / "voipkit-globex").symlink_to(tmp_path / "elsewhere")

    assert new_provider("globex", "--out", tmp_path).exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("out", ["missing", "file"])
def test_a_folder_that_is_none_is_refused(out, tmp_path):
    (tmp_path / "file").touch()
    done = new_provider("globex", "--out", tmp_path / out)

    assert done.exit_code == 2
    assert "There is no folder" in done.stderr


def test_a_disk_that_is_full_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    done = new_provider("globex", "--out", tmp_path)

    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def blue_tel(tmp_path):
    """The skeleton as if installed: the environment for child processes."""
    new_provider("blue-tel", "--out", tmp_path)
    return as_installed(tmp_path / "voipkit-blue-tel", tmp_path / "site")


def voipkit(*arguments, env):
    command = [sys.executable, "-m", "voipkit.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=120)


def test_the_contract_says_what_is_left_to_write(blue_tel):
    done = voipkit("conformance", "blue-tel", "--json", env=blue_tel)
    found = json.loads(done.stdout)["sentences"]
    reasons = [reason for sentence in found if sentence["result"] == "fail" for reason in sentence["reasons"]]
    places = {place for reason in reasons for place in re.findall(r"(\w+ in \w+\.py) is not written yet", reason)}

    assert done.returncode == 1
    assert len(reasons) > 100
    assert [reason for reason in reasons if "is not written yet" not in reason] == []
    assert places >= {"_account in adapter.py", "_page in adapter.py"}
    assert "NotImplementedError" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_command_says_what_is_left_to_write(blue_tel):
    done = voipkit("numbers", "blue-tel", env={**blue_tel, "VOIPKIT_BLUE_TEL_API_KEY": "key"})

    assert done.returncode == 2
    assert "_page in adapter.py is not written yet" in done.stderr
    assert "Page(" in done.stderr


def test_its_form_can_be_drawn(blue_tel):
    done = voipkit("providers", "blue-tel", "--json", env=blue_tel)
    (method,) = json.loads(done.stdout)["setup_methods"]

    assert [(field["alias"], field["secret"]) for field in method["fields"]] == [("apiKey", True), ("trunk", False)]
