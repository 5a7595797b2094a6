"""E.164 and money, against phonenumbers itself and against tables."""

from __future__ import annotations

import random
import time
from decimal import Decimal

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from voipkit.adapting import numbers
from voipkit.adapting.numbers import canonical, country_of, e164, minor_units
from voipkit.errors import InvalidNumber

KINDS = [getattr(PhoneNumberType, name) for name in dir(PhoneNumberType) if name.isupper() and name != "UNKNOWN"]


def written(number):
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def examples():
    """A valid number of every kind in every region, as phonenumbers knows them."""
    found = set()
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in KINDS:
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None and phonenumbers.is_valid_number(example):
                found.add(written(example))
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        found.add(written(phonenumbers.example_number_for_non_geo_entity(code)))
    return sorted(found)


def varied(numbers, each, seed):
    """More valid numbers: the same with other last digits, mostly few of them, sometimes many."""
    dice = random.Random(seed)
    found = set()
    for number in numbers:
        for _ in range(each):
            kept = len(number) - dice.randrange(1, 8)
            other = number[:kept] + "".join(dice.choices("0123456789", k=len(number) - kept))
            try:
                valid = phonenumbers.is_valid_number(phonenumbers.parse(other))
            except phonenumbers.NumberParseException:
                continue
            if valid:
                found.add(other)
    return sorted(found)


EXAMPLES = examples()


def truth(number):
    region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return None if region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY else region


def test_there_are_examples():
    assert len(EXAMPLES) > 900


def test_every_valid_number_is_e164_already():
    local = {n for n in EXAMPLES if n.startswith("+1310") and len(n) == 9}  # Canada's 310-xxxx has no area code

    assert [n for n in EXAMPLES if n not in local and (e164(n) != n or canonical(n) != n)] == []
    assert len(local) <= 1


def test_country_is_what_phonenumbers_says_though_only_a_prefix_is_looked_up():
    numbers = [*EXAMPLES, *varied(EXAMPLES, 4, seed=1)]

    assert len(numbers) > 3500
    assert [(n, truth(n), country_of(n)) for n in numbers if country_of(n) != truth(n)] == []


def test_country_where_several_share_a_calling_code():
    """+1, +7, +39, +44, +47, +61, +212, +262, +358, +590, +599: here a prefix that is too short would show."""
    shared = {code for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if len(regions) > 1}
    prefixes = tuple(f"+{code}" for code in shared)
    numbers = varied([n for n in EXAMPLES if n.startswith(prefixes)], 25, seed=2)

    assert len(numbers) > 3000
    assert [(n, truth(n), country_of(n)) for n in numbers if country_of(n) != truth(n)] == []


def test_every_area_code_of_the_north_american_plan():
    dice = random.Random(3)
    numbers = [
        f"+1{area}{dice.randrange(200, 1000)}{dice.randrange(10_000):04d}" for area in range(200, 1000) for _ in "abc"
    ]
    known = [n for n in numbers if truth(n)]

    assert len(known) > 900
    assert [(n, truth(n), country_of(n)) for n in known if country_of(n) != truth(n)] == []


@pytest.mark.parametrize("number", ["+80012345678", "+883510000000", "", "+", "12345", "alice", "+99912345678"])
def test_no_country_is_none(number):
    assert country_of(number) is None


def test_ten_thousand_north_american_numbers_are_quick():
    dice = random.Random(4)
    areas = [area for area in range(200, 1000) if truth(f"+1{area}5550100") or truth(f"+1{area}2342222")]
    numbers_ = [f"+1{dice.choice(areas)}{dice.randrange(200, 1000)}{dice.randrange(10_000):04d}" for _ in range(10_000)]
    best = 1.0
    for _ in range(3):
        numbers._country_of_prefix.cache_clear()
        began = time.process_time()
        for number in numbers_:
            country_of(number)
        best = min(best, time.process_time() - began)

    assert best < 0.05


# --- e164 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+1 (415) 555-0100", "+14155550100"),
        ("+1.415.555.0100", "+14155550100"),
        (" +14155550100\n", "+14155550100"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+80012345678", "+80012345678"),
    ],
)
def test_what_people_type_is_read(text, number):
    assert e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "+",
        "+()",
        "4155550100",
        "0014155550100",
        "+0014155550100",
        "++14155550100",
        "+1+4155550100",
        "+14155550100+",
        "+14155550100 ext. 5",
        "+14155550100;ext=5",
        "+1 415 555 0100, 5",
        "+14155550100\x00",
        "tel:+14155550100",
        "+1415555010",
        "+141555501000",
        "+15550100",  # can be dialled inside an area only
        "+1 555 0100",
        "+999123456789",
        "+１４１５５５５０１００",
        "+١٤١٥٥٥٥٠١٠٠",
        "+1415555O100",
        None,
        14155550100,
        b"+14155550100",
        ["+14155550100"],
        "+" + "1" * 5000,
    ],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InvalidNumber) as caught:
        e164(text)

    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()
    assert caught.value.given.isprintable()


@given(st.text(max_size=30) | st.text(alphabet="+0123456789 ()-.\n", max_size=24))
def test_whatever_comes_out_is_stable(text):
    try:
        number = e164(text)
    except InvalidNumber:
        return
    assert e164(number) == number == canonical(number)
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert 8 <= len(number) <= 16


@given(st.text(max_size=30) | st.text(alphabet="+0123456789 ()-.\n", max_size=24))
def test_a_carriers_spelling_is_made_canonical_once(text):
    once = canonical(text)

    assert canonical(once) == once
    assert once == text or (once[0] == "+" and once[1:].isdigit())
    country_of(once)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("14155550100", "+14155550100"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("12345", "12345"),
        ("alice@sip.example", "alice@sip.example"),
        ("00442079460018", "00442079460018"),
        ("", ""),
    ],
)
def test_a_carriers_own_numbers_are_not_judged(text, number):
    assert canonical(text) == number


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        ("1.15", "USD", 115),
        (1.15, "usd", 115),
        (1, "EUR", 100),
        (Decimal("0.005"), "USD", 1),
        ("1.155", "USD", 116),
        ("1.1549999", "USD", 115),
        (1.155, "USD", 116),
        ("0", "USD", 0),
        ("1.155", "KWD", 1155),
        ("1.1555", "BHD", 1156),
        ("120", "JPY", 120),
        ("119.5", "JPY", 120),
        ("500", "RWF", 500),
        ("1.2345", "CLF", 12345),
        ("1e2", "USD", 10000),
        (" 1.15 ", "USD", 115),
    ],
)
def test_prices_in_minor_units(amount, currency, units):
    assert minor_units(amount, currency) == units
    assert type(minor_units(amount, currency)) is int


@pytest.mark.parametrize(
    "amount",
    ["", " ", "free", "1,15", "$1", "NaN", "sNaN", "Infinity", "-Infinity", "-1.15", -1, None, True, b"1", ["1"], {}]
    + ["1e30", "1e999999999", "9" * 40, float("nan"), float("inf")],
)
def test_a_price_that_makes_no_sense_is_not_known(amount):
    assert minor_units(amount, "USD") is None


@pytest.mark.parametrize("currency", ["", "US", "USDT", "US dollars", " USD", "US$", None, 840])
def test_a_currency_that_is_none(currency):
    assert minor_units("1.15", currency) is None


@given(
    st.one_of(st.text(max_size=12), st.floats(), st.integers(), st.decimals()), st.sampled_from(["USD", "JPY", "KWD"])
)
def test_any_amount_gives_an_integer_or_nothing(amount, currency):
    units = minor_units(amount, currency)

    assert units is None or (type(units) is int and units >= 0)


@given(st.integers(0, 10**9), st.sampled_from([("USD", 2), ("JPY", 0), ("KWD", 3)]))
def test_whole_minor_units_come_back(units, currency):
    code, digits = currency

    assert minor_units(str(Decimal(units).scaleb(-digits)), code) == units
