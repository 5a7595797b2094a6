"""The pytest plugin that comes with voipkit, loaded by pytest itself: a fixture, and what the conformance kit needs.

Every pytest run in an environment with voipkit loads this module, so it imports nothing heavy.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from voipkit.sandbox import Sandbox

pytest.register_assert_rewrite("voipkit.testing.contract", "voipkit.testing.stage", "voipkit.testing.stores")

_LIMIT = 60.0  # seconds; a sentence of the contract takes milliseconds, unless the carrier waits for ever


@pytest.fixture
def voipkit_sandbox() -> Sandbox:
    """Return a fresh sandbox: every carrier with its default account, no faults, an empty journal."""
    from voipkit.sandbox import Sandbox

    return Sandbox()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the conformance kit; the command `voipkit conformance` sets them."""
    group = parser.getgroup("voipkit", "voipkit's conformance kit")
    group.addoption(
        "--voipkit-carrier", metavar="NAME", default=None, help="Carrier that voipkit.testing.suite is run for."
    )
    group.addoption(
        "--voipkit-mutation",
        metavar="ID",
        default=None,
        help="Plant this fault into the adapter (a test of the tests).",
    )

    group.addoption(
        "--voipkit-wire",
        choices=("sandbox", "cassette", "live"),
        default="sandbox",
        help="What the contract is tried on: a simulated account, recordings of one, or a real one by "
        "VOIPKIT_<CARRIER>_<FIELD>.",
    )
    group.addoption(
        "--voipkit-cassettes",
        metavar="FOLDER",
        default=None,
        help="Where recordings are; default: 'cassettes' in pytest's root folder.",
    )
    group.addoption(
        "--voipkit-record",
        action="store_true",
        help="Record what is sent and answered, over a socket, into the folder of --voipkit-cassettes.",
    )
    group.addoption(
        "--voipkit-live-writes",
        metavar="NUMBER",
        default=None,
        help="With --voipkit-wire=live: the one number (E.164) that may be imported and put back.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of the contract."""
    config.addinivalue_line("markers", "voipkit_live: arranges nothing and writes nothing, so a real account will do")
    config.addinivalue_line("markers", "voipkit_live_writes: imports one number of a real account and puts it back")
    if config.getoption("voipkit_record") and config.getoption("voipkit_wire") == "cassette":
        raise pytest.UsageError("--voipkit-record needs somebody who answers: --voipkit-wire=sandbox or live")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the contract, leave a real account only the tests that were made for it."""
    if config.getoption("voipkit_wire") != "live":
        return
    for item in items:
        if not getattr(getattr(item, "cls", None), "voipkit_contract", False):
            continue
        may_write = item.get_closest_marker("voipkit_live_writes") and config.getoption("voipkit_live_writes")
        if not may_write and not item.get_closest_marker("voipkit_live"):
            item.add_marker(pytest.mark.skip(reason="needs a simulated account, or a number that may be written"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run each test of the contract in a thread, so that a carrier that waits for ever fails and stops nothing else."""
    if not getattr(pyfuncitem.cls, "voipkit_contract", False) or pyfuncitem.config.getoption("usepdb", default=False):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    raised: list[BaseException] = []

    def run() -> None:
        try:
            pyfuncitem.obj(**arguments)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, name=pyfuncitem.name, daemon=True)
    thread.start()
    thread.join(_LIMIT)
    if thread.is_alive():
        pytest.fail(f"still running after {_LIMIT:g} s", pytrace=False)
    differs = _finished(pyfuncitem, passed=not raised)
    if differs:
        pytest.fail(differs, pytrace=False)
    if raised and type(raised[0]).__name__ == "CannotArrange":  # by name: this module imports nothing heavy
        pytest.skip(str(raised[0]))
    if raised:
        raise raised[0]
    return True


def _finished(item: pytest.Function, *, passed: bool) -> str | None:
    """Let an account that is recorded, or was, say what is wrong with that."""
    finish = getattr(getattr(item.funcargs.get("stage"), "account", None), "finish", None)
    return finish(passed=passed) if finish else None
