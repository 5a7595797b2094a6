"""What every store promises, as tests.

A store's whole test file is a class of `StoreTests` with one fixture:

    class TestMyStore(StoreTests):
        @pytest.fixture
        def store(self):
            store = MyStore()
            yield store
            store.close()

Read on in `basics`, `connections`, `numbers`, `journal`, `tenants` and `races`; `base` has what they share.
"""

from voipkit.testing.stores.base import EVIDENCE, MINUTE, T0, sealed
from voipkit.testing.stores.basics import BasicsTests
from voipkit.testing.stores.connections import ConnectionsTests
from voipkit.testing.stores.journal import JournalTests
from voipkit.testing.stores.numbers import NumbersTests
from voipkit.testing.stores.races import RacesTests
from voipkit.testing.stores.tenants import TenantsTests

__all__ = ["EVIDENCE", "MINUTE", "T0", "StoreTests", "sealed"]


class StoreTests(BasicsTests, ConnectionsTests, NumbersTests, JournalTests, TenantsTests, RacesTests):
    """The contract of a store."""
