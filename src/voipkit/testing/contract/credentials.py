"""Testing credentials, and suggesting a name."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest

from voipkit.errors import ProviderError
from voipkit.models import CredentialTest
from voipkit.protocols import Provider
from voipkit.sandbox import Fault
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.stage import Stage

__all__ = ["CredentialTests"]

MOST_TEST_REQUESTS = 5
MOST_NAME_REQUESTS = 3
SILENCE = (
    pytest.param(Fault.timeout(), id="timeout"),
    pytest.param(Fault.reset(), id="reset"),
    pytest.param(Fault.reset_mid_body(), id="reset-mid-body"),
    pytest.param(Fault.status(429), id="429"),
    pytest.param(Fault.status(500), id="500"),
    pytest.param(Fault.html(502), id="html-502"),
)
NONSENSE = (
    pytest.param(Fault.html(200), id="html-200"),
    pytest.param(Fault.truncated_json(), id="truncated"),
    pytest.param(Fault.json_array(), id="array"),
    pytest.param(Fault.empty_body(), id="empty"),
    pytest.param(Fault.body(b"{}"), id="object"),
    pytest.param(Fault.body(b"null"), id="null"),
    pytest.param(Fault.body(b'"surprise"'), id="text"),
)
ODD = (
    pytest.param(Fault.nulls(), id="nulls"),
    pytest.param(Fault.empty_strings(), id="empty-strings"),
    pytest.param(Fault.extra_field(), id="extra-field"),
)


class CredentialTests(ContractBase):
    """Do the credentials work, and what would calls meet?"""

    @pytest.mark.voipkit_live
    def test_c10_working_credentials_pass(self, carrier: Provider) -> None:
        """Working credentials pass, and nothing fails."""
        test = carrier.test_credentials()

        assert (test.status, test.credentials_valid, test.failures) == ("pass", True, ())
        assert (test.provider, test.setup_method) == (carrier.info.id, carrier.setup_method)

    def test_c11_refused_credentials_are_a_failed_check(self, stage: Stage) -> None:
        """Refused credentials are a failed check that says what to do, not an exception."""
        test = stage.open(stage.wrong_credentials()).test_credentials()

        assert (test.status, test.credentials_valid) == ("fail", False)
        assert [check for check in test.failures if check.direction == "account" and check.fix]
        assert True not in (test.inbound_reachable, test.outbound_authorized)

    @pytest.mark.parametrize("fault", SILENCE)
    def test_c12_could_not_ask_is_unknown(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """A carrier that could not be asked leaves everything unknown: nothing passes, and nothing is refused."""
        stage.fail("any", fault)
        test = carrier.test_credentials()

        assert (test.status, test.credentials_valid, test.failures) == ("fail", None, ())
        # What the network says (DNS, a connection) is not the carrier's answer, and proves nothing of either.
        assert {check.status for check in test.checks if check.direction != "network"} <= {"unknown", "skipped"}
        assert (test.inbound_reachable, test.outbound_authorized) == (None, None)

    def test_c13_wrong_forbidden_and_silent_are_three_answers(self, stage: Stage, carrier: Provider) -> None:
        """A wrong key, a missing permission and a carrier that does not answer have different codes."""
        refused = _account_codes(stage.open(stage.wrong_credentials()).test_credentials())
        silent = _account_codes(stage.open(wire=_silent).test_credentials())
        stage.fail("any", Fault.status(403))
        forbidden = carrier.test_credentials()

        assert forbidden.credentials_valid is not True
        assert len({frozenset(refused), frozenset(silent), frozenset(_account_codes(forbidden))}) == 3  # noqa: PLR2004

    @pytest.mark.parametrize("fault", NONSENSE)
    def test_c14_nonsense_never_passes(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """An answer that makes no sense proves nothing: the credentials are neither good nor refused."""
        stage.fail("any", fault)
        test = carrier.test_credentials()

        assert (test.status, test.credentials_valid) == ("fail", None)
        assert True not in (test.inbound_reachable, test.outbound_authorized)

    def test_c15_a_test_takes_few_requests_and_writes_nothing(self, stage: Stage, carrier: Provider) -> None:
        """Testing credentials takes at most five requests, however many numbers there are, and writes nothing."""
        stage.account.add_numbers(60)
        before = stage.state()
        carrier.test_credentials()

        assert stage.account.requests() <= MOST_TEST_REQUESTS
        assert stage.account.writes() == 0
        assert stage.state() == before

    def test_c16_checks_are_well_formed(self, stage: Stage, carrier: Provider) -> None:
        """Every check has a stable dotted code of the carrier's and a message; one that fails says what to do."""
        wrong = stage.open(stage.wrong_credentials())
        for test in (carrier.test_credentials(), wrong.test_credentials()):
            assert test.checks
            for check in test.checks:
                assert re.fullmatch(rf"{carrier.info.id}(\.[a-z0-9_]+)+", check.code), check.code
                assert check.name
                assert check.message
                assert check.fix or check.status != "fail", check.code
                assert check.elapsed >= 0
            assert "account" in {check.direction for check in test.checks}
            assert CredentialTest.model_validate_json(test.model_dump_json(by_alias=True)) == test

    @pytest.mark.voipkit_live
    def test_c17_a_name_costs_nothing_after_a_test(self, stage: Stage, carrier: Provider) -> None:
        """A name is suggested with at most three requests, and with none after a test."""
        cold = stage.open().suggest_name()
        assert stage.account.requests() <= MOST_NAME_REQUESTS
        carrier.test_credentials()
        asked = stage.account.requests()

        assert carrier.suggest_name() == cold
        assert stage.account.requests() == asked
        assert cold.name.startswith(carrier.info.label)

    @pytest.mark.parametrize("fault", SILENCE)
    def test_c18_no_name_is_made_up(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Where the carrier could not be asked, a name is an error or says that it was not inferred."""
        stage.fail("any", fault)
        try:
            suggestion = carrier.suggest_name()
        except ProviderError:
            return

        assert not suggestion.inferred

    @pytest.mark.parametrize("fault", ODD)
    def test_c19_odd_but_legal_answers_are_read(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Nulls, empty texts and unknown fields in the answers do not refuse working credentials."""
        stage.fail("any", fault)

        assert carrier.test_credentials().credentials_valid is not False
        assert carrier.suggest_name().name.startswith(carrier.info.label)


def _silent(*_: object) -> NoReturn:
    raise TimeoutError


def _account_codes(test: CredentialTest) -> set[str]:
    return {check.code for check in test.checks if check.direction == "account" and check.status != "pass"}
