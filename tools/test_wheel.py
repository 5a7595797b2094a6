"""Build the wheel, install it into an environment of its own, and run the tests against what was installed.

The tests, and the documents and examples that some of them read, are copied to a scratch folder, so that neither `src`
nor the editable install can stand in for a file that the wheel lacks. Tests of the checkout itself stay behind:
``--checkout`` names them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_VENV = _ROOT / ".venv-wheel"
_PYTHON = _VENV / "bin" / "python"
_STAMP = _VENV / ".made-from"
_EXTRAS = "carriers,sip,sql,web,cli,sandbox,test"
_OF_THE_CHECKOUT = (
    "test_cassettes.py",
    "test_coverage.py",  # of the seeds: its rows are in tools/
    "test_dask.py",  # an example, on a cluster that is no part of the wheel's extras
    "test_docs.py",
    "test_matrix.py",
    "test_outside.py",
    "typing",
)


def main() -> int:
    """Return pytest's exit code, or name the tests that are left to the checkout."""
    if sys.argv[1:] == ["--checkout"]:
        found = [path for name in _OF_THE_CHECKOUT for path in (_ROOT / "tests").rglob(name) if path.is_file()]
        print(*(path.relative_to(_ROOT) for path in found))
        return 0
    wheel = built(_ROOT, _ROOT / "dist")
    _install(wheel)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copy(_ROOT / "pyproject.toml", folder)  # pytest's settings
        left_out = shutil.ignore_patterns("__pycache__", *_OF_THE_CHECKOUT)
        for name in ("tests", "docs", "examples"):
            shutil.copytree(_ROOT / name, folder / name, ignore=left_out)
        env = {**os.environ, "VOIPKIT_WHEEL": str(wheel)}
        specs = Path(env.get("VOIPKIT_VENDOR_SPECS") or _ROOT.parent / "shared" / "specs")
        if specs.is_dir():
            env["VOIPKIT_VENDOR_SPECS"] = str(specs.resolve())
        where = "import pathlib, voipkit; print(pathlib.Path(voipkit.__file__).parent)"
        print(f"Testing {wheel.name} as installed in {_run(where, folder)}", flush=True)
        command = [_PYTHON, "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:]]
        return subprocess.run(command, cwd=folder, env=env, check=False).returncode


def _run(code: str, folder: Path) -> str:
    done = subprocess.run([_PYTHON, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    shown = Path(done.stdout.strip())
    if not shown.is_relative_to(_VENV):
        sys.exit(f"voipkit was imported from {shown}, which is not the installed wheel")
    return str(shown.relative_to(_ROOT))


def built(project: Path, out: Path) -> Path:
    """Build a project's wheel into a folder, which is emptied first; return the wheel."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, project]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(out.glob("*.whl"))


def _install(wheel: Path) -> None:
    """Install the wheel alone where the environment is as pyproject.toml wants it, else everything."""
    wanted = hashlib.sha256((_ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        pip_install(_PYTHON, "--force-reinstall", "--no-deps", str(wheel))
        return
    venv.create(_VENV, clear=True, with_pip=True)
    pip_install(_PYTHON, f"{wheel}[{_EXTRAS}]")
    _STAMP.write_text(wanted)


def pip_install(python: Path, *what: str) -> None:
    """Install into the environment of this interpreter."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *what]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main())
