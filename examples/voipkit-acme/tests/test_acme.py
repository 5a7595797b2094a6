"""Acme keeps voipkit's contract; below it, what is particular to Acme."""

from __future__ import annotations

import pytest
import voipkit
from voipkit.errors import CredentialsInvalid, PermissionDenied
from voipkit.models import Route
from voipkit.sandbox import Fault
from voipkit.testing import Account, ProviderTests

from voipkit_acme.testing import AcmeAccount


class TestAcme(ProviderTests):
    @pytest.fixture
    def account(self) -> Account:
        return AcmeAccount()


# --- quirks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def account():
    return AcmeAccount()


@pytest.fixture
def acme(account):
    http = voipkit.HttpOptions(wire=account.wire, retries=0)
    with voipkit.open_provider("acme", account.credentials, http=http) as carrier:
        yield carrier


def statuses(found):
    return {check.code: check.status for check in found.checks}


def forwarded(account):
    number = account.numbers()[0]
    (stored,) = (each for each in account.acme.numbers.values() if f"+{each['number']}" == number)
    stored.update(line="ln_main", forward_to="+442079460000")
    return number


def test_forwarding_is_a_conflict_though_the_line_is_right(account, acme):
    (result,) = acme.import_numbers([forwarded(account)]).results

    assert (result.status, account.writes()) == ("conflict", 0)
    assert "+442079460000" in result.message


def test_forwarding_is_put_back(account, acme):
    number = forwarded(account)
    before = account.state_of(number)
    report = acme.import_numbers([number], on_conflict="overwrite")
    assert account.route_of(number) == Route.trunk("ln_main")

    assert acme.restore_numbers(report.snapshot).ok
    assert account.state_of(number) == before


def test_a_forwarded_number_is_not_reachable(account, acme):
    found = acme.verify_number(forwarded(account))

    assert found.inbound_reachable is False
    assert statuses(found)["acme.number.forwarded"] == "fail"


def test_a_paused_line_fails_in_each_direction(account, acme):
    account.acme.lines["ln_main"]["state"] = "paused"
    test = acme.test_credentials()

    assert (test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (True, False, False)


def test_a_line_that_may_not_call_out_is_only_half_dead(account, acme):
    account.acme.lines["ln_main"]["calls_out"] = False
    test = acme.test_credentials()

    assert (test.inbound_reachable, test.outbound_authorized) == (True, False)


@pytest.mark.parametrize(("registered", "status"), [(True, "pass"), (False, "fail"), (None, "unknown")])
def test_only_a_registration_is_known(account, acme, registered, status):
    account.acme.lines["ln_main"]["registered"] = registered
    (check,) = (each for each in acme.test_credentials().checks if each.name == "Registration")

    assert check.status == status


def test_a_line_that_leads_nowhere_is_dead(account, acme):
    account.acme.lines["ln_main"]["destination"] = ""
    test = acme.test_credentials()

    assert statuses(test)["acme.line.no_destination"] == "fail"
    assert (test.inbound_reachable, test.outbound_authorized) == (False, True)


@pytest.mark.parametrize("field", ["state", "destination", "registered"])
def test_what_is_not_shown_is_not_known(account, acme, field):
    del account.acme.lines["ln_main"][field]

    assert acme.test_credentials().inbound_reachable is None


def test_what_acme_tells_of_nobody_is_not_held_against_a_line(account, acme):
    account.acme.lines["ln_main"]["registered"] = None

    assert acme.test_credentials().inbound_reachable is True


def test_a_key_that_may_not_read_lines_says_nothing_of_the_line(account, acme):
    account.acme.scopes.remove("lines")
    test = acme.test_credentials()
    report = acme.import_numbers(account.numbers())

    assert (test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (True, None, None)
    assert statuses(test)["acme.line.unknown"] == "unknown"
    assert report.ok


def test_a_line_of_another_account_is_not_found(account):
    given = {**account.credentials, "line": "ln_elsewhere"}
    with voipkit.open_provider("acme", given, http=voipkit.HttpOptions(wire=account.wire)) as acme:
        test = acme.test_credentials()
        report = acme.import_numbers(account.numbers())

    assert statuses(test)["acme.line.not_found"] == "fail"
    assert {result.code for result in report.results} == {"import.not_found"}
    assert account.writes() == 0


def test_a_route_cannot_lead_to_another_path(account, acme):
    (result,) = acme.import_numbers(account.numbers()[:1], Route.trunk("../account")).results

    assert (result.code, account.writes()) == ("import.not_found", 0)


def test_a_number_that_is_being_ported_is_left_alone(account, acme):
    next(iter(account.acme.numbers.values()))["state"] = "porting"
    (result,) = acme.import_numbers(account.numbers()[:1]).results

    assert (result.status, result.code, account.writes()) == ("failed", "import.not_active", 0)


def test_a_number_that_is_being_ported_is_not_put_back(account, acme):
    report = acme.import_numbers(account.numbers()[:1])
    next(iter(account.acme.numbers.values()))["state"] = "porting"
    (result,) = acme.restore_numbers(report.snapshot).results

    assert (result.status, result.code) == ("failed", "import.conflict")
    assert "has been ported" in result.fix


def test_a_suspended_account_is_not_a_wrong_key(account, acme):
    account.acme.account["state"] = "suspended"
    found = statuses(acme.test_credentials())

    assert (found["acme.key.accepted"], found["acme.account.not_open"]) == ("pass", "fail")


def test_a_closed_account_is_not_a_missing_scope(account, acme):
    account.wire.fail("read", Fault.body(b'{"problem": "account_closed", "detail": "Closed in May."}', 403))
    (check,) = (each for each in acme.test_credentials().checks if each.direction == "account")

    assert (check.code, check.status) == ("acme.account.closed", "fail")
    assert "Closed in May" in check.message


def test_acmes_own_words_are_in_the_error(account, acme):
    account.wire.fail("list", Fault.body(b'{"problem": "account_closed", "detail": "Closed in May."}', 403))
    with pytest.raises(PermissionDenied, match="Closed in May") as caught:
        list(acme.list_numbers())

    assert caught.value.code == "account_closed"
    assert "open the account again" in caught.value.fix


def test_a_line_in_place_of_the_key_is_named():
    with pytest.raises(CredentialsInvalid, match="is the id of a line"):
        voipkit.open_provider("acme", {"api_key": "ln_main"})
