"""Evidence, reserved answers, operations and jobs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from voipkit.errors import StoreConflict, StoreNotFound
from voipkit.models import IssuedEvidence, ItemResult, Job, NameSuggestion, NewJob, Reservation
from voipkit.store.port import Store
from voipkit.testing.stores.base import EVIDENCE, MINUTE, T0, StoreTestsBase, check, every, operation


class JournalTests(StoreTestsBase):
    """Evidence, reserved answers, operations and jobs."""

    def test_evidence_is_kept_by_its_id(self, store: Store) -> None:
        """Until it is purged; twice the same id is a conflict."""
        issued = IssuedEvidence(
            id=EVIDENCE, org_id="a", token="e.y.J" * 900, expires_at=T0 + MINUTE, created_at=T0,
            suggestion=NameSuggestion(name="Telnyx: Acme", inferred=True), checks=(check(),),
        )  # fmt: skip
        with store.transaction("a") as tx:
            tx.add_evidence(issued)
        with store.transaction("a") as tx:
            assert tx.evidence(EVIDENCE) == issued
        with pytest.raises(StoreConflict), store.transaction("b") as tx:
            tx.add_evidence(issued.model_copy(update={"org_id": "b"}))
        assert store.purge(before=T0 + MINUTE) == 0
        assert store.purge(before=T0 + MINUTE * 2) == 1
        with pytest.raises(StoreNotFound), store.transaction("a") as tx:
            tx.evidence(EVIDENCE)

    def test_evidence_is_spent_once(self, store: Store) -> None:
        """In whichever tenant, inside a transaction or by itself; a block that raises gives it back."""
        with pytest.raises(KeyError), store.transaction("a") as tx:
            assert tx.spend(EVIDENCE, 2e9)
            raise KeyError
        with store.transaction("a") as tx:
            assert tx.spend(EVIDENCE, 2e9)
            assert not tx.spend(EVIDENCE, 2e9)
        with store.transaction("b") as tx:
            assert not tx.spend(EVIDENCE, 2e9)
        assert not store.spend(EVIDENCE, 2e9)
        assert store.spend("b9a2c1d0-0000-4000-8000-000000000002", 2e9)
        assert not store.spend("b9a2c1d0-0000-4000-8000-000000000002", 2e9)

    def test_a_clock_that_is_set_back_revives_no_evidence(self, store: Store) -> None:
        """Spent stays spent, and what was purged stays away, whatever time it is."""
        issued = IssuedEvidence(id=EVIDENCE, org_id="a", token="t", expires_at=T0, created_at=T0 - MINUTE)
        with store.transaction("a") as tx:
            tx.add_evidence(issued)
            assert tx.spend(EVIDENCE, T0.timestamp())
        later = T0 + timedelta(days=400)
        for n in range(3):
            assert store.spend(f"b9a2c1d0-0000-4000-8000-00000000001{n}", (later + timedelta(days=n)).timestamp())
        store.purge(before=later)

        for expires_at in (T0.timestamp(), later.timestamp(), 0.0):
            assert not store.spend(EVIDENCE, expires_at)
        with pytest.raises(StoreNotFound), store.transaction("a") as tx:
            tx.evidence(EVIDENCE)

    def test_a_key_is_reserved_once(self, store: Store) -> None:
        """The second caller gets what the first stored; operations and tenants do not disturb each other."""
        mine = Reservation(org_id="a", operation="create", key="k", fingerprint="f1", created_at=T0)
        again = mine.model_copy(update={"fingerprint": "f2", "created_at": T0 + MINUTE})
        with store.transaction("a") as tx:
            assert tx.reserve(mine) is mine
        with store.transaction("a") as tx:
            assert tx.reserve(again) == mine
            tx.answer("create", "k", {"id": 5, "name": "Größe"})
        with store.transaction("a") as tx:
            assert tx.reserve(again) == mine.model_copy(update={"answer": {"id": 5, "name": "Größe"}})
            other = mine.model_copy(update={"operation": "import"})
            assert tx.reserve(other) is other
        with store.transaction("b") as tx:
            theirs = mine.model_copy(update={"org_id": "b"})
            assert tx.reserve(theirs) is theirs

    def test_a_reservation_can_be_given_back(self, store: Store) -> None:
        """Not once it is answered; in time it is purged."""
        mine = Reservation(org_id="a", operation="create", key="k", fingerprint="f", created_at=T0)
        with store.transaction("a") as tx:
            tx.reserve(mine)
            tx.forget_reservation("create", "k")
            assert tx.reserve(mine) is mine
            tx.answer("create", "k", {})
            tx.forget_reservation("create", "k")
            assert tx.reserve(mine) == mine.model_copy(update={"answer": {}})
            with pytest.raises(StoreNotFound):
                tx.answer("create", "never reserved", {})
        assert store.purge(before=T0) == 0
        assert store.purge(before=T0 + MINUTE) == 1

    def test_an_operation_is_written_down_step_by_step(self, store: Store) -> None:
        """And forgotten when it is finished."""
        new = operation(connection_id=1, number_id=2, data={"list": [1, None, "ä"]})
        with store.transaction("a") as tx:
            begun = tx.begin_operation(new)
        assert begun.model_dump(exclude={"id", "org_id"}) == new.model_dump()
        with store.transaction("a") as tx:
            tx.advance_operation(begun.id, worker="w1", step="prove", data={"n": 2}, lease_until=T0 + MINUTE * 2)
        with store.transaction("a") as tx:
            (found,) = tx.operations()
            changes = {"step": "prove", "data": {"n": 2}, "lease_until": T0 + MINUTE * 2}
            assert found == begun.model_copy(update=changes)
            tx.finish_operation(begun.id, worker="w1")
            assert tx.operations() == ()
            with pytest.raises(StoreNotFound):
                tx.finish_operation(begun.id, worker="w1")

    def test_an_operation_that_nobody_is_at_is_taken_over(self, store: Store) -> None:
        """By one worker; the former worker is told so when it comes back."""
        made = []
        for org_id, until in (("a", T0), ("b", T0 + MINUTE), ("c", T0 + MINUTE * 2)):
            with store.transaction(org_id) as tx:
                made.append(tx.begin_operation(operation(lease_until=until)))
        taken = store.claim_operations("w2", at=T0 + MINUTE, lease_until=T0 + MINUTE * 3)

        assert [(o.id, o.org_id, o.worker, o.lease_until) for o in taken] == [
            (o.id, o.org_id, "w2", T0 + MINUTE * 3) for o in made[:2]
        ]
        assert store.claim_operations("w3", at=T0 + MINUTE, lease_until=T0 + MINUTE * 4) == ()
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.advance_operation(made[0].id, worker="w1", step="x", data={}, lease_until=T0 + MINUTE * 9)
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.finish_operation(made[0].id, worker="w1")
        with store.transaction("a") as tx:
            tx.finish_operation(made[0].id, worker="w2")
        assert len(store.claim_operations("w4", at=T0 + MINUTE * 9, lease_until=T0 + MINUTE * 10, limit=1)) == 1

    def test_a_job_keeps_every_field(self, store: Store) -> None:
        """Its items come in the order in which they were given."""
        new = NewJob(kind="import", connection_id=1, request={"route": "trunk:TK"}, actor="ann", created_at=T0)
        names = [f"+1555000{n * 7 % 10:04}" for n in range(10)]
        with store.transaction("a") as tx:
            made = tx.add_job(new, names)
            empty = tx.add_job(new, [])
        with store.transaction("a") as tx:
            assert tx.job(made.id) == made == Job(**dict(new), id=made.id, org_id="a", counts={"pending": 10})
            assert (made.total, made.settled, made.status) == (10, 0, "running")
            assert (empty.status, empty.finished_at, empty.total) == ("done", T0, 0)
            items = every(lambda limit, cursor: tx.job_items(made.id, limit=limit, cursor=cursor), 3)
            assert tx.jobs().items == (tx.job(empty.id), made)
        assert [i.number for i in items] == names

    def test_items_are_worked_off(self, store: Store) -> None:
        """Claimed, settled one by one, and the job is done with the last."""
        job = self.job(store, 5)
        with store.transaction("a") as tx:
            first = tx.claim_items(job.id, "w1", limit=2, at=T0, lease_until=T0 + MINUTE)
        with store.transaction("a") as tx:
            second = tx.claim_items(job.id, "w2", limit=9, at=T0, lease_until=T0 + MINUTE)
            assert tx.claim_items(job.id, "w3", limit=9, at=T0, lease_until=T0 + MINUTE) == ()
            assert tx.job(job.id).counts == {"claimed": 5}
        assert [i.number for i in (*first, *second)] == [f"+1555000{n:04}" for n in range(5)]
        with store.transaction("a") as tx:
            results = [ItemResult(item_id=i.id, status="done", result={"n": i.id}) for i in first]
            assert tx.settle_items(job.id, "w1", results, at=T0) == 2
            assert tx.settle_items(job.id, "w1", results, at=T0) == 0
            assert tx.job(job.id).finished_at is None
            failed = [ItemResult(item_id=i.id, status="failed") for i in second]
            assert tx.settle_items(job.id, "w2", failed, at=T0 + MINUTE) == 3
        with store.transaction("a") as tx:
            ended = tx.job(job.id)
            assert (ended.status, ended.finished_at, ended.counts) == ("done", T0 + MINUTE, {"done": 2, "failed": 3})
            (item, _) = tx.job_items(job.id, statuses=["done"]).items
            assert (item.result, item.worker, item.lease_until) == ({"n": item.id}, "w1", None)

    def test_a_claim_that_ran_out_goes_to_another(self, store: Store) -> None:
        """What the first worker says of it afterwards does not count; its own claims it gets again."""
        job = self.job(store, 2)
        with store.transaction("a") as tx:
            items = tx.claim_items(job.id, "w1", limit=2, at=T0, lease_until=T0 + MINUTE)
            assert tx.claim_items(job.id, "w1", limit=9, at=T0, lease_until=T0 + MINUTE) == items
        assert store.unfinished_jobs(at=T0 + MINUTE - timedelta(seconds=1)) == ()
        assert [j.id for j in store.unfinished_jobs(at=T0 + MINUTE)] == [job.id]
        with store.transaction("a") as tx:
            again = tx.claim_items(job.id, "w2", limit=1, at=T0 + MINUTE, lease_until=T0 + MINUTE * 2)
            assert [i.id for i in again] == [items[0].id]
            results = [ItemResult(item_id=i.id, status="done") for i in items]
            assert tx.settle_items(job.id, "w1", results, at=T0 + MINUTE) == 1
            assert tx.job(job.id).counts == {"claimed": 1, "done": 1}

    def test_a_cancelled_job_ends_with_what_was_claimed(self, store: Store) -> None:
        """What is pending is cancelled; a finished job stays as it is."""
        job = self.job(store, 3)
        with store.transaction("a") as tx:
            (claimed,) = tx.claim_items(job.id, "w1", limit=1, at=T0, lease_until=T0 + MINUTE)
            halted = tx.cancel_job(job.id, at=T0)
            assert (halted.status, halted.finished_at) == ("cancelled", None)
            assert halted.counts == {"claimed": 1, "cancelled": 2}
            assert tx.claim_items(job.id, "w2", limit=9, at=T0, lease_until=T0 + MINUTE) == ()
            tx.settle_items(job.id, "w1", [ItemResult(item_id=claimed.id, status="done")], at=T0 + MINUTE)
            ended = tx.cancel_job(job.id, at=T0 + MINUTE * 2)
        assert (ended.status, ended.finished_at, ended.settled) == ("cancelled", T0 + MINUTE, 3)
        idle = self.job(store, 1)
        with store.transaction("a") as tx:
            assert tx.cancel_job(idle.id, at=T0).finished_at == T0
        assert store.unfinished_jobs(at=T0 + MINUTE * 9) == ()

    def test_of_a_cancelled_job_a_claim_that_ran_out_can_be_given_up(self, store: Store) -> None:
        """Another worker takes it, and settles it as cancelled; only then the job has ended."""
        job = self.job(store, 2)
        with store.transaction("a") as tx:
            tx.claim_items(job.id, "w1", limit=1, at=T0, lease_until=T0 + MINUTE)
            tx.cancel_job(job.id, at=T0)
        assert [j.id for j in store.unfinished_jobs(at=T0 + MINUTE)] == [job.id]
        with store.transaction("a") as tx:
            (item,) = tx.claim_items(job.id, "w2", limit=9, at=T0 + MINUTE, lease_until=T0 + MINUTE * 2)
            given_up = [ItemResult(item_id=item.id, status="cancelled", result=None)]
            assert tx.settle_items(job.id, "w2", given_up, at=T0 + MINUTE) == 1
            ended = tx.job(job.id)
            assert (ended.status, ended.finished_at, ended.counts) == ("cancelled", T0 + MINUTE, {"cancelled": 2})
            assert [i.result for i in tx.job_items(job.id).items] == [None, None]
