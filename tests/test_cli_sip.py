"""`voipkit sip`, and SIP trunks at the other commands: against the scripted peer, with secrets that must not come out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from tests.sip.peers.processes import free_port
from voipkit import registry
from voipkit.cli import inputs, witnesses
from voipkit.cli.app import app
from voipkit.sandbox import Sandbox
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sip import drain, forget_rejections

PASSWORD = "wonderland-7f3a"
FIRST, SECOND = "+14155550100", "+14155550101"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("VOIPKIT_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VOIPKIT_SIP_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    forget_rejections()


@pytest.fixture
def peer() -> Iterator[SipPeer]:
    with SipPeer() as running:
        yield running
        drain(timeout=0.5)
        assert running.settle() == ()
        assert running.journal.violations == []


def run(*arguments, **more):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **more)


def sip(question, peer, *arguments, transport="udp", **more):
    where = f"{peer.host}:{peer.port(transport)}"
    options = ("--domain", "trunk.test", "--transport", transport, "--allow-private")
    return run("sip", question, where, *arguments, *options, **more)


# --- the questions ---------------------------------------------------------------------------------------------------


class TestOptions:
    def test_says_that_the_trunk_is_there(self, peer):
        result = sip("options", peer)
        assert result.exit_code == 0
        assert "pass" in result.stdout
        assert "200" in result.stdout
        assert peer.journal.methods == ["OPTIONS"]

    def test_an_address_that_is_not_public_is_refused_by_default(self, peer):
        result = run("sip", "options", f"{peer.host}:{peer.port('udp')}", "--transport", "udp")
        assert result.exit_code == 1
        assert "may not be probed" in result.stdout
        assert peer.journal.requests == []

    def test_silence_is_exit_code_3(self, peer):
        peer.scenario = "silent"
        assert sip("options", peer).exit_code == 3

    @pytest.mark.parametrize("host", ["127.1", "sip:a.example", "a b", "a\r\nX: 1", "a.example:99999", "a.example:25"])
    def test_a_host_that_is_none_is_exit_code_2(self, host):
        result = run("sip", "options", host, "--json")
        assert result.exit_code == 2
        assert json.loads(result.stdout)["error"]["kind"] == "credentials_invalid"


class TestCredentials:
    def test_the_password_comes_from_the_environment_a_file_or_standard_input(self, peer, tmp_path, monkeypatch):
        assert sip("credentials", peer, "--username", "alice").exit_code == 0
        monkeypatch.delenv("VOIPKIT_SIP_PASSWORD")
        (tmp_path / "password").write_text(f"{PASSWORD}\n")
        assert sip("credentials", peer, "--username", "alice", "--password-file", "password").exit_code == 0
        assert sip("credentials", peer, "--username", "alice", "--password-file", "-", input=PASSWORD).exit_code == 0

    def test_without_one_it_says_where_to_put_it(self, peer, monkeypatch):
        monkeypatch.delenv("VOIPKIT_SIP_PASSWORD")
        result = sip("credentials", peer, "--username", "alice")
        assert result.exit_code == 2
        assert "VOIPKIT_SIP_PASSWORD" in result.output
        assert sip("credentials", peer).exit_code == 2
        assert peer.journal.requests == []

    def test_a_wrong_one_is_exit_code_1_and_tried_once(self, peer, monkeypatch):
        monkeypatch.setenv("VOIPKIT_SIP_PASSWORD", "wrong-password")
        result = sip("credentials", peer, "--username", "alice")
        assert result.exit_code == 1
        assert "Fix:" in result.stdout
        assert peer.journal.methods == ["REGISTER", "REGISTER"]

    def test_the_ladder_shows_the_exchange_and_no_secret(self, peer):
        result = sip("credentials", peer, "--username", "alice", "--trace", "--json")
        document = json.loads(result.stdout)
        assert (document["verdict"], document["sip_code"]) == ("credentials.valid", 200)
        texts = [json.dumps(entry) for entry in document["trace"]]
        assert any("REGISTER" in text for text in texts)
        drawn = sip("credentials", peer, "--username", "alice", "--trace").stdout
        assert drawn.index("REGISTER") < drawn.index("401") < drawn.index("200")
        for text in (result.output, drawn):
            assert PASSWORD not in text
            assert 'response="' not in text

    def test_json_has_no_trace_unless_asked_for(self, peer):
        assert json.loads(sip("credentials", peer, "--username", "alice", "--json").stdout)["trace"] is None

    @pytest.mark.parametrize("transport", ["tcp", "tls"])
    def test_over_each_transport(self, transport, peer):
        more = ("--ca-bundle", peer.ca_file) if transport == "tls" else ()
        result = sip("credentials", peer, "--username", "alice", *more, transport=transport)
        assert result.exit_code == 0, result.output


class TestOutbound:
    def test_nothing_is_called_without_a_yes(self, peer):
        result = sip("outbound", peer, SECOND, "--username", "alice")
        assert result.exit_code == 2
        assert "--yes" in result.output
        assert peer.journal.requests == []

    def test_a_call_is_cancelled_before_an_answer(self, peer):
        result = sip("outbound", peer, SECOND, "--username", "alice", "--caller-id", FIRST, "--yes", "--trace")
        assert result.exit_code == 0, result.output
        assert peer.journal.methods[-2:] == ["CANCEL", "ACK"]
        assert "CANCEL" in result.stdout
        assert "Waiting" not in result.output
        assert FIRST in next(r for r in peer.journal.requests if r.method == "INVITE").get("from")

    def test_an_answered_call_is_said_to_be_billed(self, peer):
        peer.scenario = "late-200"
        result = sip("outbound", peer, SECOND, "--username", "alice", "--yes")
        assert "may be billed" in result.stdout
        assert "BYE" in peer.journal.methods

    def test_why_it_does_not_end_at_once_is_said(self, peer):
        peer.scenario = "not-listed"
        result = sip("outbound", peer, SECOND, "--username", "alice", "--yes")
        assert result.exit_code == 3, result.output
        assert "Waiting up to 32 seconds" in result.stderr

    @pytest.mark.parametrize("number", ["911", "112", "0100", "+19005550199", "+88168431111"])
    def test_some_numbers_are_never_called(self, number, peer):
        result = sip("outbound", peer, number, "--username", "alice", "--yes")
        assert result.exit_code == 2
        assert peer.journal.requests == []


class TestDialIn:
    def test_a_call_that_arrives(self, peer):
        port = free_port()
        peer.routes[FIRST] = ("127.0.0.1", port)
        witness = ("--witness", f"127.0.0.1:{port}", "--yes", "--json", "--trace")
        result = sip("dial-in", peer, FIRST, "--username", "alice", "--caller-id", SECOND, *witness)
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert (document["code"], document["direction"]) == ("sip.dial_in.round_trip", "inbound")
        assert document["trace"]

    def test_a_call_that_does_not(self, peer):
        witness = ("--witness", f"127.0.0.1:{free_port()}", "--yes")
        result = sip("dial-in", peer, FIRST, "--username", "alice", *witness)
        assert result.exit_code == 1
        assert "did not arrive" in result.stdout

    @pytest.mark.parametrize("witness", ["somebody", "human", "127.0.0.1:x"])
    def test_a_witness_that_is_none(self, witness, peer):
        assert sip("dial-in", peer, FIRST, "--username", "alice", "--witness", witness, "--yes").exit_code == 2
        assert peer.journal.requests == []

    def test_a_person_is_asked(self, peer, monkeypatch):
        monkeypatch.setattr(witnesses, "interactive", lambda: True)
        for answer, code in (("y", 0), ("n", 1), ("d", 3)):
            result = sip("dial-in", peer, FIRST, "--username", "alice", "--witness", "human", input=f"{answer}\n")
            assert result.exit_code == code, result.output
            assert f"Call {FIRST} now" in result.stderr
        assert peer.journal.requests == []


# --- a trunk at the other commands -----------------------------------------------------------------------------------


@pytest.fixture
def account(peer, tmp_path):
    file = tmp_path / "trunk.json"
    given = {"host": peer.host, "port": peer.port("udp"), "transport": "udp", "username": "alice", "password": PASSWORD}
    config = {"domain": "trunk.test", "numbers": [FIRST, SECOND], "probe_number": SECOND, "allow_outbound_call": True}
    file.touch(mode=0o600)
    file.write_text(json.dumps({"credentials": given, "sip_config": config}))
    return ("--credentials", file, "--allow-private")


class TestAccount:
    def test_the_whole_job(self, account, peer):
        assert run("test", "manual", *account).exit_code == 0
        listed = run("numbers", "manual", *account, "--json").stdout.splitlines()
        assert [json.loads(row)["number"] for row in listed] == [FIRST, SECOND]
        imported = run("import", "manual", FIRST, *account, "--json", "--yes")
        assert imported.exit_code == 0, imported.output
        assert "Nothing is written upstream" in json.loads(imported.stdout)["charge_note"]
        assert "trunk.test" in run("suggest-name", "manual", *account).stdout
        assert peer.registrar.bindings == {}

    def test_from_the_environment(self, peer):
        given = {"HOST": peer.host, "PORT": peer.port("udp"), "TRANSPORT": "udp", "USERNAME": "alice",
                 "PASSWORD": PASSWORD, "DOMAIN": "trunk.test", "NUMBERS": f"{FIRST},{SECOND}",
                 "PROBE_NUMBER": SECOND, "ALLOW_OUTBOUND_CALL": "true"}  # fmt: skip
        env = {f"VOIPKIT_MANUAL_{name}": str(value) for name, value in given.items()}
        result = run("test", "manual", "--allow-private", "--json", env=env)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["outbound_authorized"] is True
        assert run("numbers", "manual", env=env).stdout.count("+1415") == 2

    def test_private_addresses_need_the_option(self, account, peer):
        assert run("test", "manual", *account[:2]).exit_code == 1
        assert peer.journal.requests == []

    def test_verified_with_a_witness(self, account, peer):
        port = free_port()
        peer.routes[FIRST] = ("127.0.0.1", port)
        witness = ("--witness", f"127.0.0.1:{port}")
        refused = run("verify", "manual", FIRST, *witness, *account)
        assert refused.exit_code == 2
        assert "may be" in refused.stderr or "billed" in refused.stderr
        assert peer.journal.requests == []
        result = run("verify", "manual", FIRST, *witness, "--yes", "--json", *account)
        assert result.exit_code == 0, result.output
        (found,) = json.loads(result.stdout)["verifications"]
        assert (found["status"], found["inbound_reachable"], found["outbound_authorized"]) == ("pass", True, True)

    def test_a_witness_wants_one_number_and_a_carrier_that_calls(self, account):
        assert run("verify", "manual", FIRST, SECOND, "--witness", "127.0.0.1:5080", "--yes", *account).exit_code == 2
        box = Sandbox()
        info = registry.provider_info("telnyx")
        given = {inputs.variable(info, info.setup_methods[0], "credentials", n): v
                 for n, v in box.credentials("telnyx").items()}  # fmt: skip
        result = run("verify", "telnyx", FIRST, "--witness", "127.0.0.1:5080", "--yes", env=given)
        assert result.exit_code == 2
        assert "cannot have a call placed" in result.output


# --- templates -------------------------------------------------------------------------------------------------------


class TestTemplates:
    def test_lists_them_with_their_day(self):
        text = run("sip", "templates").stdout
        for word in ("telnyx-us", "sip.telnyx.com", "2026-", "plivo"):
            assert word in text
        listed = json.loads(run("sip", "templates", "--json").stdout)["templates"]
        assert all(template["sources"] for template in listed)

    def test_prints_a_credentials_file_and_what_is_not_verified(self):
        result = run("sip", "templates", "twilio", "--blank", "trunk=acme")
        assert json.loads(result.stdout)["credentials"]["host"] == "acme.pstn.twilio.com"
        assert "Not verified" in result.stderr

    @pytest.mark.parametrize("more", [("nobody",), ("twilio",), ("twilio", "--blank", "trunk=a/b")])
    def test_what_is_missing_is_named(self, more):
        result = run("sip", "templates", *more)
        assert result.exit_code == 2
        assert "Fix:" in result.output
