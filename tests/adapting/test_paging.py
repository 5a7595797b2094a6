"""Paging, over listings that change, lie, repeat themselves and never end."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
import weakref
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voipkit.adapting.paging import Page, _Seen, by_cursor, by_number
from voipkit.errors import ProviderTimeout, UnexpectedResponse


def own(item):
    return item


class Account:
    """A listing by page number, that something may happen to before any page is read."""

    def __init__(self, items, size, *, counts=True, events=None):
        self.items = list(items)
        self.size = size
        self.counts = counts
        self.events = dict(events or {})
        self.fetched = []
        self.lock = threading.Lock()

    def page(self, number):
        with self.lock:
            self.fetched.append(number)
            change = self.events.pop(len(self.fetched), None)
            if change:
                change(self.items)
            start = (number - 1) * self.size
            pages = max(1, -(-len(self.items) // self.size))
            total = len(self.items)
            items = self.items[start : start + self.size]
        return Page(items, pages=pages, total=total) if self.counts else Page(items)

    def walk(self, workers=1):
        return by_number("acme", self.page, size=self.size, key=own, workers=workers)


def cursor_pages(pages, total=None):
    """Pages that lead to one another; the last one says the total."""

    def fetch(cursor):
        at = int(cursor or 0)
        last = at + 1 >= len(pages)
        return Page(pages[at], next=None if last else str(at + 1), total=total if last else None)

    return fetch


def no_page_threads():
    deadline = time.monotonic() + 2
    while [t for t in threading.enumerate() if t.name.startswith("voipkit-page")]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# --- every item, once, in order --------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(1, 12), st.integers(1, 8), st.booleans())
@settings(max_examples=60)
def test_any_size_any_workers(count, size, workers, counts):
    account = Account(range(count), size, counts=counts)

    assert list(account.walk(workers)) == list(range(count))
    full = count // size + 1
    assert sorted(account.fetched) == list(range(1, (max(1, -(-count // size)) if counts else full) + 1))


@given(st.lists(st.lists(st.integers(0, 50), max_size=4), min_size=1, max_size=8))
def test_by_cursor_gives_each_item_once_or_says_that_it_cannot(pages):
    wanted = list(dict.fromkeys(item for page in pages for item in page))
    got = []
    try:
        got.extend(by_cursor("acme", cursor_pages(pages), key=own))
    except UnexpectedResponse as error:
        assert "given twice" in str(error)
    else:
        assert got == wanted
    assert len(got) == len(set(got))


def test_an_item_that_comes_back_pages_later_is_given_once():
    """An unstable order: the count would look right although one item came twice and another never."""
    pages = [[1, 2, 3], [4, 5, 6], [7, 2, 8]]

    assert list(by_cursor("acme", cursor_pages(pages), key=own)) == [1, 2, 3, 4, 5, 6, 7, 8]
    with pytest.raises(UnexpectedResponse, match="8 of 9"):
        list(by_cursor("acme", cursor_pages(pages, total=9), key=own))


def test_empty_pages_in_the_middle_are_walked_over():
    assert list(by_cursor("acme", cursor_pages([[1], [], [], [2], []]), key=own)) == [1, 2]


def test_a_tail_that_repeats_known_items_is_no_circle():
    """A number bought when page 2 of 2 full pages was read pushes the last one onto a page 3."""
    account = Account(range(6), 3, counts=False, events={3: lambda items: items.insert(0, 99)})

    assert list(account.walk()) == [0, 1, 2, 3, 4, 5]


# --- accounts that change --------------------------------------------------------------------------------------------


@given(
    st.integers(5, 40),
    st.integers(2, 7),
    st.integers(2, 6),
    st.lists(st.integers(0, 39), min_size=1, max_size=3),
)
@settings(max_examples=80)
def test_removals_meanwhile_lose_nobody(count, size, when, gone):
    """An item removed from a page already read moves another one off a page still to come."""

    def remove(items):
        for item in gone:
            if item in items:
                items.remove(item)

    account = Account(range(count), size, events={when: remove})
    got = list(account.walk())

    assert set(account.items) <= set(got) <= set(range(count))
    assert len(got) == len(set(got))


@given(st.integers(5, 40), st.integers(3, 7), st.integers(2, 6), st.integers(1, 2), st.integers(1, 4))
@settings(max_examples=80)
def test_purchases_meanwhile_lose_nobody(count, size, when, bought, workers):
    account = Account(
        range(count), size, events={when: lambda items: items.__setitem__(slice(0, 0), range(100, 100 + bought))}
    )
    got = list(account.walk(workers))

    assert set(range(count)) <= set(got)
    assert len(got) == len(set(got))


def test_pages_that_are_added_meanwhile_are_read():
    account = Account(range(6), 3, events={2: lambda items: items.extend([6, 7, 8, 9])})

    assert list(account.walk()) == list(range(10))


def test_a_stable_account_is_read_once():
    account = Account(range(50), 5)
    list(account.walk(3))

    assert sorted(account.fetched) == list(range(1, 11))


# --- carriers that lie -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pages", [0, 1])
def test_one_page_or_none(pages):
    asked = []

    def fetch(number):
        asked.append(number)
        return Page([1, 2] if pages else [], pages=pages, total=2 * pages)

    assert list(by_number("acme", fetch, size=5, key=own, workers=4)) == [1, 2][: 2 * pages]
    assert asked == [1]


def test_a_total_that_promises_more_is_an_error_after_every_item():
    got = []
    with pytest.raises(UnexpectedResponse, match="4 of 5") as caught:
        got.extend(by_number("acme", lambda n: Page([n, -n], pages=2, total=5), size=2, key=own, workers=2))

    assert got == [1, -1, 2, -2]
    assert caught.value.retryable
    assert caught.value.provider == "acme"


def test_a_total_that_promises_less_takes_nothing_away():
    pages = by_number("acme", lambda n: Page([n, -n], pages=2, total=1), size=2, key=own, workers=2)

    assert list(pages) == [1, -1, 2, -2]


def test_more_pages_promised_than_there_are():
    account = Account(range(4), 2)

    def fetch(number):
        page = account.page(number)
        return Page(page.items, pages=page.pages + 2, total=None)

    assert list(by_number("acme", fetch, size=2, key=own, workers=3)) == [0, 1, 2, 3]


@pytest.mark.parametrize("pages", [None, 5])
def test_a_page_number_that_is_ignored_is_noticed(pages):
    asked = []

    def fetch(number):
        asked.append(number)
        return Page([1, 2, 3], pages=pages)

    with pytest.raises(UnexpectedResponse, match="given twice"):
        list(by_number("acme", fetch, size=3, key=own, workers=2))
    assert len(asked) <= 4


@given(st.integers(1, 4), st.integers(1, 5))
def test_a_circle_of_any_length_ends(before, length):
    pages = [[f"{n}a", f"{n}b"] for n in range(before + length)]

    def fetch(cursor):
        at = int(cursor or 0)
        following = at + 1 if at + 1 < len(pages) else before
        return Page(pages[at], next=str(following))

    with pytest.raises(UnexpectedResponse, match="circle|twice"):
        list(by_cursor("acme", fetch, key=own))


@given(st.integers(1, 4), st.integers(1, 5))
def test_a_circle_with_fresh_cursors_ends(before, length):
    pages = [[f"{n}a", f"{n}b"] for n in range(before + length)]
    asked = []

    def fetch(cursor):
        at = int(cursor or 0)
        asked.append(at)
        return Page(pages[at if at < before else before + (at - before) % length], next=str(at + 1))

    with pytest.raises(UnexpectedResponse, match="twice"):
        list(by_cursor("acme", fetch, key=own))
    assert len(asked) <= before + length + 1


def test_empty_pages_for_ever_end():
    asked = []

    def fetch(cursor):
        asked.append(cursor)
        return Page([], next=str(len(asked)))

    with pytest.raises(UnexpectedResponse, match="empty pages"):
        list(by_cursor("acme", fetch, key=own))
    assert len(asked) < 50


@pytest.mark.parametrize("odd", [["a"], {"a": 1}])
def test_a_cursor_and_an_id_that_are_no_text_are_no_surprise(odd):
    """They come from a carrier's JSON; a set raised TypeError for them."""
    pages = {None: Page([odd], next=odd), str(odd): Page(["b"])}

    assert list(by_cursor("acme", lambda cursor: pages[cursor and str(cursor)], key=own)) == [odd, "b"]


def test_a_page_count_beyond_all_counting_ends():
    """One that `len` cannot hold raised OverflowError."""
    pages = by_number("acme", lambda n: Page([1] if n == 1 else [], pages=10**30), size=1, key=own, workers=4)

    with pytest.raises(UnexpectedResponse, match="empty pages in a row"):
        list(pages)


def test_a_short_page_for_ever_ends():
    asked = []

    def fetch(cursor):
        asked.append(cursor)
        return Page([1, 2, 3] if cursor is None else [3], next=str(len(asked)))

    with pytest.raises(UnexpectedResponse, match="twice"):
        list(by_cursor("acme", fetch, key=own))
    assert len(asked) < 5


# --- errors and early ends -------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 5))
@settings(max_examples=40)
def test_an_error_on_page_k_comes_after_the_pages_before_it(bad, workers):
    account = Account(range(45), 5)

    def fetch(number):
        if number == bad:
            raise ProviderTimeout("Silence.")
        return account.page(number)

    got = []
    with pytest.raises(ProviderTimeout):
        got.extend(by_number("acme", fetch, size=5, key=own, workers=workers))
    assert got == list(range(5 * (bad - 1)))
    assert no_page_threads()


@pytest.mark.parametrize("taken", [1, 5, 6, 12, 23])
@pytest.mark.parametrize("workers", [1, 3])
def test_leaving_early_fetches_no_page_beyond_the_window(taken, workers):
    account = Account(range(200), 5)
    walking = account.walk(workers)
    assert list(islice(walking, taken)) == list(range(taken))
    walking.close()

    reached = -(-taken // 5)
    assert max(account.fetched) <= (1 if reached == 1 else reached + workers - 1)
    assert no_page_threads()


def test_leaving_early_waits_only_for_what_is_in_flight():
    slow = threading.Event()

    def fetch(number):
        if number > 2:
            slow.wait(0.3)
        return Page([number], pages=1000)

    walking = by_number("acme", fetch, size=1, key=own, workers=4)
    next(walking)
    next(walking)
    began = time.monotonic()
    walking.close()

    assert time.monotonic() - began < 1
    assert no_page_threads()


def test_a_forgotten_walk_leaves_no_thread():
    walking = Account(range(100), 5).walk(4)
    assert list(islice(walking, 7))
    del walking
    gc.collect()

    assert no_page_threads()


def test_nothing_is_asked_before_the_first_item_is_wanted():
    account = Account(range(10), 5)
    account.walk(2)

    assert account.fetched == []


def test_pages_are_fetched_at_the_same_time():
    meet = threading.Barrier(3, timeout=5)

    def fetch(number):
        if number > 1:
            meet.wait()
        return Page([number], pages=4)

    assert list(by_number("acme", fetch, size=1, key=own, workers=3)) == [1, 2, 3, 4]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_memory_is_flat(workers):
    """At no moment are more than workers + 1 pages alive, however long the listing."""

    class Items(list):
        __slots__ = ("__weakref__",)

    made = []
    lock = threading.Lock()
    most = 0

    def count(items=None):
        nonlocal most
        with lock:
            if items is not None:
                made.append(weakref.ref(items))
            most = max(most, sum(ref() is not None for ref in made))

    def fetch(number):
        items = Items(range(number * 3, number * 3 + 3))
        count(items)
        return Page(items, pages=60)

    for _ in by_number("acme", fetch, size=3, key=own, workers=workers):
        count()

    assert len(made) == 60
    assert most <= workers + 1


# --- the memory of what was given ------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.text(max_size=3), st.integers(-3, 2000), st.none(), st.tuples(st.integers()))))
def test_what_was_seen_is_known_and_nothing_else(keys):
    seen, truth = _Seen(), set()
    for key in keys:
        marked = (type(key), key)
        assert (key in seen) is (marked in truth)
        assert seen.add(key) is (marked not in truth)
        truth.add(marked)
        assert key in seen
    assert len(seen) == len(truth)


def test_a_hundred_thousand_keys_take_little_memory_and_time():
    seen = _Seen()
    began = time.process_time()
    tracemalloc.start()
    try:
        for number in range(100_000):
            assert seen.add(f"PN{number:032d}")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 4_000_000
    assert time.process_time() - began < 5
    assert "PN" + "0" * 32 in seen
    assert f"PN{100_000:032d}" not in seen
