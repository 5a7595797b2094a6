"""Several threads at once."""

from __future__ import annotations

from voipkit.models import ItemResult
from voipkit.store.port import Store
from voipkit.testing.stores.base import MINUTE, T0, StoreTestsBase, number, race


class RacesTests(StoreTestsBase):
    """Several threads at once."""

    def test_two_threads_that_spend_the_same_evidence(self, store: Store) -> None:
        """One of them gets it."""
        for n in range(5):
            won = race(2, lambda _, n=n: store.spend(f"b9a2c1d0-0000-4000-8000-0000000000f{n}", 2e9))
            assert sorted(won) == [False, True]

    def test_two_threads_that_import_the_same_numbers(self, store: Store) -> None:
        """Each number goes to one of them."""

        def run(n: int) -> list[str]:
            texts = [f"+1555000{k:04}" for k in range(50)]
            with store.transaction("ab"[n]) as tx:
                return [added.number for added in tx.add_numbers([number(text) for text in texts])]

        one, two = race(2, run)
        assert sorted([*one, *two]) == [f"+1555000{k:04}" for k in range(50)]

    def test_threads_that_work_off_one_job(self, store: Store) -> None:
        """No item is done twice, and the job is finished with the last."""
        job = self.job(store, 40)

        def run(n: int) -> list[int]:
            done: list[int] = []
            while True:
                with store.transaction("a") as tx:
                    items = tx.claim_items(job.id, f"w{n}", limit=3, at=T0, lease_until=T0 + MINUTE)
                if not items:
                    return done
                with store.transaction("a") as tx:
                    results = [ItemResult(item_id=item.id, status="done") for item in items]
                    assert tx.settle_items(job.id, f"w{n}", results, at=T0) == len(items)
                done += [item.id for item in items]

        done = [item for part in race(3, run) for item in part]
        assert len(done) == len(set(done)) == 40
        with store.transaction("a") as tx:
            assert tx.job(job.id).status == "done"
