"""What users get: the wheel's files, a light import, public names that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

import voipkit
from voipkit import registry

_HEAVY = ("pydantic", "cryptography", "jwt", "httpx", "httpcore", "requests", "twilio", "telnyx", "typer", "rich",
          "phonenumbers", "anyio", "sqlite3", "asyncio")  # fmt: skip
_SDKS = ("twilio", "telnyx", "requests", "httpx", "httpcore", "aiohttp")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the wheel under test (tools/test_wheel.py names it), or build one from the checkout."""
    if given := os.environ.get("VOIPKIT_WHEEL"):
        return zipfile.ZipFile(given)
    out = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", build, out], cwd=root, check=True, capture_output=True, text=True, timeout=120
    )
    return zipfile.ZipFile(out / done.stdout.split()[-1])


def test_the_wheel_holds_what_it_needs(wheel):
    names = wheel.namelist()
    info = next(name for name in names if name.endswith(".dist-info/METADATA")).removesuffix("METADATA")

    assert "voipkit/py.typed" in names
    assert "voipkit/store/migrations/versions/v0001_connections.py" in names
    assert f"{info}licenses/LICENSE" in names
    assert not [name for name in names if not name.startswith(("voipkit/", info))]
    assert not [name for name in names if name.endswith((".pyc", ".ipynb"))]


def test_the_wheel_offers_the_carriers_the_command_and_the_fixture(wheel):
    text = wheel.read(next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))).decode()

    assert re.findall(r"^\[(.+)\]$", text, re.MULTILINE) == [
        "console_scripts", "pytest11", "voipkit.accounts", "voipkit.providers",
    ]  # fmt: skip
    for line in ("voipkit = voipkit.cli:main", "voipkit = voipkit.testing.plugin",
                 "telnyx = voipkit.providers.telnyx:Telnyx", "twilio = voipkit.providers.twilio:Twilio"):  # fmt: skip
        assert line in text


def test_the_wheel_is_the_version_that_is_installed(wheel):
    assert f"voipkit-{version('voipkit')}-py3-none-any.whl" == Path(wheel.filename).name
    assert voipkit.__version__ == version("voipkit")


def test_every_carrier_has_an_extra_of_its_own_name():
    extras = metadata("voipkit").get_all("Provides-Extra")

    for info in registry.providers():
        if info.distribution == "voipkit":
            assert info.extra == info.id
            assert info.extra in extras


@pytest.mark.parametrize("name", voipkit.__all__)
def test_public_names_resolve(name):
    assert getattr(voipkit, name) is not None
    assert name in dir(voipkit)


def test_carriers_can_be_listed_twice():
    """Loading a carrier imports the package `voipkit.providers`, which must not take the function's place."""
    code = "import voipkit; assert voipkit.providers() == voipkit.providers()"

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        voipkit.no_such_thing  # noqa: B018


def _loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after some code."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("code", ["import voipkit", "import voipkit.errors", "import voipkit; dir(voipkit)"])
def test_importing_voipkit_is_light(code):
    extra = _loaded_by(code) - _loaded_by("import importlib.metadata" if "dir" in code else "pass")

    assert extra.isdisjoint(_HEAVY)


@pytest.mark.parametrize(
    "code",
    [
        "import voipkit; voipkit.providers()",
        "import voipkit; [i.model_dump_json() for i in voipkit.providers()]",
        "import voipkit.providers.twilio, voipkit.providers.telnyx",
        "import voipkit.sandbox; voipkit.sandbox.Sandbox()",
        "import voipkit.evidence",
        "import voipkit.testing.plugin",
    ],
)
def test_forms_sandbox_and_evidence_load_no_sdk(code):
    assert _loaded_by(code).isdisjoint(_SDKS)


def test_the_sandbox_needs_the_standard_library_only():
    assert _loaded_by("import voipkit.sandbox; voipkit.sandbox.Sandbox()").isdisjoint(_HEAVY[:-2])


@pytest.mark.parametrize(
    ("absent", "name", "extra"),
    [
        ("sqlalchemy", "voipkit.store.SqlStore", "sql"),
        ("alembic", "voipkit.store.SqlStore", "sql"),
        ("psycopg", "voipkit.store.SqlStore", "sql"),
        ("platformdirs", "voipkit.store.SqlStore", "sql"),
        ("pytest", "voipkit.testing.ProviderTests", "test"),
        ("pytest", "voipkit.testing.StoreTests", "test"),
        ("fastapi", "voipkit.web.create_router", "web"),
    ],
)
def test_what_needs_an_extra_says_which(absent, name, extra):
    module, _, name = name.rpartition(".")
    code = (
        f"import sys; sys.modules['{absent}'] = None\n"
        "from voipkit.errors import MissingExtra\n"
        f"try:\n    from {module} import {name}\n"
        "except MissingExtra as error:\n    print(error.fix)"
    )

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert (done.stdout, done.stderr) == (f"pip install 'voipkit[{extra}]'\n", "")


def test_a_fault_of_our_own_is_no_missing_extra(monkeypatch):
    """Only what the extra installs counts: a module of ours that is not there is a broken installation."""
    monkeypatch.setitem(sys.modules, "voipkit.store.sql", None)

    with pytest.raises(ModuleNotFoundError, match=r"voipkit\.store\.sql"):
        from voipkit.store import SqlStore  # noqa: F401
