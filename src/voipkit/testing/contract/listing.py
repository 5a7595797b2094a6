"""Listing: every number, once, or an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from voipkit.errors import (
    CredentialsRejected,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
)
from voipkit.models import ProviderNumber
from voipkit.protocols import Provider
from voipkit.sandbox import Fault
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.contract.credentials import NONSENSE, ODD
from voipkit.testing.stage import Stage, listed, numbers_of

__all__ = ["ListingTests"]

ERRORS = (
    pytest.param(Fault.status(401), CredentialsRejected, id="401"),
    pytest.param(Fault.status(403), PermissionDenied, id="403"),
    pytest.param(Fault.status(429), RateLimited, id="429"),
    pytest.param(Fault.status(500), ProviderUnavailable, id="500"),
    pytest.param(Fault.status(503), ProviderUnavailable, id="503"),
    pytest.param(Fault.html(502), ProviderUnavailable, id="html-502"),
    pytest.param(Fault.timeout(), ProviderTimeout, id="timeout"),
    pytest.param(Fault.reset(), ProviderUnavailable, id="reset"),
    pytest.param(Fault.reset_mid_body(), ProviderUnavailable, id="reset-mid-body"),
)
_ASKED_TO_WAIT = 7.0  # seconds


class ListingTests(ContractBase):
    """Every number of the account, whatever happens on the way."""

    def test_c20_every_number_is_listed_once(self, stage: Stage, carrier: Provider) -> None:
        """Every number of the account is listed, each once, over all pages."""
        expected = stage.pages(3) if stage.account.page_size else [*stage.account.add_numbers(40), *_first(stage)]

        assert sorted(numbers_of(listed(carrier))) == sorted(set(stage.account.numbers()))
        assert set(expected) <= set(stage.account.numbers())

    @pytest.mark.voipkit_live
    def test_c21_the_order_is_stable(self, stage: Stage, carrier: Provider) -> None:
        """Two listings of an account that did not change are the same."""
        stage.account.add_numbers(60)

        assert listed(carrier) == listed(stage.open())

    @pytest.mark.voipkit_live
    def test_c22_numbers_are_well_formed(self, stage: Stage, carrier: Provider) -> None:
        """A number is E.164 with the carrier's id and spelling; a fee is an integer with its currency."""
        stage.account.add_numbers(5)
        found = listed(carrier)
        for number in found:
            assert re.fullmatch(r"\+[1-9]\d{6,14}", number.number)
            assert number.id
            assert number.raw
            assert number.country is None or re.fullmatch(r"[A-Z]{2}", number.country)
            assert number.monthly_fee is None or (type(number.monthly_fee) is int and number.monthly_fee >= 0)
            assert number.monthly_fee is None or number.currency
            assert list(number.capabilities or ()) == sorted(set(number.capabilities or ()))
            assert all(name == name.lower() for name in number.capabilities or ())
            assert ProviderNumber.model_validate_json(number.model_dump_json(by_alias=True)) == number
        assert len({number.id for number in found}) == len(found)

    def test_c23_pages_are_asked_for_as_they_are_needed(self, stage: Stage, carrier: Provider) -> None:
        """The first number is there before all pages were asked for, and a listing may be given up."""
        stage.pages(6)
        numbers = carrier.list_numbers()
        first = next(iter(numbers))
        asked = stage.account.requests("list")
        getattr(numbers, "close", lambda: None)()

        assert first.number in stage.account.numbers()
        assert asked <= 4  # noqa: PLR2004 - one page, and those that a carrier may fetch ahead

    def test_c24_an_empty_account_is_an_answer(self, stage: Stage, carrier: Provider) -> None:
        """An account without numbers lists none, and its credentials are good."""
        stage.account.remove_numbers()

        assert listed(carrier) == []
        assert carrier.test_credentials().credentials_valid is True

    @pytest.mark.parametrize(("fault", "error"), ERRORS)
    def test_c25_an_error_is_never_an_empty_list(
        self, fault: Fault, error: type[ProviderError], stage: Stage, carrier: Provider
    ) -> None:
        """A listing that fails raises the error of its kind, which names the carrier and the operation."""
        stage.fail("list", fault)
        with pytest.raises(error) as caught:
            listed(carrier)

        assert caught.value.provider == carrier.info.id
        assert caught.value.operation
        assert caught.value.status in (None, fault.http_status)
        assert caught.value.message

    @pytest.mark.parametrize(("fault", "error"), ERRORS)
    def test_c26_an_error_on_a_later_page_is_raised_too(
        self, fault: Fault, error: type[ProviderError], stage: Stage, carrier: Provider
    ) -> None:
        """A page 2 that fails raises its error after the numbers of page 1; the listing never just ends there."""
        stage.pages(3)
        stage.fail("list", fault, page=2)
        seen: list[ProviderNumber] = []
        with pytest.raises(error) as caught:
            seen.extend(carrier.list_numbers())

        assert caught.value.provider == carrier.info.id

    @pytest.mark.parametrize("fault", NONSENSE)
    def test_c27_nonsense_is_never_an_empty_list(self, fault: Fault, stage: Stage) -> None:
        """A listing whose answer makes no sense raises UnexpectedResponse; `{}` may mean an empty account, if it does.

        A carrier that answers ``{}`` for an account without numbers (Vonage) is believed.
        """
        if fault.raw == b"{}" and _says_nothing_by_an_empty_object(stage):
            pytest.skip("this carrier answers {} for an account without numbers")
        stage.fail("list", fault)
        with pytest.raises(UnexpectedResponse):
            listed(stage.open())

    @pytest.mark.parametrize("fault", NONSENSE)
    def test_c28_nonsense_on_a_later_page_is_raised_too(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """A page 2 that makes no sense raises UnexpectedResponse, and the listing never just ends there."""
        stage.pages(3)
        stage.fail("list", fault, page=2)
        with pytest.raises(UnexpectedResponse):
            listed(carrier)

    def test_c29_a_number_on_two_pages_is_listed_once(self, stage: Stage, carrier: Provider) -> None:
        """A number that slipped from one page onto the next is listed once."""
        stage.pages(3)
        stage.fail("list", Fault.duplicate_at_page_edge())

        assert sorted(numbers_of(listed(carrier))) == sorted(stage.account.numbers())

    @pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page()], ids=["endless", "repeated"])
    def test_c30_a_listing_that_never_ends_is_an_error(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Pages that repeat or never end raise UnexpectedResponse after a bounded number of requests."""
        stage.pages(3, and_a_half=False)
        stage.fail("list", fault)
        with pytest.raises(UnexpectedResponse):
            listed(carrier)

        assert stage.account.requests() < 40  # noqa: PLR2004

    def test_c31_a_total_that_lies_hides_nothing(self, stage: Stage, carrier: Provider) -> None:
        """Where the carrier claims more numbers than there are, either all are listed or an error says so."""
        stage.pages(3)
        stage.fail("list", Fault.lying_total(1))
        try:
            found = list(numbers_of(listed(carrier)))
        except UnexpectedResponse:
            return

        assert sorted(found) == sorted(stage.account.numbers())

    @pytest.mark.parametrize("fault", ODD)
    def test_c32_odd_but_legal_numbers_are_listed(self, fault: Fault, stage: Stage, carrier: Provider) -> None:
        """Nulls, empty texts and unknown fields in the answers lose no number."""
        stage.fail("any", fault)

        assert sorted(numbers_of(listed(carrier))) == sorted(stage.account.numbers())

    def test_c33_capabilities_in_another_case_are_read(self, stage: Stage, carrier: Provider) -> None:
        """Capabilities are understood in upper and in lower case."""
        expected = [number.capabilities for number in listed(carrier)]

        assert [number.capabilities for number in listed(stage.open(alter=_swapped_case))] == expected

    def test_c34_a_number_without_its_plus_is_read(self, stage: Stage, carrier: Provider) -> None:
        """A number that the carrier spells without its plus is still E.164, and its spelling is kept."""
        stage.needs_http("it has no listing whose spelling could change")
        found = listed(stage.open(alter=_without_plus))

        assert list(numbers_of(found)) == list(numbers_of(listed(carrier)))
        assert all(not number.raw.startswith("+") for number in found)

    def test_c35_decimals_are_read_as_texts_and_as_numbers(self, stage: Stage, carrier: Provider) -> None:
        """A price is the same integer whether the carrier writes 1.15 or "1.15"."""
        expected = [(number.monthly_fee, number.currency) for number in listed(carrier)]
        changed = listed(stage.open(alter=_decimals_swapped))

        assert [(number.monthly_fee, number.currency) for number in changed] == expected

    @pytest.mark.voipkit_live
    def test_c36_several_threads_may_list_at_once(self, stage: Stage, carrier: Provider) -> None:
        """One carrier may be used from several threads, and each sees the whole account."""
        stage.account.add_numbers(60)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: list(numbers_of(listed(carrier))), range(4)))

        assert all(sorted(numbers) == sorted(stage.account.numbers()) for numbers in found)

    def test_c37_retry_after_is_passed_on(self, stage: Stage, carrier: Provider) -> None:
        """A carrier's request to wait is passed on in seconds, and the error says that trying again may help."""
        stage.fail("list", Fault.status(429, retry_after=_ASKED_TO_WAIT))
        with pytest.raises(RateLimited) as caught:
            listed(carrier)

        assert caught.value.retryable
        assert caught.value.retry_after == _ASKED_TO_WAIT

    def test_c38_a_read_that_failed_for_a_moment_is_asked_again(self, stage: Stage) -> None:
        """A page that failed for a moment is asked for again, as often as the options say."""
        stage.fail("list", Fault.status(503, retry_after=0), calls=1)

        assert sorted(numbers_of(listed(stage.open(retries=1)))) == sorted(stage.account.numbers())


def _first(stage: Stage) -> Iterator[str]:
    yield stage.number()


def _says_nothing_by_an_empty_object(stage: Stage) -> bool:
    kept = stage.account.numbers()
    if not kept:
        return False
    stage.account.remove_numbers()
    listed(stage.open())
    return any(exchange.answer.strip() == b"{}" for exchange in stage.exchanges)


# --- answers, changed on their way ------------------------------------------------------------------------------------


def _swapped_case(body: bytes) -> bytes:
    return re.sub(rb'"(voice|sms|mms|fax)"', lambda m: m[0].swapcase(), body, flags=re.IGNORECASE)


def _without_plus(body: bytes) -> bytes:
    return re.sub(rb'"\+(\d{7,15})"', rb'"\1"', body)


def _decimals_swapped(body: bytes) -> bytes:
    """Write every decimal number as a text, and every text that is a decimal number as a number."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_mapped(answer, _swapped_decimal)).encode()


def _swapped_decimal(value: Any) -> Any:
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}\.\d{1,5}", value):
        return float(value)
    return value


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change) for inner in value]
    return change(value)
