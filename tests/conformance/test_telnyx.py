"""Telnyx keeps the contract."""

from __future__ import annotations

import pytest

from voipkit.testing import Account, ProviderTests, SandboxAccount


class TestTelnyx(ProviderTests):
    @pytest.fixture
    def account(self) -> Account:
        return SandboxAccount("telnyx")
