"""Bad input: each gives a clear error, and nothing is written."""

from __future__ import annotations

import time

import pytest

import voipkit
from tests.records import e164
from voipkit.errors import (
    CredentialsInvalid,
    InvalidNumber,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    UnexpectedResponse,
    UnknownProvider,
    Unsupported,
    VoipkitError,
)
from voipkit.models import Route
from voipkit.sandbox import Fault

CARRIERS = ("twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")
SECRET_FIELD = {
    "twilio": "auth_token",
    "telnyx": "api_key",
    "signalwire": "api_token",
    "vonage": "api_secret",
    "plivo": "auth_token",
    "vobiz": "auth_token",
    "cloudonix": "api_key",
}
LACKING = {
    "twilio": Route.sip("sip:pbx@example.com"),
    "telnyx": Route.webhook("https://voice.example.org/"),
    "signalwire": Route.trunk("TK1"),
    "vonage": Route.webhook("https://voice.example.org/"),
    "plivo": Route.sip("sip:pbx@example.com"),
    "vobiz": Route.webhook("https://voice.example.org/"),
    "cloudonix": Route.trunk("acme-carrier"),
}
LISTING = {"cloudonix": "list_dnids"}

each_carrier = pytest.mark.parametrize("carrier", CARRIERS)


# --- credentials -----------------------------------------------------------------------------------------------------


@each_carrier
@pytest.mark.parametrize(
    "bad", ["", "   ", "\t", "abc\n", " abc", "key with space\x00", "schlüssel-ü", "a\r\nX-Evil: 1"]
)
def test_malformed_secret_is_named_and_not_repeated(carrier, bad, box, opened):
    field = SECRET_FIELD[carrier]
    with pytest.raises(CredentialsInvalid) as caught:
        opened(carrier, {**box.credentials(carrier), field: bad})

    (problem,) = caught.value.problems
    assert problem.field == field
    assert problem.section == "credentials"
    assert not bad.strip() or bad.strip() not in str(caught.value)
    assert box.requests == []


@each_carrier
@pytest.mark.parametrize("value", [None, 7, b"bytes", ["list"], {"a": 1}, True])
def test_a_secret_that_is_no_text_is_named(carrier, value, box, opened):
    with pytest.raises(CredentialsInvalid, match=SECRET_FIELD[carrier]):
        opened(carrier, {**box.credentials(carrier), SECRET_FIELD[carrier]: value})


def test_swapped_fields_are_recognised(box, opened):
    good = box.twilio.credentials
    with pytest.raises(CredentialsInvalid, match="swapped"):
        opened("twilio", {"account_sid": good["auth_token"], "auth_token": good["account_sid"]})


@pytest.mark.parametrize(
    ("carrier", "credentials", "says"),
    [
        ("twilio", {"account_sid": "SK" + "0" * 32, "auth_token": "0" * 32}, "API key SID"),
        ("twilio", {"account_sid": "KEY0123", "auth_token": "0" * 32}, "Telnyx"),
        ("twilio", {"account_sid": "c2f3a1de-0000-4000-8000-000000000000", "auth_token": "0" * 32}, "SignalWire"),
        ("telnyx", {"api_key": "AC" + "0" * 32}, "Twilio"),
        ("telnyx", {"api_key": "SK" + "0" * 32}, "Twilio"),
        ("vonage", {"api_key": "KEY0123", "api_secret": "0" * 16}, "Telnyx"),
        ("vonage", {"api_key": "AC" + "0" * 32, "api_secret": "0" * 16}, "Twilio"),
        ("plivo", {"auth_id": "MA_SYQRLN1K", "auth_token": "x"}, "Vobiz"),
        ("vobiz", {"auth_id": "MA" + "X" * 18, "auth_token": "x"}, "Plivo"),
        ("cloudonix", {"api_key": "KEY0123", "domain": "acme"}, "Telnyx"),
        ("signalwire", {"project_id": "AC" + "0" * 32, "api_token": "PT0123", "space": "acme"}, "Twilio"),
        (
            "signalwire",
            {"project_id": "c2f3a1de-0000-4000-8000-000000000000", "api_token": "KEY0123", "space": "acme"},
            "Telnyx",
        ),
    ],
)
def test_another_carriers_credential_is_recognised(carrier, credentials, says, opened):
    with pytest.raises(CredentialsInvalid, match=says):
        opened(carrier, credentials)


@each_carrier
def test_unknown_field_names_the_nearest(carrier, box, opened):
    name = SECRET_FIELD[carrier]
    given = {**box.credentials(carrier), name + "s": "x"}
    with pytest.raises(CredentialsInvalid, match=rf"{name}s: no such field; did you mean '{name}'"):
        opened(carrier, given)


@each_carrier
def test_every_wrong_field_is_named_at_once(carrier, box, opened):
    with pytest.raises(CredentialsInvalid) as caught:
        opened(carrier, {SECRET_FIELD[carrier]: "", "zzz": 1}, {"qqq": 2})

    sections = {problem.section for problem in caught.value.problems}
    assert sections == {"credentials", "sip_config"}
    assert len(caught.value.problems) >= 3


@pytest.mark.parametrize("name", ["twillio", "TWILIO", "", "no-such-carrier", "../twilio"])
def test_unknown_provider(name):
    with pytest.raises(UnknownProvider) as caught:
        voipkit.open_provider(name, {})

    assert "twilio" in str(caught.value)


@each_carrier
def test_unknown_set_up_method(carrier, box):
    with pytest.raises(Unsupported, match="api_key"):
        voipkit.open_provider(carrier, box.credentials(carrier), setup_method="magic")


@pytest.mark.parametrize("given", [None, "KEY123", ["KEY123"], 7])
def test_credentials_that_are_no_mapping(given):
    with pytest.raises(CredentialsInvalid, match="mapping"):
        voipkit.open_provider("telnyx", given)


# --- numbers and routes ----------------------------------------------------------------------------------------------


@each_carrier
@pytest.mark.parametrize(
    "bad",
    [
        "",
        "4155550100",
        "0014155550100",
        "+1415555010x",
        "+1 415 555 0100 ext 7",
        "+14155550100;ext=7",
        "+1",
        "+" + "9" * 16,
        "＋14155550100",
        "sip:a@b.example",
        "+1415555٠100",
    ],
)
def test_text_that_is_no_number(carrier, bad, opened, box):
    p = opened(carrier)
    (result,) = p.import_numbers([bad]).results

    assert (result.status, result.code) == ("failed", "import.not_e164")
    assert "E.164" in result.message
    with pytest.raises(InvalidNumber):
        p.verify_number(bad)
    assert box.requests == []


@each_carrier
@pytest.mark.parametrize("bad", [None, 14155550100, b"+14155550100", ["+14155550100"]])
def test_a_number_that_is_no_text(carrier, bad, opened, box):
    (result,) = opened(carrier).import_numbers([bad]).results

    assert result.status == "failed"
    assert box.writes == []


@each_carrier
def test_a_mixed_bag_writes_only_the_good_one(carrier, opened, box):
    simulator = getattr(box, carrier)
    good = e164(simulator.numbers[0])
    report = opened(carrier).import_numbers([good, good, "0100", "+14155550142"])

    assert [result.status for result in report.results] == ["imported", "failed", "failed", "not_owned"]
    assert len(box.writes) == 1


@each_carrier
def test_a_number_on_a_foreign_trunk_is_left_alone(carrier, opened, box):
    box.incident("number-on-foreign-trunk")
    number = e164(getattr(box, carrier).numbers[0])
    (result,) = opened(carrier).import_numbers([number]).results

    assert result.status == "conflict"
    assert result.fix
    assert box.writes == []


@each_carrier
def test_ten_thousand_numbers_at_once(carrier, opened, box):
    parked = {"application_id": box.cloudonix.applications[0].id} if carrier == "cloudonix" else {}
    numbers = [e164(n) for n in getattr(box, carrier).seed_numbers(10_000, **parked)]
    report = opened(carrier).import_numbers(numbers, dry_run=True)

    assert report.counts == {"imported": 10_000}
    assert box.writes == []
    # Twilio: 11 pages. Telnyx: 41 pages of numbers, 41 of voice settings, 10 questions about features. SignalWire: 10
    # pages, since the newest numbers come first, and the SIP gateways. Cloudonix: all at once, and the application.
    assert (
        len(box.requests)
        == {"twilio": 11, "telnyx": 92, "signalwire": 11, "vonage": 101, "plivo": 501, "vobiz": 101, "cloudonix": 2}[
            carrier
        ]
    )


@each_carrier
def test_route_kind_that_the_carrier_lacks(carrier, opened, box):
    number = e164(getattr(box, carrier).numbers[0])
    p = opened(carrier)
    with pytest.raises(Unsupported):
        p.import_numbers([number], LACKING[carrier])
    with pytest.raises(Unsupported):
        p.verify_number(number, LACKING[carrier])
    assert box.requests == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trunk",
        "trunk:",
        "TK123",
        "fax:1",
        "webhook:ftp://x",
        "webhook:/relative",
        "webhook:PUT:https://x.example",
        "trunk:a b",
        "sip:",
        "webhook:https://x.example/\nHost: evil",
    ],
)
def test_text_that_is_no_route(text):
    with pytest.raises(ValueError):
        Route.parse(text)


@each_carrier
def test_on_conflict_with_a_typo(carrier, opened, box):
    with pytest.raises(VoipkitError, match="refuse"):
        opened(carrier).import_numbers([], on_conflict="overwrit")  # type: ignore[arg-type]


# --- a carrier that answers nonsense ---------------------------------------------------------------------------------

NONSENSE = {
    "html": (Fault.html(200), UnexpectedResponse),
    "html-502": (Fault.html(502), ProviderUnavailable),
    "truncated": (Fault.truncated_json(), UnexpectedResponse),
    "array": (Fault.json_array(), UnexpectedResponse),
    "empty": (Fault.empty_body(), UnexpectedResponse),
    "{}": (Fault.body(b"{}"), UnexpectedResponse),
    "null": (Fault.body(b"null"), UnexpectedResponse),
    "text": (Fault.body(b'"hello"'), UnexpectedResponse),
    "not-utf-8": (Fault.body(b'{"data": "\xff\xfe"}'), UnexpectedResponse),
    "silence": (Fault.timeout(), ProviderTimeout),
    "reset": (Fault.reset(), ProviderUnavailable),
    "reset-mid-body": (Fault.reset_mid_body(), ProviderUnavailable),
}


@each_carrier
@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_translated_everywhere(name, carrier, opened, box):
    fault, expected = NONSENSE[name]
    box.fail(carrier, "*", fault)
    p = opened(carrier, retries=0)
    number = e164(getattr(box, carrier).numbers[0])

    test = p.test_credentials()
    assert test.credentials_valid is None
    assert {check.status for check in test.checks} <= {"unknown", "skipped"}
    for work in (
        lambda: list(p.list_numbers()),
        lambda: p.import_numbers([number]),
        lambda: p.verify_number(number),
        lambda: list(p.verify_numbers([number])),
        p.suggest_name,
    ):
        with pytest.raises(expected):
            work()
    assert box.writes == []


@each_carrier
@pytest.mark.parametrize(
    "fault", [Fault.nulls(), Fault.empty_strings(), Fault.extra_field()], ids=["null", "empty", "extra"]
)
def test_odd_but_legal_answers_never_break_anything(fault, carrier, opened, box):
    numbers = [e164(n) for n in getattr(box, carrier).numbers]
    box.fail(carrier, "*", fault)
    p = opened(carrier, retries=0)

    p.test_credentials()
    p.suggest_name()
    assert [n.number for n in p.list_numbers()]
    p.import_numbers(numbers)
    p.verify_number(numbers[0])


@each_carrier
@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 409, 410, 418, 422, 429, 451, 500, 501, 503, 504, 302, 304, 204]
)
def test_every_status_becomes_a_provider_error(status, carrier, opened, box):
    if (carrier, status) == ("cloudonix", 404):
        pytest.skip("a listing's 404 means that it is empty")
    box.fail(carrier, LISTING.get(carrier, "list_numbers"), Fault.body(b"", status=status))
    with pytest.raises(ProviderError) as caught:
        list(opened(carrier, retries=0).list_numbers())

    assert caught.value.provider == carrier
    assert caught.value.operation
    assert caught.value.fix


@each_carrier
def test_thirty_seconds_of_silence_end_at_the_timeout(carrier, box):
    """Over a real socket: the server says nothing; the caller waits as long as it said it would."""
    box.fail(carrier, "*", Fault.timeout())
    with box.serve(patience=30) as url:
        options = voipkit.HttpOptions(base_url=url, timeout=(1, 0.3), retries=0)
        with voipkit.open_provider(carrier, box.credentials(carrier), http=options) as p:
            began = time.monotonic()
            with pytest.raises(ProviderTimeout):
                list(p.list_numbers())

    assert time.monotonic() - began < 15  # an SDK's import is in it, and the machine may be busy


@each_carrier
def test_reset_in_mid_body_over_a_socket(carrier, box):
    box.fail(carrier, "*", Fault.reset_mid_body())
    with box.serve() as url:
        options = voipkit.HttpOptions(base_url=url, retries=0)
        with (
            voipkit.open_provider(carrier, box.credentials(carrier), http=options) as p,
            pytest.raises(ProviderUnavailable),
        ):
            list(p.list_numbers())
