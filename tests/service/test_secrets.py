"""What a service shows of a key, what reaches the database, and what outlives a change of the key ring."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.service.conftest import Desk
from voipkit.errors import SealKeyMissing
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import Settings, setting
from voipkit.service.shop import key_hint


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

    assert held["voipkit_reservations"].count("k1") == 1
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
