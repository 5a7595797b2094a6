"""The models: frozen, both spellings, honest about time, money and what is not known."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from voipkit import models
from voipkit.models import (
    CallCost,
    CarrierObject,
    Check,
    CheckStatus,
    CredentialTest,
    Direction,
    FormTemplate,
    ImportReport,
    NameSuggestion,
    NumberImport,
    NumberSnapshot,
    NumberVerification,
    PlacedCall,
    ProviderNumber,
    Route,
    RoutingSnapshot,
    Sighting,
    Source,
)

CHECK = Check(
    name="Trunk",
    direction="inbound",
    status="pass",
    code="acme.trunk.ok",
    message="It is there.",
    object=CarrierObject(type="trunk", id="TK1", name="Main"),
    vendor_code="20003",
    docs_url="https://example.org",
    elapsed=0.25,
)
NUMBER = ProviderNumber(
    id="PN1",
    number="+14155550100",
    raw="(415) 555-0100",
    friendly_name="Front desk",
    capabilities=("sms", "voice"),
    monthly_fee=115,
    currency="USD",
    route=Route.webhook("https://voice.example.org/"),
    routing={"trunk_sid": None, "voiceUrl": "https://voice.example.org/"},
)
RESULT = NumberImport(
    number="+14155550100",
    id="PN1",
    status="imported",
    code="import.imported",
    message="Done.",
    before={"trunk_sid": None},
)
SNAPSHOT = RoutingSnapshot(
    provider="acme",
    numbers=(NumberSnapshot(number="+14155550100", id="PN1", before={"trunk_sid": None}, after={"trunk_sid": "TK1"}),),
)
TEMPLATE = FormTemplate(
    id="acme",
    label="Acme",
    credentials={"host": "{trunk}.acme.example"},
    blanks={"trunk": "your trunk"},
    transports={"tls": 5061},
    sources=(Source(url="https://acme.example/sip", read_on=date(2026, 11, 21), says="the host"),),
)
WHEN = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
RECORD = {"id": 7, "org_id": "acme", "created_at": WHEN}
CONNECTION = {"name": "Acme Main", "provider": "acme", "setup_method": "api_key", "sip_config": {"domain": "a.example"}}
PHONE = {
    "number": "+14155550100",
    "route": Route.trunk("TK1"),
    "snapshot": SNAPSHOT.numbers[0],
    "outbound_agent_id": "a7",
}
VERSION = {"number_id": 7, "number": "+14155550100", "action": "number.assigned", "status": "active"}
OPERATION = {
    "kind": "import",
    "step": "write",
    "data": {"numbers": ["+14155550100"]},
    "worker": "w1",
    "lease_until": WHEN,
}
AUDIT = {"action": "connection.created", "object_type": "connection", "object_id": 7, "after": {"name": "Acme Main"}}
JOB = {"kind": "verify", "request": {"route": None}, "actor": "ann"}
RECORDS = (
    models.Connection(**RECORD, **CONNECTION, checks=(CHECK,), numbers_imported=3, capacity=2),
    models.NewConnection(**CONNECTION, key_hint="9f2c"),
    models.PhoneNumber(**RECORD, **PHONE, checks=(CHECK,)),
    models.NewPhoneNumber(**PHONE),
    models.NumberCount(connection_id=None, status="active", voip_verification_status="verified", count=3),
    models.NumberVersion(**RECORD, **VERSION),
    models.NewNumberVersion(**VERSION),
    models.AuditEntry(**RECORD, **AUDIT),
    models.NewAuditEntry(**AUDIT),
    models.Event(type="number.verified", org_id="acme", number_id=7, data={"status": "verified"}, created_at=WHEN),
    models.Job(**RECORD, **JOB, counts={"pending": 2}),
    models.NewJob(**JOB),
    models.JobItem(id=1, org_id="acme", job_id=7, number="+14155550100", worker="w1", lease_until=WHEN),
    models.ItemResult(item_id=1, status="failed", result={"code": "import.conflict"}),
    models.Operation(**RECORD, **OPERATION),
    models.NewOperation(**OPERATION),
    models.Reservation(
        org_id="acme", operation="create", key="k1", fingerprint="f1", answer={"id": 7}, created_at=WHEN
    ),
    models.IssuedEvidence(id="0b6c3a22", org_id="acme", token="e30", checks=(CHECK,), expires_at=WHEN, created_at=WHEN),
    models.Warning_(code="connection.test_stale", message="Long ago.", fix="Test it again.", connection_id=7),
)
EXAMPLES = {
    type(example).__name__: example
    for example in (
        CHECK,
        CHECK.object,
        NUMBER,
        NUMBER.route,
        RESULT,
        SNAPSHOT,
        SNAPSHOT.numbers[0],
        CredentialTest(provider="acme", setup_method="api_key", checks=(CHECK,)),
        NumberVerification(provider="acme", number="+14155550100", checks=(CHECK,), route=Route.trunk("TK1")),
        NameSuggestion(name="Acme", inferred=True),
        CallCost(places_call=True, amount=2, currency="USD", note="Two cents."),
        Sighting(called="+14155550100", caller="+14155550101", held=1.25, refusal=486, source="198.51.100.7:5060"),
        PlacedCall(rang=True, final=486, held=1.25, reference="a@b"),
        TEMPLATE,
        TEMPLATE.sources[0],
        TEMPLATE.fill(trunk="main"),
        ImportReport(provider="acme", results=(RESULT,), snapshot=SNAPSHOT, dry_run=True, writes=3),
        *RECORDS,
    )
}
STORED = {"Page", "SealedCredentials"}  # tests/store: never written as JSON, one is generic and one holds bytes
FORMS = {"FormField", "NoSettings", "ProviderInfo", "Settings", "SetupMethod"}  # tests/test_forms.py


def test_no_model_is_forgotten_here():
    named = {name for name in models.__all__ if isinstance(getattr(models, name), type)}

    assert {name for name in named if issubclass(getattr(models, name), BaseModel)} == set(EXAMPLES) | FORMS | STORED


@pytest.mark.parametrize("name", EXAMPLES)
class TestEveryModel:
    @pytest.mark.parametrize("camel", [True, False])
    def test_survives_both_spellings_as_json(self, name, camel):
        example = EXAMPLES[name]

        assert type(example).model_validate_json(example.model_dump_json(by_alias=camel)) == example
        assert type(example).model_validate(example.model_dump(by_alias=camel)) == example

    def test_camel_case_has_no_underscore(self, name):
        """Except in a carrier's own words, which stay as they are."""
        dumped = EXAMPLES[name].model_dump(by_alias=True, exclude={"routing", "before", "after"})

        assert not [key for key in dumped if "_" in key]

    def test_is_frozen(self, name):
        example = EXAMPLES[name]
        for field in type(example).model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(example, field, getattr(example, field))

    def test_survives_pickle_and_copy(self, name):
        example = EXAMPLES[name]

        assert pickle.loads(pickle.dumps(example)) == copy.deepcopy(example) == example

    def test_takes_what_a_newer_version_adds(self, name):
        example = EXAMPLES[name]
        newer = {**json.loads(example.model_dump_json()), "added_in_2027": {"a": 1}}

        assert type(example).model_validate(newer) == example


def test_carriers_own_words_keep_their_spelling_in_either_form():
    assert NUMBER.model_dump(by_alias=True)["routing"] == dict(NUMBER.routing)


DECADES = (datetime(1990, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001 - hypothesis wants naive bounds

# --- time and money --------------------------------------------------------------------------------------------------


@given(st.datetimes(*DECADES, timezones=st.timezones(), allow_imaginary=False))
def test_any_time_is_kept_in_utc(moment):
    kept = RoutingSnapshot(provider="acme", taken_at=moment).taken_at

    assert kept.timestamp() == moment.timestamp()  # `==` is never true of a time that a clock shows twice
    assert kept.utcoffset() == timedelta(0)
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("moment", [DECADES[0], "2026-01-01T00:00:00"])
def test_a_time_without_zone_is_refused(moment):
    with pytest.raises(ValidationError, match="timezone"):
        RoutingSnapshot(provider="acme", taken_at=moment)


def test_time_is_written_in_utc():
    moment = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    assert '"2026-06-30T23:30:00Z"' in RoutingSnapshot(provider="acme", taken_at=moment).model_dump_json()


@pytest.mark.parametrize(
    "price",
    [
        {"monthly_fee": 1.15, "currency": "USD"},
        {"monthly_fee": "1.15", "currency": "USD"},
        {"monthly_fee": 115},
        {"monthly_fee": 115, "currency": "dollars"},
        {"monthly_fee": 115, "currency": "usd"},
        {"monthly_fee": 115, "currency": "US$"},
    ],
)
def test_a_fee_is_whole_minor_units_with_a_currency(price):
    with pytest.raises(ValidationError):
        ProviderNumber(id="1", number="+14155550100", raw="+14155550100", **price)


# --- what is derived -------------------------------------------------------------------------------------------------

checks = st.lists(
    st.builds(
        lambda direction, status: CHECK.model_copy(update={"direction": direction, "status": status}),
        st.sampled_from(get_args(Direction)),
        st.sampled_from(get_args(CheckStatus)),
    ),
    max_size=8,
)


@given(checks)
def test_a_verdict_is_never_assumed(seen):
    test = CredentialTest(provider="acme", setup_method="api_key", checks=seen)
    verdicts = {
        "account": test.credentials_valid,
        "inbound": test.inbound_reachable,
        "outbound": test.outbound_authorized,
    }

    for direction, verdict in verdicts.items():
        statuses = {check.status for check in seen if check.direction == direction}
        if verdict is True:
            assert "pass" in statuses
            assert "fail" not in statuses
        elif verdict is False:
            assert "fail" in statuses
        else:
            assert statuses <= {"warn", "unknown", "skipped"}
    if test.status == "pass":
        assert test.credentials_valid
        assert "fail" not in {check.status for check in seen}
    assert CredentialTest.model_validate_json(test.model_dump_json(by_alias=True)) == test


@given(checks)
def test_a_number_passes_only_when_both_directions_are_known_to_work(seen):
    verified = NumberVerification(provider="acme", number="+14155550100", checks=seen)

    if verified.status == "pass":
        assert verified.inbound_reachable is verified.outbound_authorized is True
    assert (verified.status == "fail") is any(check.status == "fail" for check in seen)


def test_a_forged_verdict_is_not_believed():
    """Answers are derived from checks also when a dump claims otherwise."""
    dumped = {"provider": "acme", "setup_method": "api_key", "checks": [], "status": "pass", "credentials_valid": True}

    assert CredentialTest.model_validate(dumped).status == "fail"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": "1"}, {"a": "2"}, {"a": ("1", "2")}),
        ({"a": "1"}, {}, {"a": ("1", None)}),
        ({}, {"a": "1"}, {"a": (None, "1")}),
        ({"a": None}, {}, {}),
        ({"a": "1"}, {"a": "1"}, {}),
        ({"a": "1"}, None, {}),
        (None, {"a": "1"}, {}),
    ],
)
def test_changes_are_those_that_are_known(before, after, changes):
    """A write that was refused leaves `after` open; it must not look as if all routing had been cleared."""
    assert RESULT.model_copy(update={"before": before, "after": after}).changes == changes


def test_a_report_counts_and_judges():
    failed = RESULT.model_copy(update={"status": "failed"})
    report = ImportReport(provider="acme", results=(RESULT, RESULT, failed), snapshot=SNAPSHOT)

    assert report.counts == {"imported": 2, "failed": 1}
    assert not report.ok
    assert ImportReport(provider="acme", snapshot=SNAPSHOT).ok


# --- routes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("trunk:TK1", Route.trunk("TK1")),
        (" application:AP1 ", Route.application("AP1")),
        ("sip:agent@sip.example.org;transport=tls", Route.sip("sip:agent@sip.example.org;transport=tls")),
        ("sips:sip.example.org:5061", Route.sip("sips:sip.example.org:5061")),
        ("webhook:https://voice.example.org/a?b=c", Route.webhook("https://voice.example.org/a?b=c")),
        ("webhook:GET:https://voice.example.org/", Route.webhook("https://voice.example.org/", "GET")),
        ("webhook:http://localhost:8080", Route.webhook("http://localhost:8080")),
    ],
)
def test_routes_are_read_from_text(text, route):
    assert Route.parse(text) == route


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trunk",
        "trunk:",
        "trunk: ",
        "trunk:TK1\nX",
        "trunk:TK é",
        "phone:+1",
        "sip:",
        "sip:a@",
        "sip:a b@c",
        "webhook:voice.example.org",
        "webhook:ftp://voice.example.org",
        "webhook:https://",
        "webhook:PUT:https://voice.example.org",
        "webhook:javascript:alert(1)",
        "trunk:" + "x" * 3000,
    ],
)
def test_nonsense_is_no_route(text):
    with pytest.raises(ValueError):
        Route.parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "trunk", "target": "TK1", "method": "POST"},
        {"kind": "webhook", "target": "https://voice.example.org/"},
        {"kind": "webhook", "target": "https://voice.example.org/", "method": "PUT"},
        {"kind": "fax", "target": "x"},
    ],
)
def test_contradictions_are_no_route(fields):
    with pytest.raises(ValidationError):
        Route.model_validate(fields)


# --- notebooks -------------------------------------------------------------------------------------------------------


def test_what_a_carrier_says_is_escaped_in_a_notebook():
    evil = "<script>alert(1)</script>'\""
    check = CHECK.model_copy(update={"message": evil, "fix": evil, "name": evil})
    result = RESULT.model_copy(update={"message": evil, "before": {evil: evil}, "after": {evil: "b"}})
    drawn = [
        CredentialTest(provider=evil, setup_method="api_key", checks=(check,))._repr_html_(),
        NumberVerification(provider=evil, number=evil, checks=(check,))._repr_html_(),
        ImportReport(provider=evil, results=(result,), snapshot=SNAPSHOT)._repr_html_(),
    ]

    assert not [text for text in drawn if "<script" in text]
    assert all("&lt;script&gt;" in text for text in drawn)
