"""What a service shows of a key, what reaches the database, and what outlives a change of the key ring."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.service.conftest import Desk, found_in, kept
from voipkit.errors import InvalidField, SealKeyMissing
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import Route, Settings, setting
from voipkit.service.shop import key_hint
from voipkit.store import Sealer, rekey


class Login(Settings):
    """Credentials of a carrier in a test."""

    user: str = setting("User", help="The user.")
    password: SecretStr = setting("Password", help="The password.")


@pytest.mark.parametrize("length", [4, 8, 15, 16, 40])
def test_a_hint_tells_keys_apart_and_gives_little_away(service, length):
    one, two = "abcdefghijklmnop"[:length].ljust(length, "x"), "z" * length
    shown = [key_hint(service._shop, Login(user="u", password=secret)) for secret in (one, two)]

    assert shown[0] != shown[1]
    assert shown[0] == key_hint(service._shop, Login(user="other", password=one))
    for hint, secret in zip(shown, (one, two), strict=True):
        if length < 16:
            assert hint[0] == "#"
            assert not any(secret[n : n + 3] in hint for n in range(length - 2))
        else:
            assert hint == f"…{secret[-4:]}"


def test_without_a_secret_there_is_no_hint(service):
    class Open(Settings):
        """A trunk by address."""

        host: str = setting("Host", help="The host.")

    assert key_hint(service._shop, Open(host="192.0.2.1")) is None


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
def test_no_row_of_any_table_holds_a_secret_in_the_middle_of_it_all(desk, service, store):
    connection = desk.connect(idempotency_key="k1")
    desk.imported(connection, desk.bought(2), idempotency_key="k2")
    service.update("acme", connection.id, **desk.account(), evidence=desk.evidence(), idempotency_key="k3")
    service.run_job("acme", service.start_verification("acme", connection.id).id)
    secret = desk.box.credentials("telnyx")["api_key"]

    with store._engine.connect() as database:
        from voipkit.store.sql_tables import metadata

        held = {name: str(database.execute(text(f"SELECT * FROM {name}")).all()) for name in metadata.tables}

    assert held["voipkit_reservations"].count("'k1'") == 1
    assert [name for name, rows in held.items() if secret in rows or secret[3:20] in rows] == []


def test_a_new_key_in_front_of_the_ring_opens_and_recognises_what_the_old_one_made(desk, store, box, key, clock):
    evidence = desk.evidence()
    first = desk.connect(evidence=evidence, idempotency_key="k1")
    fresh = generate_key()

    after = Desk(store, box, f"{fresh},{key}", clock, [])
    assert after.connect(evidence=evidence, idempotency_key="k1") == first
    assert after.service.available_numbers("acme", first.id)

    without = Desk(store, box, fresh, clock, []).service
    with pytest.raises(SealKeyMissing):
        without.available_numbers("acme", first.id)


def test_a_ring_names_data_by_each_of_its_keys():
    old, new = generate_key(), generate_key()
    ring = KeyRing.from_text(f"{new},{old}")

    assert ring.fingerprints("a", b"x") == (
        *KeyRing.from_text(new).fingerprints("a", b"x"), *KeyRing.from_text(old).fingerprints("a", b"x"),
    )  # fmt: skip
    assert ring.fingerprints("a", b"x") != ring.fingerprints("b", b"x")


# --- webhooks whose URL holds a secret ----------------------------------------------------------------------------------

MARKS = ("PWcanaryBefore-71c2", "TKcanaryBefore-88d1", "PWcanaryOurs-3f9e", "TKcanaryOurs-5ab0", "TKcanaryBack-19e4")
BEFORE = f"https://theirs:{MARKS[0]}@hooks.example/voice?token={MARKS[1]}&x=1"
OURS = f"https://ours:{MARKS[2]}@app.example/in?token={MARKS[3]}"
BACK = f"https://hooks.example/status?token={MARKS[4]}"
_SQL = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)


def routed_numbers(desk, count=1, url=BEFORE):
    """Numbers whose owner routed them to a webhook with secrets in its URL."""
    return desk.box.twilio.seed_numbers(count, voice_url=url, status_callback=BACK)


def take_over(desk, connection, numbers, **more):
    wanted = [number.phone_number for number in numbers]
    more = {"route": Route.webhook(OURS), "on_conflict": "overwrite", **more}
    return desk.service.import_numbers("acme", connection.id, wanted, **more)


@_SQL
def test_no_byte_of_the_database_is_a_secret_of_a_url(desk, service, store):
    connection = desk.connect(carrier="twilio")
    one, two, three = routed_numbers(desk, 3)
    shown = [service.available_numbers("acme", connection.id), take_over(desk, connection, [one], dry_run=True)]
    shown.append(take_over(desk, connection, [one], on_conflict="refuse"))  # the conflict says where calls go now
    shown.append(take_over(desk, connection, [one], idempotency_key="k1"))
    assert one.voice_url == OURS
    assert found_in(kept(store), MARKS) == []

    job = service.start_import(
        "acme", connection.id, [two.phone_number, three.phone_number],
        route=Route.webhook(OURS), on_conflict="overwrite", idempotency_key="k2",
    )  # fmt: skip
    assert found_in(kept(store), MARKS) == []
    shown += [job, service.run_job("acme", job.id), service.job_items("acme", job.id), service.jobs("acme")]
    assert (two.voice_url, three.voice_url) == (OURS, OURS)
    shown += [service.run_job("acme", service.start_verification("acme", connection.id).id)]
    numbers = service.numbers("acme").items
    shown += [numbers, *(service.verify_number("acme", number.id) for number in numbers)]
    assert {number.status for number in service.numbers("acme").items} == {"active"}
    shown += [service.warnings("acme"), service.audit("acme"), service.number("acme", numbers[0].id), desk.events]
    shown += [service.update_number("acme", numbers[0].id, label="x"), service.release_number("acme", numbers[0].id)]

    assert take_over(desk, connection, [one], idempotency_key="k1") == shown[3]
    shown.append(service.delete("acme", connection.id))
    assert [each.routing["voice_url"] for each in shown[-1].left] == ["https://ours:***@app.example/in?***"] * 3
    assert found_in(kept(store), MARKS) == []
    assert found_in(repr(shown).encode(), MARKS) == []
    assert found_in("".join(map(str, shown)).encode(), MARKS) == []


def test_the_same_job_is_answered_in_the_same_way(desk, service):
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk)
    start = {"numbers": [number.phone_number], "route": Route.webhook(OURS), "idempotency_key": "k"}
    job = service.start_import("acme", connection.id, **start)

    assert service.start_import("acme", connection.id, **start) == job == service.job("acme", job.id)
    assert job.request["route"]["target"] == "https://ours:***@app.example/in?***"


@pytest.mark.parametrize(
    "url", [BEFORE, "https://u:sealed.key.AAAA@h.example/?sealed.key.AAAA", "https://u:*@h.example/?*"], ids=len
)
def test_routing_is_put_back_with_its_secrets(desk, service, url):
    """Also what only looks as if it were sealed already; imported twice, to two routes."""
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk, url=url)
    assert take_over(desk, connection, [number]).imported_count == 1
    assert take_over(desk, connection, [number], route=Route.webhook(f"{OURS}&again=1")).imported_count == 1
    assert number.voice_url == f"{OURS}&again=1"

    report = service.delete("acme", connection.id, restore_routing=True)

    assert report.restored == (number.phone_number,)
    assert (number.voice_url, number.status_callback) == (url, BACK)


@pytest.mark.parametrize("again", [False, True], ids=["as_it_was", "sealed_again"])
def test_an_import_that_is_resumed_knows_the_secrets(desk, service, store, box, key, clock, monkeypatch, again):
    """The process was gone while the carrier was written to; the next one may have another key."""
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk)
    monkeypatch.setattr("voipkit.service.importing.settle", _die)
    with pytest.raises(_GoneError):
        take_over(desk, connection, [number])
    monkeypatch.undo()
    number.voice_url = BEFORE  # the carrier had not been written to yet, or somebody put it back
    clock.turn(minutes=5)
    if again:
        fresh = generate_key()
        assert rekey(store, Sealer(KeyRing.from_text(f"{fresh},{key}"))).resealed == 3  # credentials, number, plan
        service = Desk(store, box, fresh, clock, []).service

    assert len(service.recover().finished) == 1
    assert number.voice_url == OURS
    assert service.delete("acme", connection.id, restore_routing=True).restored == (number.phone_number,)
    assert number.voice_url == BEFORE


class _GoneError(BaseException):
    """The process is gone."""


def _die(*_):
    raise _GoneError


def test_sealed_again_it_is_put_back_without_the_old_key(desk, service, store, box, key, clock):
    connection = desk.connect(carrier="twilio")
    numbers = routed_numbers(desk, 3)
    take_over(desk, connection, numbers[:2])
    job = service.start_import(
        "acme", connection.id, [numbers[2].phone_number], route=Route.webhook(OURS), on_conflict="overwrite"
    )
    fresh = generate_key()
    done = rekey(store, Sealer(KeyRing.from_text(f"{fresh},{key}")), batch=1)
    after = Desk(store, box, fresh, clock, [])

    assert (done.resealed, done.failed) == (1 + 2 + 1, ())  # the credentials, two numbers and the job
    assert after.service.run_job("acme", job.id).counts == {"done": 1}
    assert [number.voice_url for number in numbers] == [OURS] * 3
    assert after.service.verify_number("acme", after.service.numbers("acme").items[0].id).verification.status == "pass"
    after.service.delete("acme", connection.id, restore_routing=True)
    assert [number.voice_url for number in numbers] == [BEFORE] * 3


def test_without_the_key_nothing_is_written_at_the_carrier(desk, service, store, box, key, clock):
    """The credentials were sealed again, as by a rotation; the numbers' routing was not."""
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk)
    take_over(desk, connection, [number])
    fresh = generate_key()
    rekey(_CredentialsOnly(store), Sealer(KeyRing.from_text(f"{fresh},{key}")))
    without = Desk(store, box, fresh, clock, [])
    box.clear()

    for act in (
        lambda: without.service.delete("acme", connection.id, restore_routing=True),
        lambda: without.service.verify_number("acme", without.service.numbers("acme").items[0].id),
        lambda: take_over(without, connection, [number], route=Route.webhook("https://other.example")),
    ):
        with pytest.raises(SealKeyMissing, match="webhook"):
            act()
    assert (box.writes, number.voice_url) == ([], OURS)


class _CredentialsOnly:
    """A store whose numbers, operations and jobs are not sealed again."""

    def __init__(self, store):
        self.sealed_elsewhere, self.replace_sealed = store.sealed_elsewhere, store.replace_sealed

    def rewrite_urls(self, *_, **__):
        return None


def test_what_is_shown_of_a_route_is_no_route(desk, service, store):
    """Given back by a caller, it would be the password that the carrier uses."""
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk)
    take_over(desk, connection, [number])
    shown = service.numbers("acme").items[0].route
    with store.transaction("acme", read_only=True) as tx:
        stored = tx.numbers_named([number.phone_number])[0].route
    desk.box.clear()

    assert shown.target == "https://ours:***@app.example/in?***"
    for route in (shown, stored):
        with pytest.raises(InvalidField) as caught:
            take_over(desk, connection, [number], route=route)
        assert caught.value.field == "route"
        with pytest.raises(InvalidField):
            service.start_import("acme", connection.id, [number.phone_number], route=route)
    assert desk.box.requests == []


def test_the_longest_route_is_kept(desk, service):
    connection = desk.connect(carrier="twilio")
    (number,) = routed_numbers(desk)
    longest = f"https://{'u' * 500}:{'p' * 300}@h.example/?".ljust(1400, "q")

    assert take_over(desk, connection, [number], route=Route.webhook(longest)).imported_count == 1
    assert number.voice_url == longest
    assert service.numbers("acme").items
    with pytest.raises(InvalidField, match="2048"):
        take_over(desk, connection, [number], route=Route.webhook(longest + "q" * 200))
