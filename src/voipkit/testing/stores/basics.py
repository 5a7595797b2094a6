"""Units of work, pages and cursors."""

from __future__ import annotations

from typing import Any

import pytest

from voipkit.errors import ConfigurationError, StoreRefused
from voipkit.store.port import Store
from voipkit.testing.stores.base import EVIDENCE, StoreTestsBase, connection, number


class BasicsTests(StoreTestsBase):
    """Units of work, pages and cursors."""

    def test_a_store_is_a_store(self, store: Store) -> None:
        """It has every method, and its check has nothing to say."""
        assert isinstance(store, Store)
        store.check()

    def test_what_a_block_did_is_there_afterwards(self, store: Store) -> None:
        """A block that ends well is complete."""
        made = self.connection(store)

        with store.transaction("a") as tx:
            assert tx.connection(made.id) == made

    def test_a_block_that_raises_changes_nothing(self, store: Store) -> None:
        """Everything of the block is undone, whatever was raised."""
        kept = self.connection(store)
        for error in (KeyError, KeyboardInterrupt):
            with pytest.raises(error), store.transaction("a") as tx:
                tx.update_connection(kept.id, name="changed")
                tx.add_connection(connection("gone"))
                tx.add_numbers([number("+15550000001")])
                tx.spend(EVIDENCE, 2e9)
                tx.delete_connection(kept.id)
                raise error

        with store.transaction("a") as tx:
            assert tx.connections().items == (kept,)
            assert tx.numbers().items == ()
            assert tx.spend(EVIDENCE, 2e9)

    def test_a_transaction_ends_with_its_block(self, store: Store) -> None:
        """It refuses everything afterwards."""
        with store.transaction("a") as tx:
            assert tx.org_id == "a"
        with pytest.raises(ConfigurationError, match="ended"):
            tx.connections()

    def test_a_read_only_transaction_refuses_to_write(self, store: Store) -> None:
        """It reads what there is and changes nothing."""
        made = self.connection(store)
        with store.transaction("a", read_only=True) as tx:
            assert tx.connection(made.id) == made
            with pytest.raises(ConfigurationError, match="read-only"):
                tx.add_connection(connection())
            with pytest.raises(ConfigurationError, match="read-only"):
                tx.update_connection(made.id, name="changed")

    @pytest.mark.parametrize("org_id", ["", "a\x00b", "a\nb", "x" * 201, None, 7])
    def test_a_tenant_is_printable_text(self, store: Store, org_id: Any) -> None:
        """Anything else is refused before the database is asked."""
        with pytest.raises(ConfigurationError, match="org_id"), store.transaction(org_id):
            pass
        with pytest.raises(ConfigurationError, match="org_id"), store.transfer("a", org_id):
            pass

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "WyJudW1iZXJzIl0", "bnVsbA", "W10", "A" * 5000, "WyJudW1iZXJzIiwxZTk5LDFd"]
    )
    def test_a_cursor_is_one_of_ours(self, store: Store, cursor: str) -> None:
        """Anything else is refused, and so is one of another listing."""
        with store.transaction("a") as tx:
            for n in range(2):
                tx.add_connection(connection(str(n)))
            foreign = tx.connections(limit=1).next_cursor
            assert foreign
            for listing in (tx.numbers, tx.audit, tx.jobs):
                for wrong in (cursor, foreign):
                    with pytest.raises(StoreRefused):
                        listing(cursor=wrong)
            for wrong in (cursor, foreign):
                with pytest.raises(StoreRefused):
                    tx.job_items(1, cursor=wrong)
                with pytest.raises(StoreRefused):
                    tx.versions(1, cursor=wrong)

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_a_page_has_1_to_1000_records(self, store: Store, limit: int) -> None:
        """Anything else is refused."""
        with store.transaction("a") as tx:
            for listing in (tx.connections, tx.numbers, tx.audit, tx.jobs):
                with pytest.raises(ConfigurationError):
                    listing(limit=limit)
