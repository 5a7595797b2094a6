"""The documents say what the code does: generated parts are fresh, examples run, links lead somewhere."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

import voipkit
from voipkit import models, registry
from voipkit.cli import installed
from voipkit.cli.app import app
from voipkit.evidence import generate_key
from voipkit.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import generate  # noqa: E402 - tools/ is no package

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
_GENERATED = [path.relative_to(ROOT).as_posix() for path in generate.documents()]

_DOCUMENTS = sorted({"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", *_GENERATED})


@pytest.mark.parametrize("page", _GENERATED)
def test_generated_parts_are_fresh(page):
    path = ROOT / page

    assert generate.refreshed(path) == path.read_text(encoding="utf-8"), "run `make generate`"


def test_every_carrier_has_a_page_with_its_fields():
    for info in registry.providers():
        page = (ROOT / "docs" / "providers" / f"{info.id}.md").read_text(encoding="utf-8")

        assert f"<!-- generated: form-{info.id} -->" in page


@pytest.mark.parametrize("page", _DOCUMENTS)
def test_relative_links_lead_to_files(page):
    """MkDocs checks pages among themselves; this also covers the documents at the root."""
    path = ROOT / page
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)

    assert [link for link in _LINK.findall(text) if not (path.parent / link).exists()] == []


@pytest.fixture
def simulated(monkeypatch):
    """Let `voipkit.open_provider`, with whatever credentials a document shows, open a sandbox's account."""
    box = Sandbox()
    really_open = voipkit.open_provider

    def open_provider(name: str, _credentials: Mapping[str, Any], **_options: object) -> Any:
        http = voipkit.HttpOptions(wire=box.wire)
        return really_open(name, box.credentials(name), sip_config=box.sip_config(name), http=http)

    monkeypatch.setattr(voipkit, "open_provider", open_provider)
    monkeypatch.setenv("VOIPKIT_SECRET_KEY", generate_key())
    return box


def _run_examples(page: str, namespace: dict[str, Any]) -> None:
    """Run the Python of a page, block after block, in one namespace; line numbers in errors are the page's."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in _PYTHON.finditer(text):
        before = text.count("\n", 0, block.start(1))
        exec(compile("\n" * before + block[1], page, "exec"), namespace)


def test_the_readme_runs(simulated, capsys):
    """What it prints is the good case, it leaves the account as it found it, and it is ten lines."""
    namespace: dict[str, Any] = {}

    _run_examples("README.md", namespace)

    assert capsys.readouterr().out.splitlines() == ["pass []", "['pass', 'pass']"]
    assert [result.status for result in namespace["report"].results] == ["imported", "imported"]
    assert len(simulated.writes) == 4


def test_the_page_on_evidence_runs(simulated, capsys):
    _run_examples("docs/evidence.md", {})

    assert "telnyx.connection.active" in capsys.readouterr().out
    assert simulated.writes == []


def test_the_page_on_errors_runs(simulated):
    namespace: dict[str, Any] = {}

    _run_examples("docs/errors.md", namespace)

    assert namespace["report"].results


def test_the_quickstart_runs(capsys):
    """It holds its own assertions."""
    _run_examples("docs/quickstart.md", {})

    assert "telnyx.connection.no_outbound_profile" in capsys.readouterr().out


def test_the_sandbox_page_runs():
    """Its example test is run as well."""
    namespace: dict[str, Any] = {}

    _run_examples("docs/sandbox.md", namespace)

    namespace["test_import"](Sandbox())
    assert len(namespace["box"].twilio.numbers) > 10_000


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_committed_without_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]

    assert [c for c in cells if c.get("outputs") or c.get("execution_count")] == []


def test_the_changelog_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## \[(\S+)\]", text, re.MULTILINE)[0] == voipkit.__version__


def test_extras_named_in_documents_exist():
    from importlib.metadata import metadata

    known = set(metadata("voipkit").get_all("Provides-Extra") or ())
    for page in _DOCUMENTS:
        for extras in re.findall(r"voipkit\[([\w,]+)\]", (ROOT / page).read_text(encoding="utf-8")):
            assert set(extras.split(",")) <= known, page


_INSTALLS = re.compile(r"pip install (?:-e )?'voipkit\[([\w,]+)\]'")
_CODE = re.compile(r"^```.*?^```$|^ {4,}.*$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\s*(?:export \w+=\$\()?voipkit ([a-z-]+)(?: ([a-z]+))?", re.MULTILINE)
_MORE = {"db": {"sql"}, "serve": {"sql", "web"}, "sip": {"sip"}, "conformance": {"test"}}


def _shown_commands(text: str) -> Iterator[tuple[str, set[str]]]:
    """Give each command that a page's code shows, and the extras that it needs."""
    known = typer.main.get_command(app).commands
    carriers = {info.id for info in registry.providers()}
    for block in _CODE.findall(re.sub(r"<!-- generated: .*?<!-- end -->", "", text, flags=re.DOTALL)):
        for name, argument in _COMMAND.findall(block):
            if name in known:
                yield name, {"cli", *_MORE.get(name, ()), *({argument} & carriers)}


@pytest.mark.parametrize("page", _DOCUMENTS)
def test_a_page_s_install_line_covers_the_commands_that_it_shows(page):
    """Who follows a page from its first line on has what the next lines need."""
    text = (ROOT / page).read_text(encoding="utf-8")
    extras = {extra for line in _INSTALLS.findall(text) for extra in line.split(",")}
    there = {r.name for extra in extras for r in installed.requirements(extra)}
    lacking = {
        f"{name} needs {extra}"
        for name, needed in _shown_commands(text)
        for extra in needed
        if not {r.name for r in installed.requirements(extra)} <= there
    }

    assert not extras or not lacking


def test_every_type_of_event_is_listed():
    section = (ROOT / "docs" / "service.md").read_text(encoding="utf-8").partition("## Events")[2]

    assert sorted(re.findall(r"`((?:connection|number|job)\.\w+)`", section)) == sorted(get_args(models.EventType))
