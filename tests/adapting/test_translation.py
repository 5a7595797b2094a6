"""Translation: whatever can be raised while an SDK works becomes one of ours, and says what the answer said."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil

import pytest

from voipkit import errors
from voipkit.adapting.translation import COMMON, CodeRule, Facts, Rule, Rules, by_status, rule_for, translating
from voipkit.adapting.transport import HttpOptions, basic, open_channel
from voipkit.errors import (
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.providers.telnyx.settings import RULES as TELNYX
from voipkit.providers.twilio.settings import RULES as TWILIO

BARE = Rules(label="Acme", exceptions=())


class SdkError(Exception):
    def __init__(self, status=None, code=None, message=None):
        super().__init__(message)
        self.facts = Facts(status, code, message)


class SpecialSdkError(SdkError):
    pass


RULES = Rules(
    label="Acme",
    exceptions=(Rule(f"{__name__}.SdkError", read=lambda error: error.facts),),
    codes={"77": CodeRule(PermissionDenied, "Buy the add-on."), "78": CodeRule(fix="Try tomorrow.")},
    statuses={401: "Look at the console."},
    docs_url="https://docs.example/{code}",
)


def raised(error, rules=RULES, channel=None):
    with pytest.raises(ProviderError) as caught, translating("acme", "list_numbers", rules, channel):
        raise error
    return caught.value


def exceptions_of(package, root):
    """Every exception class that a package and its modules define."""
    modules = [package]
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if "cli" not in found.name and "_main" not in found.name:
            modules.append(importlib.import_module(found.name))
    kinds = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass)}
    return {
        kind
        for kind in kinds
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__.split(".")[0] == root
    }


# --- nothing is forgotten --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["requests", "httpx"])
def test_every_exception_of_the_http_libraries_has_a_rule(package):
    kinds = exceptions_of(importlib.import_module(package), package)

    assert len(kinds) > 15
    assert sorted(kind.__name__ for kind in kinds if rule_for(kind, BARE) is None) == []


@pytest.mark.parametrize(
    ("module", "rules", "least"), [("twilio.base.exceptions", TWILIO, 3), ("telnyx._exceptions", TELNYX, 10)]
)
def test_every_exception_of_the_sdks_has_a_rule(module, rules, least):
    kinds = [
        k for _, k in inspect.getmembers(importlib.import_module(module), inspect.isclass) if issubclass(k, Exception)
    ]

    assert len(kinds) >= least
    assert [kind.__name__ for kind in kinds if rule_for(kind, rules) is None] == []


@pytest.mark.parametrize("rule", [*COMMON, *TWILIO.exceptions, *TELNYX.exceptions], ids=lambda rule: rule.exception)
def test_every_rule_names_a_class_that_exists(rule):
    module, _, name = rule.exception.rpartition(".")
    kind = getattr(importlib.import_module(module), name)

    assert f"{kind.__module__}.{kind.__qualname__}" == rule.exception
    assert rule_for(kind, Rules(label="x", exceptions=(rule,))).exception == rule.exception


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("requests.exceptions.ReadTimeout", ProviderTimeout),
        ("requests.exceptions.ConnectTimeout", ProviderTimeout),
        ("requests.exceptions.ConnectionError", ProviderUnavailable),
        ("requests.exceptions.SSLError", ProviderUnavailable),
        ("requests.exceptions.JSONDecodeError", UnexpectedResponse),
        ("httpx.ReadTimeout", ProviderTimeout),
        ("httpx.ConnectTimeout", ProviderTimeout),
        ("httpx.PoolTimeout", ProviderTimeout),
        ("httpx.ConnectError", ProviderUnavailable),
        ("httpx.RemoteProtocolError", ProviderUnavailable),
        ("httpx.InvalidURL", UnexpectedResponse),
        ("builtins.TimeoutError", ProviderTimeout),
        ("builtins.ConnectionResetError", ProviderUnavailable),
        ("builtins.BrokenPipeError", ProviderUnavailable),
        ("json.JSONDecodeError", UnexpectedResponse),
    ],
)
def test_what_became_of_the_request_decides(name, error):
    module, _, kind = name.rpartition(".")
    rule = rule_for(getattr(importlib.import_module(module), kind), BARE)

    assert rule is not None
    assert rule.error is error


# --- status, code, words ---------------------------------------------------------------------------------------------


def test_absence_and_could_not_ask_are_different_for_every_status():
    absent = {status for status in range(100, 600) if issubclass(by_status(status), NotFound)}
    unasked = {s for s in range(100, 600) if issubclass(by_status(s), ProviderUnavailable | ProviderTimeout)}

    assert absent == {404, 410}
    assert unasked == {407, 408, *range(500, 600)}
    assert by_status(None) is ProviderUnavailable


@pytest.mark.parametrize("status", [None, *range(100, 600)])
def test_every_status_has_words_and_next_steps(status):
    error = raised(SdkError(status))

    assert "Acme" in error.message
    assert error.status == status
    assert error.fix or type(error) in (errors.Conflict, InvalidRequest)
    assert error.retryable is type(error).retryable_by_default


@pytest.mark.parametrize(
    ("error", "kind", "fix"),
    [
        (SdkError(401), CredentialsRejected, "Look at the console."),
        (SdkError(400, "77"), PermissionDenied, "Buy the add-on."),
        (SdkError(429, "78"), RateLimited, "Try tomorrow."),
        (SpecialSdkError(404), NotFound, "Check the id, and that it belongs to this account."),
    ],
)
def test_code_beats_status_and_both_beat_the_general_advice(error, kind, fix):
    translated = raised(error)

    assert type(translated) is kind
    assert translated.fix == fix
    assert translated.__cause__ is error
    assert (translated.provider, translated.operation) == ("acme", "list_numbers")


def test_the_carriers_words_are_one_short_line():
    page = "<html>\n\x1b[31mForged log line\r\n" + "x" * 1_000_000
    error = raised(SdkError(400, "1", page))

    assert len(error.message) < 700
    assert error.message.isprintable()
    assert "Forged log line" in error.message


@pytest.mark.parametrize("words", [{"a": 1}, ["a"], 7, "", None])
def test_words_of_another_type_do_no_harm(words):
    assert "Acme" in raised(SdkError(400, "1", words)).message


def test_a_code_cannot_lead_the_link_elsewhere():
    error = raised(SdkError(400, "../../evil?x= y"))

    assert error.docs_url == "https://docs.example/..%2F..%2Fevil%3Fx%3D%20y"


def test_an_error_that_cannot_be_read_is_still_translated():
    rules = Rules(label="Acme", exceptions=(Rule(f"{__name__}.SdkError", read=lambda error: error.no_such_attribute),))
    error = raised(SdkError(401), rules)

    assert type(error) is UnexpectedResponse
    assert "AttributeError" in error.message
    assert isinstance(error.__cause__, SdkError)


@pytest.mark.parametrize(
    "error", [TypeError("x"), AttributeError("x"), KeyError("x"), ValueError("x"), RecursionError()]
)
def test_what_an_sdk_stumbles_over_is_an_unexpected_response(error):
    translated = raised(error)

    assert type(translated) is UnexpectedResponse
    assert type(error).__name__ in translated.message


@pytest.mark.parametrize(
    "error",
    [
        Unsupported("x"),
        NotFound("x"),
        NameError("x"),
        ImportError("x"),
        AssertionError(),
        KeyboardInterrupt(),
        GeneratorExit(),
    ],
)
def test_what_is_ours_or_a_mistake_passes(error):
    with pytest.raises(type(error)) as caught, translating("acme", "list_numbers", RULES):
        raise error

    assert caught.value is error


def test_an_exception_of_the_caller_inside_a_generator_is_left_alone():
    """A listing is translated around each fetch, so what the consumer throws in comes out as it was."""

    def listing():
        for number in range(3):
            with translating("acme", "list_numbers", RULES):
                item = number
            yield item

    walking = listing()
    next(walking)
    with pytest.raises(ZeroDivisionError):
        walking.throw(ZeroDivisionError())


def test_what_an_sdk_drops_comes_from_the_answer_itself():
    def wire(method, url, headers, body):
        return 429, {"Retry-After": "7", "X-Request-Id": "RQ1"}, b"{}"

    from pydantic import SecretStr

    channel = open_channel(
        "acme",
        HttpOptions(wire=wire, retries=0),
        basic("u", SecretStr("p" * 20)),
        hosts={"api.acme.example"},
        sdk="pytest",
    )
    channel.exchange("GET", "https://api.acme.example/", {}, b"")
    error = raised(SdkError(429), channel=channel)

    assert (error.retry_after, error.request_id) == (7, "RQ1")
    unanswered = raised(TimeoutError(), channel=channel)
    assert (unanswered.status, unanswered.retry_after, unanswered.request_id) == (None, None, None)


def test_an_exception_may_tell_more_than_its_status():
    """signalwire-sdk has one class for time-outs and lost connections; only its cause tells them apart."""
    rules = Rules(label="Acme", exceptions=(Rule(f"{__name__}.SdkError", read=lambda _: Facts(error=ProviderTimeout)),))

    assert type(raised(SdkError(), rules)) is ProviderTimeout


def test_an_error_of_ours_is_told_what_was_being_done():
    bare = raised(UnexpectedResponse("No list."))
    whole = raised(UnexpectedResponse("No list.", provider="other", operation="verify_number"))

    assert (bare.provider, bare.operation) == ("acme", "list_numbers")
    assert (whole.provider, whole.operation) == ("other", "verify_number")


# --- over real SDKs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (503, ProviderUnavailable), (407, ProviderUnavailable)])
def test_on_page_two_too(carrier, status, kind, opened, box):
    from voipkit.sandbox import Fault

    getattr(box, carrier).seed_numbers(1100)
    box.fail(carrier, "list_numbers", Fault.body(b"<html>", status=status), page=2)
    seen = []
    with pytest.raises(kind) as caught:
        seen.extend(opened(carrier, retries=0).list_numbers())

    assert seen
    assert type(caught.value) is kind
    assert type(caught.value.__cause__).__module__.split(".")[0] == carrier
    assert json.dumps([caught.value.status, caught.value.operation]) == json.dumps([status, "list_numbers"])
