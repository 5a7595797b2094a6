"""The error tree: complete, drawn, and fit to travel between processes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from voipkit import errors
from voipkit.errors import CredentialsInvalid, FieldProblem, InvalidNumber, ProviderError, VoipkitError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
FACTS = {
    "provider": "acme",
    "operation": "list_numbers",
    "status": 429,
    "code": "20429",
    "retryable": False,
    "retry_after": 1.5,
    "request_id": "RQ1",
    "docs_url": "https://example.org/20429",
}
PROBLEM = FieldProblem("api_key", "apiKey", "credentials", "is empty.")


def made(kind):
    more = {}
    if issubclass(kind, ProviderError):
        more = FACTS
    elif issubclass(kind, CredentialsInvalid):
        more = {"problems": (PROBLEM,)}
    elif issubclass(kind, InvalidNumber):
        more = {"given": "0100"}
    return kind("It broke.", fix="Mend it.", **more)


def raise_it(kind):
    try:
        raise KeyError("the SDK's own")
    except KeyError as cause:
        raise made(kind) from cause


def test_every_error_is_drawn_under_its_parent():
    """The drawing in the docstring is the tree: each class once, as deep as it is, below its parent."""
    drawn = {}
    stack = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│ ]*(?:[├└]── )?)([A-Z]\w+)\b", line)
        if match and hasattr(errors, match[2]):
            depth = len(match[1]) // 4
            stack[depth:] = [match[2]]
            assert match[2] not in drawn
            drawn[match[2]] = stack[depth - 1] if depth else None

    assert drawn == {kind.__name__: kind.__base__.__name__ if kind is not VoipkitError else None for kind in CLASSES}


def test_every_error_is_exported():
    assert {kind.__name__ for kind in CLASSES} | {"FieldProblem"} == set(errors.__all__)


def test_kinds_are_unique_and_follow_the_name():
    assert len({kind.kind for kind in CLASSES}) == len(CLASSES)
    for kind in CLASSES:
        assert kind.kind == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "carried", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_every_attribute_travels(kind, carried):
    error = made(kind)
    error.add_note("seen in row 7")
    arrived = carried(error)

    assert type(arrived) is kind
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)
    assert arrived.args == error.args


def test_errors_come_back_from_a_process_pool():
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        for kind in (errors.RateLimited, CredentialsInvalid, errors.EvidenceReused):
            arrived = pool.submit(raise_it, kind).exception(timeout=60)
            assert type(arrived) is kind
            assert vars(arrived) == vars(made(kind))


def test_text_says_where_what_and_what_to_do():
    assert str(made(errors.RateLimited)) == (
        "acme list_numbers: It broke. (HTTP 429, code 20429, retry after 1.5 s, request RQ1) Fix: Mend it."
    )
    assert str(ProviderError("It broke.")) == "It broke."
    assert str(errors.StoreError("It broke.")) == "It broke."


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (PROBLEM, "credentials.api_key (apiKey): is empty."),
        (FieldProblem("region", "region", "credentials", "is empty."), "credentials.region: is empty."),
        (FieldProblem("", "", "sip_config", "give one of two."), "sip_config: give one of two."),
    ],
)
def test_a_problem_names_its_field_as_one_writes_it(problem, text):
    assert str(problem) == text


def test_could_not_ask_is_retryable_and_an_answer_is_not():
    retryable = {kind.__name__ for kind in CLASSES if issubclass(kind, ProviderError) and kind("x").retryable}

    assert retryable == {"RateLimited", "ProviderUnavailable", "ProviderTimeout"}
    assert errors.RateLimited("x", retryable=False).retryable is False


def test_the_tree_imports_nothing_of_ours():
    source = inspect.getsource(errors)

    assert not re.search(r"^\s*(from|import) (voipkit|\.)", source, re.MULTILINE)
