"""A SIP trunk keeps the contract as far as it goes: it has no API, so much of it is skipped, each time with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from voipkit.testing import Account, ProviderTests
from voipkit.testing.trunked import TrunkAccount


class TestManual(ProviderTests):
    @pytest.fixture
    def account(self) -> Iterator[Account]:
        account = TrunkAccount()
        yield account
        assert account.peer.settle() == ()
        assert account.peer.journal.violations == []
        account.close()
