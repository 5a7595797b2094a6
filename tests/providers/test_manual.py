"""A SIP trunk of any carrier, against the scripted peer; the contract's part is in tests/conformance/test_manual.py."""

from __future__ import annotations

import asyncio
import base64
import gc
import ipaddress
import logging
import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import voipkit
from voipkit import aio, registry
from voipkit.adapting.dialin import dial_in
from voipkit.errors import ConfigurationError, CredentialsInvalid, InvalidNumber, Unsupported
from voipkit.models import CallCost, ImportReport, PlacedCall, Route, Sighting
from voipkit.protocols import SupportsDialIn, SupportsRestore
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sip import drain, forget_rejections
from voipkit.sip.checks import as_check, placed_call
from voipkit.sip.verdicts import outcome
from voipkit.sip.witness import ListenerWitness
from voipkit.sip.witnesses import CallbackWitness, Expected, HumanWitness

PASSWORD = "wonderland-7f3a"
FIRST, SECOND, PROBE, FOREIGN = "+14155550100", "+14155550101", "+14155550199", "+12125550199"
CALLS = {"probe_number": PROBE, "allow_outbound_call": True}


def no_http(*_: object) -> tuple[int, dict[str, str], bytes]:
    raise AssertionError("a SIP trunk sends no HTTP")


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    """Refused passwords are remembered for a while, which is not what these tests are about."""
    forget_rejections()


@pytest.fixture
def peer() -> Iterator[Callable[..., SipPeer]]:
    """Start peers; when the test ends none may have a call, a binding or a connection left, nor a broken rule."""
    started: list[SipPeer] = []
    with ExitStack() as stack:

        def start(scenario: str = "normal", **options: object) -> SipPeer:
            started.append(stack.enter_context(SipPeer(scenario, **options)))
            return started[-1]

        yield start
        drain(timeout=0.5)  # a guard over a call that nobody answered goes on for 32 seconds: not for each test
        for each in started:
            each.registrar.bindings.pop("kept", None)
            assert each.settle() == ()
            assert each.journal.violations == []
            assert each.journal.strays == []


def trunk(
    peer: SipPeer,
    credentials: dict[str, object] | None = None,
    sip_config: dict[str, object] | None = None,
    *,
    transport: str = "udp",
    **options: object,
) -> voipkit.Provider:
    """Open the peer's trunk, with two numbers."""
    given = {
        "host": peer.host, "port": peer.port(transport), "transport": transport, "username": "alice",
        "password": PASSWORD,
    }  # fmt: skip
    config = {"domain": "trunk.test", "numbers": [FIRST, SECOND]}
    merged = {name: value for name, value in {**given, **(credentials or {})}.items() if value is not None}
    return voipkit.open_provider(
        "manual",
        merged,
        sip_config={**config, **(sip_config or {})},
        http=voipkit.HttpOptions(**{"wire": no_http, **options}),
    )


def codes(result, status=None):
    return {check.code for check in result.checks if status in (None, check.status)}


def answers(result):
    return result.credentials_valid, result.inbound_reachable, result.outbound_authorized


def the(result, code):
    (check,) = (check for check in result.checks if check.code == code)
    return check


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])


# --- what a user types in --------------------------------------------------------------------------------------------


class TestSettings:
    @pytest.mark.parametrize(
        "host",
        ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1\x00.example.com", "①②⑦.0.0.1", "a b", "a@b", "a..b",
         "-a.example", "sip:sip.example.com", "sip.example.com:5060", "sip.example.com/x", "<x>", "a;b", "fe80::1%eth0",
         "sip.example.com\r\nX-Evil: 1", "x" * 300],
    )  # fmt: skip
    def test_a_host_that_is_none_is_refused_before_a_byte(self, host):
        with pytest.raises(CredentialsInvalid) as caught:
            voipkit.open_provider("manual", {"host": host})
        assert [problem.field for problem in caught.value.problems] == ["host"]
        assert host not in str(caught.value)

    @pytest.mark.parametrize("host", ["sip.example.com", "SIP.Example.Com", "sip.example.com."])
    def test_one_host_has_one_spelling(self, host):
        assert voipkit.open_provider("manual", {"host": host}).credentials.host == "sip.example.com"

    @pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::1", "[2001:db8::1]", "a", "xn--bcher-kva.example"])
    def test_addresses_and_names_are_taken(self, host):
        assert voipkit.open_provider("manual", {"host": host}).credentials.host == host.strip("[]")

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"port": 0}, "port"),
            ({"port": 65536}, "port"),
            ({"port": "many"}, "port"),
            ({"port": 6379}, "port"),
            ({"port": 25}, "port"),
            ({"transport": "TLS"}, "transport"),
            ({"transport": "ws"}, "transport"),
            ({"username": "alice@example.com", "password": "x"}, "username"),
            ({"username": "alice"}, ""),
            ({"password": "secret"}, ""),
            ({"username": "alice", "password": "line\r\nend"}, "password"),
            ({"username": "alice", "auth_username": "a\nb", "password": "x"}, "auth_username"),
        ],
    )
    def test_wrong_credentials_are_named(self, wrong, field):
        with pytest.raises(CredentialsInvalid) as caught:
            voipkit.open_provider("manual", {"host": "sip.example.com", **wrong})
        assert [problem.field for problem in caught.value.problems] == [field]

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"domain": "sip:example.com"}, "domain"),
            ({"proxy": "a b"}, "proxy"),
            ({"proxy": "proxy.example.com:25"}, "proxy"),
            ({"from_user": "a\r\nb"}, "from_user"),
            ({"caller_id": "4155550100"}, "caller_id"),
            ({"probe_number": "911"}, "probe_number"),
            ({"numbers": ["+14155550100", "0100"]}, "numbers"),
            ({"numbers": "+14155550100"}, "numbers"),
            ({"numbers": [f"+1415{n:07}" for n in range(2_000_000, 2_010_001)]}, "numbers"),
            ({"inbound_target": "https://example.com"}, "inbound_target"),
            ({"inbound_target": "sip:voice.example.com?Replaces=x"}, "inbound_target"),
            ({"inbound_target": "sip:voice.example.com\r\nX: 1"}, "inbound_target"),
        ],
    )
    def test_a_wrong_sip_configuration_is_named(self, wrong, field):
        with pytest.raises(CredentialsInvalid) as caught:
            voipkit.open_provider("manual", {"host": "sip.example.com"}, sip_config=wrong)
        assert [problem.field for problem in caught.value.problems] == [field]

    def test_numbers_are_kept_once_and_in_order(self):
        given = [SECOND, "+1 (415) 555-0100", SECOND]
        opened = voipkit.open_provider("manual", {"host": "sip.example.com"}, sip_config={"numbers": given})
        assert opened.sip_config.numbers == (SECOND, FIRST)

    @pytest.mark.parametrize(
        ("credentials", "sip_config", "section"),
        [({"port": 22}, {}, "credentials"), ({}, {"proxy": "sbc.example.com:22"}, "sip_config")],
    )
    def test_a_forbidden_port_is_said_at_its_field(self, credentials, sip_config, section):
        with pytest.raises(CredentialsInvalid) as caught:
            voipkit.open_provider("manual", {"host": "sip.example.com", **credentials}, sip_config=sip_config)
        assert [(p.section, p.field) for p in caught.value.problems] == [(section, *credentials, *sip_config)]

    def test_which_number_is_wrong_is_said(self):
        with pytest.raises(CredentialsInvalid, match="item 2"):
            voipkit.open_provider("manual", {"host": "a.example"}, sip_config={"numbers": [FIRST, "12"]})


# --- the trunk -------------------------------------------------------------------------------------------------------


class TestCredentials:
    @pytest.mark.parametrize(
        ("scenario", "sip_config", "expected", "code"),
        [
            ("normal", {}, (True, None, None), "manual.credentials.valid"),
            ("normal", CALLS, (True, None, True), "manual.outbound.authorized"),
            ("sha-256", {}, (True, None, None), "manual.credentials.valid"),
            ("odd-realm", {}, (True, None, None), "manual.credentials.valid"),
            ("options-503", {}, (True, None, None), "manual.reachability.out_of_service"),
            ("ip-authenticated", {}, (None, None, None), "manual.credentials.unproven"),
            ("ip-authenticated", CALLS, (None, None, True), "manual.credentials.not_asked_for"),
            ("no-registrar-405", {}, (None, None, None), "manual.credentials.no_registrar"),
            ("no-registrar-405", CALLS, (True, None, True), "manual.credentials.call_accepted"),
            ("basic-only", {}, (None, None, None), "manual.credentials.unsupported_challenge"),
            ("identity-refused", CALLS, (False, None, None), "manual.credentials.rejected"),
        ],
    )
    def test_what_a_trunk_answers_is_what_is_said(self, scenario, sip_config, expected, code, peer):
        test = trunk(peer(scenario), sip_config=sip_config).test_credentials()
        assert answers(test) == expected
        assert code in codes(test)
        assert test.status == ("pass" if expected[0] and not test.failures else "fail")

    def test_each_step_is_a_check_of_its_own(self, peer):
        test = trunk(peer(), sip_config=CALLS).test_credentials()
        assert [(check.direction, check.name, check.vendor_code) for check in test.checks] == [
            ("network", "DNS", None),
            ("network", "Transport", None),
            ("network", "TLS identity", None),
            ("network", "OPTIONS", "200"),
            ("account", "Credentials", "200"),
            ("outbound", "Outbound call", "487"),
            ("inbound", "Dial-in", None),
        ]

    def test_a_wrong_password_is_answered_once_and_no_call_follows(self, peer):
        refusing = peer()
        test = trunk(refusing, {"password": "wrong-password"}, CALLS).test_credentials()
        assert answers(test) == (False, None, None)
        assert the(test, "manual.credentials.rejected").fix
        assert refusing.journal.methods == ["OPTIONS", "REGISTER", "REGISTER"]

    @pytest.mark.parametrize("scenario", ["no-registrar-405", "register-silent", "ip-authenticated"])
    def test_a_wrong_password_is_never_proved_by_a_call(self, scenario, peer):
        test = trunk(peer(scenario), {"password": "wrong-password"}, CALLS, timeout=(0.5, 0.5)).test_credentials()
        assert test.credentials_valid is (None if scenario == "ip-authenticated" else False)
        assert test.status == "fail"

    def test_a_trunk_without_a_password_is_proved_by_a_call(self, peer):
        given = {"username": None, "password": None}
        test = trunk(peer("ip-authenticated"), given, CALLS).test_credentials()
        assert answers(test) == (True, None, True)
        assert "manual.credentials.call_accepted" in codes(test, "pass")

    def test_a_password_that_was_refused_is_not_tried_again_at_once(self, peer):
        refusing = peer("lock-out")
        carrier = trunk(refusing, {"password": "wrong-password"})
        assert carrier.test_credentials().credentials_valid is False
        assert "manual.credentials.held_back" in codes(carrier.test_credentials(), "fail")
        assert refusing.journal.methods.count("REGISTER") == 2

    def test_nobody_is_registered_and_nobody_loses_a_registration(self, peer):
        registrar = peer()
        registrar.registrar.bindings["kept"] = ["sip:office@203.0.113.9"]
        trunk(registrar, sip_config=CALLS).test_credentials()
        assert registrar.registrar.bindings == {"kept": ["sip:office@203.0.113.9"]}
        assert all(r.get("contact") == "" for r in registrar.journal.requests if r.method == "REGISTER")

    def test_without_permission_no_call_is_placed(self, peer):
        for config in ({}, {"probe_number": PROBE}, {"allow_outbound_call": True}):
            watched = peer()
            test = trunk(watched, sip_config=config).test_credentials()
            assert "INVITE" not in watched.journal.methods
            assert the(test, "manual.outbound.not_tried").fix

    def test_a_caller_id_that_is_not_the_trunks_is_said(self, peer):
        choosy = peer(caller_ids=(SECOND,))
        refused = trunk(choosy, sip_config=CALLS).test_credentials()
        check = the(refused, "manual.outbound.refused")
        assert answers(refused) == (True, None, False)
        assert (check.vendor_code, "caller ID" in check.fix) == ("403", True)
        allowed = trunk(choosy, sip_config={**CALLS, "caller_id": SECOND}).test_credentials()
        assert allowed.outbound_authorized is True

    def test_a_forbidden_probe_number_is_said_and_not_called(self, peer):
        watched = peer()
        test = trunk(watched, sip_config={**CALLS, "probe_number": "+18835551234"}).test_credentials()
        premium = trunk(watched, sip_config={**CALLS, "probe_number": "+19005550199"}).test_credentials()
        assert answers(premium) == (True, None, None)
        assert "manual.outbound.number_refused" in codes(premium, "unknown")
        assert premium.checks[-2].fix
        assert all("+1900" not in request.uri for request in watched.journal.requests)
        assert test.credentials_valid

    def test_silence_is_unknown_and_ends(self, peer):
        began = time.monotonic()
        test = trunk(peer("silent"), sip_config=CALLS, timeout=(0.5, 0.5)).test_credentials()
        assert answers(test) == (None, None, None)
        assert test.failures == ()
        assert time.monotonic() - began < 6

    def test_a_call_that_is_not_answered_though_options_is(self, peer):
        test = trunk(peer("not-listed"), sip_config=CALLS, timeout=(0.5, 0.5)).test_credentials()
        check = the(test, "manual.outbound.silent")
        assert (check.status, "allow list" in check.fix) == ("unknown", True)

    def test_nobody_there(self):
        closed = SipPeer()
        with closed:
            port = closed.port("tcp")
        test = voipkit.open_provider(
            "manual",
            {"host": "127.0.0.1", "port": port, "transport": "tcp", "username": "alice", "password": PASSWORD},
            http=voipkit.HttpOptions(wire=no_http),
        ).test_credentials()
        assert answers(test) == (None, None, None)
        assert [check.code for check in test.failures] == ["manual.transport.refused"]
        assert {"manual.trunk.not_reached", "manual.outbound.not_reached"} <= codes(test, "unknown")

    def test_the_environment_changes_nothing(self, peer, monkeypatch):
        for name in ("HTTP_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "VOIPKIT_MANUAL_HOST", "SIP_PROXY", "RES_OPTIONS"):
            monkeypatch.setenv(name, "planted.example")
        assert trunk(peer()).test_credentials().credentials_valid is True


class TestTls:
    def test_a_good_certificate_is_an_identity(self, peer):
        secure = peer()
        test = trunk(secure, transport="tls", ca_bundle=secure.ca_file).test_credentials()
        assert answers(test) == (True, None, None)
        assert "manual.tls.open" in codes(test, "pass")
        assert "manual.tls.not_used" not in codes(test)

    @pytest.mark.parametrize(
        ("trusted", "domain", "code"),
        [(False, "trunk.test", "manual.tls.untrusted"), (True, "other.example", "manual.tls.name")],
    )
    def test_a_bad_certificate_gets_no_password(self, trusted, domain, code, peer):
        secure = peer()
        options = {"ca_bundle": secure.ca_file} if trusted else {}
        test = trunk(secure, transport="tls", sip_config={"domain": domain, **CALLS}, **options).test_credentials()
        assert [check.code for check in test.failures] == [code]
        assert answers(test) == (None, None, None)
        assert secure.journal.requests == []

    def test_plain_tcp_is_said_to_prove_nobody(self, peer):
        test = trunk(peer(), transport="tcp").test_credentials()
        assert the(test, "manual.tls.not_used").status == "warn"
        assert test.status == "pass"


class TestReach:
    def test_a_private_address_is_refused_unless_the_operator_says_otherwise(self, peer):
        watched = peer()
        refused = trunk(watched, wire=None).test_credentials()
        assert [check.code for check in refused.failures] == ["manual.address.denied"]
        assert watched.journal.requests == []
        assert trunk(watched, wire=None, allow_private=True).test_credentials().credentials_valid is True

    @pytest.mark.parametrize("seam", [{"wire": no_http}, {"wire": None, "base_url": "http://127.0.0.1:9"}])
    def test_a_test_seam_keeps_everything_on_this_machine(self, seam):
        given = {"host": "198.51.100.7", "username": "alice", "password": PASSWORD}
        config = {"numbers": [FIRST], "inbound_target": "sip:voice.example.com", **CALLS}
        carrier = voipkit.open_provider("manual", given, sip_config=config, http=voipkit.HttpOptions(**seam))
        for ask in (carrier.test_credentials, lambda: carrier.verify_number(FIRST)):
            with pytest.raises(ConfigurationError, match="elsewhere") as caught:
                ask()
            assert caught.value.fix
        assert list(carrier.list_numbers())

    def test_a_customer_cannot_ask_for_it(self):
        for section in ("credentials", "sip_config"):
            given = {"credentials": {"host": "127.0.0.1"}, "sip_config": {}}
            given[section] = {**given[section], "allow_private": True}
            with pytest.raises(CredentialsInvalid):
                voipkit.open_provider("manual", given["credentials"], sip_config=given["sip_config"])


class TestInboundTarget:
    def test_a_target_that_answers_proves_no_calls(self, peer):
        target = peer()
        config = {"inbound_target": f"sip:voice@127.0.0.1:{target.port('tcp')};transport=tcp"}
        found = trunk(peer(), sip_config=config).verify_number(FIRST)
        assert "manual.target.reachability.answered" in codes(found, "pass")
        assert found.inbound_reachable is None
        assert target.journal.methods == ["OPTIONS"]

    def test_a_target_that_is_down_may_only_be_down_for_us(self, peer):
        config = {"inbound_target": f"sip:127.0.0.1:{free_port()};transport=tcp"}
        found = trunk(peer(), sip_config=config).verify_number(FIRST)
        check = the(found, "manual.target.transport.refused")
        assert (check.status, found.inbound_reachable, bool(check.fix)) == ("unknown", None, True)

    def test_a_target_that_may_not_be_asked_spoils_nothing_else(self, peer):
        test = trunk(peer(), sip_config={"inbound_target": "sip:127.0.0.1:22"}).test_credentials()
        check = the(test, "manual.target.not_asked")
        assert (check.status, "22" in check.message, bool(check.fix)) == ("unknown", True, True)
        assert test.status == "pass"

    def test_a_target_with_another_name_in_its_certificate_fails(self, peer):
        target = peer(certificate_names=("other.example",))
        config = {"inbound_target": f"sips:127.0.0.1:{target.port('tls')}"}
        found = trunk(peer(), sip_config=config, ca_bundle=target.ca_file).verify_number(FIRST)
        assert (found.status, found.inbound_reachable) == ("fail", False)
        assert "manual.target.tls.name" in codes(found, "fail")

    def test_many_numbers_share_one_look(self, peer):
        target = peer()
        config = {"inbound_target": f"sip:127.0.0.1:{target.port('udp')};transport=udp", **CALLS}
        watched = peer()
        found = list(trunk(watched, sip_config=config).verify_numbers([FIRST, SECOND]))
        assert [each.number for each in found] == [FIRST, SECOND]
        assert target.journal.methods == ["OPTIONS"]
        assert watched.journal.requests == []
        assert all("manual.outbound.one_by_one" in codes(each, "unknown") for each in found)


# --- numbers ---------------------------------------------------------------------------------------------------------


class TestNumbers:
    def test_the_declared_are_listed_and_nothing_is_asked(self, peer):
        watched = peer()
        carrier = trunk(watched)
        assert [(n.id, n.number, n.country, n.route) for n in carrier.list_numbers()] == [
            (FIRST, FIRST, "US", None),
            (SECOND, SECOND, "US", None),
        ]
        assert carrier.suggest_name().name == f"SIP trunk: trunk.test ({FIRST})"
        assert watched.journal.requests == []

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_an_import_records_and_says_that_nothing_was_written(self, dry_run, peer):
        watched = peer()
        config = {"inbound_target": "sip:voice.example.com"}
        carrier = trunk(watched, sip_config=config)
        report = carrier.import_numbers([FIRST, FOREIGN, "0100"], dry_run=dry_run)
        assert [result.status for result in report.results] == ["unchanged", "not_owned", "failed"]
        assert "Nothing was written upstream" in report.results[0].message
        assert any("sip:voice.example.com" in note for note in report.results[0].notes)
        assert "numbers" in report.results[1].fix
        assert (report.writes, report.charge_estimate, report.snapshot.numbers) == (0, 0, ())
        assert "Nothing is written upstream" in report.charge_note
        assert ImportReport.model_validate_json(report.model_dump_json()) == report
        assert watched.journal.requests == []

    def test_a_route_is_refused(self, peer):
        carrier = trunk(peer())
        for act in (carrier.import_numbers, carrier.verify_numbers):
            with pytest.raises(Unsupported) as caught:
                act([FIRST], Route.sip("sip:voice.example.com"))
            assert "deliver" in caught.value.fix
        assert not isinstance(carrier, SupportsRestore)

    def test_a_number_is_verified_as_its_own_caller_id(self, peer):
        choosy = peer(caller_ids=(FIRST,))
        carrier = trunk(choosy, sip_config={**CALLS, "caller_id": FIRST})
        assert carrier.verify_number(FIRST).outbound_authorized is True
        refused = carrier.verify_number(SECOND)
        assert (refused.status, refused.outbound_authorized) == ("fail", False)
        assert next(carrier.verify_numbers([FIRST])).outbound_authorized is True

    def test_a_number_that_was_not_declared_is_not_tried(self, peer):
        watched = peer()
        found = trunk(watched, sip_config=CALLS).verify_number(FOREIGN)
        assert (found.status, codes(found)) == ("fail", {"manual.number.not_declared"})
        assert watched.journal.requests == []
        with pytest.raises(InvalidNumber):
            trunk(watched).verify_number("0100")


# --- dial-in ---------------------------------------------------------------------------------------------------------


class TestDialIn:
    def test_a_call_that_arrives_is_the_whole_path(self, peer):
        carrying, port = peer(), free_port()
        carrying.routes[FIRST] = ("127.0.0.1", port)
        found = trunk(carrying, sip_config=CALLS).verify_number(FIRST, witness=ListenerWitness("127.0.0.1", port))
        assert "manual.dial_in.round_trip" in codes(found, "pass")
        assert (found.status, answers_of_number(found)) == ("pass", (True, True))
        called = [r for r in carrying.journal.requests if r.method == "INVITE" and FIRST in r.uri]
        assert called
        assert all(SECOND in request.get("from") for request in called), "another number of the trunk calls"

    def test_a_call_that_goes_elsewhere_did_not_arrive(self, peer):
        found = trunk(peer(), sip_config=CALLS).verify_number(FIRST, witness=ListenerWitness("127.0.0.1", free_port()))
        check = the(found, "manual.dial_in.not_arrived")
        assert (check.status, found.inbound_reachable, "486" in check.message) == ("fail", False, True)

    def test_a_call_that_arrives_with_another_caller_id_is_unknown_and_says_which(self, peer):
        carrying, port = peer(), free_port()
        carrying.routes[FIRST], carrying.shown_caller = ("127.0.0.1", port), FOREIGN
        found = trunk(carrying, sip_config=CALLS).verify_number(FIRST, witness=ListenerWitness("127.0.0.1", port))
        check = the(found, "manual.dial_in.another_caller")
        assert (check.status, found.inbound_reachable) == ("unknown", None)
        assert FOREIGN in check.message
        assert SECOND in check.message
        assert FOREIGN in check.fix

    def test_the_caller_id_that_the_carrier_shows_may_be_expected(self, peer):
        carrying, port = peer(), free_port()
        carrying.routes[FIRST], carrying.shown_caller = ("127.0.0.1", port), FOREIGN
        carrier = trunk(carrying, sip_config={**CALLS, "caller_id": FOREIGN})
        found = carrier.verify_number(FIRST, witness=ListenerWitness("127.0.0.1", port))
        assert "manual.dial_in.round_trip" in codes(found, "pass")

    @pytest.mark.parametrize(
        ("placed", "code"),
        [
            (PlacedCall(rang=True, final=480), "another_caller"),
            (PlacedCall(rang=False, final=408), "another_caller"),
            (PlacedCall(rang=True, answered=True), "answered_elsewhere"),
        ],
    )
    def test_a_listener_that_hears_another_caller_does_not_say_that_nothing_arrived(self, placed, code, peer):
        dialling, witness = peer(), ListenerWitness()

        def place(_: float) -> PlacedCall:
            assert dialling.dial(witness.address, FIRST, FOREIGN, ring=0.4).codes == ()
            return placed

        assert dial_in("manual", FIRST, SECOND, witness, place).code == f"manual.dial_in.{code}"

    def test_a_call_that_a_carrier_busies_is_not_taken_for_the_witness_refusal(self, peer, monkeypatch):
        monkeypatch.setattr("voipkit.adapting.dialin._random", Loaded(hold=1.0, refusal=486))
        dialling, witness = peer(), ListenerWitness()

        def place(_: float) -> PlacedCall:
            dialling.dial(witness.address, FIRST, FOREIGN, ring=0.4)
            return PlacedCall(rang=True, final=486, held=1.0)

        assert dial_in("manual", FIRST, SECOND, witness, place).code == "manual.dial_in.another_caller"

    def test_a_call_of_somebody_else_does_not_hide_the_one_that_was_placed(self):
        witness = CallbackWitness()

        def place(_: float) -> PlacedCall:
            witness.saw(Sighting(called=FIRST, caller=FOREIGN, answered=True))
            threading.Timer(0.3, witness.saw, [Sighting(called=FIRST, caller=SECOND)]).start()
            return PlacedCall(rang=True, final=486)

        assert dial_in("manual", FIRST, SECOND, witness, place).code == "manual.dial_in.arrived"

    def test_a_platform_that_refused_as_asked_saw_the_call_whatever_the_caller_id(self, monkeypatch):
        monkeypatch.setattr("voipkit.adapting.dialin._random", Loaded(hold=1.0, refusal=603))
        witness = CallbackWitness()

        def place(_: float) -> PlacedCall:
            witness.saw(Sighting(called=FIRST, caller=FOREIGN, held=1.0, refusal=603))
            return PlacedCall(rang=True, final=603, held=1.1)

        assert dial_in("manual", FIRST, SECOND, witness, place).code == "manual.dial_in.round_trip"

    def test_a_call_that_the_carrier_refuses_proves_nothing(self, peer):
        choosy = peer(caller_ids=("+14155550123",))
        found = trunk(choosy, sip_config={"allow_outbound_call": True}).verify_number(
            FIRST, witness=ListenerWitness("127.0.0.1", free_port())
        )
        check = the(found, "manual.dial_in.inconclusive")
        assert (check.status, found.inbound_reachable, bool(check.fix)) == ("unknown", None, True)

    def test_without_permission_no_call_is_placed(self, peer):
        watched = peer()
        found = trunk(watched).verify_number(FIRST, witness=ListenerWitness("127.0.0.1", free_port()))
        assert "manual.dial_in.inconclusive" in codes(found, "unknown")
        assert watched.journal.requests == []

    def test_a_number_that_is_never_called_is_inconclusive(self, peer):
        premium, watched = "+19005550199", peer()
        carrier = trunk(watched, sip_config={"numbers": [premium], "allow_outbound_call": True})
        found = carrier.verify_number(premium, witness=CallbackWitness())
        assert "manual.dial_in.inconclusive" in codes(found, "unknown")
        assert watched.journal.requests == []

    def test_somebody_else_who_answers_is_found_out_and_hung_up_on(self, peer):
        answering = peer("answers")
        found = trunk(answering, sip_config=CALLS).verify_number(
            FIRST, witness=ListenerWitness("127.0.0.1", free_port())
        )
        assert "manual.dial_in.answered_elsewhere" in codes(found, "fail")
        assert "BYE" in answering.journal.methods

    def test_the_platform_tells(self, peer):
        seen: list[Expected] = []
        witness = CallbackWitness(announce=seen.append)
        carrying = peer()
        carrier = trunk(carrying, sip_config=CALLS)
        heard = threading.Thread(target=tell_when_called, args=(carrying, witness))
        heard.start()
        found = carrier.verify_number(FIRST, witness=witness)
        heard.join()
        assert (seen[0].called, seen[0].caller, 0.6 <= seen[0].hold <= 2.5) == (FIRST, SECOND, True)
        assert "manual.dial_in.arrived" in codes(found, "pass")
        assert witness.saw(Sighting(called=FIRST)) is False, "nobody looks out any more"

    @pytest.mark.parametrize(
        ("answer", "code", "inbound"),
        [
            (True, "manual.dial_in.arrived", True),
            (False, "manual.dial_in.not_arrived", False),
            (None, "manual.dial_in.nobody_called", None),
        ],
    )
    def test_a_person_dials_and_voipkit_does_not(self, answer, code, inbound, peer):
        watched = peer()
        found = trunk(watched).verify_number(FIRST, witness=HumanWitness(lambda _: answer))
        assert code in codes(found)
        assert found.inbound_reachable is inbound
        assert watched.journal.requests == []

    @pytest.mark.parametrize(
        ("caller", "code"),
        [("(415) 555-0101", "arrived"), (None, "arrived"), (FOREIGN, "another_caller")],
    )
    def test_a_call_of_somebody_else_proves_nothing(self, caller, code):
        witness = CallbackWitness()

        def place(_: float) -> PlacedCall:
            witness.saw(Sighting(called=FIRST, caller=caller))
            return PlacedCall(rang=True, final=480)

        check = dial_in("manual", FIRST, SECOND, witness, place)
        assert check.code == f"manual.dial_in.{code}"
        assert check.status == ("unknown" if caller == FOREIGN else "pass")

    def test_a_call_without_an_end_is_not_said_to_be_answered(self):
        seen = outcome("outbound.authorized", codes=(100, 180), call_id="a1b2", billable_risk=True)
        assert placed_call(seen).answered is False
        check = as_check(seen, provider="manual", name="Outbound call", direction="outbound")
        assert "may be billed" in check.message
        assert "a1b2" in check.message

    def test_a_person_who_never_answers_is_not_waited_for(self, peer, monkeypatch):
        monkeypatch.setattr("voipkit.adapting.dialin.WINDOW", 0.3)
        release = threading.Event()
        began = time.monotonic()
        check = dial_in("manual", FIRST, None, HumanWitness(lambda _: release.wait(20)), no_call, window=0.3)
        release.set()
        assert (check.code, time.monotonic() - began < 3) == ("manual.dial_in.nobody_called", True)

    def test_one_check_of_a_number_at_a_time(self, peer):
        carrier = trunk(peer())
        inner = []

        def ask(_: Expected) -> bool:
            inner.append(carrier.verify_number(FIRST, witness=HumanWitness(lambda _: True)))
            return True

        carrier.verify_number(FIRST, witness=HumanWitness(ask))
        assert "manual.dial_in.busy" in codes(inner[0], "unknown")

    def test_what_it_may_cost_is_said_before(self, peer):
        watched = peer()
        carrier = trunk(watched, sip_config=CALLS)
        assert isinstance(carrier, SupportsDialIn)
        cost = carrier.dial_in_cost(FIRST)
        assert (cost.places_call, cost.amount, "billed" in cost.note) == (True, None, True)
        assert watched.journal.requests == []
        with pytest.raises(ValueError, match="currency"):
            CallCost(places_call=True, amount=1, note="")

    def test_the_awaitable_facade_passes_the_witness_on(self, peer, box):
        async def both() -> tuple[object, ...]:
            async with aio.AsyncProvider(trunk(peer())) as carrier:
                found = await carrier.verify_number(FIRST, witness=HumanWitness(lambda _: True))
            telnyx = await aio.open_provider(
                "telnyx", box.credentials("telnyx"), http=voipkit.HttpOptions(wire=box.wire)
            )
            with pytest.raises(Unsupported, match="witness"):
                await telnyx.verify_number(FIRST, witness=HumanWitness(lambda _: True))
            return (found,)

        (found,) = asyncio.run(both())
        assert found.inbound_reachable is True
        assert box.writes == []


class Loaded:
    """Dice that fall as the test wants: how long the call rings, and how it is refused."""

    def __init__(self, hold: float, refusal: int) -> None:
        self._hold, self._refusal = hold, refusal

    def uniform(self, low: float, high: float) -> float:
        assert low <= self._hold <= high
        return self._hold

    def choice(self, of: tuple[int, ...]) -> int:
        assert self._refusal in of
        return self._refusal


def answers_of_number(found):
    return found.inbound_reachable, found.outbound_authorized


def no_call(_: float) -> None:
    raise AssertionError("a person dials")


def tell_when_called(peer: SipPeer, witness: CallbackWitness) -> None:
    """Play the platform: it sees the call that the trunk carries, spelled in its own way, without having held it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if any(r.method == "INVITE" and FIRST in r.uri for r in peer.journal.requests):
            witness.saw(Sighting(called=f"00{FIRST[1:]}@pbx", caller=SECOND))
            return
        time.sleep(0.01)


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["normal", "silent", "basic-only", "odd-realm", "lock-out", "no-registrar-405"])
def test_the_password_comes_out_nowhere(scenario, peer, caplog):
    caplog.set_level(logging.DEBUG)
    marks = {PASSWORD, PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode()[:-4]}
    carrier = trunk(peer(scenario), sip_config=CALLS, timeout=(0.5, 0.5))
    shown = [repr(carrier), repr(carrier.credentials), carrier.credentials.model_dump_json(by_alias=True)]
    for ask in (carrier.test_credentials, carrier.suggest_name, lambda: carrier.verify_number(FIRST)):
        try:
            result = ask()
            shown += [repr(result), result.model_dump_json(by_alias=True)]
        except voipkit.VoipkitError as error:
            shown.append("".join(traceback.format_exception(error)))
    shown += [f"{record.getMessage()} {record.args!r}" for record in caplog.records]
    assert [text for text in shown if any(mark in text for mark in marks)] == []
    for holder in (carrier, carrier.credentials):
        with pytest.raises(TypeError):
            pickle.dumps(holder)


def test_no_socket_and_no_thread_is_left(peer):
    busy = peer()
    carrier = trunk(busy, transport="tcp", sip_config=CALLS)
    carrier.test_credentials()
    before = threading.active_count()
    for _ in range(5):
        carrier.test_credentials()
    gc.collect()
    assert busy.settle() == ()
    assert threading.active_count() <= before


# --- templates -------------------------------------------------------------------------------------------------------


TEMPLATES = registry.provider_info("manual").setup_methods[0].templates


class TestTemplates:
    @pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.id)
    def test_a_template_opens_and_says_where_it_is_from(self, template):
        filled = template.fill(**dict.fromkeys(template.blanks, "acme"))
        opened = voipkit.open_provider("manual", filled.credentials, sip_config=filled.sip_config)
        assert "{" not in opened.credentials.host
        assert template.sources
        assert all(source.url.startswith("https://") and source.says for source in template.sources)
        assert all(ipaddress.ip_network(network).is_global for network in template.networks)
        assert set(template.transports) <= {"udp", "tcp", "tls"}

    def test_the_carriers_that_are_promised_are_there(self):
        ids = {template.id.partition("-")[0] for template in TEMPLATES}
        assert ids == {"twilio", "telnyx", "signalwire", "vonage", "plivo"}
        assert len({template.id for template in TEMPLATES}) == len(TEMPLATES)

    @pytest.mark.parametrize(
        "blanks", [{}, {"trunk": "acme", "more": "x"}, {"trunk": "a/b"}, {"trunk": "a@evil"}, {"trunk": ""}]
    )
    def test_blanks_are_parts_of_a_host_name(self, blanks):
        template = next(template for template in TEMPLATES if template.id == "twilio")
        with pytest.raises(ValueError, match=r"trunk|host name|wants"):
            template.fill(**blanks)
