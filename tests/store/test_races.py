"""Two processes race on every unique thing, on both databases: one wins, and the other is told so."""

from __future__ import annotations

from tests.store.conftest import Processes
from voipkit.models import NewConnection, NewJob, NewOperation, NewPhoneNumber, SealedCredentials
from voipkit.store import SqlStore
from voipkit.testing.stores import T0

ROUNDS = 10  # what a race decides differently each time is decided often


def test_one_spends_the_evidence(url: str, two: Processes) -> None:
    one, other = two.race(
        f"print(json.dumps([store.spend(f'b9a2c1d0-0000-4000-8000-{{k:012}}', 2e9) for k in range({ROUNDS})]))", url
    )

    assert [a + b for a, b in zip(one, other, strict=True)] == [1] * ROUNDS


def test_one_spends_the_evidence_and_stores_the_connection_with_it(store: SqlStore, url: str, two: Processes) -> None:
    """In one unit of work, as the service does."""
    program = f"""
made = []
for k in range({ROUNDS}):
    with store.transaction("a") as tx:
        if tx.spend(f"b9a2c1d0-0000-4000-8000-{{k:012}}", 2e9):
            made.append(tx.add_connection(NewConnection(name=str(k), provider="p", setup_method="s")).id)
print(json.dumps(made))
"""
    one, other = two.race(program, url)

    assert len(one) + len(other) == ROUNDS
    with store.transaction("a") as tx:
        assert sorted(c.name for c in tx.connections().items) == sorted(map(str, range(ROUNDS)))


def test_a_number_goes_to_one_tenant(url: str, two: Processes) -> None:
    program = """
names = [f"+1555{k:07}" for k in range(300)]
added = []
for at in range(0, 300, 30):
    with store.transaction("ab"[n]) as tx:
        added += [x.number for x in tx.add_numbers([NewPhoneNumber(number=t) for t in names[at:at + 30]])]
print(json.dumps(added))
"""
    one, other = two.race(program, url)

    assert sorted([*one, *other]) == [f"+1555{k:07}" for k in range(300)]


def test_a_tenant_has_one_default_connection(store: SqlStore, url: str, two: Processes) -> None:
    """Both are answered, none with an error, and one of the two choices stands."""
    with store.transaction("a") as tx:
        made = [tx.add_connection(NewConnection(name="x", provider="p", setup_method="s")).id for _ in range(2)]
    program = f"""
for k in range({ROUNDS}):
    with store.transaction("a") as tx:
        tx.set_default_outbound({made}[n])
print("true")
"""
    assert two.race(program, url) == [True, True]
    with store.transaction("a") as tx:
        assert [c.default_outbound for c in tx.connections().items].count(True) == 1


def test_one_stages_the_next_generation(store: SqlStore, url: str, two: Processes) -> None:
    made = []
    with store.transaction("a") as tx:
        for _ in range(ROUNDS):
            made.append(tx.add_connection(NewConnection(name="x", provider="p", setup_method="s")).id)
    program = f"""
won = []
for connection_id in {made}:
    try:
        with store.transaction("a") as tx:
            tx.add_credentials(SealedCredentials(org_id="a", connection_id=connection_id, generation=n + 1, provider="p",
                               kid="k", sealed=b"x", state="staged"))
        won.append(True)
    except StoreConflict:
        won.append(False)
print(json.dumps(won))
"""
    one, other = two.race(program, url)

    assert [a + b for a, b in zip(one, other, strict=True)] == [1] * ROUNDS


def test_one_reserves_the_key_and_the_other_reads_the_answer(url: str, two: Processes) -> None:
    """The loser waits until the winner has completed, so it never sees a key without an answer."""
    program = f"""
answers = []
for k in range({ROUNDS}):
    mine = Reservation(org_id="a", operation="create", key=str(k), fingerprint=str(n))
    with store.transaction("a") as tx:
        found = tx.reserve(mine)
        if found is mine:
            tx.answer("create", str(k), {{"by": n}})
            answers.append(n)
        else:
            answers.append(found.answer["by"])
print(json.dumps(answers))
"""
    one, other = two.race(program, url)

    assert one == other


def test_one_takes_over_each_operation(store: SqlStore, url: str, two: Processes) -> None:
    with store.transaction("a") as tx:
        for _ in range(40):
            tx.begin_operation(NewOperation(kind="k", step="s", worker="dead", lease_until=T0))
    program = """
mine = []
while found := store.claim_operations(f"w{n}", at=T0 + MINUTE * 1440, lease_until=T0 + MINUTE * 2880, limit=3):
    mine += [o.id for o in found]
print(json.dumps(mine))
"""
    one, other = two.race(program, url)

    assert len({*one, *other}) == len(one) + len(other) == 40


def test_one_works_on_each_item(store: SqlStore, url: str, two: Processes) -> None:
    """And the job is finished once, with the last item of whoever is last."""
    with store.transaction("a") as tx:
        job = tx.add_job(NewJob(kind="verify"), [f"+1555{k:07}" for k in range(60)])
    program = f"""
mine = []
while True:
    with store.transaction("a") as tx:
        found = tx.claim_items({job.id}, f"w{{n}}", limit=4, at=T0, lease_until=T0 + MINUTE)
    if not found:
        break
    with store.transaction("a") as tx:
        tx.settle_items({job.id}, f"w{{n}}", [ItemResult(item_id=i.id, status="done") for i in found], at=T0)
    mine += [i.id for i in found]
print(json.dumps(mine))
"""
    one, other = two.race(program, url)

    assert len({*one, *other}) == len(one) + len(other) == 60
    with store.transaction("a") as tx:
        assert (tx.job(job.id).status, tx.job(job.id).counts) == ("done", {"done": 60})


def test_a_released_number_returns_to_one(store: SqlStore, url: str, two: Processes) -> None:
    ids = {}
    for org_id in "ab":
        with store.transaction(org_id) as tx:
            new = [NewPhoneNumber(number=f"+1555{k:07}", status="released") for k in range(ROUNDS)]
            ids[org_id] = [x.id for x in tx.add_numbers(new)]
    program = f"""
won = []
for number_id in {ids}["ab"[n]]:
    try:
        with store.transaction("ab"[n]) as tx:
            tx.update_number(number_id, status="active")
        won.append(True)
    except StoreConflict:
        won.append(False)
print(json.dumps(won))
"""
    one, other = two.race(program, url)

    assert [a + b for a, b in zip(one, other, strict=True)] == [1] * ROUNDS


def test_two_transfer_the_same_number(store: SqlStore, url: str, two: Processes) -> None:
    with store.transaction("a") as tx:
        ids = [x.id for x in tx.add_numbers([NewPhoneNumber(number=f"+1555{k:07}") for k in range(ROUNDS)])]
    program = f"""
won = []
for number_id in {ids}:
    try:
        with store.transfer("a", "bc"[n]) as (giver, taker):
            giver.give_number(number_id, taker, updated_at=T0)
        won.append(True)
    except StoreNotFound:
        won.append(False)
print(json.dumps(won))
"""
    one, other = two.race(program, url)

    assert [a + b for a, b in zip(one, other, strict=True)] == [1] * ROUNDS
    with store.transaction("b") as tx:
        assert len(tx.numbers().items) == sum(one)


def test_two_make_the_tables(empty_url: str, two: Processes) -> None:
    """At the same moment, in an empty database."""
    program = "print(json.dumps(store.upgrade()))"
    one, other = two.race(program, empty_url, warm="__repr__")

    assert sorted([str(one), str(other)]) == ["0001", "None"]
    store = SqlStore(empty_url)
    store.check()
    store.close()


def test_two_seal_again(store: SqlStore, url: str, two: Processes) -> None:
    """Each of the credentials once."""
    with store.transaction("a") as tx:
        for _ in range(30):
            made = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
            tx.add_credentials(
                SealedCredentials(
                    org_id="a",
                    connection_id=made.id,
                    generation=1,
                    provider="p",
                    kid="old",
                    sealed=b"x",
                    state="active",
                )
            )
    program = """
class Fake:
    kid = "new"
    def reseal(self, old):
        return old.model_copy(update={"kid": "new", "sealed": f"by {n}".encode()})
print(json.dumps(rekey(store, Fake(), batch=4).resealed))
"""
    one, other = two.race(program, url)

    assert one + other == 30
    assert store.sealed_elsewhere("new") == ()
