"""Verifying: would calls flow to and from a number?"""

from __future__ import annotations

import re

import pytest

from voipkit.errors import InvalidNumber, ProviderError, Unsupported
from voipkit.models import NumberVerification
from voipkit.protocols import Provider
from voipkit.sandbox import Fault
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.contract.credentials import NONSENSE, SILENCE
from voipkit.testing.contract.importing import foreign_kinds
from voipkit.testing.stage import UNOWNED, Stage

__all__ = ["VerifyTests"]

_MANY = 40


class VerifyTests(ContractBase):
    """One number, and many."""

    def test_c70_a_number_on_a_working_route_does_not_fail(self, stage: Stage, carrier: Provider) -> None:
        """A number on a working route fails no check, and is reachable as far as the carrier tells."""
        stage.account.put_route(stage.number(), stage.route())
        found = carrier.verify_number(stage.number(), stage.route())

        assert found.failures == ()
        assert found.id
        assert (found.provider, found.number) == (carrier.info.id, stage.number())
        assert found.route == stage.route()
        assert False not in (found.inbound_reachable, found.outbound_authorized)
        assert {check.direction for check in found.checks} >= {"inbound", "outbound"}
        assert NumberVerification.model_validate_json(found.model_dump_json(by_alias=True)) == found
        for check in found.checks:
            assert re.fullmatch(rf"{carrier.info.id}(\.[a-z0-9_]+)+", check.code), check.code

    @pytest.mark.voipkit_live
    def test_c71_a_number_that_is_not_owned_fails(self, carrier: Provider) -> None:
        """A number that the account does not own is a failed check, and no direction is called good."""
        found = carrier.verify_number(UNOWNED)

        assert (found.status, found.id) == ("fail", None)
        assert True not in (found.inbound_reachable, found.outbound_authorized)
        assert all(check.fix for check in found.failures)

    def test_c72_a_number_that_is_routed_elsewhere_fails(self, stage: Stage, carrier: Provider) -> None:
        """A number whose calls go elsewhere than asked is not reachable."""
        stage.account.put_route(stage.number(), stage.foreign_route())
        found = carrier.verify_number(stage.number(), stage.route())

        assert (found.status, found.inbound_reachable) == ("fail", False)

    def test_c73_a_number_that_is_routed_nowhere_is_not_reachable(self, stage: Stage, carrier: Provider) -> None:
        """A number whose calls go nowhere is not called reachable."""
        found = carrier.verify_number(stage.number(), stage.route())

        assert found.inbound_reachable is not True
        assert found.status != "pass"

    @pytest.mark.parametrize("fault", [*SILENCE, *NONSENSE])
    def test_c74_could_not_look_up_is_an_error(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Where the number cannot be looked up, verifying raises: could not ask is not "not owned"."""
        stage.needs_http("its numbers are declared, so nobody is asked for them")
        stage.fail("any", fault)
        with pytest.raises(ProviderError):
            carrier.verify_number(stage.number())
        with pytest.raises(ProviderError):
            list(carrier.verify_numbers([stage.number()]))

    @pytest.mark.parametrize("fault", SILENCE)
    def test_c75_what_could_not_be_asked_is_unknown(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Where only the listing can be read, the rest is unknown: it neither passes nor fails."""
        stage.account.put_route(stage.number(), stage.route())
        usual = carrier.verify_number(stage.number(), stage.route())
        asked = stage.account.requests("read")
        if not asked:
            pytest.skip("this carrier's listing says everything that a verification looks at")
        stage.fail("read", fault)
        try:
            found = carrier.verify_number(stage.number(), stage.route())
        except ProviderError:
            return  # the number itself is not looked up in the listing

        assert found.failures == ()
        assert _codes(found, "pass") < _codes(usual, "pass")
        assert _codes(found, "unknown") > set()

    def test_c76_many_cost_one_listing_and_a_constant(self, stage: Stage, carrier: Provider) -> None:
        """Verifying forty numbers takes no more requests beside the listing than verifying two."""
        stage.account.add_numbers(_MANY)
        numbers = stage.account.numbers()
        for number in numbers:
            stage.account.put_route(number, stage.route())

        def cost(some: list[str]) -> int:
            before = stage.account.requests() - stage.account.requests("list")
            assert len(list(carrier.verify_numbers(some))) == len(some)
            return stage.account.requests() - stage.account.requests("list") - before

        assert cost(list(numbers)) <= cost(list(numbers[:2])) + 2
        assert stage.account.requests() <= len(numbers)

    @pytest.mark.voipkit_live
    def test_c77_each_number_gets_one_answer_in_order(self, stage: Stage, carrier: Provider) -> None:
        """Each number given gets one answer, in order; a text that is no number fails among many, and raises alone."""
        first, second = stage.account.numbers()[:2]
        given = [second, UNOWNED, first, "0100"]
        found = list(carrier.verify_numbers(given))

        assert [each.number for each in found] == given
        assert [each.id is None for each in found] == [False, True, False, True]
        assert (found[1].status, found[3].status) == ("fail", "fail")
        with pytest.raises(InvalidNumber):
            carrier.verify_number("0100")

    def test_c78_verifying_writes_nothing(self, stage: Stage, carrier: Provider) -> None:
        """Verifying writes nothing."""
        before = stage.state()
        list(carrier.verify_numbers(stage.account.numbers()))
        carrier.verify_number(stage.number())

        assert stage.account.writes() == 0
        assert stage.state() == before

    def test_c79_a_kind_of_route_that_it_lacks_is_refused(self, stage: Stage, carrier: Provider) -> None:
        """Verifying against a kind of route that the carrier lacks is Unsupported before anything is sent."""
        for route in foreign_kinds(stage):
            with pytest.raises(Unsupported):
                carrier.verify_number(stage.number(), route)
            with pytest.raises(Unsupported):
                list(carrier.verify_numbers([stage.number()], route))
        assert stage.account.requests() == 0


def _codes(found: NumberVerification, status: str) -> set[str]:
    return {check.code for check in found.checks if check.status == status}
