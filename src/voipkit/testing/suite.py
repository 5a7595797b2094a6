"""The contract for one installed carrier, named by ``--voipkit-carrier``: what `voipkit conformance` runs."""

from __future__ import annotations

import pytest

from voipkit.testing.accounts import Account
from voipkit.testing.contract import ProviderTests
from voipkit.testing.installed import account_of

__all__ = ["TestCarrier"]


class TestCarrier(ProviderTests):
    """The contract."""

    @pytest.fixture
    def account(self, request: pytest.FixtureRequest) -> Account:
        """Return a fresh account of the carrier."""
        return account_of(request.config.getoption("voipkit_carrier"))
