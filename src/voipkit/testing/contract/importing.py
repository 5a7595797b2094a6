"""Importing and restoring: nothing is written that was not asked for, and everything can be put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest

from voipkit.errors import ConfigurationError, ProviderError, Unsupported
from voipkit.models import ImportReport, Route, RouteKind, RoutingSnapshot
from voipkit.protocols import Provider, SupportsRestore
from voipkit.sandbox import Fault
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.contract.credentials import NONSENSE, SILENCE
from voipkit.testing.stage import UNOWNED, Stage, listed

__all__ = ["ImportTests", "RestoreTests"]

_MANY = 40
LOST = (
    pytest.param(Fault.timeout(), False, id="timeout"),
    pytest.param(Fault.reset(), False, id="reset"),
    pytest.param(Fault.timeout(applied=True), True, id="timeout-applied"),
    pytest.param(Fault.reset(applied=True), True, id="reset-applied"),
    pytest.param(Fault.reset_mid_body(), True, id="reset-mid-body"),
    pytest.param(Fault.truncated_json(), True, id="truncated"),
)


class ImportTests(ContractBase):
    """Routing numbers of the account."""

    def test_c40_a_dry_run_writes_nothing(self, stage: Stage, carrier: Provider) -> None:
        """A dry run shows what would change, and writes nothing."""
        before = stage.state()
        report = carrier.import_numbers([stage.number()], stage.route(), dry_run=True)

        (result,) = report.results
        assert (stage.account.writes(), report.writes, report.dry_run) == (0, 0, True)
        assert stage.state() == before
        assert result.status == "imported"
        assert result.changes
        assert [entry.number for entry in report.snapshot.numbers] == [stage.number()]

    def test_c41_an_import_routes_the_number(self, stage: Stage, carrier: Provider) -> None:
        """An import routes the number, by each kind of route that the carrier takes, and the listing shows it."""
        for route in stage.routes():
            stage.account.put_route(stage.number(), None)
            written = stage.account.writes()
            (result,) = carrier.import_numbers([stage.number()], route).results

            assert result.status == "imported", result.message
            assert result.changes
            assert _same(stage.account.route_of(stage.number()), route)
            assert stage.account.writes() > written
            (number,) = (n for n in listed(carrier) if n.number == stage.number())
            assert _same(number.route, route)

    def test_c42_an_import_is_idempotent(self, stage: Stage, carrier: Provider) -> None:
        """An import that is done again writes nothing."""
        numbers = stage.account.numbers()
        stage.account.put_route(numbers[0], stage.foreign_route())
        assert carrier.import_numbers(numbers, stage.route(), "overwrite").ok
        written = stage.account.writes()
        report = carrier.import_numbers(numbers, stage.route(), "overwrite")

        assert report.counts == {"unchanged": len(numbers)}
        assert (report.writes, stage.account.writes()) == (0, written)

    def test_c43_a_conflict_is_refused(self, stage: Stage, carrier: Provider) -> None:
        """A number that is routed elsewhere is left alone, and the report says what would have been lost."""
        stage.account.put_route(stage.number(), stage.foreign_route())
        before = stage.state()
        (result,) = carrier.import_numbers([stage.number()], stage.route()).results

        assert result.status == "conflict"
        assert result.message
        assert result.fix
        assert stage.account.writes() == 0
        assert stage.state() == before

    def test_c44_a_conflict_is_overwritten_on_purpose(self, stage: Stage, carrier: Provider) -> None:
        """With on_conflict="overwrite" a number that is routed elsewhere is taken over."""
        stage.account.put_route(stage.number(), stage.foreign_route())
        (result,) = carrier.import_numbers([stage.number()], stage.route(), "overwrite").results

        assert result.status == "imported", result.message
        assert _same(stage.account.route_of(stage.number()), stage.route())

    def test_c45_the_route_that_was_asked_for_is_written(self, stage: Stage, carrier: Provider) -> None:
        """The route that is written is the one that was asked for, not the one that the credentials name."""
        route = stage.foreign_route()
        report = carrier.import_numbers([stage.number()], route)

        assert report.ok, report.results
        assert _same(stage.account.route_of(stage.number()), route)
        assert report.route == route

    def test_c46_one_bad_number_never_stops_the_others(self, stage: Stage, carrier: Provider) -> None:
        """Each number given gets its own result, in order, and one that fails never stops the others."""
        first, second = stage.account.numbers()[:2]
        stage.fail("write", Fault.status(400), calls=1)
        given = [first, "0100", UNOWNED, second, first, "not a number"]
        report = carrier.import_numbers(given, stage.route())

        assert [result.number for result in report.results] == given
        statuses = [result.status for result in report.results]
        assert sorted((statuses[0], statuses[3])) == ["failed", "imported"]
        assert [statuses[i] for i in (1, 2, 4, 5)] == ["failed", "not_owned", "failed", "failed"]
        assert all(result.fix and result.message for result in report.results if result.status == "failed")

    def test_c47_a_number_of_somebody_else_is_not_owned(self, stage: Stage, carrier: Provider) -> None:
        """A number that the account does not own is reported so, and nothing is written."""
        (result,) = carrier.import_numbers([UNOWNED], stage.route()).results

        assert (result.status, result.id) == ("not_owned", None)
        assert stage.account.writes() == 0

    @pytest.mark.parametrize("fault", [*SILENCE, *NONSENSE])
    def test_c48_an_account_that_cannot_be_read_is_not_written_to(
        self, fault: Fault, stage: Stage, carrier: Provider
    ) -> None:
        """Where the numbers cannot be read, an import raises and writes nothing: could not ask is not "not owned"."""
        stage.fail("any", fault)
        with pytest.raises(ProviderError):
            carrier.import_numbers(stage.account.numbers(), stage.route())

        assert stage.account.writes() == 0

    def test_c49_a_number_on_a_page_that_failed_is_not_called_foreign(self, stage: Stage, carrier: Provider) -> None:
        """Where page 2 of the account cannot be read, its numbers are an error, never "not owned"."""
        stage.pages(3)
        wanted = [stage.account.numbers()[0], stage.account.numbers()[-1]]
        stage.fail("list", Fault.status(500), page=2)
        stage.fail("list", Fault.status(500), page=3)
        try:
            report = carrier.import_numbers([*wanted, UNOWNED], stage.route())
        except ProviderError:
            assert stage.account.writes() == 0
            return

        assert [result.status for result in report.results[:2]] == ["imported", "imported"]

    @pytest.mark.parametrize(("fault", "applied"), LOST)
    def test_c50_a_write_whose_answer_is_lost_is_sent_once(self, fault: Fault, applied: bool, stage: Stage) -> None:
        """A write whose answer is lost is sent once and looked up afterwards; the report says what is true."""
        carrier = stage.open(retries=2)
        stage.fail("write", fault)
        (result,) = carrier.import_numbers([stage.number()], stage.route()).results

        there = _same(stage.account.route_of(stage.number()), stage.route())
        assert (there, result.status) == ((True, "imported") if applied else (False, "failed")), result.message
        assert set(Counter(_writes(stage)).values()) <= {1}
        assert stage.account.requests("write") >= 1

    def test_c51_a_refused_write_is_reported(self, stage: Stage, carrier: Provider) -> None:
        """A write that the carrier refuses is a failed number with the reason, and its routing is as it was."""
        before = stage.state()
        stage.fail("write", Fault.status(403))
        report = carrier.import_numbers(stage.account.numbers(), stage.route())

        assert {result.status for result in report.results} == {"failed"}
        assert all(result.message and result.fix for result in report.results)
        assert stage.state() == before

    def test_c52_an_import_asks_for_the_numbers_once(self, stage: Stage, carrier: Provider) -> None:
        """Importing many numbers takes one listing and at most three requests a number; all writes are counted."""
        stage.account.add_numbers(_MANY)
        numbers = stage.account.numbers()
        report = carrier.import_numbers(numbers, stage.route())

        assert report.ok
        assert report.writes == stage.account.writes()
        assert stage.account.requests() <= 3 * len(numbers) + 10

    def test_c53_a_refused_key_stops_the_writes(self, stage: Stage, carrier: Provider) -> None:
        """Once the carrier refuses the key, the numbers that remain are not tried."""
        stage.account.add_numbers(_MANY)
        stage.fail("write", Fault.status(401))
        report = carrier.import_numbers(stage.account.numbers(), stage.route())

        assert {result.status for result in report.results} == {"failed"}
        assert stage.account.requests("write") < _MANY // 2

    def test_c54_a_kind_of_route_that_it_lacks_is_refused(self, stage: Stage, carrier: Provider) -> None:
        """A kind of route that the carrier lacks is Unsupported before anything is sent."""
        for route in foreign_kinds(stage):
            with pytest.raises(Unsupported):
                carrier.import_numbers([stage.number()], route)
        assert stage.account.requests() == 0

    def test_c55_an_unknown_way_with_conflicts_is_refused(self, stage: Stage, carrier: Provider) -> None:
        """A misspelt on_conflict is refused, and nothing is written."""
        with pytest.raises(ConfigurationError):
            carrier.import_numbers([stage.number()], stage.route(), "overwrit")  # type: ignore[arg-type]
        assert stage.account.writes() == 0

    def test_c56_without_a_route_the_report_says_what_was_done(self, stage: Stage, carrier: Provider) -> None:
        """With no route given, the report names the route that the credentials name, or nothing is written."""
        report = carrier.import_numbers([stage.number()])

        if report.route is None:
            assert stage.account.writes() == 0
            assert [result.status for result in report.results] == ["unchanged"]
        else:
            assert _same(stage.account.route_of(stage.number()), report.route)

    def test_c57_a_report_survives_json(self, stage: Stage, carrier: Provider) -> None:
        """A report survives JSON, and says who, what and how many."""
        report = carrier.import_numbers([*stage.account.numbers(), UNOWNED], stage.route())

        assert ImportReport.model_validate_json(report.model_dump_json(by_alias=True)) == report
        assert report.provider == report.snapshot.provider == carrier.info.id
        assert report.counts == {"imported": len(report.results) - 1, "not_owned": 1}
        assert not report.dry_run

    def test_c58_a_number_without_voice_is_left_alone(self, stage: Stage, carrier: Provider) -> None:
        """A number that cannot take calls is not_voice, and nothing is written."""
        silent = stage.silent_number()
        (result,) = carrier.import_numbers([silent], stage.route()).results

        assert result.status == "not_voice"
        assert stage.account.writes() == 0

    def test_c59_what_is_reported_is_what_is_there(self, stage: Stage, carrier: Provider) -> None:
        """Before and after in the report are what the carrier had and has."""
        numbers = {number.number: number.routing for number in listed(carrier)}
        report = carrier.import_numbers(stage.account.numbers(), stage.route())
        now = {number.number: number.routing for number in listed(carrier)}

        for result in report.results:
            assert _dict(result.before) == _dict(numbers[result.number])
            assert _dict(result.after) == _dict(now[result.number])
            (kept,) = (entry for entry in report.snapshot.numbers if entry.number == result.number)
            assert _dict(kept.before) == _dict(numbers[result.number])


class RestoreTests(ContractBase):
    """Putting routing back; for carriers that support it."""

    def test_c60_a_restore_puts_everything_back(self, stage: Stage, carrier: Provider) -> None:
        """Taking numbers over and restoring, through a snapshot kept as JSON, leaves the account as it was."""
        restoring = _restoring(carrier)
        for number in stage.account.numbers():
            stage.account.put_route(number, stage.foreign_route())
        before = stage.state()
        for route in stage.routes():
            report = carrier.import_numbers(stage.account.numbers(), route, "overwrite")
            assert report.ok, report.results
            assert stage.state() != before
            kept = RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json(by_alias=True))
            back = restoring.restore_numbers(kept)

            assert back.ok, back.results
            assert stage.state() == before

    def test_c61_a_restore_leaves_others_changes_alone(self, stage: Stage, carrier: Provider) -> None:
        """A number that somebody changed since the import is a conflict, and is left alone."""
        report = carrier.import_numbers([stage.number()], stage.route())
        stage.account.put_route(stage.number(), stage.foreign_route())
        written, before = stage.account.writes(), stage.state()
        (result,) = _restoring(carrier).restore_numbers(report.snapshot).results

        assert result.status == "conflict"
        assert stage.account.writes() == written
        assert stage.state() == before

    def test_c62_a_restore_is_idempotent(self, stage: Stage, carrier: Provider) -> None:
        """A restore that is done again writes nothing."""
        restoring = _restoring(carrier)
        stage.account.put_route(stage.number(), stage.foreign_route())
        report = carrier.import_numbers([stage.number()], stage.route(), "overwrite")
        assert restoring.restore_numbers(report.snapshot).ok
        written = stage.account.writes()
        again = restoring.restore_numbers(report.snapshot)

        assert again.counts == {"unchanged": 1}
        assert stage.account.writes() == written

    def test_c63_a_snapshot_of_another_carrier_is_refused(self, stage: Stage, carrier: Provider) -> None:
        """A snapshot of another carrier is refused before anything is sent."""
        with pytest.raises(ConfigurationError):
            _restoring(carrier).restore_numbers(RoutingSnapshot(provider="another-carrier"))
        assert stage.account.requests() == 0

    def test_c64_an_account_that_cannot_be_read_is_not_restored(self, stage: Stage, carrier: Provider) -> None:
        """Where the numbers cannot be read, a restore raises and writes nothing."""
        report = carrier.import_numbers([stage.number()], stage.route())
        written = stage.account.writes()
        stage.fail("any", Fault.status(500))
        with pytest.raises(ProviderError):
            _restoring(carrier).restore_numbers(report.snapshot)

        assert stage.account.writes() == written

    def test_c65_a_number_that_went_nowhere_goes_nowhere_again(self, stage: Stage, carrier: Provider) -> None:
        """A number that was routed nowhere is so again, or the report says that the carrier has no way to do that."""
        restoring = _restoring(carrier)
        before = stage.account.route_of(stage.number())
        report = carrier.import_numbers([stage.number()], stage.route())
        (result,) = restoring.restore_numbers(report.snapshot).results

        if result.status == "failed":
            assert result.code == "import.unsupported"
            assert result.fix
            assert _same(stage.account.route_of(stage.number()), stage.route())
        else:
            assert result.status == "imported", result.message
            assert stage.account.route_of(stage.number()) == before

    @pytest.mark.voipkit_live_writes
    def test_c66_an_import_by_the_usual_route_can_be_undone(self, stage: Stage, carrier: Provider) -> None:
        """Importing a number by the route that the credentials name, and restoring it, leaves it as it was."""
        restoring = _restoring(carrier)
        number = stage.number()
        if stage.simulated:
            stage.account.put_route(number, stage.foreign_route())
        before = stage.account.state_of(number)
        report = carrier.import_numbers([number], on_conflict="overwrite")
        assert report.ok, report.results

        assert restoring.restore_numbers(report.snapshot).ok
        assert stage.account.state_of(number) == before


def _restoring(carrier: Provider) -> SupportsRestore:
    if not isinstance(carrier, SupportsRestore):
        pytest.skip("the carrier does not support restoring")
    return carrier


def _same(found: Route | None, wanted: Route) -> bool:
    """Say whether two routes lead to one place; in some listings an application looks like a trunk."""
    return found is not None and found.target == wanted.target


def _dict(routing: object) -> dict[str, str | None]:
    """Return routing fields with "" and None alike."""
    assert routing is not None
    return {name: value or None for name, value in dict(routing).items()}  # type: ignore[call-overload]


def _writes(stage: Stage) -> Iterator[tuple[str, str, bytes]]:
    """Yield the requests that could have changed something: a read has no body and is a GET."""
    for exchange in stage.exchanges:
        if exchange.method != "GET":
            yield exchange.method, exchange.url, exchange.body


def foreign_kinds(stage: Stage) -> Iterator[Route]:
    samples = {
        "trunk": Route.trunk("somewhere"),
        "sip": Route.sip("sip:a@b.example"),
        "webhook": Route.webhook("https://voice.example.org/"),
        "application": Route.application("something"),
    }
    return (samples[kind] for kind in get_args(RouteKind) if kind not in stage.info.route_kinds)
