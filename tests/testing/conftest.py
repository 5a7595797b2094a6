"""The carrier `acme`, installed by an entry point of its own as a stranger's would be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def acme_installed(tmp_path, monkeypatch):
    """Put a distribution's metadata where this process and its children find it; return the environment for them."""
    found = tmp_path / "voipkit_acme-1.0.dist-info"
    found.mkdir()
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: voipkit-acme\nVersion: 1.0\n")
    (found / "entry_points.txt").write_text(
        "[voipkit.providers]\nacme = tests.testing.acme:Acme\n\n[voipkit.accounts]\nacme = tests.testing.acme:AcmeAccount\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    monkeypatch.setenv("PYTHONPATH", paths)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return {**os.environ, "PYTHONPATH": paths}


def pytest_configure(config):
    config.addinivalue_line("markers", "mutation: plants every fault into one carrier; half a minute each")
