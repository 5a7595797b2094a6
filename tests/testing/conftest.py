"""The carrier `acme` of examples/voipkit-acme, installed as a stranger's would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.installing import as_installed

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "voipkit-acme"


@pytest.fixture
def acme_installed(tmp_path, monkeypatch):
    """Put the distribution where this process and its children find it; return the environment for them."""
    environment = as_installed(EXAMPLE, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE / "src"))
    return environment


def pytest_configure(config):
    config.addinivalue_line("markers", "mutation: plants every fault into one carrier; half a minute each")
