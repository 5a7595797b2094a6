"""Install a stranger's carrier beside the wheel, and do with it what its users and its author do.

voipkit's wheel and that of examples/voipkit-acme go into an environment that is made for this run and knows nothing of
the checkout. There the carrier must be found, described, used by the command over a socket, and held against the
contract; its own tests run there too. The skeleton that `voipkit new-provider` writes must fail there, in words.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from test_wheel import built, pip_install

_ROOT = Path(__file__).resolve().parents[1]
_EXAMPLE = _ROOT / "examples" / "voipkit-acme"
_NUMBER = "+14152000000"
_LONGEST = 300.0  # seconds that one command may take; the slowest, 60 planted faults, takes about 20
_LEAST_KILLS = 60
_VARIABLES = 3  # the base URL, the key and the line
_SPOKEN = r"\w+ in \w+\.py is not written yet"


def main() -> int:
    """Return 0; ends with the command that did something else than it should."""
    with tempfile.TemporaryDirectory(prefix="voipkit-outside-") as scratch:
        outside = Outside(Path(scratch))
        for step in (
            is_described,
            works_over_a_socket,
            keeps_the_contract,
            passes_its_own_tests,
            skeleton_fails_in_words,
        ):
            began = time.monotonic()
            print(f"{step.__name__.replace('_', ' ')} ... ", end="", flush=True)
            step(outside)
            print(f"ok ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


class Outside:
    """A fresh environment with both wheels, and a folder to work in."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.folder = scratch / "work"
        self.folder.mkdir()
        venv.create(scratch / "venv", with_pip=True)
        self.python = scratch / "venv" / "bin" / "python"
        wheels = built(_ROOT, scratch / "voipkit"), built(_EXAMPLE, scratch / "acme")
        pip_install(self.python, str(wheels[0]), f"{wheels[1]}[test]")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("VOIPKIT_", "PYTHON", "PYTEST_"))
        }

    def run(self, *arguments: str | Path, expect: int = 0, environment: Mapping[str, str] | None = None) -> str:
        """Run Python with these arguments; return what it printed, or end when its exit code is another one."""
        command = [self.python, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env={**self.environment, **(environment or {})}, capture_output=True, text=True,
            check=False, timeout=_LONGEST,
        )  # fmt: skip
        shown = " ".join(str(part) for part in arguments)
        if done.returncode != expect:
            sys.exit(f"\n{shown}: exit code {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
        return done.stdout

    def voipkit(self, *arguments: str, expect: int = 0, environment: Mapping[str, str] | None = None) -> Any:
        """Run the command; return what it printed with --json."""
        said = self.run("-m", "voipkit.cli", *arguments, "--json", expect=expect, environment=environment)
        return json.loads(said)


# --- what is tried ---------------------------------------------------------------------------------------------------


def is_described(outside: Outside) -> None:
    """It is listed with its distribution, and its form can be drawn."""
    where = outside.run("-c", "import voipkit, voipkit_acme; print(voipkit.__file__, voipkit_acme.__file__)").split()
    _hold(all(Path(file).is_relative_to(outside.scratch) for file in where), "imported from elsewhere", where)
    listed = {info["id"]: info for info in outside.voipkit("providers")["providers"]}
    acme = listed["acme"]
    _hold((acme["distribution"], acme["broken"]) == ("voipkit-acme", None), "not listed as it should be", acme)
    _hold("telnyx" in listed, "the built-in carriers are gone", sorted(listed))
    (method,) = outside.voipkit("providers", "acme")["setup_methods"]
    drawn = {field["alias"]: (field["type"], field["required"]) for field in method["fields"]}
    _hold(drawn == {"apiKey": ("password", True), "line": ("text", False)}, "its form is another", drawn)
    _hold(method["credential_schema"]["required"] == ["apiKey"], "its schema is another", method["credential_schema"])


def works_over_a_socket(outside: Outside) -> None:
    """The command tests, lists, imports, verifies and restores, as the example's README says."""
    with _served(outside) as account:

        def voipkit(*arguments: str, expect: int = 0) -> Any:
            return outside.voipkit(*arguments, expect=expect, environment=account)

        test = voipkit("test", "acme")
        _hold(test["status"] == "pass" and test["outbound_authorized"] is True, "the test did not pass", test)
        numbers = outside.run("-m", "voipkit.cli", "numbers", "acme", "--json", environment=account).splitlines()
        _hold(json.loads(numbers[0])["number"] == _NUMBER, "the numbers are others", numbers)
        plan = voipkit("import", "acme", _NUMBER, "--dry-run")
        _hold((plan["dry_run"], plan["writes"]) == (True, 0), "the dry run wrote", plan)
        before = voipkit("verify", "acme", _NUMBER, expect=1)
        _hold(before["counts"] == {"fail": 1}, "a number that goes nowhere was verified", before)
        report = voipkit("import", "acme", _NUMBER, "--yes", "--snapshot", "before.json")
        _hold((report["counts"], report["writes"]) == ({"imported": 1}, 1), "it was not imported", report)
        _hold(voipkit("verify", "acme", _NUMBER)["counts"] == {"pass": 1}, "it was not verified", report)
        conflict = voipkit("import", "acme", _NUMBER, "--route", "trunk:ln_desk", "--yes", expect=1)
        _hold(conflict["counts"] == {"conflict": 1}, "a conflict was not refused", conflict)
        _hold(voipkit("restore", "acme", "before.json", "--yes")["counts"] == {"imported": 1}, "not put back", report)
        refused = voipkit("test", "acme", "--credentials", str(_wrong_key(outside)), expect=1)
        _hold(refused["credentials_valid"] is False, "a wrong key passed", refused)


def keeps_the_contract(outside: Outside) -> None:
    """Every sentence holds that can be arranged, and no planted fault survives."""
    found = outside.voipkit("conformance", "acme")
    skipped = {sentence["number"] for sentence in found["sentences"] if sentence["result"] == "skip"}
    _hold(not found["counts"].get("fail") and skipped == {"c31"}, "the contract does not hold", found["counts"])
    found = outside.voipkit("conformance", "acme", "--mutate")
    kills = found["counts"]
    _hold(set(kills) == {"killed"} and kills["killed"] >= _LEAST_KILLS, "a planted fault was not noticed", found)


def passes_its_own_tests(outside: Outside) -> None:
    """Its tests run on the installed distribution, with its own settings of pytest."""
    copy = outside.scratch / "tests-of-acme"
    copy.mkdir()
    shutil.copy(_EXAMPLE / "pyproject.toml", copy)
    shutil.copytree(_EXAMPLE / "tests", copy / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    said = outside.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", copy, "-c", copy / "pyproject.toml", copy
    )
    _hold(re.search(r"^\d{3} passed, 1 skipped in", said, re.MULTILINE) is not None, "its tests did not all run", said)


def skeleton_fails_in_words(outside: Outside) -> None:
    """What `voipkit new-provider` writes can be installed, is found, and says what is left to write."""
    written = outside.voipkit("new-provider", "blue-tel")
    wheel = built(outside.folder / written["directory"], outside.scratch / "blue-tel")
    pip_install(outside.python, "--no-deps", str(wheel))
    found = outside.voipkit("conformance", "blue-tel", expect=1)
    failed = [sentence for sentence in found["sentences"] if sentence["result"] == "fail"]
    _hold(len(failed) > len(found["sentences"]) // 2, "the skeleton keeps the contract", found["counts"])
    mute = [s["number"] for s in failed if not all(re.search(_SPOKEN, reason) for reason in s["reasons"])]
    _hold(not mute, "sentences that fail without saying what to write", mute)


# --- how it is done --------------------------------------------------------------------------------------------------


def _hold(held: bool, what: str, seen: object) -> None:
    if not held:
        sys.exit(f"\n{what}:\n{seen if isinstance(seen, str) else json.dumps(seen, indent=1, default=str)}")


@contextmanager
def _served(outside: Outside) -> Iterator[dict[str, str]]:
    """Serve Acme as its author would; give the variables that it prints."""
    command = [outside.python, "-m", "voipkit_acme.testing"]
    with subprocess.Popen(command, env=outside.environment, stdout=subprocess.PIPE, text=True) as server:
        patience = threading.Timer(_LONGEST, server.kill)  # a server that says nothing would be waited for otherwise
        patience.start()
        try:
            said = "".join(islice(server.stdout or (), _VARIABLES))
            found = dict(re.findall(r"^export (\w+)=(\S+)$", said, re.MULTILINE))
            _hold(len(found) == _VARIABLES, "the simulator did not say how to get there", said)
            yield found
        finally:
            patience.cancel()
            server.terminate()


def _wrong_key(outside: Outside) -> Path:
    """Write credentials that Acme does not know; nobody else may read the file, or the command would say so."""
    file = outside.folder / "wrong.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({"apiKey": f"acme_{'f' * 24}"}), encoding="utf-8")
    return file


if __name__ == "__main__":
    sys.exit(main())
