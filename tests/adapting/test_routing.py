"""Import and restore over a small carrier: an account in a dict, behind a real Switchboard."""

from __future__ import annotations

import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voipkit.adapting.routing import Switchboard, import_numbers, restore_numbers
from voipkit.errors import (
    ConfigurationError,
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.models import ProviderInfo, ProviderNumber, Route, RoutingSnapshot
from voipkit.sandbox import Fault

INFO = ProviderInfo(id="acme", label="Acme", route_kinds=("trunk", "webhook"))
TRUNK = Route.trunk("TK1")


def phone(index):
    return f"+1415{2000000 + index}"


class Carrier:
    """An account: E.164 to routing fields. What can go wrong is switched on by the tests."""

    def __init__(self, routing, capabilities=("voice",)):
        self.routing = {number: dict(fields) for number, fields in routing.items()}
        self.capabilities = dict.fromkeys(routing, capabilities)
        self.listings = 0
        self.listed = 0
        self.written = []
        self.raises = {}
        self.applied_though_lost = set()
        self.unreadable = set()
        self.stores = lambda fields: fields
        self.lock = threading.Lock()

    def number(self, number):
        fields = self.routing[number]
        trunk = fields.get("trunk")
        return ProviderNumber(
            id=f"ID{number}",
            number=number,
            raw=number,
            capabilities=self.capabilities[number],
            route=Route.trunk(trunk) if trunk else None,
            routing=fields,
        )

    def find(self, wanted):
        self.listings += 1
        for number in self.routing:
            self.listed += 1
            yield self.number(number)

    def write(self, number, fields):
        with self.lock:
            self.written.append(number.number)
            error = self.raises.get(number.number, self.raises.get("*"))
            if error is None or number.number in self.applied_though_lost:
                self.routing[number.number].update(self.stores(dict(fields)))
            if error is not None:
                raise error
            return self.number(number.number), 1

    def read(self, number):
        if number.number in self.unreadable:
            raise ProviderUnavailable("Gone.")
        return self.number(number.number)

    def board(self, **more):
        return Switchboard(info=INFO, find=self.find, write=self.write, read=self.read, **more)

    def import_(self, numbers, route=TRUNK, on_conflict="refuse", dry_run=False, **more):
        return import_numbers(
            self.board(**more),
            numbers,
            route,
            on_conflict,
            dry_run=dry_run,
            fields_for=lambda r: (
                {"trunk": r.target, "app": None} if r.kind == "trunk" else {"trunk": None, "url": r.target}
            ),
            conflict=lambda n, r: f"Its calls go to {n.route}." if n.route and n.route != r else None,
        )

    def restore(self, snapshot):
        return restore_numbers(self.board(), snapshot)


def free(count):
    return {
        phone(n): {"trunk": None, "app": None, "url": None, "fallback": f"https://f{n}.example/"} for n in range(count)
    }


def statuses(report):
    return [(result.status, result.code) for result in report.results]


@pytest.fixture
def carrier():
    return Carrier(free(6))


# --- what is asked, and in what order --------------------------------------------------------------------------------


def test_results_keep_the_order_of_the_input():
    carrier = Carrier(free(50))
    asked = [phone(n) for n in range(50)] + ["0100", phone(77)]
    random.Random(1).shuffle(asked)
    report = carrier.import_(asked)

    assert [result.number for result in report.results] == asked
    assert report.counts == {"imported": 50, "failed": 1, "not_owned": 1}
    assert sorted(carrier.written) == sorted(carrier.routing)
    assert report.writes == 50


@pytest.mark.parametrize(
    "given_",
    [
        lambda c: phone(0),
        lambda c: [phone(0)],
        lambda c: (n for n in [phone(0)]),
        lambda c: {phone(0): 1},
        lambda c: c.number(phone(0)),
        lambda c: iter([c.number(phone(0))]),
        lambda c: ["+1 (415) 200-0000"],
    ],
)
def test_numbers_are_taken_in_any_form(given_, carrier):
    assert statuses(carrier.import_(given_(carrier))) == [("imported", "import.imported")]
    assert carrier.written == [phone(0)]


def test_nothing_asked_is_nothing_done(carrier):
    report = carrier.import_([])

    assert (report.results, report.writes, report.ok, carrier.listings) == ((), 0, True, 0)


def test_only_bad_numbers_need_no_listing(carrier):
    assert statuses(carrier.import_(["", "0100", None])) == [("failed", "import.not_e164")] * 3
    assert carrier.listings == 0


def test_a_number_given_twice_is_written_once_and_said(carrier):
    report = carrier.import_([phone(0), phone(1), "+1 415 200 0000"])

    assert [code for _, code in statuses(report)] == ["import.imported", "import.imported", "import.duplicate"]
    assert carrier.written.count(phone(0)) == 1


def test_the_listing_ends_when_every_number_was_found():
    carrier = Carrier(free(1000))
    carrier.import_([phone(0), phone(3)])

    assert carrier.listed == 4


def test_a_listed_number_that_is_not_e164_can_be_imported():
    """A short code, or a form that its country gave up: the carrier knows its own numbers."""
    carrier = Carrier({"12345": {"trunk": None, "app": None}, "+5215512345678": {"trunk": None, "app": None}})
    report = carrier.import_(list(carrier.find(frozenset())))

    assert report.counts == {"imported": 2}
    assert carrier.restore(report.snapshot).counts == {"imported": 2}
    assert carrier.routing["12345"]["trunk"] is None


def test_ten_thousand_numbers_at_once():
    carrier = Carrier(free(10_000))
    began = time.perf_counter()
    report = carrier.import_(carrier.routing)

    assert report.counts == {"imported": 10_000}
    assert len(report.snapshot.numbers) == 10_000
    assert carrier.listings == 1
    assert time.perf_counter() - began < 20


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_conflict", ["overwrit", "", None, True, "REFUSE"])
def test_on_conflict_with_a_typo_is_refused_before_anything_is_sent(on_conflict, carrier):
    with pytest.raises(ConfigurationError, match="'refuse' or 'overwrite'"):
        carrier.import_([phone(0)], on_conflict=on_conflict)

    assert (carrier.listings, carrier.written) == (0, [])


def test_a_route_that_the_carrier_lacks_is_refused_before_anything_is_sent(carrier):
    with pytest.raises(Unsupported, match="trunk, webhook"):
        carrier.import_([phone(0)], Route.application("AP1"))

    assert carrier.listings == 0


@pytest.mark.parametrize(
    ("capabilities", "status"),
    [((), "not_voice"), (("sms",), "not_voice"), (("sms", "voice"), "imported"), (None, "imported")],
)
def test_voice_is_needed_and_doubt_is_noted(capabilities, status):
    carrier = Carrier(free(1), capabilities)
    (result,) = carrier.import_(phone(0)).results

    assert result.status == status
    assert bool(result.notes) is (capabilities is None)
    assert result.changes == ({"trunk": (None, "TK1")} if status == "imported" else {})


def test_voice_may_be_asked_for_apart(carrier):
    asked = []

    def carries_voice(numbers):
        asked.append([number.number for number in numbers])
        return {phone(0): False, phone(1): True}

    report = carrier.import_([phone(n) for n in range(3)] + ["0100"], carries_voice=carries_voice)

    assert [status for status, _ in statuses(report)] == ["not_voice", "imported", "imported", "failed"]
    assert [bool(result.notes) for result in report.results[:3]] == [False, False, True]
    assert asked == [[phone(0), phone(1), phone(2)]]


def test_a_conflict_is_refused_by_default_and_moved_on_purpose(carrier):
    carrier.routing[phone(0)]["trunk"] = "TK-live"
    (refused,) = carrier.import_(phone(0)).results

    assert (refused.status, refused.changes, carrier.written) == ("conflict", {}, [])
    assert "TK-live" in refused.message
    (moved,) = carrier.import_(phone(0), on_conflict="overwrite").results
    assert (moved.status, moved.changes) == ("imported", {"trunk": ("TK-live", "TK1")})


def test_importing_twice_writes_once(carrier):
    carrier.import_([phone(0), phone(1)])
    again = carrier.import_([phone(0), phone(1)])

    assert (again.counts, again.writes, again.snapshot.numbers) == ({"unchanged": 2}, 0, ())
    assert len(carrier.written) == 2


def test_a_field_that_is_absent_is_a_field_that_is_not_set():
    """A carrier may leave out what is empty; that is no reason to write."""
    carrier = Carrier({phone(0): {"trunk": "TK1"}})

    assert carrier.import_(phone(0)).counts == {"unchanged": 1}
    assert carrier.written == []


def test_without_a_route_nothing_is_written(carrier):
    report = carrier.import_([phone(0)], route=None)

    assert statuses(report) == [("unchanged", "import.recorded")]
    assert carrier.written == []


# --- plan and apply --------------------------------------------------------------------------------------------------


def mixed():
    carrier = Carrier(free(6))
    carrier.routing[phone(1)]["trunk"] = "TK-live"
    carrier.routing[phone(2)]["trunk"] = "TK1"
    carrier.capabilities[phone(3)] = ("sms",)
    return carrier, [phone(0), phone(1), phone(2), phone(3), phone(9), "0100", phone(0)]


@pytest.mark.parametrize("on_conflict", ["refuse", "overwrite"])
@pytest.mark.parametrize("route", [TRUNK, Route.webhook("https://voice.example.org/"), None])
def test_a_dry_run_says_what_an_import_then_does(on_conflict, route):
    carrier, asked = mixed()
    plan = carrier.import_(asked, route, on_conflict, dry_run=True)
    assert (carrier.written, plan.writes, plan.dry_run) == ([], 0, True)

    done = carrier.import_(asked, route, on_conflict)
    assert [(r.number, r.status, r.before, r.after, r.changes, r.notes) for r in plan.results] == [
        (r.number, r.status, r.before, r.after, r.changes, r.notes) for r in done.results
    ]
    assert plan.snapshot.numbers == done.snapshot.numbers


# --- what goes wrong while writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("No."),
        PermissionDenied("No."),
        RateLimited("Slow."),
        Unsupported("No."),
        ConfigurationError("No."),
    ],
)
def test_one_bad_number_never_stops_the_rest(error, carrier):
    carrier.raises[phone(2)] = error
    report = carrier.import_(carrier.routing)

    assert report.counts == {"imported": 5, "failed": 1}
    (bad,) = [result for result in report.results if result.status == "failed"]
    assert (bad.number, bad.code, bad.changes) == (phone(2), f"import.{error.kind}", {})


def test_a_mistake_in_the_carriers_module_costs_neither_the_report_nor_the_snapshot(carrier, caplog):
    """Raised, it would leave numbers moved and nothing to put them back with."""
    carrier.raises[phone(2)] = TypeError("'NoneType' object is not subscriptable")
    report = carrier.import_(carrier.routing)

    assert report.counts == {"imported": 5, "failed": 1}
    assert "TypeError" in report.results[2].message
    assert [record.exc_info[0] for record in caplog.records] == [TypeError]
    assert carrier.restore(report.snapshot).counts == {"imported": 5, "unchanged": 1}


def test_a_route_that_leads_to_nothing_fails_each_number(carrier):
    def nowhere(route):
        raise NotFound("No such trunk.", fix="Make one.")

    numbers = list(carrier.routing)[:2]
    report = import_numbers(
        carrier.board(), numbers, TRUNK, "refuse", dry_run=False, fields_for=nowhere, conflict=lambda n, r: None
    )

    assert set(statuses(report)) == {("failed", "import.not_found")}
    assert {result.fix for result in report.results} == {"Make one."}
    assert carrier.written == []


def test_refused_credentials_stop_the_writes():
    carrier = Carrier(free(200))
    carrier.raises["*"] = CredentialsRejected("Revoked.")
    report = carrier.import_(carrier.routing)

    assert report.counts == {"failed": 200}
    assert {result.code for result in report.results} == {"import.credentials_rejected"}
    assert len(carrier.written) <= 8
    assert report.writes == len(carrier.written)
    assert sum("Not tried" in result.message for result in report.results) == 200 - len(carrier.written)


WAIT = RateLimited("Slow down.", retry_after=600.0)


@pytest.mark.parametrize("writers", [1, 4])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_carrier_that_asks_to_wait_for_long_is_left_in_peace(writers, replaces):
    carrier = Carrier(free(200))
    carrier.raises["*"] = WAIT
    report = carrier.import_(carrier.routing, writers=writers, patience=30.0, replaces=replaces)

    assert {(r.status, r.code) for r in report.results} == {("failed", "import.rate_limited")}
    assert len(carrier.written) <= writers
    assert report.writes == len(carrier.written)
    untried = [result for result in report.results if result.message.startswith("Not tried")]
    assert len(untried) == 200 - len(carrier.written)
    assert {"600 s" in result.fix for result in untried} == {True}


def test_a_wait_that_is_not_long_stops_nothing(carrier):
    carrier.raises["*"] = RateLimited("Slow down.", retry_after=30.0)
    carrier.import_(carrier.routing, patience=30.0)

    assert sorted(carrier.written) == sorted(carrier.routing)


@pytest.mark.parametrize("error", [ProviderTimeout("Silence."), ProviderUnavailable("Reset.")])
@pytest.mark.parametrize("readable", [True, False])
def test_a_carrier_that_fell_silent_is_asked_three_times_and_no_more(error, readable):
    carrier = Carrier(free(200))
    carrier.raises["*"] = error
    carrier.unreadable = set() if readable else set(carrier.routing)
    report = carrier.import_(carrier.routing, writers=1)

    assert len(carrier.written) == report.writes == 3
    last = error.kind if readable else "provider_unavailable"  # what the carrier's read raises
    assert [result.code for result in report.results[3:]] == [f"import.{last}"] * 197
    assert all(r.message.startswith("Not tried") and "again" in r.fix for r in report.results[3:])


def test_silence_now_and_then_stops_nothing():
    carrier = Carrier(free(30))
    carrier.raises = {phone(n): ProviderTimeout("Silence.") for n in range(30) if n % 3}
    report = carrier.import_(carrier.routing, writers=1)

    assert report.counts == {"imported": 10, "failed": 20}
    assert len(carrier.written) == 30


def test_answers_that_are_lost_while_the_carrier_acts_stop_nothing():
    carrier = Carrier(free(30))
    carrier.raises["*"] = ProviderTimeout("Silence.")
    carrier.applied_though_lost = set(carrier.routing)

    assert carrier.import_(carrier.routing, writers=1).counts == {"imported": 30}


@pytest.mark.parametrize("error", [WAIT, ProviderTimeout("Silence."), CredentialsRejected("Revoked.")])
def test_a_restore_stops_for_the_same_reasons_and_goes_on_later(error):
    carrier = Carrier(free(50))
    before = {number: dict(fields) for number, fields in carrier.routing.items()}
    snapshot = carrier.import_(carrier.routing).snapshot
    carrier.written.clear()
    carrier.raises["*"] = error

    assert carrier.restore(snapshot).counts == {"failed": 50}
    assert len(carrier.written) <= 6

    carrier.raises.clear()
    assert carrier.restore(snapshot).counts == {"imported": 50}
    assert {n: {name: f.get(name) for name in before[n]} for n, f in carrier.routing.items()} == before


@pytest.mark.parametrize(
    ("carrier", "operation", "most"), [("telnyx", "update_number", 4), ("cloudonix", "update_dnid", 1)]
)
@pytest.mark.parametrize("restoring", [False, True])
def test_built_in_carriers_stop_when_told_to_wait_beyond_the_cap(carrier, operation, most, restoring, opened, box):
    """Telnyx is written to four at once, Cloudonix one by one: no more is sent than was on its way."""
    getattr(box, carrier).seed_numbers(20)
    ours = opened(carrier, retry_after_cap=0.01)
    numbers = [number.number for number in ours.list_numbers()][-20:]
    done = ours.import_numbers(numbers, on_conflict="overwrite") if restoring else None
    box.clear()
    box.fail(carrier, operation, Fault.status(429, retry_after=600))
    report = ours.restore_numbers(done.snapshot) if done else ours.import_numbers(numbers, on_conflict="overwrite")

    assert {result.code for result in report.results} == {"import.rate_limited"}
    assert 1 <= [request.operation for request in box.requests].count(operation) <= most
    assert sum("600 s" in result.fix for result in report.results) >= 20 - most


LOST = [ProviderTimeout("Silence."), ProviderUnavailable("Reset."), UnexpectedResponse("HTML.")]


@pytest.mark.parametrize("error", LOST)
class TestAnAnswerThatIsLost:
    def test_to_a_write_that_happened_is_imported(self, error, carrier):
        carrier.raises[phone(0)] = error
        carrier.applied_though_lost.add(phone(0))
        (result,) = carrier.import_(phone(0)).results

        assert (result.status, result.changes) == ("imported", {"trunk": (None, "TK1")})
        assert carrier.written == [phone(0)]

    def test_to_a_write_that_did_not_happen_is_failed(self, error, carrier):
        carrier.raises[phone(0)] = error
        (result,) = carrier.import_(phone(0)).results

        assert (result.status, result.code, result.changes) == ("failed", f"import.{error.kind}", {})
        assert "not changed" in result.message
        assert carrier.written == [phone(0)]

    def test_to_a_write_that_cannot_be_looked_up_is_not_known(self, error, carrier):
        carrier.raises[phone(0)] = error
        carrier.unreadable.add(phone(0))
        report = carrier.import_(phone(0))

        assert statuses(report) == [("failed", "import.unknown")]
        assert report.results[0].changes == {}
        assert [entry.number for entry in report.snapshot.numbers] == [phone(0)]

    def test_to_a_write_that_happened_in_part_is_not_called_unchanged(self, error, carrier):
        carrier.routing[phone(0)]["app"] = "AP-live"
        carrier.raises[phone(0)] = error
        carrier.applied_though_lost.add(phone(0))
        carrier.stores = lambda fields: {"app": None}
        report = carrier.import_(phone(0), on_conflict="overwrite")

        assert statuses(report) == [("failed", "import.read_back")]
        assert report.results[0].changes == {"app": ("AP-live", None)}
        assert "not changed" not in report.results[0].message

        carrier.raises.clear()
        carrier.stores = dict
        assert carrier.restore(report.snapshot).counts == {"imported": 1}
        assert carrier.routing[phone(0)]["app"] == "AP-live"


def test_what_the_carrier_shows_afterwards_is_believed(carrier):
    carrier.stores = lambda fields: {**fields, "trunk": "TK-other"}
    (result,) = carrier.import_(phone(0)).results

    assert (result.status, result.code) == ("failed", "import.read_back")
    assert "trunk" in result.message
    assert result.after["trunk"] == "TK-other"


def test_a_carrier_that_stores_another_spelling_can_be_put_back(carrier):
    """The report says that the snapshot puts it back; so it must."""
    carrier.stores = lambda fields: {**fields, "url": f"{fields['url']}/"} if fields.get("url") else fields
    before = {number: dict(fields) for number, fields in carrier.routing.items()}
    report = carrier.import_(phone(0), Route.webhook("https://voice.example.org"))
    assert statuses(report) == [("failed", "import.read_back")]

    assert carrier.restore(report.snapshot).counts == {"imported": 1}
    assert carrier.routing == before


# --- restore ---------------------------------------------------------------------------------------------------------


def test_restore_of_another_carriers_snapshot_is_refused(carrier):
    with pytest.raises(ConfigurationError, match="globex"):
        carrier.restore(RoutingSnapshot(provider="globex"))
    assert carrier.listings == 0


def test_restore_of_an_empty_snapshot_asks_nothing(carrier):
    assert carrier.restore(RoutingSnapshot(provider="acme")).results == ()
    assert carrier.listings == 0


def test_restore_leaves_alone_what_somebody_changed_since(carrier):
    report = carrier.import_([phone(0), phone(1)])
    carrier.routing[phone(0)]["trunk"] = "TK-newer"
    restored = carrier.restore(report.snapshot)

    assert [status for status, _ in statuses(restored)] == ["conflict", "imported"]
    assert carrier.routing[phone(0)]["trunk"] == "TK-newer"


@pytest.mark.parametrize("shown", ["https://user:***@h.example/", "https://***@h.example/", "https://h.example/?***"])
def test_restore_writes_nothing_that_was_masked(shown, carrier):
    """A snapshot that the service shows has *** in the place of secrets, which would become the password."""
    report = carrier.import_([phone(0), phone(1)])
    first, second = report.snapshot.numbers
    masked = first.model_copy(update={"before": {**first.before, "url": shown}})
    snapshot = report.snapshot.model_copy(update={"numbers": (masked, second)})
    written = len(carrier.written)
    restored = carrier.restore(snapshot)

    assert statuses(restored) == [("failed", "import.masked"), ("imported", "import.imported")]
    assert "restore_routing" in restored.results[0].fix
    assert len(carrier.written) == written + 1


def test_restore_neither_compares_nor_writes_what_the_import_left_alone(carrier):
    report = carrier.import_(phone(0))
    carrier.routing[phone(0)]["fallback"] = "https://changed-since.example/"

    assert carrier.restore(report.snapshot).counts == {"imported": 1}
    assert carrier.routing[phone(0)]["fallback"] == "https://changed-since.example/"
    assert carrier.routing[phone(0)]["trunk"] is None


def test_what_somebody_else_changed_during_the_import_is_not_taken_for_ours(carrier):
    plain = carrier.write

    def write(number, fields):
        carrier.routing[number.number]["fallback"] = "https://meanwhile.example/"
        return plain(number, fields)

    carrier.write = write
    report = carrier.import_(phone(0))
    carrier.write = plain
    carrier.restore(report.snapshot)

    assert carrier.routing[phone(0)]["fallback"] == "https://meanwhile.example/"
    assert carrier.routing[phone(0)]["trunk"] is None


def test_restoring_twice_writes_once(carrier):
    report = carrier.import_([phone(0)])
    carrier.restore(report.snapshot)
    written = len(carrier.written)

    assert carrier.restore(report.snapshot).counts == {"unchanged": 1}
    assert len(carrier.written) == written


def test_restore_of_a_number_that_left_the_account(carrier):
    report = carrier.import_([phone(0), phone(1)])
    del carrier.routing[phone(0)]

    assert [status for status, _ in statuses(carrier.restore(report.snapshot))] == ["not_owned", "imported"]


def test_the_snapshot_of_a_dry_run_changes_nothing(carrier):
    plan = carrier.import_([phone(0)], dry_run=True)

    assert carrier.restore(plan.snapshot).counts == {"unchanged": 1}
    assert carrier.written == []


fields = st.fixed_dictionaries(
    {
        "trunk": st.sampled_from([None, "TK1", "TK2"]),
        "app": st.sampled_from([None, "AP1"]),
        "url": st.sampled_from([None, "https://a.example/", "https://voice.example.org/"]),
    },
    optional={"fallback": st.sampled_from([None, "https://f.example/"])},
)


@given(
    initial=st.lists(fields, min_size=1, max_size=6),
    asked=st.sets(st.integers(0, 7)),
    route=st.sampled_from([TRUNK, Route.webhook("https://voice.example.org/")]),
    on_conflict=st.sampled_from(["refuse", "overwrite"]),
    failing=st.dictionaries(
        st.integers(0, 5), st.tuples(st.sampled_from([*LOST, InvalidRequest("No.")]), st.booleans())
    ),
    camel=st.booleans(),
    touched=st.sets(st.integers(0, 5)),
)
@settings(max_examples=150)
def test_import_then_restore_is_as_if_nothing_had_happened(initial, asked, route, on_conflict, failing, camel, touched):
    carrier = Carrier({phone(n): f for n, f in enumerate(initial)})
    before = {number: dict(f) for number, f in carrier.routing.items()}
    for index, (error, applied) in failing.items():
        carrier.raises[phone(index)] = error
        if applied:
            carrier.applied_though_lost.add(phone(index))

    report = carrier.import_([phone(n) for n in sorted(asked)], route, on_conflict)
    assert set(carrier.written) <= {phone(n) for n in asked}
    assert len(report.results) == len(asked)
    assert {n: f for n, f in carrier.routing.items() if n not in carrier.written} == {
        n: f for n, f in before.items() if n not in carrier.written
    }

    carrier.raises.clear()
    foreign = {phone(n) for n in touched} & set(carrier.routing)
    for number in foreign:
        carrier.routing[number]["trunk"] = "TK-newer"
    snapshot = RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json(by_alias=camel))
    written = len(carrier.written)
    carrier.restore(snapshot)

    shown = {n: {k: v for k, v in f.items() if v is not None} for n, f in carrier.routing.items()}
    wanted = {n: {k: v for k, v in f.items() if v is not None} for n, f in before.items()}
    assert {n: f for n, f in shown.items() if n not in foreign} == {n: f for n, f in wanted.items() if n not in foreign}
    assert set(carrier.written[written:]) <= {entry.number for entry in snapshot.numbers}
    for number in foreign:
        changed_trunk = any(
            e.number == number and e.before.get("trunk") != e.after.get("trunk") for e in snapshot.numbers
        )
        assert shown[number]["trunk"] == "TK-newer" or not changed_trunk
