"""``voipkit db``, as a person and as a program run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import voipkit
from tests.postgres import PASSWORD, Postgres
from voipkit.cli.app import app
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import NewConnection
from voipkit.store import Sealer, SqlStore
from voipkit.testing.stores import T0


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VOIPKIT_DATABASE_URL", raising=False)
    monkeypatch.delenv("VOIPKIT_SECRET_KEY", raising=False)

    def call(*arguments: str, **variables: str) -> Result:
        result = CliRunner().invoke(app, ["db", *arguments], env=variables)
        assert PASSWORD not in result.output
        return result

    return call


def test_make_look_and_make_again(run, empty_url: str) -> None:
    before = run("check", "--json", VOIPKIT_DATABASE_URL=empty_url)
    assert before.exit_code == 1
    assert json.loads(before.stdout)["error"]["kind"] == "store_schema"
    assert "voipkit db upgrade" in before.stdout

    made = run("upgrade", "--json", VOIPKIT_DATABASE_URL=empty_url)
    assert (made.exit_code, json.loads(made.stdout)["before"], json.loads(made.stdout)["after"]) == (0, None, "0001")
    again = run("upgrade", VOIPKIT_DATABASE_URL=empty_url)
    assert (again.exit_code, "is up to date (schema 0001)" in again.stdout.replace("\n", " ")) == (0, True)
    assert run("check", VOIPKIT_DATABASE_URL=empty_url).exit_code == 0


def test_the_option_goes_before_the_environment(run, tmp_path: Path) -> None:
    chosen, other = tmp_path / "chosen.db", tmp_path / "other.db"
    assert run("upgrade", "--database", str(chosen), VOIPKIT_DATABASE_URL=str(other)).exit_code == 0

    assert chosen.exists()
    assert not other.exists()


def test_looking_makes_nothing(run, tmp_path: Path) -> None:
    assert run("check", "--database", str(tmp_path / "x.db")).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_is_exit_code_3(run, postgres: Postgres) -> None:
    url = postgres.url("template_voipkit").replace(str(postgres.folder), "/nonexistent")
    result = run("check", "--json", VOIPKIT_DATABASE_URL=url)

    assert result.exit_code == 3
    error = json.loads(result.stdout)["error"]
    assert (error["kind"], error["retryable"]) == ("store_unavailable", True)


@pytest.mark.parametrize("url", ["mysql://u:canary-secret@h/d", "postgresql://u:canary-secret@h:port/d"])
def test_a_url_that_cannot_be_used_is_exit_code_2(run, url: str) -> None:
    result = run("check", VOIPKIT_DATABASE_URL=url)

    assert result.exit_code == 2
    assert "canary-secret" not in result.output


def test_seal_again(run, url: str) -> None:
    old, new = generate_key(), generate_key()
    store = SqlStore(url)
    with store.transaction("a") as tx, voipkit.open_provider("telnyx", {"apiKey": "KEY1"}) as carrier:
        made = tx.add_connection(NewConnection(name="x", provider="telnyx", setup_method="api_key"))
        tx.add_credentials(
            Sealer(KeyRing.from_text(old)).seal(
                carrier.credentials, carrier.sip_config, org_id="a", connection_id=made.id, provider="telnyx",
                generation=1, state="active", created_at=T0,
            )
        )  # fmt: skip
    assert run("rekey", VOIPKIT_DATABASE_URL=url).exit_code == 2  # no key
    lost = run("rekey", VOIPKIT_DATABASE_URL=url, VOIPKIT_SECRET_KEY=new)
    assert (lost.exit_code, "not in the ring" in lost.output.replace("\n", " ")) == (1, True)
    done = run("rekey", "--json", VOIPKIT_DATABASE_URL=url, VOIPKIT_SECRET_KEY=f"{new},{old}")
    kid = KeyRing.from_text(new).kids[0]
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"kid": kid, "resealed": 1, "failed": []})

    with store.transaction("a") as tx:
        opened = Sealer(KeyRing.from_text(new)).open(tx.credentials(made.id, 1))
    store.close()
    assert opened.credentials["api_key"].get_secret_value() == "KEY1"
    for output in (lost, done):
        assert new not in output.output
        assert old not in output.output
