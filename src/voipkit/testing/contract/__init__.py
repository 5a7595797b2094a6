"""The contract: what every carrier does, one test a sentence. docs/conformance.md has the same numbers.

Numbers are never given twice and never change; a sentence that goes leaves a gap.

- `forms`: c01 to c09, what a carrier says of itself;
- `credentials`: c10 to c19, testing credentials and suggesting a name;
- `listing`: c20 to c39;
- `importing`: c40 to c59, and restoring, c60 to c69;
- `verifying`: c70 to c79;
- `secrecy`: c80 to c89, what comes out and what gets in; c90 to c99, waiting.
"""

from __future__ import annotations

from voipkit.testing.contract.base import sentences
from voipkit.testing.contract.credentials import CredentialTests
from voipkit.testing.contract.forms import FormTests
from voipkit.testing.contract.importing import ImportTests, RestoreTests
from voipkit.testing.contract.listing import ListingTests
from voipkit.testing.contract.secrecy import SecrecyTests, WaitTests
from voipkit.testing.contract.verifying import VerifyTests

__all__ = ["ProviderTests", "sentences"]


class ProviderTests(
    FormTests, CredentialTests, ListingTests, ImportTests, RestoreTests, VerifyTests, SecrecyTests, WaitTests
):
    """The whole contract. A carrier's test file is a class of this and one fixture.

    ::

        class TestAcme(ProviderTests):
            @pytest.fixture
            def account(self) -> Account:
                return AcmeAccount()
    """
