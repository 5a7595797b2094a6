"""Connections and their sealed credentials."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from voipkit.errors import StoreConflict, StoreNotFound
from voipkit.models import Connection, NewJob, NewOperation, NewPhoneNumber, NumberSnapshot, Route
from voipkit.store.port import Store
from voipkit.testing.stores.base import MINUTE, T0, StoreTestsBase, check, connection, every, number, sealed


class ConnectionsTests(StoreTestsBase):
    """Connections and their sealed credentials."""

    def test_a_connection_keeps_every_field(self, store: Store) -> None:
        """What went in comes out, to the microsecond and in the same types."""
        new = connection(
            "Größe \u202e ' \" %", status="connected", inferred_name=True, key_hint="…9f2c", last_tested_at=T0 - MINUTE,
            sip_config={"domain": "acme.example", "ports": [5060, None], "tls": True}, checks=(check(),), generation=2,
            default_outbound=True,
        )  # fmt: skip
        with store.transaction("a") as tx:
            made = tx.add_connection(new)
        with store.transaction("a") as tx:
            found = tx.connection(made.id)

        assert found == made == Connection(**dict(new), id=made.id, org_id="a")
        assert tx.org_id == found.org_id
        assert found.created_at == T0

    def test_connections_come_newest_first(self, store: Store) -> None:
        """By creation, then by id; each exactly once, whatever the size of a page."""
        with store.transaction("a") as tx:
            made = [tx.add_connection(connection(str(n), created_at=T0 + MINUTE * (n // 2))) for n in range(5)]
        wanted = sorted(made, key=lambda c: (c.created_at, c.id), reverse=True)

        for size in (1, 2, 4, 5, 6):
            with store.transaction("a") as tx:
                assert every(lambda limit, cursor, tx=tx: tx.connections(limit=limit, cursor=cursor), size) == wanted

    def test_an_update_changes_what_is_named(self, store: Store) -> None:
        """And nothing else; nothing named changes nothing."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            assert tx.update_connection(made.id) == made
            changed = tx.update_connection(made.id, name="New", last_tested_at=T0, checks=(check(),), key_hint=None)

        assert changed == made.model_copy(update={"name": "New", "last_tested_at": T0, "checks": (check(),)})
        with store.transaction("a") as tx:
            assert tx.connection(made.id) == changed

    def test_a_tenant_has_one_default_connection(self, store: Store) -> None:
        """Choosing another clears the first; None clears it; another tenant keeps its own."""
        with store.transaction("b") as tx:
            theirs = tx.add_connection(connection(default_outbound=True))
        with store.transaction("a") as tx:
            one, two = tx.add_connection(connection("1", default_outbound=True)), tx.add_connection(connection("2"))
        for chosen in (two.id, two.id, one.id, None):
            with store.transaction("a") as tx:
                tx.set_default_outbound(chosen)
                assert [c.id for c in tx.connections().items if c.default_outbound] == [chosen] * (chosen is not None)
        with store.transaction("b") as tx:
            assert tx.connection(theirs.id).default_outbound

    def test_a_second_default_is_a_conflict(self, store: Store) -> None:
        """Where it was not chosen by `set_default_outbound`."""
        self.connection(store, default_outbound=True)
        with pytest.raises(StoreConflict, match="default"):
            self.connection(store, default_outbound=True)

    def test_a_connection_counts_its_numbers(self, store: Store) -> None:
        """Imported are those that are not released; the capacity is the active ones."""
        made, other = self.connection(store), self.connection(store)
        statuses = ("provisioning", "active", "active", "failed", "released")
        with store.transaction("a") as tx:
            tx.add_numbers(
                [number(f"+1555000000{n}", voip_connection_id=made.id, status=s) for n, s in enumerate(statuses)]
            )
            for found in (tx.connection(made.id), tx.update_connection(made.id, name="x"), tx.connections().items[1]):
                assert (found.id, found.numbers_imported, found.capacity) == (made.id, 4, 2)
            assert (tx.connection(other.id).numbers_imported, tx.connection(other.id).capacity) == (0, 0)

    def test_deleting_a_connection_keeps_its_numbers(self, store: Store) -> None:
        """The link is cleared, the credentials are gone, other connections are as they were."""
        made, other = self.connection(store), self.connection(store)
        with store.transaction("a") as tx:
            for each in (made, other):
                tx.add_credentials(sealed("a", each.id))
            one, two = tx.add_numbers(
                [
                    number("+15550000001", voip_connection_id=made.id),
                    number("+15550000002", voip_connection_id=other.id),
                ]
            )
            assert tx.delete_connection(made.id) == 1
        with store.transaction("a") as tx:
            assert tx.number(one.id) == one.model_copy(update={"voip_connection_id": None})
            assert tx.number(two.id) == two
            assert [c.id for c in tx.connections().items] == [other.id]
            assert tx.generations(made.id) == ()
            assert len(tx.generations(other.id)) == 1

    def test_the_id_of_a_deleted_connection_is_not_given_again(self, store: Store) -> None:
        """Sealed credentials are bound to it."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            tx.delete_connection(made.id)

        assert self.connection(store).id > made.id

    def test_credentials_keep_every_field(self, store: Store) -> None:
        """The ciphertext byte by byte; generations come oldest first."""
        made = self.connection(store)
        three = (
            sealed("a", made.id, 1, state="former", retire_at=T0, sealed=bytes(range(256)) * 40),
            sealed("a", made.id, 2),
            sealed("a", made.id, 3, state="staged", kid="k2"),
        )
        with store.transaction("a") as tx:
            for each in reversed(three):
                tx.add_credentials(each)
        with store.transaction("a") as tx:
            assert tx.generations(made.id) == three
            assert tx.credentials(made.id, 1) == three[0]

    @pytest.mark.parametrize("state", ["staged", "active"])
    def test_one_generation_is_staged_and_one_is_active(self, store: Store, state: Any) -> None:
        """A second one is a conflict; former ones may be many."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            tx.add_credentials(sealed("a", made.id, 1, state="former"))
            tx.add_credentials(sealed("a", made.id, 2, state="former"))
            tx.add_credentials(sealed("a", made.id, 3, state=state))
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.add_credentials(sealed("a", made.id, 4, state=state))
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.set_generation(made.id, 1, state)
        with pytest.raises(StoreConflict), store.transaction("a") as tx:
            tx.add_credentials(sealed("a", made.id, 3, state="former"))

    def test_a_rotation_moves_the_states(self, store: Store) -> None:
        """Active to former, staged to active, and after the grace time the former is destroyed."""
        made = self.connection(store)
        with store.transaction("a") as tx:
            tx.add_credentials(sealed("a", made.id, 1))
            tx.add_credentials(sealed("a", made.id, 2, state="staged"))
            tx.set_generation(made.id, 1, "former", retire_at=T0 + MINUTE)
            tx.set_generation(made.id, 2, "active")
            assert [(g.generation, g.state, g.retire_at) for g in tx.generations(made.id)] == [
                (1, "former", T0 + MINUTE), (2, "active", None),
            ]  # fmt: skip

        assert store.retire_generations(at=T0 + MINUTE - timedelta(microseconds=1)) == 0
        assert store.retire_generations(at=T0 + MINUTE) == 1
        with store.transaction("a") as tx:
            assert [g.generation for g in tx.generations(made.id)] == [2]
            assert tx.destroy_generation(made.id, 2)
            assert not tx.destroy_generation(made.id, 2)

    def test_credentials_belong_to_a_connection(self, store: Store) -> None:
        """Of the same tenant."""
        made = self.connection(store)
        for wrong in (sealed("a", made.id + 999), sealed("b", made.id)):
            with pytest.raises(StoreNotFound), store.transaction("a") as tx:
                tx.add_credentials(wrong)
        with pytest.raises(StoreNotFound), store.transaction("b") as tx:
            tx.add_credentials(sealed("b", made.id))

    def test_sealed_credentials_can_be_walked_and_replaced(self, store: Store) -> None:
        """Those of another key, in batches; what somebody changed meanwhile is passed over."""
        made = [self.connection(store, org_id=org_id) for org_id in "aabbc"]
        for each in made:
            with store.transaction(each.org_id) as tx:
                tx.add_credentials(sealed(each.org_id, each.id, kid="new" if each is made[1] else "old"))
        first = store.sealed_elsewhere("new", limit=2)
        rest = store.sealed_elsewhere("new", limit=9, after=first[-1][0])

        assert [s.connection_id for _, s in (*first, *rest)] == [made[n].id for n in (0, 2, 3, 4)]
        with store.transaction("b") as tx:
            tx.destroy_generation(made[2].id, 1)
        pairs = [(s, s.model_copy(update={"kid": "new", "sealed": b"\x01new"})) for _, s in (*first, *rest)]
        assert store.replace_sealed(pairs) == 3
        assert store.replace_sealed(pairs) == 0
        assert store.replace_sealed([]) == 0
        assert store.sealed_elsewhere("new") == ()
        with store.transaction("a") as tx:
            kept = tx.credentials(made[0].id, 1)
            assert (kept.kid, kept.sealed, kept.state) == ("new", b"\x01new", "active")

    def test_records_with_sealed_urls_are_rewritten(self, store: Store) -> None:
        """In batches, of all tenants; what holds none is not asked about, and what is given back equal stays."""
        url = "https://u:sealed.old.AA@h.example/"
        snapshot = NumberSnapshot(number="+15550000002", id="x", before={"url": url}, after={"url": None})
        made = {}
        for org_id, n, fields in (
            ("a", 1, {"route": Route.webhook(url)}), ("b", 2, {"snapshot": snapshot}),
            ("a", 3, {"route": Route.trunk("TK")}), ("a", 4, {"route": Route.webhook(url)}),
        ):  # fmt: skip
            with store.transaction(org_id) as tx:
                made[n] = tx.add_numbers([NewPhoneNumber(number=f"+1555000000{n}", **fields)])[0]
        asked = []

        def change(org_id: str, record_id: int, values: Any) -> Any:
            asked.append((org_id, record_id))
            assert set(values) == {"route", "snapshot"}
            text = json.dumps(values)
            return values if record_id == made[4].id else json.loads(text.replace(".old.", ".new."))

        place = store.rewrite_urls("numbers", change, limit=2)
        assert place == made[2].id
        assert asked == [("a", made[1].id), ("b", made[2].id)]
        assert store.rewrite_urls("numbers", change, limit=2, after=place) is None
        assert asked[2:] == [("a", made[4].id)]
        with store.transaction("a", read_only=True) as tx:
            kept = [tx.number(made[n].id) for n in (1, 3, 4)]
        assert [number.route for number in kept] == [
            Route.webhook(url.replace("old", "new")), Route.trunk("TK"), Route.webhook(url),
        ]  # fmt: skip
        assert kept[0].model_copy(update={"route": made[1].route}) == made[1]
        with store.transaction("b", read_only=True) as tx:
            fresh = snapshot.model_copy(update={"before": {"url": url.replace("old", "new")}})
            assert tx.number(made[2].id).snapshot == fresh

    def test_a_rewriting_that_fails_changes_nothing(self, store: Store) -> None:
        """Operations and jobs hold sealed URLs too."""
        held = {"route": {"target": "https://h.example/?sealed.old.AA"}, "other": [1, None]}
        with store.transaction("a") as tx:
            tx.begin_operation(NewOperation(kind="import", step="s", data=held, worker="w", lease_until=T0))
            jobs = [tx.add_job(NewJob(kind="import", request=held), ["+1"]) for _ in range(2)]

        def change(org_id: str, record_id: int, values: Any) -> Any:
            if record_id == jobs[1].id:
                raise RuntimeError
            return {name: {**value, "other": org_id} for name, value in values.items()}

        with pytest.raises(RuntimeError):
            store.rewrite_urls("jobs", change)
        assert (
            store.rewrite_urls("operations", lambda org_id, _, values: {"data": {**values["data"], "other": org_id}})
            is None
        )
        with store.transaction("a", read_only=True) as tx:
            assert [job.request for job in tx.jobs().items] == [held, held]
            assert [operation.data for operation in tx.operations()] == [{**held, "other": "a"}]
