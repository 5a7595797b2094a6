"""Where URLs hold secrets: what is found in a text, and what is left as it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voipkit.store.url_secrets import UrlSecret, mapped, masked, replaced


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:word@h.example/p?token=a", "https://user:***@h.example/p?***"),
        ("HTTP://user:w:o@rd@h.example:8080", "HTTP://user:***@h.example:8080"),
        ("https://api-key@h.example/p", "https://***@h.example/p"),
        ("https://h.example/p?a=b c&token=d e#f", "https://h.example/p?***"),
        ("wss://h.example?token", "wss://h.example?***"),
        ("sip:+15550001234:word@h.example;transport=tls?X-Token=1", "sip:+15550001234:***@h.example;transport=tls?***"),
        ("https://h.example/then/https://user:word@h.example", "https://h.example/then/https://user:***@h.example"),
        ("https://h.example, https://user:word@h.example", "https://h.example, https://user:***@h.example"),
        ("Routed to webhook POST https://u:word@h.example/p?a=b.", "Routed to webhook POST https://u:***@h.example/p?***."),
        ("Its calls go to https://h.example?a=b, not here.", "Its calls go to https://h.example?***, not here."),
        ('{"url": "https://u:word@h.example?a"}', '{"url": "https://u:***@h.example?***'),
    ],
)  # fmt: skip
def test_secrets_are_masked(text, shown):
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "", "PN123", "https://h.example/@user/p", "https://h.example/p?", "https://@h.example", "https://user:@h.example",
        "sip:+15550001234@h.example;transport=tls", "sip:h.example:5061", "mail@h.example?", "Is it? Ask a:b@h.example",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert masked(text) == text


_PIECES = st.sampled_from(
    ["https://", "sip:", "sips:", "@", ":", "/", "?", "#", " ", "user", "=", "&", "***", "sealed.k.AAAA", ".", ","]
)
_TEXTS = st.lists(_PIECES | st.text(max_size=3), max_size=14).map("".join)


@given(_TEXTS)
def test_what_takes_a_secrets_place_is_found_there_again(text):
    """Whatever the text is: so what was sealed is what is opened, and its URL is the same."""
    seen: list[UrlSecret] = []

    def keep(secret: UrlSecret) -> str:
        seen.append(secret)
        return f"place.{len(seen) - 1}"

    def put_back(place: UrlSecret) -> str:
        secret = seen[int(place.text.partition(".")[2])]
        assert secret._replace(text=place.text) == place
        return secret.text

    assert replaced(replaced(text, keep), put_back) == text


@pytest.mark.parametrize(
    "text", ["sip:" * 5000, "https://" * 5000, "https://h" + "/a:b" * 5000, "a" * 20000, "x https://" * 2000]
)
def test_no_text_takes_long(text):
    began = time.perf_counter()
    masked(f"{text}?@")

    assert time.perf_counter() - began < 2


def test_every_text_of_json_values_is_changed():
    values = {"a": ["x", None, 1, True, {"b": "y"}], "c": "z"}

    assert mapped(values, str.upper) == {"a": ["X", None, 1, True, {"b": "Y"}], "c": "Z"}
