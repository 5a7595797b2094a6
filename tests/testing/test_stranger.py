"""A stranger's carrier keeps the contract with one fixture, over a simulator of its own."""

from __future__ import annotations

import pytest

from tests.testing.acme import AcmeAccount
from voipkit.testing import Account, ProviderTests


@pytest.mark.usefixtures("acme_installed")
class TestAcme(ProviderTests):
    @pytest.fixture
    def account(self) -> Account:
        return AcmeAccount()
