"""Credentials at rest: sealed, bound to their place, and re-sealed under another key."""

from __future__ import annotations

import logging
import pickle
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

import voipkit
from tests.postgres import Postgres
from voipkit.errors import SealBroken, SealKeyMissing, StoreError
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import (
    IssuedEvidence,
    NewAuditEntry,
    NewConnection,
    NewJob,
    NewOperation,
    NewPhoneNumber,
    NumberSnapshot,
    Route,
    SealedCredentials,
)
from voipkit.store import MemoryStore, Sealer, SqlStore, rekey
from voipkit.store.sealing import RekeyReport
from voipkit.testing.stores import EVIDENCE, T0

KEY, OLDER = generate_key(), generate_key()
CANARY = "KEYcanary0192-ab_7fe3c1d6a4"
PLACE = {"org_id": "a", "connection_id": 1, "provider": "telnyx", "generation": 1, "state": "active", "created_at": T0}


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(KeyRing.from_text(KEY))


@pytest.fixture
def carrier() -> voipkit.Provider:
    with voipkit.open_provider(
        "telnyx", {"apiKey": CANARY, "connectionId": "123"}, sip_config={"domain": "acme.sip.telnyx.com"}
    ) as carrier:
        yield carrier


@pytest.fixture
def sealed(sealer: Sealer, carrier: voipkit.Provider) -> SealedCredentials:
    return sealer.seal(carrier.credentials, carrier.sip_config, **PLACE)


def test_what_was_sealed_opens_the_same_account(sealer: Sealer, sealed: SealedCredentials, carrier) -> None:
    opened = sealer.open(sealed)

    with voipkit.open_provider("telnyx", opened.credentials, sip_config=opened.sip_config) as again:
        assert again.credentials == carrier.credentials
        assert again.sip_config == carrier.sip_config
    assert CANARY not in f"{opened!r}{sealed!r}{sealer!r}{sealed.model_dump_json(exclude={'sealed'})}"
    assert CANARY.encode() not in sealed.sealed


def test_no_two_ciphertexts_are_alike(sealer: Sealer, carrier: voipkit.Provider) -> None:
    made = {sealer.seal(carrier.credentials, carrier.sip_config, **PLACE).sealed for _ in range(50)}

    assert len(made) == 50


@pytest.mark.parametrize(
    "moved",
    [{"org_id": "b"}, {"connection_id": 2}, {"provider": "twilio"}, {"generation": 2}, {"org_id": 'a",1'}],
    ids=str,
)
def test_a_row_that_was_moved_does_not_open(sealer: Sealer, sealed: SealedCredentials, moved: dict) -> None:
    with pytest.raises(SealBroken, match="moved"):
        sealer.open(sealed.model_copy(update=moved))
    with pytest.raises(SealBroken):
        sealer.reseal(sealed.model_copy(update=moved))


def test_a_row_that_was_moved_in_the_database_does_not_open(store: SqlStore, sealer: Sealer, carrier) -> None:
    """By whoever can write to the database but has no key: to another connection, and to another tenant."""
    ids = []
    for org_id in "aab":
        with store.transaction(org_id) as tx:
            made = tx.add_connection(NewConnection(name="x", provider="telnyx", setup_method="api_key"))
            place = {**PLACE, "org_id": org_id, "connection_id": made.id}
            tx.add_credentials(sealer.seal(carrier.credentials, carrier.sip_config, **place))
            ids.append(made.id)
    for org_id, target in (("a", ids[1]), ("b", ids[2])):
        with store.transaction("a") as tx:
            (source,) = tx.generations(ids[0])
        with store._unit() as database:
            database.exec_driver_sql(
                f"UPDATE voipkit_credentials SET sealed = (SELECT sealed FROM voipkit_credentials WHERE connection_id ="
                f" {ids[0]}) WHERE connection_id = {target}"
            )
        with store.transaction(org_id) as tx:
            (found,) = tx.generations(target)
        assert found.sealed == source.sealed
        with pytest.raises(SealBroken):
            sealer.open(found)


@given(data=st.data())
def test_a_changed_byte_does_not_open(data) -> None:
    sealer = Sealer(KeyRing.from_text(KEY))
    with voipkit.open_provider("telnyx", {"apiKey": CANARY, "connectionId": "1"}) as carrier:
        sealed = sealer.seal(carrier.credentials, carrier.sip_config, **PLACE)
    raw = bytearray(sealed.sealed)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(raw) - 1))

    for changed in (bytes(raw), sealed.sealed[:cut], sealed.sealed + b"\x00"):
        with pytest.raises(SealBroken):
            sealer.open(sealed.model_copy(update={"sealed": changed}))


def test_a_key_that_is_not_in_the_ring_is_named(sealed: SealedCredentials) -> None:
    with pytest.raises(SealKeyMissing, match=sealed.kid):
        Sealer(KeyRing.from_text(OLDER)).open(sealed)


def test_the_newest_key_seals_and_all_open(sealed: SealedCredentials, carrier: voipkit.Provider) -> None:
    ring = KeyRing.from_text(f"{OLDER},{KEY}")
    fresh = Sealer(ring).reseal(sealed)

    assert fresh.kid == ring.kids[0] != sealed.kid
    assert fresh.model_copy(update={"kid": sealed.kid, "sealed": sealed.sealed}) == sealed
    assert Sealer(KeyRing.from_text(OLDER)).open(fresh) == Sealer(ring).open(sealed)
    with pytest.raises(SealBroken):  # a key's id is not what opens
        Sealer(ring).open(fresh.model_copy(update={"kid": sealed.kid}))


def test_no_traceback_shows_a_key_or_a_secret(sealer: Sealer, sealed: SealedCredentials) -> None:
    """With every local of every frame."""
    keys = [key.get_secret_value() for key in KeyRing.from_text(KEY).sealing_keys]
    for wrong in ({"sealed": sealed.sealed[:-1]}, {"kid": "x"}, {"org_id": "b"}, {"sealed": b""}):
        with pytest.raises(StoreError) as caught:
            sealer.open(sealed.model_copy(update=wrong))
        ours = caught.value.with_traceback(caught.value.__traceback__.tb_next)  # this very frame holds the keys
        text = "".join(traceback.TracebackException.from_exception(ours, capture_locals=True).format())
        assert "sealing.py" in text
        assert not any(repr(key)[2:-1] in text or key.hex() in text for key in keys)
        assert CANARY not in text


def test_a_sealer_is_not_pickled(sealer: Sealer) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(sealer)


def test_content_that_is_none_does_not_open(sealer: Sealer, sealed: SealedCredentials) -> None:
    """Sealed by the right key, in the right place, and still no credentials."""
    for plain in (b"", b"[]", b"{}", b'{"credentials": 1, "sip_config": {}}', b"\xff"):
        forged = sealer._encrypted(sealed, SecretBytes(plain))
        with pytest.raises(SealBroken):
            sealer.open(sealed.model_copy(update={"sealed": forged}))


# --- secrets in URLs -------------------------------------------------------------------------------------------------

WEBHOOK = f"https://user:{CANARY}@hooks.example/voice?token={CANARY}"


def test_a_url_stays_one_and_its_secrets_open_again(sealer: Sealer) -> None:
    made = {sealer.seal_urls(WEBHOOK, org_id="a") for _ in range(50)}

    assert len(made) == 50
    for sealed in made:
        assert re.fullmatch(r"https://user:sealed[\w.-]+@hooks\.example/voice\?sealed[\w.-]+", sealed)
        assert CANARY not in sealed
        assert Route.webhook(sealed).target == sealed
        assert sealer.open_urls(sealed, org_id="a") == WEBHOOK


@given(secret=st.text(min_size=1))
def test_any_secret_comes_back(secret: str) -> None:
    """Also one that looks as if it were sealed, which is sealed in its turn."""
    sealer = Sealer(KeyRing.from_text(KEY))
    once = f"https://h.example/?{secret}"
    twice = sealer.seal_urls(once, org_id="a")

    assert sealer.open_urls(twice, org_id="a") == once
    assert sealer.open_urls(sealer.open_urls(sealer.seal_urls(twice, org_id="a"), org_id="a"), org_id="a") == once


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("hooks.example", "evil.example"),
        lambda url: url.replace("user:", "other:"),
        lambda url: url.replace("/voice", "/other"),
        lambda url: "https://user:{1}@hooks.example/voice?{0}".format(*re.findall(r"sealed[\w.-]+", url)),
        lambda url: url[:-1],
        lambda url: url[:-4] + "!" + url[-3:],
        lambda url: url.partition("?")[0] + "?sealed",
        lambda url: WEBHOOK,
        lambda url: "https://sealed.x@hooks.example",
    ],
)
def test_a_secret_of_a_url_that_was_changed_moved_or_never_sealed_does_not_open(sealer: Sealer, change) -> None:
    """Whoever can write to the database does not make the carrier send a password elsewhere."""
    sealed = sealer.seal_urls(WEBHOOK, org_id="a")
    with pytest.raises(SealBroken) as caught:
        sealer.open_urls(change(sealed), org_id="a")

    ours = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    if change(sealed) != WEBHOOK:
        text = "".join(traceback.TracebackException.from_exception(ours, capture_locals=True).format())
        assert CANARY not in text
    with pytest.raises(SealBroken):
        sealer.open_urls(sealed, org_id="b")


def test_a_url_whose_key_is_not_in_the_ring_names_it(sealer: Sealer) -> None:
    sealed, ring = sealer.seal_urls(WEBHOOK, org_id="a"), KeyRing.from_text(f"{OLDER},{KEY}")

    with pytest.raises(SealKeyMissing, match=sealer.kid):
        Sealer(KeyRing.from_text(OLDER)).open_urls(sealed, org_id="a")
    fresh = Sealer(ring).reseal_urls(sealed, org_id="a")
    assert Sealer(KeyRing.from_text(OLDER)).open_urls(fresh, org_id="a") == WEBHOOK
    assert Sealer(ring).reseal_urls(fresh, org_id="a") == fresh  # under the newest already
    assert Sealer(ring).reseal_urls("https://u:***@h.example?***", org_id="a") == "https://u:***@h.example?***"


# --- nothing in the database -----------------------------------------------------------------------------------------


def _live_a_little(store: SqlStore, sealer: Sealer, carrier: voipkit.Provider) -> None:
    """Create, rotate, destroy and delete, so that every table, index and log was written to."""
    for _ in range(3):
        with store.transaction("a") as tx:
            made = tx.add_connection(
                NewConnection(name="MARKER-name", provider="telnyx", setup_method="api_key", key_hint=f"…{CANARY[-4:]}")
            )
            tx.add_numbers([NewPhoneNumber(number=f"+1555{made.id:07}", voip_connection_id=made.id)])
            for generation, state in ((1, "active"), (2, "staged")):
                place = {**PLACE, "connection_id": made.id, "generation": generation, "state": state}
                tx.add_credentials(sealer.seal(carrier.credentials, carrier.sip_config, **place))
            tx.add_audit([NewAuditEntry(action="connection.created", object_type="connection", object_id=made.id)])
    with store.transaction("a") as tx:
        tx.add_evidence(IssuedEvidence(id=EVIDENCE, org_id="a", token="t", expires_at=T0, created_at=T0))
        tx.destroy_generation(made.id, 1)
        tx.delete_connection(made.id)
    rekey(store, Sealer(KeyRing.from_text(f"{OLDER},{KEY}")))


def test_no_byte_of_the_file_is_a_secret(tmp_path: Path, sealer: Sealer, carrier, caplog) -> None:
    """File, write-ahead log and shared memory, before and after everything is written back."""
    caplog.set_level(logging.DEBUG)
    store = SqlStore(tmp_path / "voipkit.db")
    store.upgrade()
    _live_a_little(store, sealer, carrier)
    during = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    store.close()
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    assert set(during) == {"voipkit.db", "voipkit.db-wal", "voipkit.db-shm"}
    assert b"MARKER-name" in during["voipkit.db-wal"]  # the look itself works
    assert b"MARKER-name" in after["voipkit.db"]
    _assert_clean(b"".join([*during.values(), *after.values()]) + caplog.text.encode())


def test_no_byte_of_the_server_is_a_secret(postgres: Postgres, postgres_url, sealer: Sealer, carrier, caplog) -> None:
    """Tables, write-ahead log, and the server's own log of every statement."""
    caplog.set_level(logging.DEBUG)
    store = SqlStore(postgres_url)
    _live_a_little(store, sealer, carrier)
    store.close()
    postgres.stop()  # so that everything is written, and nothing changes under the reader
    try:
        files = [file for file in (postgres.folder / "data").rglob("*") if file.is_file()]
        everything = b"".join(file.read_bytes() for file in files) + postgres.log().encode()
    finally:
        postgres.start()

    assert b"MARKER-name" in everything
    assert "voipkit_credentials" in postgres.log()
    _assert_clean(everything + caplog.text.encode())


def _assert_clean(content: bytes) -> None:
    keys = [key.get_secret_value() for text in (KEY, OLDER) for key in KeyRing.from_text(text).sealing_keys]
    for secret in (CANARY.encode(), CANARY.encode().hex().encode(), KEY.encode(), OLDER.encode(), *keys):
        assert secret not in content
        assert secret.hex().encode() not in content


# --- another key -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, sealer: Sealer, carrier, tmp_path: Path):
    """A store with 25 sealed credentials of three tenants."""
    if request.param == "memory":
        store = MemoryStore()
    elif request.param == "sqlite":
        store = SqlStore(tmp_path / "voipkit.db")
        store.upgrade()
    else:
        store = SqlStore(request.getfixturevalue("postgres_url"))
    for n in range(25):
        with store.transaction("abc"[n % 3]) as tx:
            made = tx.add_connection(NewConnection(name="x", provider="telnyx", setup_method="api_key"))
            place = {**PLACE, "org_id": "abc"[n % 3], "connection_id": made.id}
            tx.add_credentials(sealer.seal(carrier.credentials, carrier.sip_config, **place))
    yield store
    store.close()


@pytest.fixture
def routed(filled, sealer: Sealer):
    """The same with numbers, an operation and a job that hold sealed URLs, and one number that holds none."""
    url = sealer.seal_urls(WEBHOOK, org_id="b")
    snapshot = NumberSnapshot(number="+15550000001", id="PN1", before={"voice_url": url}, after={"trunk": "TK1"})
    with filled.transaction("b") as tx:
        tx.add_numbers(
            [NewPhoneNumber(number=f"+1555000000{n}", route=Route.webhook(url), snapshot=snapshot) for n in range(7)]
        )
        tx.add_numbers([NewPhoneNumber(number="+15550000009", route=Route.trunk("TK1"))])
        data = {"planned": {"+1": snapshot.model_dump(mode="json")}, "numbers": ["+1"]}
        tx.begin_operation(NewOperation(kind="import", step="write", data=data, worker="w", lease_until=T0))
        tx.add_job(NewJob(kind="import", request={"route": Route.webhook(url).model_dump(mode="json")}), ["+1"])
    return filled


def _webhooks(store) -> set[str]:
    with store.transaction("b", read_only=True) as tx:
        numbers = [number for number in tx.numbers().items if number.snapshot]
        (operation,), (job,) = tx.operations(), tx.jobs().items
    assert (len(numbers), operation.data["numbers"], job.counts) == (7, ["+1"], {"pending": 1})
    return {
        *(number.route.target for number in numbers), *(number.snapshot.before["voice_url"] for number in numbers),
        operation.data["planned"]["+1"]["before"]["voice_url"], job.request["route"]["target"],
    }  # fmt: skip


def test_urls_are_sealed_again_wherever_they_are(routed) -> None:
    both, fresh = Sealer(KeyRing.from_text(f"{OLDER},{KEY}")), Sealer(KeyRing.from_text(OLDER))
    seen: list[int] = []

    def stop(resealed: int) -> None:
        seen.append(resealed)
        if resealed == 25 + 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey(routed, both, batch=3, on_batch=stop)
    assert rekey(routed, both, batch=3) == RekeyReport(both.kid, 1 + 1 + 1)
    assert seen[-2:] == [25 + 3, 25 + 6]
    assert {fresh.open_urls(url, org_id="b") for url in _webhooks(routed)} == {WEBHOOK}
    assert rekey(routed, both).resealed == 0


def test_a_url_that_does_not_open_stays_and_its_record_is_named(routed, sealer: Sealer) -> None:
    broken = sealer.seal_urls(WEBHOOK, org_id="another")
    with routed.transaction("b") as tx:
        number = tx.numbers_named(["+15550000003"])[0]
        tx.update_number(number.id, route=Route.webhook(broken))
    report = rekey(routed, Sealer(KeyRing.from_text(f"{OLDER},{KEY}")), batch=2)

    assert report.resealed == 25 + 6 + 1 + 1
    assert [text.partition(":")[0] for text in report.failed] == [f"numbers {number.id}"]
    assert CANARY not in report.failed[0]
    assert broken in _webhooks(routed)


def _kids(store) -> set[str]:
    return {s.kid for _, s in store.sealed_elsewhere("none", limit=1000)}


def test_everything_is_sealed_again_and_the_old_key_can_go(filled, sealer: Sealer) -> None:
    both, fresh = Sealer(KeyRing.from_text(f"{OLDER},{KEY}")), Sealer(KeyRing.from_text(OLDER))
    seen: list[int] = []
    report = rekey(filled, both, batch=10, on_batch=seen.append)

    assert (report.resealed, report.failed, seen) == (25, (), [10, 20, 25])
    assert _kids(filled) == {fresh.kid}
    for _, sealed in filled.sealed_elsewhere("none", limit=1000):
        assert fresh.open(sealed).credentials["api_key"].get_secret_value() == CANARY
        with pytest.raises(SealKeyMissing):
            sealer.open(sealed)
    assert rekey(filled, both).resealed == 0


def test_what_was_cut_short_goes_on(filled) -> None:
    both = Sealer(KeyRing.from_text(f"{OLDER},{KEY}"))

    def stop(resealed: int) -> None:
        if resealed >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey(filled, both, batch=5, on_batch=stop)
    assert len(filled.sealed_elsewhere(both.kid, limit=1000)) == 15
    assert rekey(filled, both, batch=5).resealed == 15


def test_what_does_not_open_stays_and_is_named(filled, sealer: Sealer) -> None:
    """One broken row stops neither the others nor the end."""
    rows = [s for _, s in filled.sealed_elsewhere("none", limit=1000)]
    broken, strange = rows[3], rows[20]
    filled.replace_sealed(
        [
            (broken, broken.model_copy(update={"sealed": broken.sealed[:-1] + bytes([broken.sealed[-1] ^ 1])})),
            (strange, strange.model_copy(update={"kid": "lost"})),
        ]
    )
    report = rekey(filled, Sealer(KeyRing.from_text(f"{OLDER},{KEY}")), batch=4)

    assert report.resealed == 23
    assert [f"connection {s.connection_id}" in text for s, text in zip((broken, strange), report.failed, strict=True)] == [
        True, True,
    ]  # fmt: skip
    assert {sealer.kid, "lost"} < _kids(filled)
    assert "'lost'" in report.failed[1]
