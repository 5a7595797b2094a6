"""The fixtures of the contract, and how its sentences are read out of the tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from voipkit.protocols import Provider
from voipkit.testing.accounts import Account, CannotArrange
from voipkit.testing.stage import Stage

__all__ = ["ContractBase", "sentences"]

_NAME = re.compile(r"test_(c\d\d)_")


class ContractBase:
    """What every part of the contract is made of."""

    voipkit_contract: ClassVar[bool] = True
    """Tells `voipkit.testing.plugin` that these tests have a time limit."""

    @pytest.fixture
    def account(self) -> Account:
        """Return a fresh account of the carrier: the one fixture that a carrier's author writes."""
        msg = f"{type(self).__name__} needs a fixture 'account' that returns the carrier's simulated account"
        raise NotImplementedError(msg)

    @pytest.fixture
    def stage(self, account: Account, request: pytest.FixtureRequest) -> Iterator[Stage]:
        """Return the account with what is opened on it; everything is closed afterwards."""
        name = request.config.getoption("voipkit_mutation")
        mutation = None
        if name:
            from voipkit.testing.mutations import MUTATIONS

            mutation = MUTATIONS[name]
        with _on_its_wire(account, request) as tried:
            made = Stage(tried, mutation)
            yield made
            made.close()

    @pytest.fixture
    def carrier(self, stage: Stage) -> Provider:
        """Return the carrier, opened with working credentials."""
        return stage.carrier


@contextmanager
def _on_its_wire(account: Account, request: pytest.FixtureRequest) -> Iterator[Account]:
    """Yield the account that the options ask for: the simulated one, a recording, a real one, or one to be recorded."""
    options = request.config.option
    if options.voipkit_wire == "sandbox" and not options.voipkit_record:
        yield account
        return
    from voipkit.testing.cassettes import RECORDED, cassette_path
    from voipkit.testing.recording import recording
    from voipkit.testing.replaying import ReplayedAccount

    folder = Path(options.voipkit_cassettes or request.config.rootpath / "cassettes")
    path = cassette_path(folder, account.carrier, request.node.name)
    if options.voipkit_wire == "cassette":
        if not path.is_file():
            pytest.skip(f"no recording: {path.parent.name}/{path.name}")
        yield ReplayedAccount(path, account)
        return
    if options.voipkit_wire == "live":
        account = _live(account.carrier, options.voipkit_live_writes)
    if not options.voipkit_record:
        yield account
    elif path.stem not in RECORDED:
        pytest.skip("not among the tests that are recorded")
    else:
        with recording(account, path) as recorded:
            yield recorded


def _live(carrier: str, may_write: str | None) -> Account:
    from voipkit.testing.live import LiveAccount

    try:
        return LiveAccount(carrier, may_write=may_write)
    except CannotArrange as reason:
        pytest.skip(str(reason))


def sentences(contract: type) -> dict[str, str]:
    """Return the contract: the number of each sentence, and the sentence.

    Args:
        contract: `voipkit.testing.ProviderTests`, or a class of its tests.

    Raises:
        ValueError: Two tests have one number, or a test has no sentence.
    """
    found: dict[str, str] = {}
    for name, test in inspect.getmembers(contract, inspect.isfunction):
        match = _NAME.match(name)
        if match is None:
            continue
        text = " ".join((inspect.getdoc(test) or "").partition("\n\n")[0].split())
        if match[1] in found or not text:
            msg = f"{name}: its number is taken, or it has no docstring"
            raise ValueError(msg)
        found[match[1]] = text
    return dict(sorted(found.items()))
