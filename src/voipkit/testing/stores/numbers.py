"""Phone numbers and their history."""

from __future__ import annotations

import pytest

from voipkit.errors import StoreConflict, StoreNotFound
from voipkit.models import NewAuditEntry, NumberSnapshot, PhoneNumber, Route
from voipkit.store.port import Store
from voipkit.testing.stores.base import MINUTE, T0, StoreTestsBase, check, every, number, version


class NumbersTests(StoreTestsBase):
    """Phone numbers and their history."""

    def test_a_number_keeps_every_field(self, store: Store) -> None:
        """An agent's id stays a number or a text."""
        made = self.connection(store)
        before = NumberSnapshot(number="+15550000001", id="h", before={"x": None}, after={"x": "1"})
        new = number(
            "+15550000001", status="active", inbound_agent_id=7, outbound_agent_id="7", voip_connection_id=made.id,
            voip_verification_status="verified", voip_last_verified_at=T0 + MINUTE, label="Hauptnummer 'ä'",
            provider_number_id="PN1", route=Route.trunk("TK1"), snapshot=before, checks=(check(),),
        )  # fmt: skip
        with store.transaction("a") as tx:
            (added,) = tx.add_numbers([new])
        with store.transaction("a") as tx:
            found = tx.number(added.id)

        assert found == added == PhoneNumber(**dict(new), id=added.id, org_id="a")
        assert (type(found.inbound_agent_id), type(found.outbound_agent_id)) == (int, str)

    def test_numbers_that_are_taken_are_left_out(self, store: Store) -> None:
        """Here, in another tenant, or twice in one call; a released one is free again."""
        with store.transaction("b") as tx:
            tx.add_numbers([number("+15550000001"), number("+15550000002", status="released")])
        with store.transaction("a") as tx:
            first = tx.add_numbers([number(f"+1555000000{n}") for n in (1, 2, 3, 3)])
            again = tx.add_numbers([number("+15550000002"), number("+15550000004")])

        assert [n.number for n in first] == ["+15550000002", "+15550000003"]
        assert [n.number for n in again] == ["+15550000004"]
        assert store.taken([f"+1555000000{n}" for n in range(9)]) == {f"+1555000000{n}" for n in (1, 2, 3, 4)}
        assert store.taken([]) == frozenset()

    def test_numbers_come_newest_first(self, store: Store) -> None:
        """By creation, then by id; each exactly once, whatever the size of a page."""
        with store.transaction("a") as tx:
            made = tx.add_numbers([number(f"+1555000{n:04}", created_at=T0 + MINUTE * (n * 7 % 5)) for n in range(40)])
        wanted = sorted(made, key=lambda n: (n.created_at, n.id), reverse=True)

        for size in (1, 7, 40, 1000):
            with store.transaction("a", read_only=True) as tx:
                assert every(lambda limit, cursor, tx=tx: tx.numbers(limit=limit, cursor=cursor), size) == wanted

    def test_a_page_is_not_disturbed_by_new_numbers(self, store: Store) -> None:
        """A number that is added, or deleted, between two pages neither repeats nor hides another."""
        with store.transaction("a") as tx:
            made = tx.add_numbers([number(f"+1555000000{n}", created_at=T0 + MINUTE * n) for n in range(6)])
        with store.transaction("a") as tx:
            page = tx.numbers(limit=3)
        with store.transaction("a") as tx:
            tx.add_numbers([number("+15550000009", created_at=T0 + MINUTE * 9)])
            tx.delete_numbers([page.items[-1].id])
        with store.transaction("a") as tx:
            rest = tx.numbers(limit=3, cursor=page.next_cursor)

        assert [n.id for n in (*page.items, *rest.items)] == [n.id for n in reversed(made)]
        assert rest.next_cursor is None

    def test_numbers_can_be_filtered(self, store: Store) -> None:
        """By connection, status and verification, also together, page by page."""
        one, two = self.connection(store), self.connection(store)
        with store.transaction("a") as tx:
            for n, (owner, status, verified) in enumerate(
                (c, s, v) for c in (one.id, two.id, None) for s in ("active", "failed") for v in ("verified", "failed")
            ):
                tx.add_numbers(
                    [
                        number(
                            f"+1555000{n:04}",
                            voip_connection_id=owner,
                            status=status,
                            voip_verification_status=verified,
                        )
                    ]
                )
            everything = tx.numbers().items
            by_one = every(lambda limit, cursor: tx.numbers(connection_id=one.id, limit=limit, cursor=cursor), 3)
            both = tx.numbers(connection_id=two.id, statuses=["active"], verification="failed").items

        assert [n.id for n in by_one] == [n.id for n in everything if n.voip_connection_id == one.id]
        assert [(n.voip_connection_id, n.status, n.voip_verification_status) for n in both] == [
            (two.id, "active", "failed")
        ]

    def test_numbers_can_be_asked_for_by_name(self, store: Store) -> None:
        """Those of the tenant that are not released, however many are asked for."""
        with store.transaction("b") as tx:
            tx.add_numbers([number("+15550000001")])
        with store.transaction("a") as tx:
            tx.add_numbers([number("+15550000002"), number("+15550000003", status="released")])
            asked = [f"+1555{n:07}" for n in range(12_000)]
            assert [n.number for n in tx.numbers_named(asked)] == ["+15550000002"]
            assert tx.numbers_named([]) == ()
        assert store.taken(asked) == {"+15550000001", "+15550000002"}

    def test_numbers_are_counted_in_groups(self, store: Store) -> None:
        """By connection, status and verification."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            tx.add_numbers([number(f"+1555000000{n}", voip_connection_id=made.id) for n in range(3)])
            tx.add_numbers([number("+15550000009", status="active", voip_verification_status="verified")])
            counts = {(c.connection_id, c.status, c.voip_verification_status): c.count for c in tx.number_counts()}

        assert counts == {(made.id, "provisioning", "unverified"): 3, (None, "active", "verified"): 1}

    def test_a_number_changes_in_what_is_named(self, store: Store) -> None:
        """None clears a field; nothing named changes nothing."""
        (made,) = self.numbers(store, "+15550000001")
        with store.transaction("a") as tx:
            assert tx.update_number(made.id) == made
            changed = tx.update_number(made.id, inbound_agent_id="x", label="L", status="active", checks=(check(),))
            cleared = tx.update_number(made.id, inbound_agent_id=None, updated_at=T0 + MINUTE)

        update = {"inbound_agent_id": "x", "label": "L", "status": "active", "checks": (check(),)}
        assert changed == made.model_copy(update=update)
        assert cleared == changed.model_copy(update={"inbound_agent_id": None, "updated_at": T0 + MINUTE})

    def test_many_numbers_change_at_once(self, store: Store) -> None:
        """Each in its own way; ids that are not there are passed over."""
        one, two, three = self.numbers(store, "+15550000001", "+15550000002", "+15550000003")
        with store.transaction("a") as tx:
            tx.update_numbers(
                {
                    one.id: {"status": "active", "checks": (check("x"),), "route": Route.trunk("TK")},
                    two.id: {"status": "failed", "checks": ()},
                    three.id: {},
                    999_999: {"status": "active"},
                }
            )
            tx.update_numbers({})
        with store.transaction("a") as tx:
            found = tx.number(one.id)
            assert (found.status, found.checks, found.route) == ("active", (check("x"),), Route.trunk("TK"))
            assert tx.number(two.id).status == "failed"
            assert tx.number(three.id) == three

    def test_a_released_number_returns_only_while_it_is_free(self, store: Store) -> None:
        """The conflict does not say who has it."""
        (made,) = self.numbers(store, "+15550000001")
        with store.transaction("a") as tx:
            tx.update_number(made.id, status="released")
        with store.transaction("tenant-b") as tx:
            (theirs,) = tx.add_numbers([number("+15550000001")])
        with pytest.raises(StoreConflict) as caught, store.transaction("a") as tx:
            tx.update_number(made.id, status="active")
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.update_numbers({made.id: {"status": "active"}})
        assert "tenant-b" not in f"{caught.value}{caught.value.__cause__}"
        with store.transaction("tenant-b") as tx:
            tx.update_number(theirs.id, status="released")
        with store.transaction("a") as tx:
            assert tx.update_number(made.id, status="active").status == "active"

    def test_a_number_is_linked_to_a_connection_that_is_there(self, store: Store) -> None:
        """Of the same tenant."""
        (made,) = self.numbers(store, "+15550000001")
        theirs = self.connection(store, org_id="b")
        for wrong in (theirs.id, 999_999):
            with pytest.raises(StoreNotFound), store.transaction("a") as tx:
                tx.add_numbers([number("+15550000009", voip_connection_id=wrong)])
            with pytest.raises(StoreNotFound), store.transaction("a") as tx:
                tx.update_number(made.id, voip_connection_id=wrong)
        assert store.taken(["+15550000009"]) == frozenset()

    def test_numbers_can_be_deleted_for_good(self, store: Store) -> None:
        """With their versions; others stay."""
        one, two = self.numbers(store, "+15550000001", "+15550000002")
        with store.transaction("a") as tx:
            tx.add_versions([version(one), version(two)])
            assert tx.delete_numbers([one.id, 999_999]) == 1
            assert tx.delete_numbers([]) == 0
            assert tx.numbers().items == (two,)
            assert tx.versions(one.id).items == ()
            assert len(tx.versions(two.id).items) == 1

    def test_a_number_is_handed_over_to_another_tenant(self, store: Store) -> None:
        """The id stays; what belongs to the giver is cleared; the giver keeps its history."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            (given,) = tx.add_numbers(
                [
                    number(
                        "+15550000001", status="active", inbound_agent_id=1, outbound_agent_id=2, label="secret label",
                        voip_connection_id=made.id, voip_verification_status="verified", voip_last_verified_at=T0,
                        provider_number_id="PN1", checks=(check(),), route=Route.trunk("TK1"),
                        snapshot=NumberSnapshot(number="+15550000001", id="h", before={}, after={}),
                    )
                ]
            )  # fmt: skip
            tx.add_versions([version(given)])
        with store.transfer("a", "b") as (giver, taker):
            moved = giver.give_number(given.id, taker, updated_at=T0 + MINUTE)

        assert moved == PhoneNumber(
            id=given.id,
            org_id="b",
            number="+15550000001",
            provider_number_id="PN1",
            created_at=T0,
            updated_at=T0 + MINUTE,
        )
        with store.transaction("b") as tx:
            assert tx.number(given.id) == moved
            assert tx.versions(given.id).items == ()
        with store.transaction("a") as tx:
            assert tx.numbers().items == ()
            assert len(tx.versions(given.id).items) == 1

    def test_a_transfer_is_all_or_nothing(self, store: Store) -> None:
        """A released number, or one of somebody else, is not handed over; nor is any when the block raises."""
        (made,) = self.numbers(store, "+15550000001")
        with pytest.raises(KeyError), store.transfer("a", "b") as (giver, taker):
            giver.give_number(made.id, taker, updated_at=T0)
            raise KeyError
        with pytest.raises(StoreNotFound), store.transfer("b", "c") as (giver, taker):
            giver.give_number(made.id, taker, updated_at=T0)
        with store.transaction("a") as tx:
            assert tx.number(made.id) == made
            tx.update_number(made.id, status="released")
        with pytest.raises(StoreConflict), store.transfer("a", "b") as (giver, taker):
            giver.give_number(made.id, taker, updated_at=T0)

    def test_history_comes_newest_first(self, store: Store) -> None:
        """Versions of one number, page by page."""
        one, two = self.numbers(store, "+15550000001", "+15550000002")
        with store.transaction("a") as tx:
            tx.add_versions([version(one, f"step {n}", created_at=T0 + MINUTE * n) for n in range(5)])
            tx.add_versions([version(two)])
            tx.add_versions([])
            found = every(lambda limit, cursor: tx.versions(one.id, limit=limit, cursor=cursor), 2)

        assert [v.action for v in found] == [f"step {n}" for n in (4, 3, 2, 1, 0)]
        assert (found[0].actor, found[0].inbound_agent_id, found[0].org_id) == ("ann", "x", "a")

    def test_the_audit_log_keeps_every_field(self, store: Store) -> None:
        """Newest first, also of one object alone."""
        entries = [
            NewAuditEntry(
                action="connection.updated", actor="ann", object_type="connection", object_id=n % 2,
                before={"name": "Größe"}, after={"name": None, "n": n}, created_at=T0 + MINUTE * n,
            )
            for n in range(4)
        ]  # fmt: skip
        with store.transaction("a") as tx:
            tx.add_audit(entries)
            tx.add_audit([NewAuditEntry(action="tenant.x", object_type="tenant", created_at=T0 - MINUTE)])
            found = every(lambda limit, cursor: tx.audit(limit=limit, cursor=cursor), 2)
            one = tx.audit(object_type="connection", object_id=1).items

        assert [e.created_at for e in found] == [T0 + MINUTE * n for n in (3, 2, 1, 0, -1)]
        assert found[0].model_dump(exclude={"id", "org_id"}) == entries[3].model_dump()
        assert (found[-1].before, found[-1].object_id, found[-1].actor) == (None, None, None)
        assert [e.after for e in one] == [entries[3].after, entries[1].after]
