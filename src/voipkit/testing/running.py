"""Running the contract from a program: once as it is, or once for each planted fault."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voipkit.errors import ConfigurationError, MissingExtra
from voipkit.testing.installed import account_of

if TYPE_CHECKING:
    import pytest

__all__ = ["Kill", "Sentence", "record_contract", "try_contract", "try_mutations"]

_SUITE = "voipkit.testing.suite"
_LONGEST = 300  # characters of a reason
_BROKEN = 2  # pytest's exit codes from here on mean that tests could not even be run


@dataclass(frozen=True, slots=True)
class Sentence:
    """What became of one sentence of the contract.

    Attributes:
        number: Such as ``c43``.
        text: The sentence.
        result: ``fail`` when one of its cases failed, ``skip`` when all were skipped.
        cases: How many cases ran.
        reasons: Why cases failed or were skipped.
    """

    number: str
    text: str
    result: Literal["pass", "fail", "skip"]
    cases: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kill:
    """What became of one planted fault.

    Attributes:
        mutation: Its name.
        sentence: What was wrong with the adapter.
        result: ``killed`` when a test failed, ``survived`` when none did, ``skip`` when it cannot be planted.
        by: The test that failed, such as ``c43``; None when none did.
        reason: What the test said, or why the fault cannot be planted.
    """

    mutation: str
    sentence: str
    result: Literal["killed", "survived", "skip"]
    by: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    test: str
    result: Literal["pass", "fail", "skip"]
    reason: str


def try_contract(carrier: str) -> tuple[Sentence, ...]:
    """Hold an installed carrier against the contract.

    Args:
        carrier: Its name in the registry.

    Returns:
        Every sentence, in the order of the numbers.

    Raises:
        MissingExtra: pytest is not installed.
        ConfigurationError: There is no such carrier, or no simulated account of it.
    """
    _prepare(carrier)
    return _sentences(_run(carrier))


def record_contract(carrier: str, folder: Path, *, live: bool = False) -> tuple[Sentence, ...]:
    """Record an installed carrier's cassettes.

    Args:
        carrier: Its name in the registry.
        folder: Where they are written: ``<folder>/<carrier>/*.yaml``.
        live: From the real account of the environment's credentials, which is only read, in place of a simulated one.

    Returns:
        Every sentence; those that are not recorded are skipped, and one that failed left no cassette.

    Raises:
        MissingExtra: pytest or vcrpy is not installed.
        ConfigurationError: There is no such carrier, or no simulated account of it.
    """
    _prepare(carrier)
    wire = "live" if live else "sandbox"
    return _sentences(
        _run(carrier, options=("--voipkit-record", "--voipkit-cassettes", str(folder), f"--voipkit-wire={wire}"))
    )


def _sentences(cases: Sequence[_Case]) -> tuple[Sentence, ...]:
    """Bring the cases of each sentence together."""
    from voipkit.testing.contract import ProviderTests, sentences  # after pytest, which rewrites its assertions

    found = []
    for number, text in sentences(ProviderTests).items():
        own = [case for case in cases if _number(case.test) == number]
        results = {case.result for case in own}
        result: Literal["pass", "fail", "skip"] = (
            "fail" if "fail" in results else "pass" if "pass" in results else "skip"
        )
        reasons = dict.fromkeys(case.reason for case in own if case.result == result and case.reason)
        found.append(Sentence(number, text, result, len(own), tuple(reasons)))
    return tuple(found)


def try_mutations(carrier: str, sentences: Sequence[Sentence] | None = None) -> Iterator[Kill]:
    """Plant every fault into an installed carrier's adapter, one at a time, and see whether the contract notices.

    Args:
        carrier: Its name in the registry.
        sentences: What `try_contract` just found; None tries it here.

    Yields:
        What became of each.

    Raises:
        ConfigurationError: The carrier does not keep the contract as it is, so nothing can be said.
    """
    tried = try_contract(carrier) if sentences is None else sentences
    broken = [sentence.number for sentence in tried if sentence.result == "fail"]
    if broken:
        raise ConfigurationError(
            f"'{carrier}' does not keep the contract as it is: {', '.join(broken)}.",
            fix=f"See `voipkit conformance {carrier}` first.",
        )
    from voipkit.testing.contract import ProviderTests
    from voipkit.testing.mutations import MUTATIONS
    from voipkit.testing.stage import Stage

    tests = {_number(name): name for name in dir(ProviderTests) if name.startswith("test_c")}
    # What the carrier cannot do at all cannot be done wrong either.
    skipped = {each.number: f"{each.number}: {each.reasons[0]}" for each in tried if each.result == "skip"}
    stage = Stage(account_of(carrier))
    for mutation in MUTATIONS.values():
        lacks = mutation.lacks(stage) or skipped.get(mutation.breaks)
        if lacks:
            yield Kill(mutation.id, mutation.sentence, "skip", reason=lacks)
            continue
        failed = _first_failure(_run(carrier, mutation.id, (tests[mutation.breaks],)))
        failed = failed or _first_failure(_run(carrier, mutation.id))
        if failed:
            yield Kill(mutation.id, mutation.sentence, "killed", _number(failed.test), failed.reason)
        else:
            yield Kill(mutation.id, mutation.sentence, "survived")


def _prepare(carrier: str) -> None:
    from importlib.util import find_spec

    from voipkit import registry

    registry.provider_info(carrier)
    if find_spec("pytest") is None:
        raise MissingExtra("The conformance kit needs pytest.", fix="pip install 'voipkit[test]'")
    account_of(carrier)


def _number(test: str) -> str:
    return test.split("_")[1]


def _first_failure(cases: Sequence[_Case]) -> _Case | None:
    return next((case for case in cases if case.result == "fail"), None)


# --- pytest ----------------------------------------------------------------------------------------------------------


class _Collector:
    """Keeps what became of each test."""

    def __init__(self) -> None:
        self.cases: list[_Case] = []
        self.broken: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(str(report.longrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.rpartition("::")[2]
        if report.failed:
            self.cases.append(_Case(test, "fail", _reason(report)))
        elif report.skipped:
            self.cases.append(_Case(test, "skip", _reason(report)))
        elif report.when == "call":
            self.cases.append(_Case(test, "pass", ""))


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash else report.longrepr)
    case = report.nodeid.rpartition("[")[2].rstrip("]") if "[" in report.nodeid else ""
    line = " ".join(text.splitlines()[0].split()) if text else ""
    return f"{f'[{case}] ' if case else ''}{line}"[:_LONGEST]


def _run(
    carrier: str, mutation: str | None = None, only: Sequence[str] = (), options: Sequence[str] = ()
) -> list[_Case]:
    """Run the suite in this process, deaf to the configuration and the plugins of whoever calls."""
    import pytest

    collector = _Collector()
    targets = [f"{_SUITE}::TestCarrier::{name}" for name in only] or [_SUITE]
    planted = ["--voipkit-mutation", mutation, "-x"] if mutation else []
    with tempfile.TemporaryDirectory(prefix="voipkit-conformance-") as folder, _environment(_ALONE):
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        code = pytest.main(
            [
                "--pyargs", *targets, "-c", str(settings), "--rootdir", folder, "--import-mode=importlib",
                "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "voipkit.testing.plugin",
                "--voipkit-carrier", carrier, *planted, *options,
            ],
            plugins=[collector],
        )  # fmt: skip
    if collector.broken or (code >= _BROKEN and not collector.cases):
        said = collector.broken[0].splitlines()[-1] if collector.broken else f"pytest ended with code {int(code)}"
        raise ConfigurationError(f"The contract could not be run: {said}", fix="Check that voipkit is whole.")
    return collector.cases


_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
